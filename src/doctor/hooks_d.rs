//! Podman and CRI-O: how their hooks.d loader reads their directories.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::doctor::crio;
use crate::doctor::owners;
use crate::doctor::register;
use crate::doctor::report::{Finding, Harm, Verdict};
use crate::doctor::summary::EngineReport;
use crate::engines::error::EngineError;
use crate::engines::hooks_d::directories::{self, ADMINISTRATORS, DEFAULT, Engine, HooksDirs};
use crate::engines::hooks_d::file::{self, FILE_NAME};
use crate::engines::hooks_d::loader::{self, Definition, Loaded};
use crate::engines::our_hook::{self, Containers, RegisteredHook};
use crate::engines::processes::Process;
use crate::error::on_one_line;

/// The remedy for a file in a place that users other than root can write to.
const INSTEAD: &str =
    "name a directory that only root can write in hooks_dir, and register the hook anew";

/// What the engine reads.
pub(super) struct Read {
    pub(super) directories: HooksDirs,
    /// The files that register the hook, each with the hook if the file names it directly.
    pub(super) ours: Vec<(PathBuf, Option<PathBuf>)>,
}

/// Checks one engine. `daemon`: CRI-O's, if it runs. The second value is `None` if it is not known what the engine
/// reads.
pub(super) fn examine(engine: Engine, daemon: Option<&Process>) -> (EngineReport, Option<Read>) {
    let (name, cli_name) = (engine.name(), engine.cli_name());
    let mut report = EngineReport {
        subject: name.to_owned(),
        register: Some(cli_name),
        ..EngineReport::default()
    };
    let directories = match directories::read(engine, Path::new("/")) {
        Ok(directories) => directories,
        Err(error) => {
            report.findings.push(judge_configuration(name, &error));
            return (report, None);
        }
    };
    for relative in &directories.relative {
        let text = format!(
            "hooks_dir names {relative:?}, a relative path, which {name} resolves from its working directory: doctor does not look there"
        );
        report.findings.push(Finding::note(name, text));
    }
    let files = match load(engine, &directories.directories) {
        Ok(files) => files,
        Err((directory, error)) => {
            let shown = directory.display();
            let text = format!("readdir {shown}: {error}");
            let remedy = format!("make {shown} a directory that can be read");
            let problem = Finding::problem(Harm::NothingStarts, name, text, remedy);
            report.findings.push(problem.about(directory));
            return (report, None);
        }
    };
    judge(
        &mut report,
        engine,
        daemon,
        &directories.directories,
        &files,
    );
    let ours = files.iter().filter(|(_, loaded)| is_ours(loaded));
    report
        .findings
        .extend(ours.filter_map(|(path, _)| owners::judge(name, path, INSTEAD)));
    let ours = files.into_iter().filter_map(|(path, loaded)| match loaded {
        Loaded::Used(it) if registers_us(&it) => {
            let is_program = our_hook::path_of(&it.hook) == Some(&it.program);
            Some((path, is_program.then_some(it.program)))
        }
        _ => None,
    });
    let ours = ours.collect();
    (report, Some(Read { directories, ours }))
}

/// A configuration that does not say which directories the engine reads.
fn judge_configuration(name: &str, error: &EngineError) -> Finding {
    let (harm, remedy) = match error {
        EngineError::NotToml { file, .. } => {
            (Harm::NothingStarts, format!("correct the syntax of {file}"))
        }
        EngineError::Unusable { what, .. } => (
            Harm::NoFile,
            format!("set hooks_dir in {what} to a list of absolute paths"),
        ),
        EngineError::UnknownVersion(program, _) => (
            Harm::NoFile,
            format!("install {program} such that {program} --version answers"),
        ),
        _ => (
            Harm::NoFile,
            "make that file or directory readable".to_owned(),
        ),
    };
    Finding::problem(harm, name, on_one_line(error), remedy)
}

/// Judges what the engine does with these files, which are in the order in which it reads them.
fn judge(
    report: &mut EngineReport,
    engine: Engine,
    daemon: Option<&Process>,
    directories: &[PathBuf],
    files: &[(PathBuf, Loaded)],
) {
    let (name, cli_name) = (engine.name(), engine.cli_name());
    let stops = match engine {
        Engine::Podman => "every podman run fails",
        Engine::CriO => "CRI-O does not start",
    };
    // A later directory's file replaces an earlier one's of the same name.
    let mut used: BTreeMap<&OsStr, (&Path, &Definition)> = BTreeMap::new();
    for (path, loaded) in files {
        let shown = path.display();
        let (harm, text, remedy) = match loaded {
            Loaded::Refused(reason) => {
                let remedy = format!("correct {shown} or move it away");
                let text = format!("{shown}: {reason}: {stops}");
                (Harm::NothingStarts, text, remedy)
            }
            Loaded::Dropped(definition) if registers_us(definition) => {
                let program = &definition.program;
                let kept = |it: &&Process| crio::can_still_have(it, directories, program);
                judge_missing(engine, daemon.filter(kept), path, program)
            }
            // Another program's file. It is harmless, and does not replace a file of the same name.
            Loaded::Ignored | Loaded::Dropped(_) => continue,
            Loaded::Used(definition) => {
                let key = path.file_name().unwrap_or_default();
                match used.insert(key, (path, definition)) {
                    Some((hidden, former)) if registers_us(former) && !registers_us(definition) => {
                        let text = format!(
                            "{} is hidden by {shown}, which has the same name and is read later",
                            hidden.display()
                        );
                        (Harm::NoFile, text, format!("rename {shown}"))
                    }
                    _ => continue,
                }
            }
        };
        let problem = Finding::problem(harm, name, text, remedy);
        report.findings.push(problem.about(path));
    }
    let is_known = !report.findings.iter().all(|it| it.verdict == Verdict::Note);
    for (path, definition) in used.into_values().filter(|(_, it)| registers_us(it)) {
        judge_ours(report, engine, path, definition);
    }
    if report.hooks.len() > 1 {
        let count = report.hooks.len();
        let text = format!("runs the hook {count} times for a container: once is enough");
        report.findings.push(Finding::note(name, text));
    }
    if report.hooks.is_empty() && !is_known {
        let read = directories.iter().map(|it| it.display().to_string());
        let read = read.collect::<Vec<_>>().join(", ");
        let note = Finding::note(name, format!("not registered in {read}"));
        let remedy = register::remedy(&register::command(cli_name, None));
        report.unregistered = register::unregistered(&remedy);
        report.findings.push(note.with_remedy(remedy));
    }
}

fn judge_ours(report: &mut EngineReport, engine: Engine, path: &Path, definition: &Definition) {
    let (name, shown) = (engine.name(), path.display());
    let containers = file::containers(&definition.when);
    let (stages, hook) = (&definition.stages, &definition.hook);
    let read = |stage: &String| RegisteredHook::read(Some(engine), stage, hook, containers);
    let hooks: Vec<RegisteredHook> = stages.iter().filter_map(read).collect();
    let trouble = hooks.iter().find_map(RegisteredHook::stage_trouble);
    let trouble = trouble.or_else(|| stages.is_empty().then(|| "names no stage".to_owned()));
    if let Some(trouble) = trouble {
        let remedy = register_as(engine, definition);
        let text = format!("{shown} {trouble}");
        let problem = Finding::problem(Harm::NoFile, name, text, remedy);
        report.findings.push(problem.about(path));
    } else {
        let whom = match containers {
            Some(Containers::All) => "for every container",
            Some(Containers::Asking) => "for containers with an oci-hostaliases.io/ annotation",
            None => "for containers that its own \"when\" chooses",
        };
        let program = our_hook::path_of(hook).unwrap_or(&definition.program);
        let (program, stages) = (program.display(), stages.join(", "));
        let text = format!("{shown} runs {program} at {stages}, {whom}");
        report.findings.push(Finding::ok(name, text).about(path));
    }
    report.hooks.extend(hooks);
}

/// A file for the hook whose program does not exist. `daemon`: CRI-O's, if it may still run the hook.
fn judge_missing(
    engine: Engine,
    daemon: Option<&Process>,
    file: &Path,
    program: &Path,
) -> (Harm, String, String) {
    let (name, cli_name) = (engine.name(), engine.cli_name());
    let (shown, program) = (file.display(), program.display());
    let missing = format!("{shown} names {program}, which does not exist");
    let Some(daemon) = daemon else {
        let text = format!("{missing}: {name} silently ignores the file");
        let remedy =
            format!("install {program}, or oci-hostaliases register {cli_name} --hook PATH");
        return (Harm::NoFile, text, remedy);
    };
    let text = format!(
        "{missing}: process {} may have read the file before: then no container that it applies to starts",
        daemon.pid
    );
    let remedy = format!("install {program}, or run oci-hostaliases unregister {cli_name}");
    (Harm::NothingStarts, text, remedy)
}

/// Adds files of `register` that no engine of this node reads.
pub(super) fn add_unread_files(engines: &mut [EngineReport]) {
    let ours = [Engine::CriO, Engine::Podman];
    let ours = ours.map(|engine| {
        (
            engine,
            engines.iter().position(|it| it.subject == engine.name()),
        )
    });
    let ours: Vec<_> = ours
        .iter()
        .filter_map(|(engine, at)| Some((*engine, (*at)?)))
        .collect();
    let Some((engine, at)) = ours.first().copied() else {
        return;
    };
    let read = ours
        .iter()
        .map(|(it, _)| directories::read(*it, Path::new("/")));
    let Ok(read) = read.collect::<Result<Vec<_>, _>>() else {
        // Already reported, and it is not known what is read.
        return;
    };
    let is_read = |it: &&Path| {
        read.iter()
            .any(|read| read.directories.iter().any(|at| at == it))
    };
    let works = engines
        .iter()
        .any(|it| it.is_running && !it.hooks.is_empty());
    let mut unread = vec![Path::new(DEFAULT), Path::new(ADMINISTRATORS)];
    unread.retain(|it| !is_read(it));
    for directory in unread {
        let path = directory.join(FILE_NAME);
        let (Loaded::Used(definition) | Loaded::Dropped(definition)) = loader::load(&path) else {
            continue;
        };
        if !registers_us(&definition) {
            continue;
        }
        let (name, shown) = (engine.name(), path.display());
        let text = format!("{shown} is in a directory that {name} does not read");
        let finding = if !works {
            let remedy = register_as(engine, &definition);
            Finding::problem(Harm::NoFile, name, text, remedy)
        } else if directory == Path::new(DEFAULT) {
            // The package's own.
            Finding::note(name, text)
        } else {
            Finding::note(name, text).with_remedy(format!("rm {shown}"))
        };
        let findings = engines.get_mut(at).map(|it| &mut it.findings);
        findings
            .into_iter()
            .for_each(|it| it.push(finding.clone().about(&path)));
    }
}

/// The command that registers the hook again for the same containers.
fn register_as(engine: Engine, definition: &Definition) -> String {
    let all = file::containers(&definition.when) == Some(Containers::All);
    let all = if all { " --all" } else { "" };
    let hook = our_hook::path_of(&definition.hook).unwrap_or(&definition.program);
    register::command(&format!("{}{all}", engine.cli_name()), Some(hook))
}

/// Every `*.json` of the directories, as the loader reads them.
fn load(
    engine: Engine,
    directories: &[PathBuf],
) -> Result<Vec<(PathBuf, Loaded)>, (PathBuf, io::Error)> {
    let mut files = Vec::new();
    for directory in directories {
        let paths = fs::read_dir(directory)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        let mut paths: Vec<PathBuf> = match paths {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            // CRI-O skips it.
            Err(error)
                if error.kind() == io::ErrorKind::NotADirectory && engine == Engine::CriO =>
            {
                continue;
            }
            paths => paths.map_err(|error| (directory.clone(), error))?,
        };
        paths.retain(|path| path.to_string_lossy().ends_with(".json"));
        paths.sort();
        files.extend(paths.into_iter().map(|path| {
            let loaded = loader::load(&path);
            (path, loaded)
        }));
    }
    Ok(files)
}

fn is_ours(loaded: &Loaded) -> bool {
    matches!(loaded, Loaded::Used(it) | Loaded::Dropped(it) if registers_us(it))
}

fn registers_us(definition: &Definition) -> bool {
    our_hook::is_ours(&definition.hook)
}
