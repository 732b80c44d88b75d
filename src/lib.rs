//! Kubernetes' `hostAliases` for every container that an OCI runtime starts.

#[cfg(feature = "cli")]
pub mod commands;
pub mod error;
pub mod exit;
pub mod facts;
pub mod hook;
pub mod kernel;
pub mod node;
pub mod plan;
pub mod pod_line;
pub mod text;
