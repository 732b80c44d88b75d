//! One of containerd's runtime handlers: its base spec, our hook in it, and the annotations that
//! reach it.

use std::path::Path;

use serde_json::Value;

use crate::doctor::report::{self, Finding, Harm};
use crate::engines::containerd::CONFIG_PATH;
use crate::engines::containerd::base_spec::{self, BASE_SPEC_PATH};
use crate::engines::containerd::path_match;
use crate::engines::containerd::tables::{ANNOTATION_PATTERN, Handler};
use crate::engines::our_hook::{self, Containers, HOOK_PATH, RegisteredHook};
use crate::error::on_one_line;
use crate::facts::annotations::{DOMAIN, HOST_ALIASES, MANAGE, POD_IPS};
use crate::files::admin_file;

const ENGINE: &str = "containerd";
/// Longest spec or configuration that is read.
pub(super) const FILE_MAX: u64 = 16 * 1024 * 1024;
/// What `ctr oci spec` prints: a base spec with this limit lowers that of every container.
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

/// Whether `register` made it.
pub(super) fn is_ours(spec: &Path) -> bool {
    base_spec::is_ours(Path::new(BASE_SPEC_PATH), spec)
}

/// What containerd does with one handler.
pub(super) fn judge_handler(
    subject: &str,
    config: &Path,
    handler: &Handler,
    spec: Option<(&Path, &Result<Value, String>)>,
) -> (Vec<Finding>, Option<RegisteredHook>) {
    let Some((path, spec)) = spec else {
        return (Vec::new(), None);
    };
    let (name, shown) = (&handler.name, path.display());
    let spec = match spec {
        Ok(spec) => spec,
        Err(reason) => {
            let text = format!(
                "runtime {name}: base_runtime_spec: {reason}: no Pod starts after the next restart"
            );
            let remedy = if is_ours(path) {
                register(config, None, None)
            } else {
                format!(
                    "correct {shown}, or base_runtime_spec of runtime {name} in {}",
                    config.display()
                )
            };
            let problem = Finding::problem(Harm::NothingStarts, subject, text, remedy);
            return (vec![problem.about(path)], None);
        }
    };
    let hooks = hooks_in(spec);
    let Some(hook) = hooks.first() else {
        let mut findings = Vec::new();
        if is_ours(path) {
            let text = format!("runtime {name}: {shown} has no hook in it");
            let remedy = register(config, None, None);
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
    findings.extend(judge_limits(subject, name, path, spec));
    findings.push(judge_annotations(subject, config, handler));
    (findings, Some(hook.clone()))
}

pub(super) fn hooks_in(spec: &Value) -> Vec<RegisteredHook> {
    our_hook::entries(spec)
        .filter_map(|(stage, entry)| {
            RegisteredHook::read(None, stage, entry, Some(Containers::All))
        })
        .collect()
}

/// containerd removes the rlimits of its own default spec, but of no other.
fn judge_limits(subject: &str, name: &str, path: &Path, spec: &Value) -> Option<Finding> {
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
    Some(if path == Path::new(BASE_SPEC_PATH) {
        Finding::problem(Harm::NothingStarts, subject, text, remedy).about(path)
    } else {
        // The administrator's own spec, or a copy of it: it may be meant.
        Finding::note(subject, text).about(path).with_remedy(remedy)
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
                .any(|it| path_match::matches(it, key))
        })
        .collect();
    if kept.is_empty() {
        return Finding::ok(
            subject,
            format!("runtime {name}: passes the annotations on"),
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
            config.display()
        ),
    )
    .about(config)
}

/// What registers the hook in this configuration.
pub(super) fn register(config: &Path, handler: Option<&str>, hook: Option<&Path>) -> String {
    let mut engine = ENGINE.to_owned();
    let is_generated = is_generated(config);
    if is_generated {
        engine += " --config TEMPLATE";
    } else if config != Path::new(CONFIG_PATH) {
        engine += &format!(" --config {}", config.display());
    }
    if let Some(handler) = handler {
        engine += &format!(" --runtime {handler}");
    }
    let command = report::register(&engine, hook.unwrap_or(Path::new(HOOK_PATH)));
    if !is_generated {
        return command;
    }
    let shown = config.display();
    format!(
        "copy {shown} over its template beside it (config.toml.tmpl, with containerd 2 config-v3.toml.tmpl), then {command}"
    )
}

/// Whether k3s or RKE2 writes this file anew at each start: then `register` refuses it.
fn is_generated(config: &Path) -> bool {
    let bytes = admin_file::read(config, FILE_MAX).unwrap_or_default();
    String::from_utf8_lossy(&bytes)
        .lines()
        .take(5)
        .any(|line| line.starts_with("# File generated by ") && line.contains("DO NOT EDIT"))
}
