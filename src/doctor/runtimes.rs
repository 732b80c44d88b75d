//! The OCI runtimes: whether the mount of a hook reaches the container.

use std::collections::BTreeMap;
use std::path::Path;

use crate::doctor::Asked;
use crate::doctor::report::{Finding, Harm};
use crate::engines::bounded_run::find_program;
use crate::engines::our_hook::RegisteredHook;
use crate::engines::version::{self, numbers};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Runc,
    Crun,
    Youki,
    Runsc,
    Kata,
    Unknown,
}

const PROGRAMS: [(&str, Kind); 5] = [
    ("runc", Kind::Runc),
    ("crun", Kind::Crun),
    ("youki", Kind::Youki),
    ("runsc", Kind::Runsc),
    ("kata-runtime", Kind::Kata),
];

impl Kind {
    /// By the shim if it serves only one runtime, otherwise by the program's name.
    fn of(runtime_type: &str, program: &str) -> Self {
        let name = Path::new(program)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        if runtime_type.contains(".kata") || runtime_type == "vm" {
            Self::Kata
        } else if runtime_type.contains(".runsc.") {
            Self::Runsc
        } else {
            let known = PROGRAMS.iter().find(|(program, _)| *program == name);
            known.map_or(Self::Unknown, |(_, kind)| *kind)
        }
    }

    /// The program that a shim runs by default.
    fn program(self) -> &'static str {
        let known = PROGRAMS.iter().find(|(_, kind)| *kind == self);
        known.map_or("runc", |(program, _)| program)
    }
}

/// A runtime that an engine's configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UsedRuntime {
    /// The engine whose configuration names it.
    pub(super) engine: Asked,
    /// Its name in the configuration.
    pub(super) handler: String,
    /// containerd's shim; CRI-O's `runtime_type`.
    pub(super) runtime_type: String,
    /// The program, if the configuration names it.
    pub(super) binary: Option<String>,
    /// The stage at which it runs the hook, if any.
    pub(super) stage: Option<String>,
    /// Whether it is the default runtime.
    pub(super) is_default: bool,
}

impl UsedRuntime {
    pub(super) fn kind(&self) -> Kind {
        Kind::of(&self.runtime_type, self.binary.as_deref().unwrap_or("runc"))
    }

    /// The program by its path or its name; a shim serves runc unless its name says otherwise.
    pub(super) fn program(&self) -> &str {
        self.binary.as_deref().unwrap_or(self.kind().program())
    }
}

/// What is known of one runtime.
#[derive(Debug)]
struct Runtime<'u> {
    program: String,
    kind: Kind,
    /// The version that it prints, or why it prints none.
    version: Result<String, String>,
    /// The configured runtime that runs the hook, if any.
    registered: Option<&'u UsedRuntime>,
}

/// Checks the runtimes in PATH and those that the configurations name.
pub(super) fn examine(used: &[UsedRuntime], hooks: &[RegisteredHook]) -> Vec<Finding> {
    let mut runtimes: Vec<Runtime<'_>> = Vec::new();
    let mut versions = BTreeMap::new();
    // A runtime that neither runs the hook nor has a named program is found in PATH below, if it is installed.
    for one in used
        .iter()
        .filter(|it| it.stage.is_some() || it.binary.is_some())
    {
        let program = one.program();
        let version = versions
            .entry(program)
            .or_insert_with(|| version::ask(program));
        runtimes.push(Runtime {
            program: program.to_owned(),
            kind: one.kind(),
            version: version.clone(),
            registered: one.stage.is_some().then_some(one),
        });
    }
    for (program, kind) in PROGRAMS {
        if !versions.contains_key(program) && find_program(program).is_some() {
            runtimes.push(Runtime {
                program: program.to_owned(),
                kind,
                version: version::ask(program),
                registered: None,
            });
        }
    }
    let in_container = hooks.iter().any(|hook| hook.stage == "createContainer");
    let mut findings = Vec::new();
    for runtime in &runtimes {
        let finding = judge(runtime, in_container);
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings
}

/// Whether the hook works with a runtime. `in_container`: an engine runs the hook at createContainer.
fn judge(runtime: &Runtime<'_>, in_container: bool) -> Finding {
    let program = runtime.program.as_str();
    let version = runtime.version.as_deref().unwrap_or_default();
    let at_least =
        |wanted: &[u64]| runtime.version.is_err() || numbers(version).as_slice() >= wanted;
    let stage = runtime.registered.and_then(|it| it.stage.as_deref());
    let why = match runtime.kind {
        Kind::Kata => Some("runs hooks outside the guest, so containers cannot get the file"),
        Kind::Youki if !at_least(&[0, 6]) => {
            Some("(before 0.6.0) runs hooks at other times than the specification says")
        }
        Kind::Runsc if !at_least(&[20_260_520]) => {
            Some("(before release-20260520) runs no hook whose mount reaches the container")
        }
        Kind::Runsc if stage != Some("createContainer") => {
            Some("shows a container only the mounts of createContainer hooks")
        }
        _ => None,
    };
    let shown = match &runtime.version {
        Ok(version) => format!("version {version}"),
        Err(reason) => reason.clone(),
    };
    if let Some(why) = why {
        return judge_unfit(runtime, &format!("{shown} {why}"));
    }
    if let (Some(used), "not found") = (runtime.registered, shown.as_str()) {
        let text = format!(
            "runtime {} names it, and it is not found in PATH",
            used.handler
        );
        return Finding::note(program, text);
    }
    if runtime.kind == Kind::Crun {
        let in_container = in_container || stage == Some("createContainer");
        let read_only = if in_container && !at_least(&[1, 26]) {
            "; at createContainer it cannot make /etc/hosts in a read-only rootfs that lacks it (crun 1.26 can)"
        } else {
            ""
        };
        let text = format!("{shown} discards a hook's stderr: look in the node's log{read_only}");
        return Finding::note(program, text);
    }
    if runtime.version.is_ok() && runtime.kind != Kind::Unknown {
        return Finding::ok(program, shown);
    }
    let text = format!("{shown}: an unknown runtime");
    Finding::note(program, text)
}

/// A runtime whose containers cannot get the file.
fn judge_unfit(runtime: &Runtime<'_>, text: &str) -> Finding {
    let program = runtime.program.as_str();
    let Some(used) = runtime.registered else {
        return Finding::note(program, format!("{text}: do not register the hook for it"));
    };
    let handler = &used.handler;
    let text = format!("runtime {handler}: {text}: containers that request entries do not start");
    let remedy = match used.engine {
        Asked::Crio if used.is_default => {
            "make another runtime default_runtime in CRI-O's configuration".to_owned()
        }
        // CRI-O runs the hook with every runtime.
        Asked::Crio => return Finding::note(program, text),
        _ => format!(
            "run oci-hostaliases unregister containerd, then register the other runtimes with --runtime, without {handler}"
        ),
    };
    Finding::problem(Harm::NoFile, program, text, remedy)
}

#[cfg(test)]
mod tests {
    use super::{Kind, Runtime, UsedRuntime, judge};
    use crate::doctor::Asked;
    use crate::doctor::report::{Harm, Verdict};

    #[test]
    fn known_bad_ones_are_problems_where_they_run_the_hook() {
        const PROBLEM: Verdict = Verdict::Problem(Harm::NoFile);
        const INSIDE: &str = "createContainer";
        for (kind, version, stage, expected) in [
            (Kind::Runc, "1.0.0", "prestart", Verdict::Ok),
            (Kind::Crun, "1.8.1", "prestart", Verdict::Note),
            (Kind::Youki, "0.5.7", "prestart", PROBLEM),
            (Kind::Youki, "0.6.0", "prestart", Verdict::Ok),
            (Kind::Kata, "3.2.0", "prestart", PROBLEM),
            (Kind::Runsc, "release-20260513.0", INSIDE, PROBLEM),
            (Kind::Runsc, "release-20260520.0", INSIDE, Verdict::Ok),
            (Kind::Runsc, "release-20260520.0", "prestart", PROBLEM),
            (Kind::Unknown, "1.0", "prestart", Verdict::Note),
        ] {
            let verdict = |registered: Option<(Asked, bool)>| {
                let used = registered.map(|(engine, is_default)| UsedRuntime {
                    engine,
                    handler: "x".to_owned(),
                    runtime_type: String::new(),
                    binary: None,
                    stage: Some(stage.to_owned()),
                    is_default,
                });
                let runtime = Runtime {
                    program: "x".to_owned(),
                    kind,
                    version: Ok(version.to_owned()),
                    registered: used.as_ref(),
                };
                judge(&runtime, false).verdict
            };
            let shown = format!("{kind:?} {version} {stage}");
            assert_eq!(
                verdict(Some((Asked::Containerd, false))),
                expected,
                "{shown}"
            );
            // CRI-O runs the hook with every runtime: only the default runtime can be changed.
            assert_eq!(verdict(Some((Asked::Crio, true))), expected, "{shown}");
            assert_ne!(verdict(Some((Asked::Crio, false))), PROBLEM, "{shown}");
            assert_ne!(verdict(None), PROBLEM, "{shown}");
        }
    }
}
