//! The bundle's `config.json`, shallow: the fields that we use and nothing else.
//!
//! The full types of `oci-spec` refuse what they do not know (a new capability, a new namespace).
//! That must not stop a container, so they are only the oracle in the tests. Source: `config.md`
//! and `config-linux.md` of the runtime specification.

use std::borrow::Cow;

use serde::Deserialize;

use crate::facts::annotations::Annotations;

/// What we read of `config.json`.
#[derive(Debug, Deserialize)]
pub struct ConfigJson<'a> {
    /// The container's root filesystem.
    #[serde(borrow)]
    pub root: Option<Root<'a>>,
    /// The host name that the runtime will set.
    #[serde(borrow, default)]
    pub hostname: Option<Cow<'a, str>>,
    /// The container's process.
    #[serde(borrow, default)]
    pub process: Option<Process<'a>>,
    /// The mounts, in the order in which the runtime makes them.
    #[serde(borrow, default)]
    pub mounts: Option<Vec<Mount<'a>>>,
    /// The annotations.
    #[serde(default)]
    pub annotations: Annotations,
    /// What only Linux has.
    #[serde(borrow, default)]
    pub linux: Option<Linux<'a>>,
}

/// `root`
#[derive(Debug, Deserialize)]
pub struct Root<'a> {
    /// Absolute, or relative to the bundle.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
}

/// `process`
#[derive(Debug, Deserialize)]
pub struct Process<'a> {
    /// `NAME=value`
    #[serde(borrow, default)]
    pub env: Option<Vec<Cow<'a, str>>>,
}

/// One of `mounts`
#[derive(Debug, Deserialize)]
pub struct Mount<'a> {
    /// Where in the container.
    #[serde(borrow)]
    pub destination: Cow<'a, str>,
    /// What is mounted there, for a bind mount a path on the host.
    #[serde(borrow, default)]
    pub source: Option<Cow<'a, str>>,
}

/// `linux`
#[derive(Debug, Deserialize)]
pub struct Linux<'a> {
    /// The namespaces that the container gets or joins.
    #[serde(borrow, default)]
    pub namespaces: Option<Vec<Namespace<'a>>>,
    /// The SELinux label of the container's mounts.
    #[serde(rename = "mountLabel", borrow, default)]
    pub mount_label: Option<Cow<'a, str>>,
}

/// One of `linux.namespaces`
#[derive(Debug, Deserialize)]
pub struct Namespace<'a> {
    /// `network`, `uts`, `user`, or one that was invented after us.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// The namespace to join; none: a new one.
    #[serde(borrow, default)]
    pub path: Option<Cow<'a, str>>,
}

impl<'a> ConfigJson<'a> {
    /// Reads `config.json`.
    ///
    /// # Errors
    ///
    /// What is not JSON, or has one of our fields in another kind.
    pub fn read(bytes: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}
