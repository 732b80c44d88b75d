//! The text of `/etc/hosts`: valid entries, and the bytes. Pure.

pub(crate) mod annotation_lines;
pub mod host_alias;
pub mod hosts_file;
pub mod node_lines;
