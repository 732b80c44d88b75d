//! The agent, which runs once per node. It makes the engine run the hook through NRI, and updates running
//! containers when `hosts.d` changes.
//!
//! ```text
//! hosts.d, config.toml ─► watch ─► node state ─┬─► NRI: event ─► plan ─► the hook, a mount or nothing
//!                                              └─► refresh: running containers' files
//! ```
//!
//! Data goes one way. Only the watch reads the administrator's files, and keeps them in memory as one value; NRI
//! and refresh have their own threads and read that value. Both report what they did; health, metrics and the state
//! for `doctor` come from that report.

#[cfg(feature = "kubernetes")]
mod cluster;
mod engine_socket;
pub mod entries;
mod http;
mod lock;
mod log;
mod node_setup;
pub mod node_state;
mod notify;
pub mod nri;
pub mod options;
mod plugin;
mod program_copy;
mod refresher;
mod report;
pub mod service;
mod watch;
