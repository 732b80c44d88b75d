//! containerd: which of its runtime handlers run the hook, and whether the daemon knows it yet.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::doctor::containerd_handler::{Config, FILE_MAX, hooks_in, judge_handler, load};
use crate::doctor::owners;
use crate::doctor::report::{EngineReport, Finding, Harm, UsedRuntime};
use crate::engines::bounded_run::find_program;
use crate::engines::containerd::CONFIG_PATH;
use crate::engines::containerd::daemons::{self, Daemon};
use crate::engines::containerd::dump;
use crate::engines::containerd::imports::Imports;
use crate::engines::containerd::tables::{self, Cri};
use crate::engines::error::{Conflict, EngineError};
use crate::engines::our_hook::RegisteredHook;
use crate::engines::processes::PROC;
use crate::error::on_one_line;
use crate::files::admin_file;

const ENGINE: &str = "containerd";
/// The daemon reads its files a moment after its process is there, and the kernel counts that
/// moment in hundredths of a second only.
const SLACK: Duration = Duration::from_millis(50);

/// Looks at each configuration that a containerd of this node reads.
pub(super) fn examine() -> EngineReport {
    let mut daemons = daemons::running(Path::new(PROC));
    daemons.retain(|daemon| !daemon.is_in_container);
    let mut configs: BTreeSet<PathBuf> = daemons.iter().map(|it| it.config.clone()).collect();
    let is_here = find_program(ENGINE).is_some();
    if Path::new(CONFIG_PATH).exists() || (configs.is_empty() && is_here) {
        configs.insert(CONFIG_PATH.into());
    }
    let mut report = EngineReport::default();
    for config in configs {
        let of_config = daemons.iter().filter(|daemon| daemon.reads(&config));
        let of_config: Vec<&Daemon> = of_config.collect();
        examine_config(&mut report, &config, &of_config);
    }
    report
}

fn examine_config(report: &mut EngineReport, path: &Path, daemons: &[&Daemon]) {
    let subject = if path == Path::new(CONFIG_PATH) {
        ENGINE.to_owned()
    } else {
        format!("{ENGINE} ({})", path.display())
    };
    let text = match admin_file::read(path, FILE_MAX) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.is_missing_file() => Ok(String::new()),
        Err(error) => Err(on_one_line(&error)),
    };
    let config = &Config::of(&subject, path, text.as_deref().unwrap_or_default());
    let own = text.and_then(|text| {
        let table = text.parse::<toml::Table>();
        table.map_err(|error| format!("{}: {}", path.display(), error.message()))
    });
    // Without a file containerd has its defaults, in which there is no hook.
    let dump = || {
        let program = dump::program(daemons.first().copied())?;
        match dump::dump(&program, path) {
            Err(EngineError::Call { .. }) => None,
            Err(EngineError::RefusedByContainerd(words)) => Some(Err(words)),
            dumped => Some(dumped.map_err(|error| on_one_line(&error))),
        }
    };
    let dumped = path.exists().then(dump).flatten().transpose();
    let (own, seen) = match own.and_then(|own| Ok((own, dumped?))) {
        Ok(read) => read,
        Err(reason) => {
            report.engine = Some(ENGINE);
            let text = format!("does not start: {reason}");
            let remedy = format!(
                "correct {} ({ENGINE} config dump says whether it is read)",
                path.display()
            );
            let problem = Finding::problem(Harm::NothingStarts, &subject, text, remedy);
            report.findings.push(problem.about(path));
            return;
        }
    };
    let effective = tables::read(seen.as_ref().unwrap_or(&own));
    if effective.is_disabled {
        let text = format!("no Pods: its CRI plugin is disabled in {}", path.display());
        report
            .findings
            .push(Finding::note(&subject, text).about(path));
        return;
    }
    report.engine = Some(ENGINE);
    let patterns = tables::strings(own.get("imports"));
    let imports = Imports::read(path, patterns);
    let asked = seen.is_some().then_some(&effective);
    let mut lost = judge_merge(config, &own, asked, imports.as_ref());
    let mut specs = BTreeSet::new();
    let mut hooks = Vec::new();
    for handler in &effective.handlers {
        let spec = handler.base_spec.as_deref();
        let spec = spec.map(|spec| (spec, load(spec)));
        let spec = spec.as_ref().map(|(at, spec)| (*at, spec));
        let (mut findings, hook) = judge_handler(config, handler, spec);
        if let (Some(hook), Some((spec, _))) = (&hook, spec) {
            if specs.insert(spec.to_owned()) {
                findings.extend(owners::judge(&subject, spec));
            }
            hooks.push(hook.clone());
        }
        report.findings.append(&mut findings);
        report.runtimes.push(UsedRuntime {
            handler: handler.name.clone(),
            runtime_type: handler.runtime_type.clone(),
            binary: handler.binary.clone(),
            stage: hook.map(|hook| hook.stage),
        });
    }
    report.findings.append(&mut lost);
    if hooks.is_empty() {
        if report.findings.iter().all(|it| it.subject != subject) {
            let note = Finding::note(&subject, "not registered").about(path);
            let remedy = config.register(None, None);
            report.findings.push(note.with_remedy(remedy));
        }
        return;
    }
    let is_default = |runtime: &&UsedRuntime| runtime.handler == effective.default_handler;
    let default = report.runtimes.iter().find(is_default);
    if default.is_none_or(|it| it.stage.is_none()) {
        let text = format!(
            "runtime {}, which containers get that ask for none, does not run the hook",
            effective.default_handler
        );
        let hook = hooks
            .first()
            .map(|hook: &RegisteredHook| hook.path.as_path());
        let remedy = config.register(Some(&effective.default_handler), hook);
        let note = Finding::note(&subject, text).about(path);
        report.findings.push(note.with_remedy(remedy));
    }
    let mut files = vec![path.to_owned()];
    files.extend(imports.iter().flat_map(Imports::paths).map(Path::to_owned));
    files.extend(specs);
    report
        .findings
        .push(judge_restart(&subject, daemons, &files));
    report.hooks.append(&mut hooks);
}

/// Whether the registration in the file itself counts after containerd has merged what it imports.
/// `effective` is what containerd says; `None` when it could not be asked.
fn judge_merge(
    config: &Config<'_>,
    own: &toml::Table,
    effective: Option<&Cri>,
    imports: Result<&Imports<'_>, &EngineError>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for handler in tables::read(own).handlers {
        let Some(spec) = handler
            .base_spec
            .as_deref()
            .filter(|path| config.is_ours(path))
        else {
            continue;
        };
        let name = &handler.name;
        let registered = load(spec).map(|spec| hooks_in(&spec)).unwrap_or_default();
        let hook = registered.first().map(|hook| hook.path.as_path());
        let hidden = imports.ok().and_then(|imports| {
            let dialect = tables::dialect(own);
            imports
                .check_not_overridden(dialect, std::slice::from_ref(name), false)
                .err()
        });
        let counts = match effective {
            Some(cri) => cri
                .handlers
                .iter()
                .any(|it| &it.name == name && it.base_spec.as_deref() == Some(spec)),
            None => hidden.is_none(),
        };
        if counts {
            continue;
        }
        let remedy = match &hidden {
            Some(EngineError::Import {
                import,
                conflict: Conflict::Replaces(_) | Conflict::Overrides { .. },
                ..
            }) => {
                let imported = admin_file::read(import, FILE_MAX).unwrap_or_default();
                let imported = String::from_utf8_lossy(&imported);
                let handlers = tables::read(&imported.parse().unwrap_or_default()).handlers;
                if handlers.iter().any(|it| &it.name == name) {
                    Config::of(config.subject, import, &imported).register(Some(name), hook)
                } else {
                    let (from, to) = (import.display(), config.path.display());
                    format!("move the tables of {from} to {to}")
                }
            }
            _ => format!(
                "compare {} with containerd config dump",
                config.path.display()
            ),
        };
        let text = hidden.map_or_else(
            || {
                format!(
                    "runtime {name}: base_runtime_spec in {} is not what containerd reads",
                    config.path.display()
                )
            },
            |error| error.to_string(),
        );
        findings
            .push(Finding::problem(Harm::NoFile, config.subject, text, remedy).about(config.path));
    }
    if let (Err(error), None) = (imports, effective) {
        findings.push(Finding::note(config.subject, on_one_line(error)).about(config.path));
    }
    findings
}

fn judge_restart(subject: &str, daemons: &[&Daemon], files: &[PathBuf]) -> Finding {
    if daemons.is_empty() {
        return Finding::note(subject, "not running");
    }
    let changed = |path| Some((fs::metadata(path).ok()?.modified().ok()?, path));
    let newest = files.iter().filter_map(changed).max();
    let older = newest.and_then(|(changed, path): (SystemTime, &PathBuf)| {
        let is_older = |daemon: &&&Daemon| daemon.started.is_some_and(|at| at + SLACK < changed);
        daemons.iter().find(is_older).map(|daemon| (path, daemon))
    });
    let Some((path, daemon)) = older else {
        return Finding::ok(subject, "running since after its configuration changed");
    };
    let (pid, changed) = (daemon.pid, path.display());
    Finding::problem(
        Harm::NoFile,
        subject,
        format!("restart pending: process {pid} was started before {changed} changed"),
        match &daemon.unit {
            Some(unit) => format!("systemctl restart {unit}"),
            None if daemon.config == Path::new(CONFIG_PATH) => {
                "systemctl restart containerd".to_owned()
            }
            None => format!("restart process {pid}"),
        },
    )
    .about(path)
}
