//! containerd: which of its runtime handlers run the hook, and whether the daemon knows it yet.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::doctor::containerd_daemon::{self, Daemon};
use crate::doctor::containerd_tables::{self, Cri, Handler};
use crate::doctor::registered_hook::{RegisteredHook, RunFor};
use crate::doctor::runtimes::UsedRuntime;
use crate::doctor::{EngineReport, Finding, Harm, find_program, go_path_match, owners};
use crate::error::on_one_line;
use crate::facts::annotations::{DOMAIN, HOST_ALIASES, MANAGE, POD_IPS};
use crate::registration::base_spec::{self, BASE_SPEC_PATH};
use crate::registration::containerd::CONFIG_PATH;
use crate::registration::containerd_imports::{ImportError, Imports};

const ENGINE: &str = "containerd";
/// What `ctr oci spec` prints: a base spec with this limit lowers that of every container.
const NOFILE_TRAP: u64 = 1024;

/// Looks at each configuration that a containerd of this node reads.
#[must_use]
pub fn examine() -> EngineReport {
    let daemons = containerd_daemon::running();
    let mut configs: BTreeSet<PathBuf> = daemons.iter().map(|it| it.config.clone()).collect();
    let is_here = find_program(ENGINE).is_some();
    if Path::new(CONFIG_PATH).exists() || (configs.is_empty() && is_here) {
        configs.insert(CONFIG_PATH.into());
    }
    let mut report = EngineReport::default();
    for config in configs {
        let mut of_config: Vec<&Daemon> = Vec::new();
        of_config.extend(daemons.iter().filter(|daemon| daemon.config == config));
        examine_config(&mut report, &config, &of_config);
    }
    report
}

/// A base spec as it is on the disk.
#[derive(Debug)]
pub enum Spec {
    /// It cannot be read.
    Unreadable(io::Error),
    /// It is not JSON.
    Malformed(serde_json::Error),
    /// What it says.
    Read(Value),
}

impl Spec {
    fn load(path: &Path) -> Self {
        match fs::read(path) {
            Err(error) => Self::Unreadable(error),
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Err(error) => Self::Malformed(error),
                Ok(value) => Self::Read(value),
            },
        }
    }
}

fn examine_config(report: &mut EngineReport, config: &Path, daemons: &[&Daemon]) {
    let subject = if config == Path::new(CONFIG_PATH) {
        ENGINE.to_owned()
    } else {
        format!("{ENGINE} ({})", config.display())
    };
    let own = match fs::read_to_string(config) {
        Ok(text) => text
            .parse::<toml::Table>()
            .map_err(|error| error.message().replace('\n', ", ")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(toml::Table::new()),
        Err(error) => Err(error.to_string()),
    };
    let dumped = containerd_daemon::dump(daemons.first().copied(), config);
    let (own, seen) = match (own, dumped) {
        (Err(reason), _) | (Ok(_), Some(Err(reason))) => {
            report.engine = Some(ENGINE);
            report.findings.push(Finding::problem(
                Harm::NothingStarts,
                &subject,
                format!("does not start: {}: {reason}", config.display()),
                format!(
                    "correct {} ({ENGINE} config dump says whether it is read)",
                    config.display()
                ),
            ));
            return;
        }
        (Ok(own), Some(Ok(dumped))) => (own, Some(dumped)),
        (Ok(own), None) => (own, None),
    };
    let effective = containerd_tables::read(seen.as_ref().unwrap_or(&own));
    if effective.is_disabled {
        report.findings.push(Finding::note(
            &subject,
            format!(
                "no Pods: its CRI plugin is disabled in {}",
                config.display()
            ),
        ));
        return;
    }
    report.engine = Some(ENGINE);
    let patterns = containerd_tables::strings(own.get("imports"));
    let imports = Imports::read(config, patterns);
    let asked = seen.is_some().then_some(&effective);
    let mut lost = judge_merge(&subject, config, &own, asked, imports.as_ref());
    let mut specs = BTreeSet::new();
    let mut hooks = Vec::new();
    for handler in &effective.handlers {
        let spec = handler
            .base_spec
            .as_deref()
            .map(|path| (path, Spec::load(path)));
        let spec = spec.as_ref().map(|(path, spec)| (*path, spec));
        let (mut findings, hook) = judge_handler(&subject, config, handler, spec);
        if let (Some(hook), Some((path, _))) = (&hook, spec) {
            if specs.insert(path.to_owned()) {
                findings.extend(owners::judge(&subject, &owners::way_to(path)));
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
        if report
            .findings
            .iter()
            .all(|finding| finding.subject != subject)
        {
            report.findings.push(not_registered(&subject, config));
        }
        return;
    }
    let is_default = |runtime: &&UsedRuntime| runtime.handler == effective.default_handler;
    if report
        .runtimes
        .iter()
        .find(is_default)
        .is_none_or(|it| it.stage.is_none())
    {
        let text = format!(
            "runtime {}, which containers get that ask for none, does not run the hook",
            effective.default_handler
        );
        let remedy = register(config, Some(&effective.default_handler));
        report
            .findings
            .push(Finding::note(&subject, text).with_remedy(remedy));
    }
    let mut files = vec![config.to_owned()];
    files.extend(imports.iter().flat_map(Imports::paths).map(Path::to_owned));
    files.extend(specs);
    report
        .findings
        .push(judge_restart(&subject, daemons, newest(&files)));
    report.hooks.append(&mut hooks);
}

fn not_registered(subject: &str, config: &Path) -> Finding {
    Finding::note(subject, "not registered").with_remedy(register(config, None))
}

/// The command that registers the hook in this configuration.
fn register(config: &Path, handler: Option<&str>) -> String {
    let mut command = "oci-hostaliases register containerd".to_owned();
    if config != Path::new(CONFIG_PATH) {
        command += &format!(" --config {}", config.display());
    }
    if let Some(handler) = handler {
        command += &format!(" --runtime {handler}");
    }
    command
}

/// What our lines in the file itself are worth after containerd has merged what it imports.
/// `effective` is what containerd says; `None` when nobody could ask it.
fn judge_merge(
    subject: &str,
    config: &Path,
    own: &toml::Table,
    effective: Option<&Cri>,
    imports: Result<&Imports<'_>, &ImportError>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for handler in containerd_tables::read(own).handlers {
        let Some(spec) = handler.base_spec.as_deref().filter(|path| is_ours(path)) else {
            continue;
        };
        let name = &handler.name;
        let hidden = imports.ok().and_then(|imports| {
            let dialect = containerd_tables::dialect(own);
            imports
                .refuse_hidden(dialect, std::slice::from_ref(name))
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
            Some(ImportError::Replaces { import, .. } | ImportError::Overrides { import, .. }) => {
                register(import, Some(name))
            }
            _ => format!("compare {} with containerd config dump", config.display()),
        };
        let text = hidden.map_or_else(
            || {
                format!(
                    "runtime {name}: base_runtime_spec in {} is not what containerd reads",
                    config.display()
                )
            },
            |error| error.to_string(),
        );
        findings.push(Finding::problem(Harm::NoFile, subject, text, remedy));
    }
    if let (Err(error), None) = (imports, effective) {
        findings.push(Finding::note(subject, on_one_line(error)));
    }
    findings
}

fn is_ours(spec: &Path) -> bool {
    base_spec::is_ours(Path::new(BASE_SPEC_PATH), spec)
}

/// What containerd does with one handler.
#[must_use]
pub fn judge_handler(
    subject: &str,
    config: &Path,
    handler: &Handler,
    spec: Option<(&Path, &Spec)>,
) -> (Vec<Finding>, Option<RegisteredHook>) {
    let Some((path, spec)) = spec else {
        return (Vec::new(), None);
    };
    let (name, shown) = (&handler.name, path.display());
    let broken = |reason: String| {
        let text = format!(
            "runtime {name}: base_runtime_spec {shown}: {reason}: no Pod starts after the next restart"
        );
        let remedy = if is_ours(path) {
            register(config, None)
        } else {
            format!(
                "correct {shown}, or base_runtime_spec of runtime {name} in {}",
                config.display()
            )
        };
        (
            vec![Finding::problem(Harm::NothingStarts, subject, text, remedy)],
            None,
        )
    };
    let spec = match spec {
        Spec::Unreadable(error) => return broken(error.to_string()),
        Spec::Malformed(error) => return broken(format!("not JSON: {error}")),
        Spec::Read(spec) if !spec.is_object() => return broken("not an object".to_owned()),
        Spec::Read(spec) => spec,
    };
    let hooks = hooks_in(spec);
    let Some(hook) = hooks.first() else {
        let mut findings = Vec::new();
        if is_ours(path) {
            let text = format!("runtime {name}: our {shown} has no hook in it");
            findings.push(Finding::problem(
                Harm::NoFile,
                subject,
                text,
                register(config, None),
            ));
        }
        return (findings, None);
    };
    let mut findings = vec![Finding::ok(
        subject,
        format!(
            "runtime {name}: runs {} at {}",
            hook.path.display(),
            hook.stage
        ),
    )];
    if let Some(trouble) = hook.stage_trouble() {
        let text = format!("runtime {name}: {shown} {trouble}");
        let remedy = format!(
            "put the hook into hooks.prestart of {shown} with \"args\": [\"oci-hostaliases-hook\", \"prestart\"]"
        );
        findings.push(Finding::problem(Harm::NoFile, subject, text, remedy));
    }
    if hooks.len() > 1 {
        let text = format!(
            "runtime {name}: {shown} names the hook {} times",
            hooks.len()
        );
        findings.push(Finding::note(subject, text));
    }
    findings.extend(judge_limits(subject, name, path, spec));
    findings.push(judge_annotations(subject, config, handler));
    (findings, Some(hook.clone()))
}

fn hooks_in(spec: &Value) -> Vec<RegisteredHook> {
    let stages = spec.get("hooks").and_then(Value::as_object);
    let mut found = Vec::new();
    for (stage, entries) in stages.into_iter().flat_map(Map::iter) {
        for entry in entries.as_array().into_iter().flatten() {
            found.extend(RegisteredHook::read(ENGINE, stage, entry, RunFor::All));
        }
    }
    found
}

/// containerd removes the rlimits of its own default spec, but of no other.
fn judge_limits(subject: &str, name: &str, path: &Path, spec: &Value) -> Option<Finding> {
    let limits = spec.pointer("/process/rlimits").and_then(Value::as_array)?;
    let lowered = limits.iter().find_map(|limit| {
        let is_nofile = limit.get("type").and_then(Value::as_str) == Some("RLIMIT_NOFILE");
        let soft = limit.get("soft").and_then(Value::as_u64)?;
        (is_nofile && soft <= NOFILE_TRAP).then_some(soft)
    })?;
    let shown = path.display();
    let text = format!(
        "runtime {name}: process.rlimits in {shown} lowers RLIMIT_NOFILE to {lowered} in every container"
    );
    let remedy = format!("remove process.rlimits from {shown}, then systemctl restart containerd");
    Some(if path == Path::new(BASE_SPEC_PATH) {
        Finding::problem(Harm::NothingStarts, subject, text, remedy)
    } else {
        // The administrator's own spec, or a copy of it: he may mean it.
        Finding::note(subject, text).with_remedy(remedy)
    })
}

fn judge_annotations(subject: &str, config: &Path, handler: &Handler) -> Finding {
    let name = &handler.name;
    let kept: Vec<&str> = [HOST_ALIASES, DOMAIN, POD_IPS, MANAGE]
        .into_iter()
        .filter(|key| {
            !handler
                .pod_annotations
                .iter()
                .any(|it| go_path_match::matches(it, key))
        })
        .collect();
    if kept.is_empty() {
        return Finding::ok(
            subject,
            format!("runtime {name}: passes our annotations on"),
        );
    }
    let has_all = handler.pod_annotations.iter().any(|pattern| pattern == "*");
    let why = if has_all {
        " (\"*\" does not match a key with a slash)"
    } else {
        ""
    };
    Finding::problem(
        Harm::NoFile,
        subject,
        format!(
            "runtime {name}: its pod_annotations keep {} from the hook{why}",
            kept.join(", ")
        ),
        format!(
            "{}, then systemctl restart containerd",
            register(config, Some(name))
        ),
    )
}

/// The file that changed last, and when.
fn newest(files: &[PathBuf]) -> Option<(PathBuf, SystemTime)> {
    let changed = |path: &PathBuf| {
        let changed = fs::metadata(path)
            .and_then(|status| status.modified())
            .ok()?;
        Some((path.clone(), changed))
    };
    files
        .iter()
        .filter_map(changed)
        .max_by_key(|(_, changed)| *changed)
}

fn judge_restart(
    subject: &str,
    daemons: &[&Daemon],
    newest: Option<(PathBuf, SystemTime)>,
) -> Finding {
    if daemons.is_empty() {
        return Finding::note(subject, "not running");
    }
    let older = newest.and_then(|(path, changed)| {
        let is_older = |daemon: &&&Daemon| daemon.started.is_some_and(|at| at < changed);
        daemons
            .iter()
            .find(is_older)
            .map(|daemon| (path, daemon.pid))
    });
    match older {
        None => Finding::ok(subject, "running since after its configuration changed"),
        Some((path, pid)) => Finding::problem(
            Harm::NoFile,
            subject,
            format!(
                "restart pending: process {pid} was started before {} changed",
                path.display()
            ),
            "systemctl restart containerd",
        ),
    }
}
