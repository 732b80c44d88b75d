//! Podman and CRI-O: what their hooks.d loader makes of the directories that they read.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::doctor::owners;
use crate::doctor::report::{EngineReport, Finding, Harm, register, word};
use crate::engines::bounded_run::find_program;
use crate::engines::hooks_d::directories::{self, ADMINISTRATORS, DEFAULT, Engine};
use crate::engines::hooks_d::file::{self, FILE_NAME};
use crate::engines::hooks_d::loader::{self, Definition, Loaded};
use crate::engines::our_hook::{self, Containers, RegisteredHook};
use crate::error::on_one_line;

/// Looks at one engine.
pub(super) fn examine(engine: Engine) -> EngineReport {
    let mut report = EngineReport::default();
    if !is_here(engine) {
        return report;
    }
    report.engine = Some(engine.cli_name());
    let name = engine.name();
    let directories = match directories::all(engine, Path::new("/")) {
        Ok(directories) => directories,
        Err(error) => {
            let (text, remedy) = (on_one_line(&error), "correct hooks_dir in that file");
            report
                .findings
                .push(Finding::problem(Harm::NoFile, name, text, remedy));
            return report;
        }
    };
    let files = match load(&directories) {
        Ok(files) => files,
        Err((directory, error)) => {
            let shown = directory.display();
            let text = format!("readdir {shown}: {error}");
            let remedy = format!("make {shown} a directory that can be read");
            let problem = Finding::problem(Harm::NothingStarts, name, text, remedy);
            report.findings.push(problem.about(directory));
            return report;
        }
    };
    judge(&mut report, engine, &directories, &files);
    let ours = files.iter().filter(|(_, loaded)| is_ours(loaded));
    report
        .findings
        .extend(ours.filter_map(|(path, _)| owners::judge(name, path)));
    report
}

/// What the engine does with these files, which are in the order in which it reads them.
fn judge(
    report: &mut EngineReport,
    engine: Engine,
    directories: &[PathBuf],
    files: &[(PathBuf, Loaded)],
) {
    let (name, cli_name) = (engine.name(), engine.cli_name());
    let stops = match engine {
        Engine::Podman => "no podman run works",
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
                let program = definition.program.display();
                let text = format!(
                    "{shown} names {program}, which is not there: {name} ignores the file without a word"
                );
                let remedy = format!(
                    "install {program}, or oci-hostaliases register {cli_name} --hook PATH"
                );
                (Harm::NoFile, text, remedy)
            }
            // Another program's, and harmless; it does not replace a file of the same name.
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
    for (path, definition) in used.into_values().filter(|(_, it)| registers_us(it)) {
        judge_ours(report, engine, path, definition);
    }
    if report.hooks.len() > 1 {
        let count = report.hooks.len();
        let text = format!("runs the hook {count} times for a container: once is enough");
        report.findings.push(Finding::note(name, text));
    }
    if report.findings.is_empty() {
        let read = directories.iter().map(|it| it.display().to_string());
        let read = read.collect::<Vec<_>>().join(", ");
        let note = Finding::note(name, format!("not registered in {read}"));
        let remedy = format!("oci-hostaliases register {cli_name}");
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
        let all = (containers == Some(Containers::All)).then_some(" --all");
        let engine = engine.cli_name().to_owned() + all.unwrap_or_default();
        let remedy = register(
            &engine,
            our_hook::path_of(hook).unwrap_or(&definition.program),
        );
        let text = format!("{shown} {trouble}");
        let problem = Finding::problem(Harm::NoFile, name, text, remedy);
        report.findings.push(problem.about(path));
    } else {
        let whom = match containers {
            Some(Containers::All) => "for every container",
            Some(Containers::Asking) => {
                "for containers that carry an oci-hostaliases.io/ annotation"
            }
            None => "for containers that its own \"when\" chooses",
        };
        let program = our_hook::path_of(hook).unwrap_or(&definition.program);
        let (program, stages) = (program.display(), stages.join(", "));
        let text = format!("{shown} runs {program} at {stages}, {whom}");
        report.findings.push(Finding::ok(name, text).about(path));
    }
    report.hooks.extend(hooks);
}

/// Files of `register` where no engine of this node looks.
pub(super) fn unread_directories() -> Vec<Finding> {
    let mut engines = vec![Engine::CriO, Engine::Podman];
    engines.retain(|engine| is_here(*engine));
    let Some(engine) = engines.first() else {
        return Vec::new();
    };
    let read = engines
        .iter()
        .map(|it| directories::all(*it, Path::new("/")));
    let Ok(read) = read.collect::<Result<Vec<_>, _>>() else {
        // Said already, and what is read is not known.
        return Vec::new();
    };
    let read = read.concat();
    let has_ours = |directory: &Path| is_ours(&loader::load(&directory.join(FILE_NAME)));
    let mut unread = vec![Path::new(DEFAULT), Path::new(ADMINISTRATORS)];
    unread.retain(|it| !read.iter().any(|known| known == it) && has_ours(it));
    let judge = |directory: &Path| {
        let (name, path) = (engine.name(), directory.join(FILE_NAME));
        let shown = path.display();
        let text = format!("{shown} is in a directory that {name} does not read");
        if read.iter().any(|it| has_ours(it)) {
            let note = Finding::note(name, text).about(&path);
            return note.with_remedy(format!("rm {shown}"));
        }
        let place = directories::find(*engine, Path::new("/")).unwrap_or_else(|_| DEFAULT.into());
        let place = word(&place);
        let remedy = format!("mkdir -p {place} && mv {shown} {place}/");
        Finding::problem(Harm::NoFile, name, text, remedy).about(&path)
    };
    unread.into_iter().map(judge).collect()
}

/// Every `*.json` of the directories, as the loader reads them.
fn load(directories: &[PathBuf]) -> Result<Vec<(PathBuf, Loaded)>, (PathBuf, io::Error)> {
    let mut files = Vec::new();
    for directory in directories {
        let paths = fs::read_dir(directory)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        let mut paths: Vec<PathBuf> = match paths {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
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

/// containers.conf is no sign of Podman: CRI-O and others have it as well.
fn is_here(engine: Engine) -> bool {
    match engine {
        Engine::Podman => find_program("podman").is_some(),
        Engine::CriO => find_program("crio").is_some() || Path::new("/etc/crio").is_dir(),
    }
}
