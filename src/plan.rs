//! The plan: what to do with a container's `/etc/hosts`, and why. Pure.

use std::fmt;

use crate::facts::annotations::{Annotations, MANAGE};
use crate::facts::container::Container;
use crate::facts::creator::Creator;
use crate::facts::hosts_mount::{HostsMount, HostsWriter};

/// What to do with a container's `/etc/hosts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing: the container keeps what it has.
    Leave,
    /// A file as the kubelet would write it, from the first line on.
    Manage,
    /// The engine's file as it is at this start, followed by the hook's sections.
    Extend,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leave => "leave",
            Self::Manage => "manage",
            Self::Extend => "extend",
        })
    }
}

/// An action with its reason. `explain` prints it, the hook logs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// Whether the container does not get something that it requested.
    pub is_warning: bool,
}

impl Plan {
    fn new(action: Action, reason: Reason) -> Self {
        Self {
            action,
            reason,
            is_warning: false,
        }
    }

    fn warning(action: Action, reason: Reason) -> Self {
        Self {
            is_warning: true,
            ..Self::new(action, reason)
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.action, self.reason)
    }
}

/// Why an action is taken. The text is the end of a sentence that starts with the action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The container is its Pod's sandbox.
    Sandbox,
    /// The annotation says so.
    OptOut,
    /// `config.json` has no mount for `/etc/hosts`.
    NothingMounted,
    /// The same in a Podman container that requests nothing: its user wants the image's file.
    PodmanNoHosts,
    /// containerd's copy of the node's file is mounted; this is its path.
    CopyOfNodeHosts(String),
    /// The node's own file is mounted.
    NodeHosts,
    /// An engine's file is mounted, and there are entries for it.
    EngineFile(EngineFile),
    /// The same, but the engine has not written it yet: Podman 4.6 and later fills its file only after `create`.
    EngineFileEmpty(EngineFile),
    /// An engine's file is mounted; there are no entries for it yet, but there may be while the container runs.
    EngineFileEntriesToCome(EngineFile),
    /// An engine's file is mounted; something is requested, but no entries.
    EngineFileNoEntries(EngineFile),
    /// An engine's file is mounted, and nothing is requested.
    EngineFileNothingAsked(EngineFile),
    /// The agent has mounted its file.
    AgentFile,
    /// The user's own volume is mounted, from this source.
    OwnVolume(String),
    /// The same, and entries are requested.
    OwnVolumeHidesEntries(String),
    /// The volumes of a Pod's containers, by its manifest.
    #[cfg(feature = "cli")]
    Pod(PodReason),
}

/// Why an action is taken for the one file of a Pod's manifest.
#[cfg(feature = "cli")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodReason {
    /// No container of the Pod has its own volume.
    NoOwnVolume,
    /// Some containers have their own volume.
    SomeOwnVolumes,
    /// All containers have their own volume.
    OnlyOwnVolumes,
    /// The same, and entries are requested.
    OwnVolumesHideEntries,
}

/// A file that an engine made and `config.json` mounts on `/etc/hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFile {
    /// Who made it.
    pub(crate) writer: HostsWriter,
    /// The mount's source.
    pub source: String,
}

impl EngineFile {
    fn new(writer: HostsWriter, source: &str) -> Self {
        Self {
            writer,
            source: source.to_owned(),
        }
    }
}

impl fmt::Display for EngineFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was made by {}", self.source, self.writer.name())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sandbox => f.write_str("the container is its Pod's sandbox"),
            Self::OptOut => write!(f, "annotation {MANAGE} is \"false\""),
            Self::NothingMounted => f.write_str("nothing is mounted on /etc/hosts"),
            Self::PodmanNoHosts => f.write_str(
                "Podman mounts nothing on /etc/hosts (--no-hosts) and nothing is requested",
            ),
            Self::CopyOfNodeHosts(source) => {
                write!(f, "{source} is containerd's copy of the node's file")
            }
            Self::NodeHosts => f.write_str("the node's own /etc/hosts is mounted"),
            Self::EngineFile(file) => file.fmt(f),
            Self::EngineFileEmpty(file) => write!(
                f,
                "{file}, but it is still empty: the engine's own later entries (--add-host) are hidden until oci-hostaliases refresh runs"
            ),
            Self::EngineFileEntriesToCome(file) => {
                write!(f, "{file}, and entries may appear while the container runs")
            }
            Self::EngineFileNoEntries(file) => write!(
                f,
                "{file} and there are no entries for it: it stays unchanged"
            ),
            Self::EngineFileNothingAsked(file) => {
                write!(f, "{file} and no entries are requested")
            }
            Self::AgentFile => f.write_str("the agent has mounted the file already"),
            Self::OwnVolume(source) => {
                write!(f, "{source} is the user's own volume on /etc/hosts")
            }
            Self::OwnVolumeHidesEntries(source) => write!(
                f,
                "{source} is the user's own volume on /etc/hosts: the requested entries are not added"
            ),
            #[cfg(feature = "cli")]
            Self::Pod(reason) => reason.fmt(f),
        }
    }
}

#[cfg(feature = "cli")]
impl fmt::Display for PodReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoOwnVolume => "no container has a volume of its own on /etc/hosts",
            Self::SomeOwnVolumes => "not every container has a volume of its own on /etc/hosts",
            Self::OnlyOwnVolumes => "every container has a volume of its own on /etc/hosts",
            Self::OwnVolumesHideEntries => {
                "every container has a volume of its own on /etc/hosts: the requested entries are not added"
            }
        })
    }
}

/// The plan for a container that is left alone, whatever else its annotations and its `config.json` say.
pub fn left_alone(annotations: &Annotations) -> Option<Plan> {
    if annotations.of_sandbox() {
        return Some(Plan::new(Action::Leave, Reason::Sandbox));
    }
    left_alone_by_annotation(annotations)
}

/// The plan for a container with the annotation to leave it alone.
pub(crate) fn left_alone_by_annotation(annotations: &Annotations) -> Option<Plan> {
    annotations
        .opt_out()
        .then(|| Plan::new(Action::Leave, Reason::OptOut))
}

/// The plan by the mount on `/etc/hosts` in `config.json`. `entries`: whether there is at least one entry to add.
/// `asked`: whether an annotation requests something.
pub fn for_mount(container: &Container, entries: bool, asked: bool) -> Plan {
    match &container.hosts_mount {
        // Podman mounts a file into every container whose user did not say `--no-hosts`.
        None if !entries && !asked && Creator::of(&container.annotations) == Creator::Podman => {
            Plan::new(Action::Leave, Reason::PodmanNoHosts)
        }
        None => Plan::new(Action::Manage, Reason::NothingMounted),
        Some(HostsMount::CopyOfNodeHosts { source }) => {
            Plan::new(Action::Manage, Reason::CopyOfNodeHosts(source.clone()))
        }
        Some(HostsMount::NodeHosts) => Plan::new(Action::Manage, Reason::NodeHosts),
        Some(HostsMount::Engine { writer, source }) => {
            let file = EngineFile::new(*writer, source);
            if entries {
                Plan::new(Action::Extend, Reason::EngineFile(file))
            } else if asked {
                Plan::warning(Action::Leave, Reason::EngineFileNoEntries(file))
            } else {
                Plan::new(Action::Leave, Reason::EngineFileNothingAsked(file))
            }
        }
        Some(HostsMount::Ours) => Plan::new(Action::Leave, Reason::AgentFile),
        Some(HostsMount::Own { source }) if entries || asked => {
            Plan::warning(Action::Leave, Reason::OwnVolumeHidesEntries(source.clone()))
        }
        Some(HostsMount::Own { source }) => {
            Plan::new(Action::Leave, Reason::OwnVolume(source.clone()))
        }
    }
}

/// The same if there are no entries yet, but may be while the container runs. Only the kubelet's file is complete
/// before the hook runs.
pub(crate) fn for_mount_with_entries_to_come(container: &Container, asked: bool) -> Plan {
    match &container.hosts_mount {
        Some(HostsMount::Engine {
            writer: writer @ HostsWriter::Kubelet,
            source,
        }) => {
            let file = EngineFile::new(*writer, source);
            Plan::new(Action::Extend, Reason::EngineFileEntriesToCome(file))
        }
        _ => for_mount(container, false, asked),
    }
}

/// The plan if the engine's file that should be extended is still empty.
pub(crate) fn engine_file_is_empty(writer: HostsWriter, source: &str) -> Plan {
    Plan::warning(
        Action::Manage,
        Reason::EngineFileEmpty(EngineFile::new(writer, source)),
    )
}

/// The plan for the one file of a Pod with this many containers, of which `with_own_volume` have their own volume
/// on `/etc/hosts`. `entries`: whether there is at least one entry to add.
#[cfg(feature = "cli")]
pub(crate) fn for_pod(containers: usize, with_own_volume: usize, entries: bool) -> Plan {
    use PodReason::{NoOwnVolume, OnlyOwnVolumes, OwnVolumesHideEntries, SomeOwnVolumes};
    match with_own_volume {
        0 => Plan::new(Action::Manage, Reason::Pod(NoOwnVolume)),
        own if own != containers => Plan::new(Action::Manage, Reason::Pod(SomeOwnVolumes)),
        _ if entries => Plan::warning(Action::Leave, Reason::Pod(OwnVolumesHideEntries)),
        _ => Plan::new(Action::Leave, Reason::Pod(OnlyOwnVolumes)),
    }
}
