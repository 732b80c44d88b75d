//! One of containerd's runtime handlers: its base spec, the hook in it, and the annotations that
//! reach it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::doctor::register;
use crate::doctor::report::{Finding, Harm, word};
use crate::engines::containerd::base_spec;
use crate::engines::containerd::marked_lines;
use crate::engines::containerd::path_match;
use crate::engines::containerd::tables::{ANNOTATION_PATTERN, Handler};
use crate::engines::our_hook::{self, Containers, RegisteredHook};
use crate::error::on_one_line;
use crate::facts::annotations::{DOMAIN, HOST_ALIASES, MANAGE, POD_IPS};
use crate::files::admin_file;

/// The longest spec or configuration that is read.
pub(super) const FILE_MAX: u64 = 16 * 1024 * 1024;
/// The limit that `ctr oci spec` prints. A base spec with it lowers the limit of every container.
const DEFAULT_SPEC_NOFILE: u64 = 1024;

/// Reads a base spec, or says why containerd cannot use it.
pub(super) fn load(path: &Path) -> Result<Value, String> {
    let bytes = admin_file::read(path, FILE_MAX).map_err(|error| on_one_line(&error))?;
    let shown = path.display();
    match serde_json::from_slice(&bytes) {
        Err(error) => Err(format!("{shown}: not JSON: {error}")),
        Ok(spec @ Value::Object(_)) => Ok(spec),
        Ok(_) => Err(format!("{shown}: not an object")),
    }
}

/// A containerd configuration, and how it was registered.
pub(super) struct Config<'a> {
    pub(super) subject: &'a str,
    pub(super) path: &'a Path,
    /// register's `--base-spec`.
    base_spec: PathBuf,
    /// Whether `register` needs `--config` for this file. Without it, `register` takes the file that a daemon
    /// reads.
    is_named: bool,
}

impl<'a> Config<'a> {
    /// `texts`: the text of the file, then those of the files that it imports.
    pub(super) fn of(
        subject: &'a str,
        path: &'a Path,
        mut texts: impl Iterator<Item = String>,
        is_named: bool,
    ) -> Self {
        let base_spec = texts.find_map(|text| marked_lines::base_spec(&text));
        Self {
            subject,
            path,
            base_spec: base_spec.unwrap_or_else(|| base_spec::default_path(path)),
            is_named,
        }
    }

    /// Whether `register` made this spec.
    pub(super) fn is_ours(&self, spec: &Path) -> bool {
        base_spec::is_ours(&self.base_spec, spec)
    }

    /// The command that registers the hook in this configuration.
    pub(super) fn register(&self, handler: Option<&str>, hook: Option<&Path>) -> String {
        let mut engine = "containerd".to_owned();
        if self.is_named {
            engine += &format!(" --config {}", word(self.path));
        }
        if self.base_spec != base_spec::default_path(self.path) {
            engine += &format!(" --base-spec {}", word(&self.base_spec));
        }
        if let Some(handler) = handler {
            engine += &format!(" --runtime {}", word(handler.as_ref()));
        }
        register::command(&engine, hook)
    }
}

/// Judges what containerd does with one handler.
pub(super) fn judge_handler(
    config: &Config<'_>,
    handler: &Handler,
    spec: Option<(&Path, &Result<Value, String>)>,
) -> (Vec<Finding>, Option<RegisteredHook>) {
    let Some((path, spec)) = spec else {
        return (Vec::new(), None);
    };
    let (subject, name, shown) = (config.subject, &handler.name, path.display());
    let spec = match spec {
        Ok(spec) => spec,
        Err(reason) => {
            let text = format!(
                "runtime {name}: base_runtime_spec: {reason}: no Pod starts after the next restart"
            );
            let remedy = if config.is_ours(path) {
                config.register(None, None)
            } else {
                format!(
                    "correct {shown}, or base_runtime_spec of runtime {name} in {}",
                    config.path.display()
                )
            };
            let problem = Finding::problem(Harm::NothingStarts, subject, text, remedy);
            return (vec![problem.about(path)], None);
        }
    };
    let hooks = hooks_in(spec);
    let Some(hook) = hooks.first() else {
        let mut findings = Vec::new();
        if config.is_ours(path) {
            let text = format!("runtime {name}: {shown} does not have the hook");
            let remedy = config.register(None, None);
            findings.push(Finding::problem(Harm::NoFile, subject, text, remedy).about(path));
        }
        return (findings, None);
    };
    let mut findings = vec![
        Finding::ok(
            subject,
            format!(
                "runtime {name}: runs {} at {}",
                hook.path.display(),
                hook.stage
            ),
        )
        .about(path),
    ];
    if let Some(trouble) = hook.stage_trouble() {
        let text = format!("runtime {name}: {shown} {trouble}");
        let remedy = format!(
            "put the hook into hooks.prestart of {shown} with \"args\": [\"oci-hostaliases-hook\", \"prestart\"]"
        );
        findings.push(Finding::problem(Harm::NoFile, subject, text, remedy).about(path));
    }
    if hooks.len() > 1 {
        let text = format!(
            "runtime {name}: {shown} names the hook {} times",
            hooks.len()
        );
        findings.push(Finding::note(subject, text).about(path));
    }
    findings.extend(judge_limits(config, name, path, spec));
    findings.push(judge_annotations(config, handler));
    (findings, Some(hook.clone()))
}

pub(super) fn hooks_in(spec: &Value) -> Vec<RegisteredHook> {
    our_hook::entries(spec)
        .filter_map(|(stage, entry)| {
            RegisteredHook::read(None, stage, entry, Some(Containers::All))
        })
        .collect()
}

/// containerd removes the rlimits of its own default spec only.
fn judge_limits(config: &Config<'_>, name: &str, path: &Path, spec: &Value) -> Option<Finding> {
    let limits = spec.pointer("/process/rlimits").and_then(Value::as_array)?;
    let lowered = limits.iter().find_map(|limit| {
        let is_nofile = limit.get("type").and_then(Value::as_str) == Some("RLIMIT_NOFILE");
        let soft = limit.get("soft").and_then(Value::as_u64)?;
        (is_nofile && soft <= DEFAULT_SPEC_NOFILE).then_some(soft)
    })?;
    let shown = path.display();
    let text = format!(
        "runtime {name}: process.rlimits in {shown} lowers RLIMIT_NOFILE to {lowered} in every container"
    );
    let remedy = format!("remove process.rlimits from {shown}, then restart containerd");
    Some(if path == config.base_spec {
        Finding::problem(Harm::NothingStarts, config.subject, text, remedy).about(path)
    } else {
        // The administrator's own spec, or a copy of it: the limit may be intended.
        Finding::note(config.subject, text)
            .about(path)
            .with_remedy(remedy)
    })
}

fn judge_annotations(config: &Config<'_>, handler: &Handler) -> Finding {
    let (subject, name) = (config.subject, &handler.name);
    let kept: Vec<&str> = [HOST_ALIASES, DOMAIN, POD_IPS, MANAGE]
        .into_iter()
        .filter(|key| {
            !handler
                .pod_annotations
                .iter()
                .any(|it| path_match::matches(it, key))
        })
        .collect();
    if kept.is_empty() {
        return Finding::ok(
            subject,
            format!("runtime {name}: passes the annotations to the hook"),
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
            "pod_annotations of runtime {name} does not pass {} to the hook{why}",
            kept.join(", ")
        ),
        format!(
            "add \"{ANNOTATION_PATTERN}\" to pod_annotations of runtime {name} in {}, then restart containerd",
            config.path.display()
        ),
    )
    .about(config.path)
}
