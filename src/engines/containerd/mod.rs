//! containerd: its configuration with all that it imports, its base specs, its daemons.

pub(crate) mod base_spec;
pub(crate) mod chain;
pub(crate) mod daemons;
pub(crate) mod dump;
pub(crate) mod generated;
pub(crate) mod imports;
pub(crate) mod marked_lines;
pub(crate) mod path_match;
pub(crate) mod tables;

/// The file that containerd reads by default.
pub(crate) const CONFIG_PATH: &str = "/etc/containerd/config.toml";
