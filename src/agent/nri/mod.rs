//! The agent as an NRI plugin: containerd 2.x or CRI-O asks it about each container before it is made.
//!
//! ```text
//! socket ─► mux ─► ttrpc ─► messages ─► event ─► answer ─► the way back
//! ```
//!
//! NRI fails open: without a plugin, or with one that dies or does not answer for two seconds, a container starts
//! as if there were none. And all plugins of a node are called under one lock. So nothing here waits: an answer is
//! made from what is in memory.

pub mod answer;
pub(crate) mod error;
pub mod event;
pub mod messages;
pub mod mount_file;
pub mod mux;
pub mod session;
pub mod ttrpc;
