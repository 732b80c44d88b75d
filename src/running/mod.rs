//! Containers that run on this node with a file of ours: finding them, and bringing their node
//! entries up to date. The kernel's mount tables are the only register of them.
//!
//! What a container names, mounts, fills or locks is its own affair: it must cost neither memory without
//! bound nor the other containers' turn. So the work on one container is one step, done by a process of its
//! own that is given up when the step does not end ([`walk`]). Only root's call makes a write; one at a
//! time (`lock`), and what is killed half-way is mended by the next (`journal`).

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
