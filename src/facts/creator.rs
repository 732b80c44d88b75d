//! Who made a container: which engine's conventions its mounts and annotations follow.

use std::borrow::Cow;

use serde::Deserialize;

use crate::facts::annotations::{Annotations, CRIO_VOLUMES};
use crate::facts::hosts_mount::is_etc_hosts;

/// The engine that wrote `config.json`, told by the annotations that it adds itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creator {
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
    pub fn of(annotations: &Annotations) -> Self {
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
    pub fn is_cri(self) -> bool {
        matches!(self, Self::ContainerdCri | Self::CriO)
    }
}

/// An entry of `io.kubernetes.cri-o.Volumes`, the mounts that the CRI client asked for.
#[derive(Deserialize)]
struct CrioVolume<'a> {
    #[serde(borrow)]
    container_path: Cow<'a, str>,
}

/// Whether the node's `/etc/hosts` is mounted by CRI-O itself, which does that for a container on
/// the host's network, and not by the Pod's author, who does it to write the node's file. What
/// cannot be read is taken for the author's: it is left alone then.
pub fn crio_mounted_node_hosts(annotations: &Annotations) -> bool {
    let Some(volumes) = annotations.get(CRIO_VOLUMES) else {
        return true;
    };
    serde_json::from_str::<Option<Vec<CrioVolume<'_>>>>(volumes).is_ok_and(|volumes| {
        let mut volumes = volumes.iter().flatten();
        !volumes.any(|volume| is_etc_hosts(&volume.container_path))
    })
}
