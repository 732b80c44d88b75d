//! The engine that created a container, whose conventions its mounts and annotations follow.

use serde_json::Value;

use crate::facts::annotations::{Annotations, CRIO_VOLUMES};
use crate::facts::hosts_mount::is_etc_hosts;

/// The engine that wrote `config.json`, recognised by the annotations that it adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Creator {
    /// containerd's CRI plugin: `io.kubernetes.cri.container-type`.
    ContainerdCri,
    /// CRI-O: `io.container.manager` is `cri-o`.
    CriO,
    /// Podman: `io.container.manager` is `libpod`.
    Podman,
    /// Docker, nerdctl, `ctr`, or a runtime called by hand.
    Other,
}

impl Creator {
    /// The creator of the container with these annotations.
    pub(crate) fn of(annotations: &Annotations) -> Self {
        match annotations.get("io.container.manager") {
            Some("cri-o") => Self::CriO,
            Some("libpod") => Self::Podman,
            _ if annotations
                .get("io.kubernetes.cri.container-type")
                .is_some() =>
            {
                Self::ContainerdCri
            }
            // Podman writes this one too, but then it is the manager.
            _ if annotations
                .get("io.kubernetes.cri-o.ContainerType")
                .is_some() =>
            {
                Self::CriO
            }
            _ => Self::Other,
        }
    }

    /// Whether the kubelet is the only one that makes hosts files for this container.
    pub(crate) fn is_cri(self) -> bool {
        matches!(self, Self::ContainerdCri | Self::CriO)
    }
}

/// Whether the node's `/etc/hosts` is mounted by CRI-O itself, which does that for a container on
/// the host's network, and not by the Pod's author, who does it to write the node's file: what the
/// author asked for is in `io.kubernetes.cri-o.Volumes`, `[{"container_path":"/etc/hosts",…}]`. A
/// list that cannot be read is taken to have it: the file is left alone then.
pub(crate) fn crio_mounted_node_hosts(annotations: &Annotations) -> bool {
    let Some(volumes) = annotations.get(CRIO_VOLUMES) else {
        return true;
    };
    let path = |volume: &Value| {
        let path = volume.get("container_path").and_then(Value::as_str);
        path.is_some_and(is_etc_hosts)
    };
    match serde_json::from_str(volumes) {
        Ok(Value::Array(volumes)) => !volumes.iter().any(path),
        Ok(Value::Null) => true,
        _ => false,
    }
}
