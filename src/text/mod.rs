//! The text of `/etc/hosts`: what may stand in it, and its bytes. Pure.

pub(crate) mod annotation_lines;
pub mod host_alias;
pub mod hosts_file;
pub mod node_lines;
