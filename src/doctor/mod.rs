//! Whether the hook works on this node, and if not, what to change.
//!
//! Each file of this folder looks at one area, and what it saw is judged by pure functions beside
//! it. Nothing here changes anything. A judgement is what the engine would do, not what we would
//! like: a hook that is there and runs is never a problem because it could be better.

pub mod bounded_run;
pub mod containerd_daemon;
pub mod containerd_handler;
pub mod containerd_tables;
pub mod elf;
pub mod engine_containerd;
pub mod engine_hooks_d;
pub mod go_path_match;
pub mod hook_binary;
pub mod hooks_d_file;
pub mod kernel_calls;
pub mod node_files;
pub mod owners;
pub mod registered_hook;
pub mod runtimes;

use std::path::PathBuf;

use registered_hook::RegisteredHook;
use runtimes::UsedRuntime;

use crate::registration::hooks_directory::Engine;

/// What a problem does, from the least to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// Something that the administrator wrote does not count.
    LeftOut,
    /// Containers that should have our file do not get it.
    NoFile,
    /// Somebody who is not root could become root.
    Insecure,
    /// Containers do not start, or the engine does not.
    NothingStarts,
}

/// How it is with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Good to know; it works all the same.
    Note,
    /// Something is to be changed.
    Problem(Harm),
}

impl Verdict {
    /// The word for it, in the text and in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem(_) => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about: `containerd`, `podman`, `hook`, `node`, `kernel`, a runtime's name.
    pub subject: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was seen.
    pub text: String,
    /// The one thing to change: a command, or a file and what in it. Every problem has one.
    pub remedy: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            verdict: Verdict::Ok,
            text: text.into(),
            remedy: None,
        }
    }

    /// Good to know.
    pub fn note(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Note,
            ..Self::ok(subject, text)
        }
    }

    /// To be changed.
    pub fn problem(
        harm: Harm,
        subject: impl Into<String>,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Problem(harm),
            remedy: Some(remedy.into()),
            ..Self::ok(subject, text)
        }
    }

    /// With something that could be changed.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// What was found of one engine.
#[derive(Debug, Clone, Default)]
pub struct EngineReport {
    /// What `register` calls it, when it is on this node.
    pub engine: Option<&'static str>,
    /// What is known of it.
    pub findings: Vec<Finding>,
    /// The hooks of ours that it runs.
    pub hooks: Vec<RegisteredHook>,
    /// The OCI runtimes that its configuration names.
    pub runtimes: Vec<UsedRuntime>,
}

/// Everything that was found.
#[derive(Debug, Clone)]
pub struct Report {
    /// In groups: engines, hook, node, kernel, runtimes.
    pub findings: Vec<Finding>,
    /// What to do when no engine runs the hook; `None` when one does.
    pub not_registered: Option<String>,
}

impl Report {
    /// The one most important thing to change; `None` when it works.
    #[must_use]
    pub fn change(&self) -> Option<String> {
        let mut worst: Option<(Harm, &Finding)> = None;
        for finding in &self.findings {
            if let Verdict::Problem(harm) = finding.verdict {
                // The first one of the worst: engines come before what they run.
                if worst.is_none_or(|(known, _)| harm > known) {
                    worst = Some((harm, finding));
                }
            }
        }
        let said = worst.map(|(harm, finding)| {
            let remedy = finding.remedy.as_deref().unwrap_or(&finding.text);
            (harm, format!("{}: {remedy}", finding.subject))
        });
        match (said, &self.not_registered) {
            (Some((harm, remedy)), Some(_)) if harm >= Harm::NoFile => Some(remedy),
            (_, Some(not_registered)) => Some(not_registered.clone()),
            (said, None) => said.map(|(_, remedy)| remedy),
        }
    }
}

/// Looks at everything.
#[must_use]
pub fn examine() -> Report {
    let engines = [
        engine_containerd::examine(),
        engine_hooks_d::examine(Engine::CriO),
        engine_hooks_d::examine(Engine::Podman),
    ];
    let mut findings = Vec::new();
    if !rustix::process::geteuid().is_root() {
        findings.push(
            Finding::note("doctor", "not run as root: some things cannot be looked at")
                .with_remedy("run oci-hostaliases doctor as root"),
        );
    }
    let mut found = Vec::new();
    let (mut hooks, mut used) = (Vec::new(), Vec::new());
    for report in engines {
        found.extend(report.engine);
        findings.extend(report.findings);
        hooks.extend(report.hooks);
        used.extend(report.runtimes);
    }
    findings.extend(engine_hooks_d::unread_directories());
    findings.extend(hook_binary::examine(&hooks));
    findings.extend(node_files::examine(&hooks));
    findings.extend(kernel_calls::examine());
    findings.extend(runtimes::examine(&used, &hooks));
    let not_registered = hooks.is_empty().then(|| {
        let engines = if found.is_empty() {
            "containerd|crio|podman".to_owned()
        } else {
            found.join("|")
        };
        format!("not registered: run oci-hostaliases register {engines}")
    });
    Report {
        findings,
        not_registered,
    }
}

/// A program by its name in PATH, or by its absolute path.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        // An empty entry means the directory in which we happen to be.
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::{Finding, Harm, Report};

    #[test]
    fn the_worst_problem_is_the_one_to_change() {
        let problem = |harm, subject: &str| Finding::problem(harm, subject, "text", "do it");
        let mut report = Report {
            findings: vec![Finding::ok("a", "x"), Finding::note("a", "x")],
            not_registered: None,
        };
        assert_eq!(report.change(), None);
        report.not_registered = Some("not registered".to_owned());
        assert_eq!(report.change().as_deref(), Some("not registered"));
        report.findings.push(problem(Harm::LeftOut, "node"));
        assert_eq!(report.change().as_deref(), Some("not registered"));
        report.findings.push(problem(Harm::NothingStarts, "podman"));
        report.findings.push(problem(Harm::NothingStarts, "hook"));
        assert_eq!(report.change().as_deref(), Some("podman: do it"));
        report.not_registered = None;
        assert_eq!(report.change().as_deref(), Some("podman: do it"));
    }
}
