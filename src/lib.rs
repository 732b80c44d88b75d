//! Kubernetes' `hostAliases` for every container that an OCI runtime starts.
//!
//! The kubelet gives each container of a Pod a managed `/etc/hosts`. This crate gives the same
//! file, byte for byte, to containers that no kubelet starts, and entries of the Pod's, the
//! namespace's or the node's to those that one does. Three programs are made of it:
//! `oci-hostaliases-hook`, which a runtime runs as root for each container, `oci-hostaliases`,
//! which people run, and `oci-hostaliases-agent`, the service of a node.
//!
//! Data goes one way, from what is known of a container to the mount:
//!
//! ```text
//! stdin: OCI state ─► bundle/config.json ─► facts ─► plan ─► composed file ─► private tmpfs ─► <rootfs>/etc/hosts
//! ```
//!
//! `facts`, `plan`, `pod_line`, `text`, `stamp` and `compose` are pure: values in, values out. `files` reads
//! what the administrator wrote, `kernel` opens, enters, mounts and drops; `hook` walks the whole way once.
//!
//! ```
//! use oci_hostaliases::text::host_alias;
//! use oci_hostaliases::text::hosts_file::{HostsFile, PodName};
//!
//! let mut errors = Vec::new();
//! let list = r#"[{"ip":"10.1.2.3","hostnames":["foo.remote","bar.remote"]}]"#;
//! let aliases = host_alias::read_list("spec.hostAliases", list, &mut errors);
//! let mut file = HostsFile::for_pod_network(&["10.200.0.5".to_owned()], PodName::new("web-0", None));
//! file.add_host_aliases("spec.hostAliases", &aliases);
//! assert!(file.bytes().ends_with(b"10.200.0.5\tweb-0\n\n# Entries added by HostAliases.\n10.1.2.3\tfoo.remote\tbar.remote\n"));
//! assert!(errors.is_empty());
//! ```

#![forbid(unsafe_code)]
// With unwrap_used, expect_used and indexing_slicing of Cargo.toml: whatever somebody writes, a hook that
// panics would stop a container. In a release build arithmetic wraps; fuzzing checks it.
#![warn(
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable
)]

// What Kubernetes' API server accepts as a name, an address, a field.
pub mod validation;
// What is known of a container: its state, its config.json, its annotations.
pub mod facts;
// What is done with its /etc/hosts, and why.
pub mod plan;
// The Pod's own line: which addresses, which name.
pub mod pod_line;
// The bytes of the file.
pub mod text;
// What is stored with the file, so that it can be brought up to date.
pub mod stamp;
// The whole file of one container, from all of the above.
pub mod compose;

// What the administrator and the engine wrote on the node.
pub mod files;
// Records for the node's log.
pub mod log;
// Everything that opens, enters, mounts or drops a privilege.
pub mod kernel;
// The hook's way from stdin to the mount.
pub mod hook;

// What the engines' own files say.
#[cfg(feature = "cli")]
pub(crate) mod engines;
// What an engine has to be told so that it runs the hook.
#[cfg(feature = "cli")]
pub(crate) mod register;
// Whether the hook works on this node, and what to change.
#[cfg(feature = "cli")]
pub(crate) mod doctor;
// Running containers whose /etc/hosts comes from the hook.
#[cfg(feature = "cli")]
pub mod running;
// Entries that are objects of a Kubernetes API server, as files of hosts.d.
#[cfg(feature = "cli")]
pub mod kubernetes;
// The service of a node: NRI, and a watch on what the administrator writes.
#[cfg(feature = "agent")]
pub mod agent;
// The command-line tool.
#[cfg(feature = "cli")]
pub mod commands;

// Why the work cannot be done, and what each exit status means.
pub mod error;
pub mod exit;
