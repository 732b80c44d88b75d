//! The OCI runtimes: which of them run a hook such that its mount reaches the container.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::doctor::report::{Finding, Harm, UsedRuntime};
use crate::engines::bounded_run::{self, find_program};
use crate::engines::our_hook::RegisteredHook;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
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
    /// By the shim, where it serves one runtime only; else by the program's name.
    fn of(runtime_type: &str, program: &str) -> Self {
        let name = Path::new(program)
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        if runtime_type.contains(".kata") {
            Self::Kata
        } else if runtime_type.contains(".runsc.") {
            Self::Runsc
        } else {
            let known = PROGRAMS.iter().find(|(program, _)| *program == name);
            known.map_or(Self::Unknown, |(_, kind)| *kind)
        }
    }

    /// The program that a shim runs when none is named.
    fn program(self) -> &'static str {
        let known = PROGRAMS.iter().find(|(_, kind)| *kind == self);
        known.map_or("runc", |(program, _)| program)
    }
}

/// What is known of one runtime.
#[derive(Debug)]
struct Runtime {
    program: String,
    kind: Kind,
    /// What it says of its version; `Err` why it says nothing.
    version: Result<String, String>,
    /// containerd's handler, with the stage at which it runs the hook.
    registered: Option<(String, String)>,
}

/// Looks at the runtimes in PATH and those that the configurations name.
pub(super) fn examine(used: &[UsedRuntime], hooks: &[RegisteredHook]) -> Vec<Finding> {
    let mut runtimes: Vec<Runtime> = Vec::new();
    let mut seen = BTreeSet::new();
    // One that neither runs the hook nor is named is found in PATH below, if it is there.
    for one in used
        .iter()
        .filter(|it| it.stage.is_some() || it.binary.is_some())
    {
        let kind = Kind::of(&one.runtime_type, one.binary.as_deref().unwrap_or("runc"));
        let program = one.binary.as_deref().unwrap_or_else(|| kind.program());
        seen.insert(program);
        runtimes.push(Runtime {
            program: program.to_owned(),
            kind,
            version: ask_version(program),
            registered: one.stage.clone().map(|stage| (one.handler.clone(), stage)),
        });
    }
    for (program, kind) in PROGRAMS {
        if !seen.contains(program) && find_program(program).is_some() {
            runtimes.push(Runtime {
                program: program.to_owned(),
                kind,
                version: ask_version(program),
                registered: None,
            });
        }
    }
    let in_container = hooks.iter().any(|hook| hook.stage == "createContainer");
    let runtimes = runtimes.iter();
    runtimes.map(|it| judge(it, in_container)).collect()
}

fn ask_version(program: &str) -> Result<String, String> {
    let path = find_program(program).ok_or("not found")?;
    let said = bounded_run::run(Command::new(path).arg("--version"));
    let said = said.map_err(|error| error.to_string())?;
    match version_in(&said.stdout) {
        Some(version) if said.status.success() => Ok(version),
        _ => Err(format!("does not say its version ({})", said.status)),
    }
}

/// The version in what a runtime prints: `runc version 1.1.5+ds1`, `runsc version
/// release-20260520.0`, `kata-runtime  : 3.2.0`.
fn version_in(text: &str) -> Option<String> {
    let words = text.lines().next()?.split_ascii_whitespace();
    let mut versions = words.filter(|word| {
        let word = word.trim_start_matches("release-").trim_start_matches('v');
        word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.')
    });
    versions.next().map(str::to_owned)
}

/// The leading numbers of a version, to compare.
fn numbers(version: &str) -> Vec<u64> {
    let version = version
        .trim_start_matches("release-")
        .trim_start_matches('v');
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.');
    let version = version
        .get(..end.unwrap_or(version.len()))
        .unwrap_or_default();
    version
        .split('.')
        .map_while(|number| number.parse().ok())
        .collect()
}

/// What a runtime means to the hook. `in_container`: an engine runs it at createContainer.
fn judge(runtime: &Runtime, in_container: bool) -> Finding {
    let program = runtime.program.as_str();
    let version = runtime.version.as_deref().unwrap_or_default();
    let at_least =
        |wanted: &[u64]| runtime.version.is_err() || numbers(version).as_slice() >= wanted;
    let stage = runtime.registered.as_ref().map(|(_, stage)| stage.as_str());
    let why = match runtime.kind {
        Kind::Kata => {
            Some("runs hooks outside of the guest, so that the container cannot get the file")
        }
        Kind::Youki if !at_least(&[0, 6]) => {
            Some("(before 0.6.0) runs its hooks at other moments than the specification says")
        }
        Kind::Runsc if !at_least(&[20_260_520]) => {
            Some("(before release-20260520) runs no hook where its mount reaches the container")
        }
        Kind::Runsc if stage != Some("createContainer") => {
            Some("shows a container only what is mounted at createContainer")
        }
        _ => None,
    };
    let shown = match &runtime.version {
        Ok(version) => format!("version {version}"),
        Err(reason) => reason.clone(),
    };
    if let Some(why) = why {
        let text = format!("{shown} {why}");
        return match &runtime.registered {
            None => Finding::note(program, format!("{text}: do not register the hook for it")),
            Some((handler, _)) => {
                let text = format!(
                    "runtime {handler}: {text}: a container that asks for something does not start"
                );
                let remedy = format!(
                    "run oci-hostaliases unregister containerd, then register the other runtimes with --runtime, without {handler}"
                );
                Finding::problem(Harm::NoFile, program, text, remedy)
            }
        };
    }
    if let (Some((handler, _)), "not found") = (&runtime.registered, shown.as_str()) {
        let text = format!("runtime {handler} names it, and it is not found in PATH");
        return Finding::note(program, text);
    }
    if runtime.kind == Kind::Crun {
        let in_container = in_container || stage == Some("createContainer");
        let read_only = if in_container && !at_least(&[1, 26]) {
            "; at createContainer it cannot make /etc/hosts in a read-only rootfs that lacks it (crun 1.26 can)"
        } else {
            ""
        };
        let text = format!("{shown} discards what a hook says: look in the node's log{read_only}");
        return Finding::note(program, text);
    }
    if runtime.version.is_ok() && runtime.kind != Kind::Unknown {
        return Finding::ok(program, shown);
    }
    let text = format!("{shown}: a runtime that this program does not know");
    Finding::note(program, text)
}

#[cfg(test)]
mod tests {
    use super::{Kind, Runtime, judge, numbers, version_in};
    use crate::doctor::report::{Harm, Verdict};

    #[test]
    fn versions_are_found_and_compared() {
        for (text, version, number) in [
            ("runc version 1.1.5+ds1\nx", "1.1.5+ds1", &[1, 1, 5][..]),
            ("crun version 1.8.1\n", "1.8.1", &[1, 8, 1]),
            ("youki version 0.5.7", "0.5.7", &[0, 5, 7]),
            ("youki version: 0.6.0\n", "0.6.0", &[0, 6, 0]),
            (
                "runsc release-20260520.0\n",
                "release-20260520.0",
                &[20_260_520, 0],
            ),
            ("kata-runtime  : 3.2.0\n", "3.2.0", &[3, 2, 0]),
            ("runc version 1.3.0-rc.1", "1.3.0-rc.1", &[1, 3, 0]),
        ] {
            assert_eq!(version_in(text).as_deref(), Some(version));
            assert_eq!(numbers(version), number);
        }
        assert_eq!(version_in("hello\n"), None);
        assert_eq!(version_in(""), None);
    }

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
            let mut runtime = Runtime {
                program: "x".to_owned(),
                kind,
                version: Ok(version.to_owned()),
                registered: Some(("x".to_owned(), stage.to_owned())),
            };
            assert_eq!(judge(&runtime, false).verdict, expected, "{runtime:?}");
            runtime.registered = None;
            let idle = judge(&runtime, false);
            assert!(!matches!(idle.verdict, Verdict::Problem(_)), "{idle:?}");
        }
    }
}
