//! What to do with a new container: the plan, and the adjustment for it. Pure.
//!
//! The adjustment adds the hook, which keeps the plan, the mount and the limits. Only for runtimes that do not run
//! hooks (Kata, gVisor) it adds a mount, and only for the runtime handlers that the administrator names.

use std::path::Path;

use crate::agent::node_state::NodeState;
use crate::agent::nri::event::Event;
use crate::agent::nri::messages::{ContainerAdjustment, Hook, Hooks, OptionalInt};
use crate::compose::{self, Decision, Draft};
use crate::engines::our_hook;
use crate::error::{Error, on_one_line};
use crate::files::config::{self, OnError};
use crate::files::hosts_d;
use crate::plan::Plan;

/// What to do with a container.
#[derive(Debug)]
pub enum Answer<'a> {
    /// It stays as it is, by this plan.
    Leave(Plan),
    /// It already has the hook, by another registration.
    HasHook,
    /// It gets the hook, which will carry out this plan.
    Hook(Plan),
    /// It gets a mount with the file of this draft.
    Mount(Draft<'a>),
    /// Its request is wrong, for this reason, but it starts: `on-error` is `warn`.
    StartsWithout(String),
    /// It must not start, for this reason.
    Refuse(String),
}

/// Decides. This does not check that the hook exists.
pub fn decide<'a>(event: &'a Event, node: &NodeState) -> Answer<'a> {
    let by_mount = node.agent.mount_handlers.contains(&event.runtime_handler);
    if event.has_hook && !by_mount {
        return Answer::HasHook;
    }
    let asks = event.container.annotations.ask_for_something();
    let entries = || {
        let mut entries = node.entries.of(event.identity.namespace.as_deref());
        // A file that the agent mounts does not follow the kubelet's file, so it needs entries now.
        entries.may_come &= !by_mount;
        entries
    };
    match compose::decide(&event.container, asks, entries) {
        Ok(Decision::Leave(plan)) => Answer::Leave(plan),
        Ok(Decision::Write(draft)) if by_mount => Answer::Mount(draft),
        Ok(Decision::Write(draft)) => Answer::Hook(draft.plan().clone()),
        Err(errors) => refusal(event, node, &Error::Annotations(errors)),
    }
}

/// What to do with a container that cannot get its file for this reason. As with the hook, it starts if it
/// requested nothing, or if `on-error` is `warn`.
pub(crate) fn refusal(event: &Event, node: &NodeState, error: &Error) -> Answer<'static> {
    let text = format!("{}: {}", event.identity, on_one_line(error));
    let warns = node
        .hook
        .as_ref()
        .is_ok_and(|hook| hook.on_error == OnError::Warn);
    if warns || !event.container.annotations.ask_for_something() {
        Answer::StartsWithout(text)
    } else {
        Answer::Refuse(text)
    }
}

/// The hook's path and arguments.
#[derive(Debug, Clone, Copy)]
pub struct HookCall<'a> {
    /// Its program.
    pub program: &'a Path,
    /// The configuration.
    pub config: &'a Path,
    /// The directory of the entries.
    pub hosts_d: &'a Path,
    /// Whether there may be entries for a Pod while it runs.
    pub entries_to_come: bool,
}

/// The adjustment that makes the runtime run the hook. `None` if a path is not UTF-8, as protobuf requires.
pub fn with_hook(event: &Event, call: HookCall<'_>) -> Option<ContainerAdjustment> {
    let registered = our_hook::entry(call.program).ok()?;
    let mut args: Vec<String> = registered.args().clone().unwrap_or_default();
    let mut add = |option: &str, value: &str| args.extend([option.to_owned(), value.to_owned()]);
    for (option, path, default) in [
        ("--config", call.config, config::DEFAULT_PATH),
        ("--hosts-d", call.hosts_d, hosts_d::DEFAULT_PATH),
    ] {
        if path != Path::new(default) {
            add(option, path.to_str()?);
        }
    }
    if !event.told.pod_ips.is_empty() {
        add("--pod-ips", &event.told.pod_ips.join(","));
    }
    for (option, told) in [
        ("--namespace", &event.told.namespace),
        ("--pod", &event.told.pod),
    ] {
        if let Some(value) = told {
            add(option, value);
        }
    }
    if call.entries_to_come {
        args.push("--entries-to-come".to_owned());
    }
    let hook = Hook {
        path: call.program.to_str()?.to_owned(),
        args,
        env: registered.env().clone().unwrap_or_default(),
        timeout: registered.timeout().map(|value| OptionalInt { value }),
    };
    Some(ContainerAdjustment {
        annotations: event.missing_annotations.iter().cloned().collect(),
        mounts: Vec::new(),
        hooks: Some(Hooks {
            prestart: vec![hook],
            ..Hooks::default()
        }),
    })
}
