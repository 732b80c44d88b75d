//! containerd: which of its runtime handlers run the hook, and whether the daemon knows it yet.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::doctor::Asked;
use crate::doctor::containerd_handler::{Config, FILE_MAX, hooks_in, judge_handler, load};
use crate::doctor::nri_config;
use crate::doctor::owners;
use crate::doctor::register;
use crate::doctor::report::{Finding, Harm, Verdict};
use crate::doctor::restart;
use crate::doctor::runtimes::{Kind, UsedRuntime};
use crate::doctor::summary::EngineReport;
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
/// The remedy for a base spec in a place that users other than root can write to.
const INSTEAD: &str = "run oci-hostaliases unregister containerd, then register it with --base-spec where only root can write";

/// Looks at each configuration that a containerd of this node reads.
pub(super) fn examine() -> Vec<EngineReport> {
    let mut daemons = daemons::running(Path::new(PROC));
    daemons.retain(|daemon| !daemon.is_in_container);
    let mut configs: BTreeSet<PathBuf> = daemons.iter().map(|it| it.config.clone()).collect();
    let is_here = find_program(ENGINE).is_some();
    if Path::new(CONFIG_PATH).exists() || (configs.is_empty() && is_here) {
        configs.insert(CONFIG_PATH.into());
    }
    let is_usual = |daemon: &Daemon| daemon.reads(Path::new(CONFIG_PATH));
    let is_usual = daemons.len() < 2 && daemons.iter().all(is_usual);
    let examine = |config: PathBuf| {
        let of_config = daemons.iter().filter(|daemon| daemon.reads(&config));
        let of_config: Vec<&Daemon> = of_config.collect();
        let is_named = !is_usual || config != Path::new(CONFIG_PATH);
        examine_config(&config, &of_config, is_named)
    };
    configs.into_iter().map(examine).collect()
}

/// `is_named`: whether `register` needs `--config` to choose this file.
fn examine_config(path: &Path, daemons: &[&Daemon], is_named: bool) -> EngineReport {
    let subject = if path == Path::new(CONFIG_PATH) {
        ENGINE.to_owned()
    } else {
        format!("{ENGINE} ({})", path.display())
    };
    let text = match admin_file::read(path, FILE_MAX) {
        Ok(bytes) => Ok(lossy(bytes)),
        Err(error) if error.is_missing_file() => Ok(String::new()),
        Err(error) => Err(on_one_line(&error)),
    };
    let mut report = EngineReport {
        subject: subject.clone(),
        register: Some(ENGINE),
        is_running: !daemons.is_empty(),
        ..EngineReport::default()
    };
    let own = text.clone().and_then(|text| {
        let table = text.parse::<toml::Table>();
        table.map_err(|error| format!("{}: {}", path.display(), error.message()))
    });
    // Without a file, containerd uses its defaults, which have no hook.
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
            let text = format!("does not start: {reason}");
            let shown = path.display();
            let remedy =
                format!("correct {shown} ({ENGINE} --config {shown} config dump checks it)");
            let problem = Finding::problem(Harm::NothingStarts, &subject, text, remedy);
            report.findings.push(problem.about(path));
            return report;
        }
    };
    report.nri = Some(nri_config::of_containerd(
        path,
        seen.as_ref().unwrap_or(&own),
    ));
    let effective = tables::read(seen.as_ref().unwrap_or(&own));
    if effective.is_disabled {
        let shown = path.display();
        let text = format!("starts no Pods: its CRI plugin is disabled in {shown}");
        report
            .findings
            .push(Finding::note(&subject, text).about(path));
        // It is Docker's containerd: no Pod starts through it.
        (report.is_running, report.register) = (false, None);
        report.unregistered =
            format!("it starts no Pods: remove cri from disabled_plugins in {shown}");
        return report;
    }
    let patterns = tables::strings(own.get("imports"));
    let imports = Imports::read(path, patterns);
    let imported = imports.iter().flat_map(Imports::paths);
    let imported = imported.filter_map(|path| admin_file::read(path, FILE_MAX).ok());
    let texts = text.into_iter().chain(imported.map(lossy));
    let config = &Config::of(&subject, path, texts, is_named);
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
                findings.extend(owners::judge(&subject, spec, INSTEAD));
            }
            hooks.push(hook.clone());
        }
        report.findings.append(&mut findings);
        report.runtimes.push(UsedRuntime {
            engine: Asked::Containerd,
            handler: handler.name.clone(),
            runtime_type: handler.runtime_type.clone(),
            binary: handler.binary.clone(),
            stage: hook.map(|hook| hook.stage),
            is_default: handler.name == effective.default_handler,
        });
    }
    report.findings.append(&mut lost);
    let mut files = vec![path.to_owned()];
    files.extend(imports.iter().flat_map(Imports::paths).map(Path::to_owned));
    files.extend(specs);
    if hooks.is_empty() {
        if report.findings.is_empty() {
            let note = Finding::note(&subject, "not registered").about(path);
            let remedy = register::remedy(&config.register(None, None));
            report.unregistered = register::unregistered(&remedy);
            report.findings.push(note.with_remedy(remedy));
        }
        // The removal of a drop-in changes only its directory.
        files.extend(imports.iter().flat_map(Imports::directories));
        let pending = judge_restart(&subject, daemons, &files);
        let pending = pending.filter(|it| it.verdict != Verdict::Ok);
        report.findings.extend(pending.map(|pending| Finding {
            verdict: Verdict::Note,
            text: pending.text + ", and still runs the hook that it read then",
            ..pending
        }));
        return report;
    }
    report.findings.extend(judge_unregistered(
        config,
        &effective,
        &report.runtimes,
        &hooks,
    ));
    report
        .findings
        .extend(judge_restart(&subject, daemons, &files));
    if daemons.is_empty() {
        report.findings.push(Finding::note(&subject, "not running"));
    }
    report.hooks.append(&mut hooks);
    report
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The runtimes that do not run the hook.
fn judge_unregistered(
    config: &Config<'_>,
    effective: &Cri,
    runtimes: &[UsedRuntime],
    hooks: &[RegisteredHook],
) -> Vec<Finding> {
    let hook = hooks.first().map(|hook| hook.path.as_path());
    let mut findings = Vec::new();
    let is_there = runtimes.iter().any(|it| it.is_default);
    let default = (!is_there).then_some((&effective.default_handler, true, Kind::Unknown));
    let without = runtimes.iter().filter(|it| it.stage.is_none());
    let without = without.map(|it| (&it.handler, it.is_default, it.kind()));
    for (name, is_default, kind) in without.chain(default) {
        let whose = if is_default { ", the default," } else { "" };
        let text = format!("runtime {name}{whose} does not run the hook");
        let note = Finding::note(config.subject, text).about(config.path);
        findings.push(if kind == Kind::Kata {
            // It could not.
            note
        } else {
            note.with_remedy(config.register(Some(name), hook))
        });
    }
    findings
}

/// Whether the registration in the file itself takes effect after containerd has merged the imported files.
/// `effective` is what containerd reports; `None` if it could not be asked.
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
                let imported = lossy(admin_file::read(import, FILE_MAX).unwrap_or_default());
                let handlers = tables::read(&imported.parse().unwrap_or_default()).handlers;
                if handlers.iter().any(|it| &it.name == name) {
                    let texts = std::iter::once(imported);
                    Config::of(config.subject, import, texts, true).register(Some(name), hook)
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
                    "runtime {name}: containerd does not use base_runtime_spec of {}",
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

/// `None` if no daemon runs.
fn judge_restart(subject: &str, daemons: &[&Daemon], files: &[PathBuf]) -> Option<Finding> {
    daemons.first()?;
    let Some((daemon, path)) = daemons
        .iter()
        .find_map(|it| Some((it, restart::pending(it.started, files)?)))
    else {
        let text = "started after its configuration last changed";
        return Some(Finding::ok(subject, text));
    };
    let usual = (daemon.config == Path::new(CONFIG_PATH)).then_some(ENGINE);
    let remedy = restart::command(daemon.pid, daemon.unit.as_deref(), usual);
    let text = format!(
        "restart pending: process {} was started before {} changed",
        daemon.pid,
        path.display()
    );
    Some(Finding::problem(Harm::NoFile, subject, text, remedy).about(path))
}
