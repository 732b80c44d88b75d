//! Finds the running containers of this node with a file of the hook, and updates their entries. The kernel's mount
//! tables are the only record of them.
//!
//! Whatever a container names, mounts, fills or locks, it must not cost unlimited memory or block the other
//! containers. So a child process does the work on one container as a step, and is abandoned if the step does not
//! end ([`walk`]). Only root can write; one refresh runs at a time (`lock`), and the next one repairs what a killed
//! one left (`journal`).

mod cgroup;
mod changes;
pub(crate) mod engine_file;
pub(crate) mod file;
pub(crate) mod find;
pub(crate) mod journal;
pub(crate) mod lock;
pub(crate) mod lock_file;
pub(crate) mod refresh;
pub(crate) mod rewrite;
pub mod sections;
pub mod step;
pub mod walk;
mod writable;
