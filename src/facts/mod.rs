//! The facts about a container: the OCI state, the bundle's `config.json`, the Pod's annotations; or, for the
//! command-line tool, a Pod's manifest. Pure.

pub mod annotations;
pub mod config_json;
pub mod container;
pub(crate) mod creator;
pub mod hosts_mount;
pub(crate) mod json_object;
#[cfg(feature = "cli")]
pub(crate) mod manifest_field;
#[cfg(feature = "cli")]
pub(crate) mod manifest_text;
#[cfg(feature = "cli")]
pub(crate) mod manifests;
pub mod node_entries;
#[cfg(feature = "cli")]
pub(crate) mod pod_manifest;
pub mod request;
pub mod state;
pub mod told;
