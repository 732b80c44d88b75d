//! What the hook reads of the node, and where it tells the node what it did.

pub mod admin_file;
pub mod bounded_read;
pub mod bundle;
pub mod hosts_d;
pub mod log;
pub mod settings;
pub mod toml_entries;
