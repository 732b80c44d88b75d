//! The facts about a new container, from NRI's event. Pure.

use std::path::PathBuf;

use serde_json::json;

use crate::agent::nri::messages::{Container as NriContainer, Hook, PodSandbox};
use crate::engines::our_hook;
use crate::facts::annotations::{Annotations, PREFIX};
use crate::facts::container::{Container, Identity, NamespaceSource};
use crate::facts::hosts_mount::{self, HostsMount};
use crate::facts::told::Told;
use crate::validation::names;

/// The facts about a container in an event, in the hook's types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// As the hook would read it from `config.json`, without what only that file has: the root filesystem and the
    /// label.
    pub(crate) container: Container,
    /// Its name in messages.
    pub(crate) identity: Identity,
    /// The Pod's annotations of this project that the container does not have: engines do not pass them on by
    /// default.
    pub(crate) missing_annotations: Vec<(String, String)>,
    /// Facts about the Pod that the container's annotations do not have.
    pub(crate) told: Told,
    /// The Pod's addresses, if the engine sends them (containerd 2.1, CRI-O 1.32).
    pub(crate) pod_ips: Vec<String>,
    /// The Pod's UID.
    pub(crate) pod_uid: String,
    /// The runtime handler, as in a RuntimeClass.
    pub(crate) runtime_handler: String,
    /// Whether the container already has the hook.
    pub(crate) has_hook: bool,
}

impl Event {
    /// Reads an engine's message about a container and its Pod.
    pub fn new(pod: &PodSandbox, seen: &NriContainer) -> Self {
        let missing_annotations: Vec<_> = pod
            .annotations
            .iter()
            .filter(|(key, _)| key.starts_with(PREFIX) && !seen.annotations.contains_key(*key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let own = seen.annotations.iter();
        let annotations: Annotations = own
            .map(|(key, value)| (key.clone(), value.clone()))
            .chain(missing_annotations.iter().cloned())
            .collect();
        let mut identity = Identity::new(&seen.id, &annotations);
        let missing = |known: &Option<String>, told: &str| {
            (known.is_none() && !told.is_empty()).then(|| told.to_owned())
        };
        let pod_ips: Vec<String> = pod
            .ips
            .iter()
            .filter(|address| names::ip_refusal(address).is_none())
            .cloned()
            .collect();
        let container = facts(seen, annotations);
        let told = Told {
            namespace: missing(&identity.namespace, &pod.namespace),
            pod: missing(&identity.pod, &pod.name),
            pod_ips: if container.crio_pod_ips().is_empty() {
                pod_ips.clone()
            } else {
                Vec::new()
            },
            ..Told::default()
        };
        told.complete(&mut identity);
        if identity.container.is_none() && !seen.name.is_empty() {
            identity.container = Some(seen.name.clone());
        }
        Self {
            has_hook: seen.hooks.iter().flat_map(|hooks| hooks.all()).any(is_ours),
            container,
            identity,
            missing_annotations,
            told,
            pod_ips,
            pod_uid: pod.uid.clone(),
            runtime_handler: pod.runtime_handler.clone(),
        }
    }

    /// The file that an engine made for the container. A Pod's author may have chosen the path.
    pub(crate) fn engine_file(&self) -> Option<PathBuf> {
        match &self.container.hosts_mount {
            Some(HostsMount::Engine { source, .. }) => Some(source.into()),
            _ => None,
        }
    }

    /// Whether the container has a file of the agent.
    pub(crate) fn has_our_mount(&self) -> bool {
        self.container.hosts_mount == Some(HostsMount::Ours)
    }
}

fn facts(seen: &NriContainer, annotations: Annotations) -> Container {
    let hosts_mount = seen
        .mounts
        .iter()
        .rfind(|mount| hosts_mount::is_etc_hosts(&mount.destination))
        .map(|mount| HostsMount::of_source(Some(&mount.source), &annotations));
    let namespace = |kind: &str| {
        let namespaces = seen.linux.iter().flat_map(|linux| &linux.namespaces);
        match namespaces.into_iter().find(|found| found.r#type == kind) {
            None => NamespaceSource::Runtime,
            Some(found) if found.path.is_empty() => NamespaceSource::New,
            Some(found) => NamespaceSource::Joined(PathBuf::from(&found.path)),
        }
    };
    let hostname = |pair: &String| pair.strip_prefix("HOSTNAME=").map(str::to_owned);
    Container {
        rootfs: PathBuf::new(),
        hosts_mount,
        hostname: None,
        env_hostname: seen.env.iter().rev().find_map(hostname),
        network: namespace("network"),
        uts: namespace("uts"),
        has_user_namespace: namespace("user") != NamespaceSource::Runtime,
        mount_label: None,
        has_process_label: false,
        annotations,
    }
}

fn is_ours(hook: &Hook) -> bool {
    our_hook::is_ours(&json!({"path": hook.path, "args": hook.args}))
}
