//! containerd: its configuration with all that it imports, its base specs, its daemons.

pub mod base_spec;
pub mod daemon;
pub mod imports;
pub mod path_match;
pub mod tables;

/// The file that containerd reads unless told otherwise.
pub const CONFIG_PATH: &str = "/etc/containerd/config.toml";
