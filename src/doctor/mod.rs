//! Whether the hook works on this node, and if not, what to change.
//!
//! Each file of this folder looks at one area, and what it saw is judged by pure functions beside
//! it. Nothing here changes anything. A judgement is what the engine would do: a hook that runs is
//! never a problem because it could be better.

mod containerd;
mod containerd_handler;
mod hook_binary;
mod hooks_d;
mod kernel;
mod node_files;
mod owners;
pub(crate) mod report;
mod runtimes;

use crate::doctor::report::{Finding, Report};
use crate::engines::hooks_d::directories::Engine;

/// Looks at everything.
pub(crate) fn examine() -> Report {
    let engines = [
        containerd::examine(),
        hooks_d::examine(Engine::CriO),
        hooks_d::examine(Engine::Podman),
    ];
    let mut findings = Vec::new();
    if !rustix::process::geteuid().is_root() {
        findings.push(
            Finding::note("doctor", "not run as root: some things cannot be looked at")
                .with_remedy("run oci-hostaliases doctor as root"),
        );
    }
    let mut found = Vec::new();
    let (mut hooks, mut used) = (Vec::new(), Vec::new());
    for report in engines {
        found.extend(report.engine);
        findings.extend(report.findings);
        hooks.extend(report.hooks);
        used.extend(report.runtimes);
    }
    findings.extend(hooks_d::unread_directories());
    findings.extend(hook_binary::examine(&hooks));
    findings.extend(node_files::examine(&hooks));
    findings.extend(kernel::examine());
    findings.extend(runtimes::examine(&used, &hooks));
    let not_registered = hooks.is_empty().then(|| {
        let engines = if found.is_empty() {
            "containerd|crio|podman".to_owned()
        } else {
            found.join("|")
        };
        format!("not registered: run oci-hostaliases register {engines}")
    });
    Report {
        findings,
        not_registered,
    }
}
