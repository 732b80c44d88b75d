//! The facts about one container, from its state and its `config.json`.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::facts::annotations::Annotations;
use crate::facts::config_json::ConfigJson;
use crate::facts::hosts_mount::{self, HostsMount};
use crate::validation::field_error::bare;
use crate::validation::names;

/// The facts about a container that matter for `/etc/hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its annotations.
    pub annotations: Annotations,
    /// The root filesystem, absolute. Not resolved: a path on the host, written by the engine.
    pub rootfs: PathBuf,
    /// The file that `config.json` mounts on `/etc/hosts`; the last one, which hides the others.
    pub hosts_mount: Option<HostsMount>,
    /// `hostname` of `config.json`.
    pub hostname: Option<String>,
    /// `HOSTNAME` of the process's environment; containerd sets it and no `hostname`.
    pub env_hostname: Option<String>,
    /// The source of its network namespace.
    pub network: NamespaceSource,
    /// The source of its UTS namespace.
    pub uts: NamespaceSource,
    /// Whether it has a user namespace of its own.
    pub has_user_namespace: bool,
    /// The SELinux label of its mounts, if any.
    pub mount_label: Option<String>,
    /// Whether its process has an SELinux label.
    pub has_process_label: bool,
}

/// Where a container's namespace comes from, by `linux.namespaces`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamespaceSource {
    /// The runtime's namespace.
    Runtime,
    /// A new namespace.
    New,
    /// The namespace at this path.
    Joined(PathBuf),
}

impl Container {
    /// Gathers the facts. A relative `root.path` is relative to `bundle`.
    ///
    /// # Errors
    ///
    /// `config.json` has no `root.path`.
    pub fn new(config: ConfigJson<'_>, bundle: &Path) -> Result<Self, NoRootPath> {
        let root = config
            .root
            .filter(|root| !root.path.is_empty())
            .ok_or(NoRootPath)?;
        let linux = config.linux.as_ref();
        let namespaces = linux
            .and_then(|linux| linux.namespaces.as_deref())
            .unwrap_or_default();
        let namespace = |kind: &str| {
            namespaces
                .iter()
                .find(|namespace| namespace.kind == kind)
                .map_or(NamespaceSource::Runtime, |found| {
                    match found.path.as_deref() {
                        Some(path) if !path.is_empty() => {
                            NamespaceSource::Joined(PathBuf::from(path))
                        }
                        _ => NamespaceSource::New,
                    }
                })
        };
        let mounts = config.mounts.unwrap_or_default();
        let hosts_mount = mounts
            .iter()
            .rfind(|mount| hosts_mount::is_etc_hosts(&mount.destination))
            .map(|mount| HostsMount::of_source(mount.source.as_deref(), &config.annotations));
        Ok(Self {
            rootfs: bundle.join(&*root.path),
            hosts_mount,
            hostname: config
                .hostname
                .filter(|name| !name.is_empty())
                .map(String::from),
            has_process_label: config
                .process
                .as_ref()
                .and_then(|process| process.selinux_label.as_deref())
                .is_some_and(|label| !label.is_empty()),
            env_hostname: config.process.and_then(|process| process.env.hostname),
            network: namespace("network"),
            uts: namespace("uts"),
            has_user_namespace: namespace("user") != NamespaceSource::Runtime,
            mount_label: linux
                .and_then(|linux| linux.mount_label.as_deref())
                .filter(|label| !label.is_empty())
                .map(str::to_owned),
            annotations: config.annotations,
        })
    }

    /// The addresses that CRI-O writes into each container's annotations, `….IP.0` first.
    pub fn crio_pod_ips(&self) -> Vec<String> {
        (0..)
            .map_while(|nth| {
                self.annotations
                    .get(&format!("io.kubernetes.cri-o.IP.{nth}"))
            })
            .filter(|address| names::ip_refusal(address).is_none())
            .map(str::to_owned)
            .collect()
    }
}

/// `config.json` has no `root.path`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("root.path: Required value")]
pub struct NoRootPath;

/// Identifies a container for an administrator: by its Pod and name if the engine gives them, and always by its ID.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Identity {
    /// The container's ID.
    pub id: String,
    /// The container's name in its Pod.
    pub container: Option<String>,
    /// The Pod's name.
    pub pod: Option<String>,
    /// The Pod's namespace.
    pub namespace: Option<String>,
}

impl Identity {
    /// The identity of the container with this ID and these annotations.
    pub fn new(id: &str, annotations: &Annotations) -> Self {
        let first_of = |keys: [&str; 2]| annotations.first_of(&keys).map(str::to_owned);
        Self {
            id: id.to_owned(),
            container: first_of([
                "io.kubernetes.cri.container-name",
                "io.kubernetes.container.name",
            ]),
            pod: first_of(["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"]),
            namespace: first_of([
                "io.kubernetes.cri.sandbox-namespace",
                "io.kubernetes.pod.namespace",
            ]),
        }
    }
}

impl Identity {
    /// The same for a Pod's Event, in which the kubelet replaces the container's ID by its name: without the ID if
    /// the names are enough.
    pub(crate) fn in_event(&self) -> Self {
        let mut identity = self.clone();
        if self.pod.is_some() && self.container.is_some() {
            identity.id.clear();
        }
        identity
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pod) = &self.pod {
            let namespace = self.namespace.as_deref().unwrap_or("default");
            write!(f, "pod {}/{}, ", bare(namespace, "-_.:"), bare(pod, "-_.:"))?;
        }
        f.write_str("container")?;
        if let Some(container) = &self.container {
            write!(f, " {}", bare(container, "-_.:"))?;
        }
        // Empty only if the names are enough.
        if !self.id.is_empty() || self.container.is_none() {
            write!(f, " {}", bare(&self.id, "-_.:"))?;
        }
        Ok(())
    }
}
