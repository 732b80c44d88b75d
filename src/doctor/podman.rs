//! Podman: what it makes of its hooks.d, and whether it has anything to do with this node's containers.

use crate::doctor::hooks_d;
use crate::doctor::report::Finding;
use crate::doctor::summary::EngineReport;
use crate::engines::bounded_run::find_program;
use crate::engines::hooks_d::directories::Engine;
use crate::engines::hooks_d::podman;

/// Looks at Podman. It has no daemon: it runs here when it is installed, and the hook is registered with
/// it or a container of root's runs. Many a node has it for other purposes.
pub(super) fn examine() -> Option<EngineReport> {
    // containers.conf is no sign of Podman: CRI-O and others have it as well.
    find_program("podman")?;
    let (mut report, _) = hooks_d::examine(Engine::Podman, None);
    report.is_running = !report.hooks.is_empty() || podman::is_running();
    if let Some(own) = podman::roots_own() {
        let text = format!(
            "{} has a hooks_dir: the podman of a login of root's can read other directories than these",
            own.display()
        );
        let note = Finding::note(report.subject.clone(), text).about(own);
        report.findings.push(note);
    }
    Some(report)
}
