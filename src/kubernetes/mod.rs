//! Entries as API objects: `HostAliasSet` and `ClusterHostAliasSet` of `oci-hostaliases.io/v1alpha1`.
//!
//! ```text
//! API server ─► list and watch ─► set ─► wanted files ─► changes ─► hosts.d
//! ```
//!
//! Everything from the object to the changes is pure: `set` checks one object, `set_file` makes the names and texts
//! of its files, `wanted` compares them with the disk. `directory` reads and writes `hosts.d`; `follow` talks to
//! the API server.

pub mod manifest;
pub mod set;
pub mod set_file;
pub mod wanted;

#[cfg(feature = "kubernetes")]
pub(crate) mod connection;
#[cfg(feature = "kubernetes")]
pub(crate) mod directory;
#[cfg(feature = "kubernetes")]
pub mod follow;
#[cfg(feature = "kubernetes")]
pub mod pause;
