//! Podman and CRI-O: what their hooks.d loader makes of the directories that they read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::doctor::owners;
use crate::doctor::report::{EngineReport, Finding, Harm, register};
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
            report.findings.push(Finding::problem(
                Harm::NoFile,
                name,
                on_one_line(&error),
                "correct hooks_dir in that file",
            ));
            return report;
        }
    };
    let files = match load(&directories) {
        Ok(files) => files,
        Err((directory, error)) => {
            let (text, remedy) = (
                format!("readdir {}: {error}", directory.display()),
                format!("make {} a directory that can be read", directory.display()),
            );
            let problem = Finding::problem(Harm::NothingStarts, name, text, remedy);
            report.findings.push(problem.about(directory));
            return report;
        }
    };
    let (findings, hooks) = judge(engine, &directories, &files);
    report.findings = findings;
    for path in files
        .iter()
        .filter(|file| is_ours(&file.loaded))
        .map(|file| &file.path)
    {
        report.findings.extend(owners::judge(name, path));
    }
    report.hooks = hooks;
    report
}

/// A `*.json` of a hooks.d directory.
#[derive(Debug, Clone)]
struct HooksDFile {
    /// Where it is.
    path: PathBuf,
    /// What the loader does with it.
    loaded: Loaded,
}

/// What the engine does with these files, which are in the order in which it reads them.
fn judge(
    engine: Engine,
    directories: &[PathBuf],
    files: &[HooksDFile],
) -> (Vec<Finding>, Vec<RegisteredHook>) {
    let (name, cli_name) = (engine.name(), engine.cli_name());
    let stops = match engine {
        Engine::Podman => "no podman run works",
        Engine::CriO => "CRI-O does not start",
    };
    let mut findings = Vec::new();
    // A later directory's file replaces an earlier one's of the same name.
    let mut used: BTreeMap<String, (&Path, &Definition)> = BTreeMap::new();
    let mut is_tried = false;
    for file in files {
        let shown = file.path.display();
        match &file.loaded {
            Loaded::Ignored => {}
            Loaded::Refused(reason) => {
                is_tried = true;
                let remedy = format!("correct {shown} or move it away");
                let text = format!("{shown}: {reason}: {stops}");
                let problem = Finding::problem(Harm::NothingStarts, name, text, remedy);
                findings.push(problem.about(&file.path));
            }
            Loaded::Dropped(definition) if registers_us(definition) => {
                is_tried = true;
                let program = definition.program.display();
                let text = format!(
                    "{shown} names {program}, which is not there: {name} ignores the file without a word"
                );
                let remedy = format!(
                    "install {program}, or oci-hostaliases register {cli_name} --hook PATH"
                );
                let problem = Finding::problem(Harm::NoFile, name, text, remedy);
                findings.push(problem.about(&file.path));
            }
            // Another program's, and harmless; it does not replace a file of the same name.
            Loaded::Dropped(_) => {}
            Loaded::Used(definition) => {
                let key = file.path.file_name().unwrap_or_default();
                let former =
                    used.insert(key.to_string_lossy().into_owned(), (&file.path, definition));
                let hides =
                    former.filter(|(_, former)| registers_us(former) && !registers_us(definition));
                if let Some((hidden, _)) = hides {
                    is_tried = true;
                    let text = format!(
                        "{} is hidden by {shown}, which has the same name and is read later",
                        hidden.display()
                    );
                    let remedy = format!("rename {shown}");
                    let problem = Finding::problem(Harm::NoFile, name, text, remedy);
                    findings.push(problem.about(&file.path));
                }
            }
        }
    }
    let mut hooks = Vec::new();
    for (path, definition) in used.into_values().filter(|(_, it)| registers_us(it)) {
        is_tried = true;
        let (found, hook) = judge_ours(engine, path, definition);
        findings.extend(found);
        hooks.extend(hook);
    }
    if hooks.len() > 1 {
        let text = format!(
            "runs the hook {} times for a container: once is enough",
            hooks.len()
        );
        findings.push(Finding::note(name, text));
    }
    if !is_tried {
        let read: Vec<String> = directories
            .iter()
            .map(|it| it.display().to_string())
            .collect();
        let text = format!("not registered in {}", read.join(", "));
        let remedy = format!("oci-hostaliases register {cli_name}");
        findings.push(Finding::note(name, text).with_remedy(remedy));
    }
    (findings, hooks)
}

fn judge_ours(
    engine: Engine,
    path: &Path,
    definition: &Definition,
) -> (Vec<Finding>, Vec<RegisteredHook>) {
    let (name, shown) = (engine.name(), path.display());
    let containers = file::containers(&definition.when);
    let (mut findings, mut hooks) = (Vec::new(), Vec::new());
    let stages = &definition.stages;
    for stage in stages {
        hooks.extend(RegisteredHook::read(
            Some(engine),
            stage,
            &definition.hook,
            containers,
        ));
    }
    let trouble = hooks.iter().find_map(RegisteredHook::stage_trouble);
    let trouble = trouble.or_else(|| stages.is_empty().then(|| "names no stage".to_owned()));
    if let Some(trouble) = trouble {
        let all = match containers {
            Some(Containers::All) => " --all",
            _ => "",
        };
        let engine = format!("{}{all}", engine.cli_name());
        let remedy = register(&engine, &definition.program);
        let text = format!("{shown} {trouble}");
        findings.push(Finding::problem(Harm::NoFile, name, text, remedy).about(path));
    } else {
        let whom = match containers {
            Some(Containers::All) => "for every container",
            Some(Containers::Asking) => {
                "for containers that carry an oci-hostaliases.io/ annotation"
            }
            None => "for containers that its own \"when\" chooses",
        };
        let (program, stages) = (definition.program.display(), stages.join(", "));
        let text = format!("{shown} runs {program} at {stages}, {whom}");
        findings.push(Finding::ok(name, text).about(path));
    }
    (findings, hooks)
}

/// Files of `register` where no engine of this node looks.
pub(super) fn unread_directories() -> Vec<Finding> {
    let engines: Vec<Engine> = [Engine::CriO, Engine::Podman]
        .into_iter()
        .filter(|engine| is_here(*engine))
        .collect();
    let mut read = Vec::new();
    for engine in &engines {
        match directories::all(*engine, Path::new("/")) {
            Ok(mut directories) => read.append(&mut directories),
            // Said already, and what is read is not known.
            Err(_) => return Vec::new(),
        }
    }
    let mut findings = Vec::new();
    for directory in [DEFAULT, ADMINISTRATORS].map(Path::new) {
        let path = directory.join(FILE_NAME);
        let Some(engine) = engines.first() else {
            continue;
        };
        if read.iter().any(|known| known == directory) || !is_ours(&loader::load(&path)) {
            continue;
        }
        let shown = path.display();
        let text = format!(
            "{shown} is in a directory that {} does not read",
            engine.name()
        );
        let place = directories::find(*engine, Path::new("/")).unwrap_or_else(|_| DEFAULT.into());
        let elsewhere = read
            .iter()
            .any(|it| is_ours(&loader::load(&it.join(FILE_NAME))));
        findings.push(if elsewhere {
            let note = Finding::note(engine.name(), text).about(&path);
            note.with_remedy(format!("rm {shown}"))
        } else {
            let place = place.display();
            let remedy = format!("mkdir -p {place} && mv {shown} {place}/");
            Finding::problem(Harm::NoFile, engine.name(), text, remedy).about(&path)
        });
    }
    findings
}

/// Every `*.json` of the directories, as the loader reads them.
fn load(directories: &[PathBuf]) -> Result<Vec<HooksDFile>, (PathBuf, io::Error)> {
    let mut files = Vec::new();
    for directory in directories {
        let failed = |error| (directory.clone(), error);
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path.to_string_lossy().ends_with(".json") {
                paths.push(path);
            }
        }
        paths.sort();
        files.extend(paths.into_iter().map(|path| HooksDFile {
            loaded: loader::load(&path),
            path,
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
