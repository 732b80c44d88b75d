//! Reads files of the administrator and the engine: whole, with a size limit, and only if their owner is right.

pub(crate) mod admin_file;
#[cfg(feature = "cli")]
pub mod agent_config;
#[cfg(feature = "cli")]
pub(crate) mod agent_state;
pub mod bounded_read;
pub(crate) mod bundle;
#[cfg(feature = "cli")]
pub mod compile;
pub mod compiled;
pub mod config;
pub mod hosts_d;
pub mod toml_entries;
