//! Podman: how it reads its hooks.d, and whether it runs containers on this node.

use crate::doctor::hooks_d;
use crate::doctor::report::Finding;
use crate::doctor::summary::EngineReport;
use crate::engines::bounded_run::find_program;
use crate::engines::hooks_d::directories::Engine;
use crate::engines::hooks_d::podman;

/// Checks Podman. It has no daemon: it runs here if it is installed, and the hook is registered with it or one of
/// root's containers runs. Many nodes have Podman for other purposes.
pub(super) fn examine() -> Option<EngineReport> {
    // containers.conf does not show that Podman is installed: CRI-O and others have it too.
    find_program("podman")?;
    let (mut report, _) = hooks_d::examine(Engine::Podman, None);
    report.is_running = !report.hooks.is_empty() || podman::is_running();
    if let Some(own) = podman::roots_own() {
        let text = format!(
            "{} sets hooks_dir: podman in a login shell of root can read other directories",
            own.display()
        );
        let note = Finding::note(report.subject.clone(), text).about(own);
        report.findings.push(note);
    }
    Some(report)
}
