//! Kubernetes' `hostAliases` for every container that an OCI runtime starts.
//!
//! The kubelet gives each container of a Pod a managed `/etc/hosts`. This crate gives the same file, byte for
//! byte, to containers that no kubelet starts, and adds the entries of the Pod, its namespace and its node to the
//! files of the others. It has three programs: `oci-hostaliases-hook`, which a runtime runs as root for each
//! container, `oci-hostaliases`, the command-line tool, and `oci-hostaliases-agent`, the service of a node.
//!
//! # Where to start
//!
//! To use the crate in another program, start with
//!
//! * [`facts::request::Request`]: reads and checks a Pod's annotations, as strictly as the API server does,
//! * [`text::hosts_file::HostsFile`]: the bytes of the file, as the kubelet writes them,
//! * [`text::node_lines::read`]: reads hosts(5) lines as glibc does,
//! * [`plan`] and [`compose`]: what the hook does with a container, and the whole file.
//!
//! To read the source, follow the data from a container's `config.json` to the mount:
//!
//! ```text
//! stdin: OCI state ─► bundle/config.json ─► facts ─► plan ─► composed file ─► private tmpfs ─► <rootfs>/etc/hosts
//! ```
//!
//! [`facts`], [`plan`], [`pod_line`], [`text`], [`stamp`] and [`compose`] are pure. [`files`] reads what the
//! administrator wrote, [`kernel`] opens, enters, mounts and drops privileges, and [`hook`] does all steps in order.
//! A version 0 makes no promise about names: what is public is what the programs, tests and fuzz targets need.
//!
//! # Example
//!
//! The file of a Pod with an annotation:
//!
//! ```
//! use oci_hostaliases::facts::annotations::{Annotations, HOST_ALIASES};
//! use oci_hostaliases::facts::request::Request;
//! use oci_hostaliases::text::hosts_file::{HostsFile, PodName};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let annotations = r#"{"oci-hostaliases.io/host-aliases": "10.1.2.3 foo.remote bar.remote"}"#;
//! let annotations: Annotations = serde_json::from_str(annotations)?;
//! let request = Request::read(&annotations)?;
//! let mut file = HostsFile::for_pod_network(&["10.200.0.5".to_owned()], PodName::new("web-0", None));
//! file.add_host_aliases(HOST_ALIASES, &request.aliases);
//! assert!(file.bytes().ends_with(
//!     b"10.200.0.5\tweb-0\n\n# Entries added by HostAliases.\n10.1.2.3\tfoo.remote\tbar.remote\n"
//! ));
//!
//! let annotations: Annotations = serde_json::from_str(r#"{"oci-hostaliases.io/host-aliases": "10.1.2 foo"}"#)?;
//! let refused = Request::read(&annotations).unwrap_err();
//! assert_eq!(
//!     refused.to_string(),
//!     "oci-hostaliases.io/host-aliases: line 1: Invalid value: \"10.1.2\": \
//!      must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
//! );
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
// With unwrap_used, expect_used and indexing_slicing of Cargo.toml: a hook that panics would stop a container.
// In a release build arithmetic wraps; fuzzing checks it.
#![warn(
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable
)]

// The API server's rules for names, addresses and fields.
pub mod validation;
// Facts about a container: its state, its config.json, its annotations.
pub mod facts;
// What the hook does with its /etc/hosts, and why.
pub mod plan;
// The Pod's own line: which addresses, which name.
pub mod pod_line;
// The bytes of the file.
pub mod text;
// The record beside the file, with which it can be updated.
pub mod stamp;
// The whole file of one container.
pub mod compose;

// The files of the administrator and the agent on the node.
pub mod files;
// Records for the node's log.
pub mod log;
// Everything that opens, enters, mounts or drops a privilege.
pub mod kernel;
// The hook, from stdin to the mount.
pub mod hook;

// The engines' own configuration files.
#[cfg(feature = "cli")]
pub(crate) mod engines;
// The changes with which an engine runs the hook.
#[cfg(feature = "cli")]
pub(crate) mod register;
// Whether the hook works on this node, and what to change.
#[cfg(feature = "cli")]
pub(crate) mod doctor;
// Running containers whose /etc/hosts comes from the hook, and updates of it.
#[cfg(feature = "cli")]
pub mod running;
// Objects of a Kubernetes API server with entries, as files of hosts.d.
#[cfg(feature = "cli")]
pub mod kubernetes;
// The service of a node: NRI, and a watch on hosts.d.
#[cfg(feature = "agent")]
pub mod agent;
// The command-line tool.
#[cfg(feature = "cli")]
pub mod commands;

// Errors, and the exit status of each.
pub mod error;
pub mod exit;
