//! Containers that run on this node with a file of ours: finding them, and bringing their node
//! entries up to date. The kernel's mount tables are the only register of them.

mod cgroup;
pub mod find;
pub mod rewrite;
