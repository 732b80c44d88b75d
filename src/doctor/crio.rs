//! CRI-O: what the running daemon has read, and its runtimes.
//!
//! CRI-O reads its configuration when it starts. It reads its hooks then and whenever their directories change
//! (`Monitor` of containers/common). A hook's program that appears or disappears is no such change.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::doctor::Asked;
use crate::doctor::hooks_d::{self, Read};
use crate::doctor::nri_config;
use crate::doctor::report::{Finding, Harm, word};
use crate::doctor::restart::{self, changed};
use crate::doctor::runtimes::UsedRuntime;
use crate::doctor::summary::EngineReport;
use crate::engines::bounded_run::find_program;
use crate::engines::hooks_d::crio::CriO;
use crate::engines::hooks_d::directories::Engine;
use crate::engines::processes::Process;
use crate::error::on_one_line;

const UNIT: &str = "crio";
/// CRI-O itself creates a missing directory shortly after it starts.
const START: Duration = Duration::from_secs(5);

/// Checks CRI-O.
pub(super) fn examine() -> Option<EngineReport> {
    let crio = CriO::running();
    let is_here = find_program("crio").is_some() || Path::new("/etc/crio").is_dir();
    if crio.daemon.is_none() && !is_here {
        return None;
    }
    let (mut report, read) = hooks_d::examine(Engine::CriO, crio.daemon.as_ref());
    report.is_running = crio.daemon.is_some();
    let subject = report.subject.clone();
    match (&crio.daemon, &read) {
        (None, _) => report.findings.push(Finding::note(&subject, "not running")),
        (Some(daemon), Some(read)) => {
            let findings = judge_running(&subject, daemon, read);
            report.findings.extend(findings);
        }
        _ => {}
    }
    // An error is reported where the runtimes are read.
    if let (true, Ok(table)) = (report.is_running, crio.nri(Path::new("/"))) {
        report.nri = Some(nri_config::of_crio(&table));
    }
    let stage = report.hooks.first().map(|hook| hook.stage.clone());
    let runtimes = match crio.runtimes(Path::new("/")) {
        Ok(runtimes) => runtimes,
        Err(error) => {
            // Already reported if the same file could not be read for its hooks_dir.
            let note = Finding::note(&subject, on_one_line(&error));
            if read.is_some() {
                report.findings.push(note);
            }
            return Some(report);
        }
    };
    let used = runtimes.all.into_iter().map(|runtime| UsedRuntime {
        engine: Asked::Crio,
        is_default: runtimes.default.as_deref() == Some(runtime.name.as_str()),
        handler: runtime.name,
        runtime_type: runtime.kind,
        binary: Some(runtime.program),
        stage: stage.clone(),
    });
    report.runtimes = used.collect();
    Some(report)
}

/// Changes on the disk that the daemon has not read yet.
fn judge_running(subject: &str, daemon: &Process, read: &Read) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(started) = daemon.started else {
        return findings;
    };
    let pid = daemon.pid;
    let problem = |text: String, remedy: String, path: &Path| {
        Finding::problem(Harm::NoFile, subject, text, remedy).about(path)
    };
    let restart = restart::command(pid, daemon.unit.as_deref(), Some(UNIT));
    if let Some(file) = restart::pending(daemon.started, read.directories.set_by.as_slice()) {
        let text = format!(
            "restart pending: process {pid} was started before {} changed, which sets hooks_dir",
            file.display()
        );
        findings.push(problem(text, restart.clone(), file));
    }
    let last_read = last_read(started, &read.directories.directories);
    for (file, program) in &read.ours {
        let directory = file.parent().unwrap_or(file);
        let made = fs::metadata(directory).and_then(|it| it.created());
        if made.is_ok_and(|made| made > started + START) {
            let text = format!(
                "restart pending: process {pid} was started before {} was created, and does not see its files",
                directory.display()
            );
            findings.push(problem(text, restart.clone(), directory));
            continue;
        }
        // With the shell, it does not matter whether the hook existed when CRI-O read the file.
        let program = program
            .as_deref()
            .filter(|it| changed(it) > Some(last_read));
        if let Some(program) = program {
            let text = format!(
                "{} changed after CRI-O read {}: if it was missing then, no container runs it yet",
                program.display(),
                file.display()
            );
            findings.push(problem(text, format!("touch {}", word(file)), file));
        }
    }
    findings
}

/// Whether the daemon may still run a hook whose program is gone: it may have last read its hooks before the
/// program was removed.
pub(super) fn can_still_have(daemon: &Process, directories: &[PathBuf], program: &Path) -> bool {
    let mut parents = program.ancestors().skip(1);
    let went = parents.find_map(changed);
    let started = daemon.started.unwrap_or(SystemTime::UNIX_EPOCH);
    went >= Some(last_read(started, directories))
}

/// The latest known time at which the daemon read its hooks.
fn last_read(started: SystemTime, directories: &[PathBuf]) -> SystemTime {
    let mut last = started;
    for directory in directories {
        let files = fs::read_dir(directory).into_iter().flatten().flatten();
        let files = files.map(|it| it.path());
        let changes = files.chain([directory.clone()]);
        last = changes
            .filter_map(|it| changed(&it))
            .fold(last, SystemTime::max);
    }
    last
}
