//! The mount that `config.json` has for `/etc/hosts`, and who made its file.

use crate::facts::annotations::Annotations;
use crate::facts::creator::{self, Creator};

/// The origin of the file that `config.json` mounts on `/etc/hosts`, judged by the source's path, because nothing
/// else in the bundle shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostsMount {
    /// containerd's copy of the node's file: it has no line for the Pod.
    CopyOfNodeHosts {
        /// The mount's source.
        source: String,
    },
    /// The node's own `/etc/hosts`, mounted by CRI-O for a container on the host's network.
    NodeHosts,
    /// A file that an engine made for this container or Pod.
    Engine {
        /// Which one.
        writer: HostsWriter,
        /// The mount's source.
        source: String,
    },
    /// The file that the agent made for a container whose runtime does not run the hook.
    Ours,
    /// Anything else: a volume of the user's own. The node's `/etc/hosts` too, which Pods mount to
    /// write it (OpenShift's node-resolver).
    Own {
        /// The mount's source, or its type.
        source: String,
    },
}

/// Below this directory are the files that the agent mounts itself. The name `hosts` is not in their paths: it
/// would be taken for an engine's.
#[cfg(feature = "agent")]
pub(crate) const AGENT_FILES: &str = "/run/oci-hostaliases/files";
const OUR_FILES: [&str; 3] = ["run", "oci-hostaliases", "files"];

/// Who writes `/etc/hosts` files for containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostsWriter {
    /// `…/pods/<uid>/etc-hosts`
    Kubelet,
    /// `…/userdata/hosts`
    Podman,
    /// `…/containers/<id>/hosts`
    Docker,
    /// `…/etchosts/<namespace>/<id>/hosts`
    Nerdctl,
}

impl HostsWriter {
    /// Its name in a sentence.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kubelet => "the kubelet",
            Self::Podman => "Podman",
            Self::Docker => "Docker",
            Self::Nerdctl => "nerdctl",
        }
    }
}

impl HostsMount {
    /// Judges a mount by its source, `None` if it has none, and by the engine that created the container. An
    /// engine's directories can be anywhere, and a Pod's author can choose a volume's name. So in a container of a
    /// CRI engine, only the kubelet's files are an engine's.
    pub fn of_source(source: Option<&str>, annotations: &Annotations) -> Self {
        let own = |source: &str| Self::Own {
            source: source.to_owned(),
        };
        let Some(source) = source else {
            return own("no source");
        };
        let path = clean(source);
        let creator = Creator::of(annotations);
        // A path relative to the bundle is the user's own file, which the hook must not hide.
        let is_absolute = source.starts_with('/');
        if is_absolute && path == ["etc", "hosts"] {
            return if creator == Creator::CriO && creator::crio_mounted_node_hosts(annotations) {
                Self::NodeHosts
            } else {
                own(source)
            };
        }
        if is_absolute && path.starts_with(&OUR_FILES) {
            return Self::Ours;
        }
        let writer = match path.as_slice() {
            [.., "pods", _, "etc-hosts"] => HostsWriter::Kubelet,
            [.., "sandboxes", _, "hosts"] if is_absolute && creator != Creator::CriO => {
                return Self::CopyOfNodeHosts {
                    source: source.to_owned(),
                };
            }
            _ if creator.is_cri() => return own(source),
            [.., "userdata", "hosts"] => HostsWriter::Podman,
            [.., "containers", _, "hosts"] => HostsWriter::Docker,
            [.., "etchosts", _, _, "hosts"] => HostsWriter::Nerdctl,
            _ => return own(source),
        };
        Self::Engine {
            writer,
            source: source.to_owned(),
        }
    }
}

#[cfg(feature = "cli")]
impl HostsMount {
    /// Whether a path ends like the path of an engine's file.
    pub(crate) fn is_engines(path: &str) -> bool {
        matches!(
            Self::of_source(Some(path), &Annotations::default()),
            Self::Engine { .. }
        )
    }
}

/// Whether a mount's destination is `/etc/hosts`. Compared cleaned, as containerd does; the
/// kubelet compares the raw string, and would put its file over a user's `/etc//hosts`.
pub(crate) fn is_etc_hosts(destination: &str) -> bool {
    clean(destination) == ["etc", "hosts"]
}

/// The components of an absolute path with `.`, `..` and repeated slashes taken out by their
/// spelling alone, as Go's `path.Clean` does.
fn clean(path: &str) -> Vec<&str> {
    let mut components = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => drop(components.pop()),
            name => components.push(name),
        }
    }
    components
}
