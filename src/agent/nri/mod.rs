//! The agent as an NRI plugin: containerd 2.x or CRI-O asks it about each container before creating it.
//!
//! ```text
//! socket ─► mux ─► ttrpc ─► messages ─► event ─► answer ─► the way back
//! ```
//!
//! NRI fails open: if the plugin is missing, dies or does not answer for two seconds, a container starts without
//! it. The engine calls all plugins of a node under one lock. So nothing here blocks: answers come from memory.

pub mod answer;
pub(crate) mod error;
pub mod event;
pub mod messages;
pub mod mount_file;
pub mod mux;
pub mod session;
pub mod ttrpc;
