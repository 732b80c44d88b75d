//! Kubernetes' `hostAliases` for every container that an OCI runtime starts.

#[cfg(feature = "cli")]
pub mod commands;
pub mod error;
pub mod exit;
#[cfg(feature = "cli")]
pub mod registration;
