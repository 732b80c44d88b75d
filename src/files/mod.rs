//! Files that the administrator or the engine wrote: read whole, bounded, and only from whom they
//! may be.

pub(crate) mod admin_file;
#[cfg(feature = "cli")]
pub mod agent_config;
#[cfg(feature = "cli")]
pub mod agent_state;
pub mod bounded_read;
pub(crate) mod bundle;
#[cfg(feature = "cli")]
pub mod compile;
pub mod compiled;
pub mod config;
pub mod hosts_d;
pub mod toml_entries;
