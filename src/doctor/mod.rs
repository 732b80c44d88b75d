//! Whether the hook works on this node, and if not, what to change.
//!
//! Each file of this folder examines one area; pure functions beside it judge the result. doctor changes nothing. A
//! judgement says what the engine does: a hook that runs is no problem, even if it could be better.

mod containerd;
mod containerd_handler;
mod crio;
mod hook_binary;
mod hooks_d;
mod kernel;
mod node_files;
mod nri;
mod nri_config;
mod nri_to_come;
mod owners;
mod podman;
mod register;
pub(crate) mod report;
mod restart;
mod runtimes;
pub(crate) mod summary;

use std::path::Path;

use clap::ValueEnum;

use crate::doctor::report::Finding;
use crate::doctor::summary::{EngineReport, Report, Shared};
use crate::engines::processes;

/// An engine that doctor can check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Asked {
    Containerd,
    Crio,
    Podman,
    Docker,
}

impl Asked {
    fn name(self) -> &'static str {
        match self {
            Self::Containerd => "containerd",
            Self::Crio => "CRI-O",
            Self::Podman => "podman",
            Self::Docker => "docker",
        }
    }
}

/// Checks everything, or what one engine uses. `agent_hook`: the hook of an agent that is not connected yet.
pub(crate) fn examine(asked: Option<Asked>, agent_hook: Option<&Path>) -> Report {
    let engines = Asked::value_variants().iter();
    let engines = engines.filter(|it| asked.is_none_or(|asked| asked == **it));
    let mut engines: Vec<EngineReport> = engines.flat_map(|it| examine_engine(*it)).collect();
    match agent_hook {
        Some(hook) => nri_to_come::examine(&mut engines, hook),
        None => nri::examine(&mut engines),
    }
    hooks_d::add_unread_files(&mut engines);
    let hooks = engines.iter().flat_map(|it| it.hooks.clone());
    let hooks: Vec<_> = hooks.collect();
    let used = engines.iter().flat_map(|it| it.runtimes.clone());
    let used: Vec<_> = used.collect();
    let mut node = node_files::examine(&hooks);
    node.extend(kernel::examine());
    let shared = Shared {
        hooks: hook_binary::examine(&hooks),
        node,
        runtimes: runtimes::examine(&used, &hooks),
    };
    let mut report = Report::of(engines, shared, asked.map(Asked::name));
    if !rustix::process::geteuid().is_root() {
        let note = Finding::note("doctor", "not running as root: some checks are left out");
        let note = note.with_remedy("run oci-hostaliases doctor as root");
        report.findings.insert(0, note);
    }
    report
}

fn examine_engine(engine: Asked) -> Vec<EngineReport> {
    match engine {
        Asked::Containerd => containerd::examine(),
        Asked::Crio => crio::examine().into_iter().collect(),
        Asked::Podman => podman::examine().into_iter().collect(),
        Asked::Docker => docker().into_iter().collect(),
    }
}

/// Docker has no hooks. (Its containerd starts no Pods.)
fn docker() -> Option<EngineReport> {
    let is_running = !processes::of_node("dockerd").is_empty();
    is_running.then(|| EngineReport {
        subject: Asked::Docker.name().to_owned(),
        is_running,
        unregistered: "Docker runs no hooks, so its containers do not get the file: check another engine with --engine".to_owned(),
        ..EngineReport::default()
    })
}
