//! The fields of the bundle's `config.json` that the hook uses, and nothing else.
//!
//! The full types of `oci-spec` refuse unknown values (a new capability, a new namespace). That must not stop a
//! container, so only the tests use them, for comparison. Source: `config.md` and `config-linux.md` of the runtime
//! specification.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::facts::annotations::Annotations;
use crate::facts::json_object;

/// The fields of `config.json` that are read.
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
    /// The Linux-specific part.
    #[serde(borrow, default)]
    pub linux: Option<Linux<'a>>,
}

/// `root`
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub struct Root<'a> {
    /// Absolute, or relative to the bundle.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
}

/// `process`
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub struct Process<'a> {
    /// `env`, of which one variable is used.
    #[serde(default)]
    pub env: Environment,
    /// The SELinux label of the process.
    #[serde(rename = "selinuxLabel", borrow, default)]
    pub selinux_label: Option<Cow<'a, str>>,
}

/// `process.env`, a list of `NAME=value`. An engine writes a hundred of them for a Pod of a namespace with many
/// services; only one is kept.
#[derive(Debug, Default)]
pub struct Environment {
    /// The value of `HOSTNAME`; of several, the last, which is the one that the process sees.
    pub hostname: Option<String>,
}

impl<'de> Deserialize<'de> for Environment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EnvironmentVisitor;

        impl<'de> Visitor<'de> for EnvironmentVisitor {
            type Value = Environment;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of NAME=value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Environment, A::Error> {
                let mut environment = Environment::default();
                while let Some(Variable(pair)) = seq.next_element()? {
                    if let Some(value) = pair.strip_prefix("HOSTNAME=") {
                        environment.hostname = Some(value.to_owned());
                    }
                }
                Ok(environment)
            }

            fn visit_unit<E>(self) -> Result<Environment, E> {
                Ok(Environment::default())
            }
        }

        deserializer.deserialize_any(EnvironmentVisitor)
    }
}

/// One of `process.env`.
#[derive(Deserialize)]
struct Variable<'a>(#[serde(borrow)] Cow<'a, str>);

/// One of `mounts`
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
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
#[serde(expecting = "an object")]
pub struct Linux<'a> {
    /// The namespaces that the container gets or joins.
    #[serde(borrow, default)]
    pub namespaces: Option<Vec<NamespaceEntry<'a>>>,
    /// The SELinux label of the container's mounts.
    #[serde(rename = "mountLabel", borrow, default)]
    pub mount_label: Option<Cow<'a, str>>,
}

/// One of `linux.namespaces`
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub struct NamespaceEntry<'a> {
    /// `network`, `uts`, `user`, or another one.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// The namespace to join; `None` for a new one.
    #[serde(borrow, default)]
    pub path: Option<Cow<'a, str>>,
}

impl<'a> ConfigJson<'a> {
    /// Reads `config.json`.
    ///
    /// # Errors
    ///
    /// The text is not JSON, or one of these fields has the wrong type.
    pub fn read(bytes: &'a [u8]) -> Result<Self, serde_json::Error> {
        json_object::read(bytes)
    }
}
