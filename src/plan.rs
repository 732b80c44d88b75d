//! The plan: what is done with a container's `/etc/hosts`, and why. Pure.

use std::fmt;

use crate::facts::annotations::{Annotations, MANAGE};
use crate::facts::container::Container;
use crate::facts::hosts_mount::HostsMount;

/// What is done with a container's `/etc/hosts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing: the container keeps what it has.
    Leave,
    /// A file as the kubelet would write it, from the first line on.
    Manage,
    /// The engine's file as it is at this start, and our sections behind it.
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

/// An action with its reason in words. `explain` prints it, the hook logs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What is done.
    pub action: Action,
    /// Why, as the end of a sentence that starts with the action.
    pub reason: String,
    /// Whether somebody asked for something that he does not get.
    pub is_warning: bool,
}

impl Plan {
    fn new(action: Action, reason: impl Into<String>) -> Self {
        Self {
            action,
            reason: reason.into(),
            is_warning: false,
        }
    }

    fn warning(action: Action, reason: impl Into<String>) -> Self {
        Self {
            is_warning: true,
            ..Self::new(action, reason)
        }
    }

    /// The plan when the engine's file that was to be extended is still empty: Podman from 4.6 on
    /// fills its file only after `create`.
    pub fn engine_file_is_empty(&self) -> Self {
        Self::warning(
            Action::Manage,
            format!(
                "{}, but it is still empty: the engine's own later entries (--add-host) will be hidden",
                self.reason
            ),
        )
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.action, self.reason)
    }
}

/// The plan for a container that is left alone whatever else its annotations say, right or wrong.
pub fn left_alone(container: &Container) -> Option<Plan> {
    if container.is_sandbox() {
        return Some(Plan::new(
            Action::Leave,
            "the container is its Pod's sandbox",
        ));
    }
    left_alone_by_annotation(&container.annotations)
}

/// The plan for whatever carries the annotation that says so.
pub fn left_alone_by_annotation(annotations: &Annotations) -> Option<Plan> {
    annotations
        .opt_out()
        .then(|| Plan::new(Action::Leave, format!("annotation {MANAGE} is \"false\"")))
}

/// The plan by the mount that `config.json` has for `/etc/hosts`. `entries` says whether there is
/// at least one entry to add; `asked`, whether the container has an annotation that asks for
/// something.
pub fn for_mount(mount: Option<&HostsMount>, entries: bool, asked: bool) -> Plan {
    match mount {
        None => Plan::new(Action::Manage, "nothing is mounted on /etc/hosts"),
        Some(HostsMount::CopyOfNodeHosts { source }) => Plan::new(
            Action::Manage,
            format!("{source} is containerd's copy of the node's file"),
        ),
        Some(HostsMount::NodeHosts) => {
            Plan::new(Action::Manage, "the node's own /etc/hosts is mounted")
        }
        Some(HostsMount::Engine { writer, source }) => {
            let engine = writer.name();
            if entries {
                Plan::new(Action::Extend, format!("{source} was made by {engine}"))
            } else if asked {
                Plan::warning(
                    Action::Leave,
                    format!(
                        "{source} was made by {engine} and there are no entries for it: its own lines stay as they are"
                    ),
                )
            } else {
                Plan::new(
                    Action::Leave,
                    format!("{source} was made by {engine} and no entries are asked for"),
                )
            }
        }
        Some(HostsMount::Own { source }) if entries || asked => Plan::warning(
            Action::Leave,
            format!(
                "{source} is the user's own volume on /etc/hosts: the entries asked for are not added"
            ),
        ),
        Some(HostsMount::Own { source }) => Plan::new(
            Action::Leave,
            format!("{source} is the user's own volume on /etc/hosts"),
        ),
    }
}
