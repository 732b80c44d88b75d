//! What is known of a container before anything is done: the OCI state, the bundle's
//! `config.json`, the Pod's annotations. Pure.

pub mod annotations;
pub mod config_json;
pub mod container;
pub mod hosts_mount;
pub mod request;
pub mod state;
