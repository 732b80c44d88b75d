//! The agent: one per node, for as long as the node runs. It makes an engine run the hook, by NRI, and brings
//! running containers up to date when `hosts.d` changes.
//!
//! ```text
//! hosts.d, config.toml ─► watch ─► node state ─┬─► NRI: event ─► plan ─► the hook, a mount or nothing
//!                                              └─► refresh: running containers' files
//! ```
//!
//! Data goes one way. The watch alone reads what the administrator wrote, and puts it into memory as one value;
//! NRI and refresh have their own threads and read that value. Both tell what they did to the report, out of
//! which health, metrics and the state for `doctor` are made.

#[cfg(feature = "kubernetes")]
mod cluster;
mod engine_socket;
pub mod entries;
pub(crate) mod hook_copy;
mod http;
mod lock;
mod log;
pub mod node_state;
mod notify;
pub mod nri;
pub mod options;
mod plugin;
mod refresher;
mod report;
pub mod service;
mod watch;
