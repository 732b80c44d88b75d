//! What `doctor` says: findings, each with its verdict, and the one thing to change.

use std::path::{Path, PathBuf};

use crate::engines::our_hook::{HOOK_PATH, RegisteredHook};

/// What a problem does, from the least to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Harm {
    /// Something that the administrator wrote does not count.
    LeftOut,
    /// Containers that should have the file do not get it.
    NoFile,
    /// Someone who is not root could become root.
    Insecure,
    /// Containers do not start, or the engine does not.
    NothingStarts,
}

/// How it is with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// Good to know; it works all the same.
    Note,
    /// Something is to be changed.
    Problem(Harm),
}

impl Verdict {
    /// The word for it, in the text and in JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem(_) => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What it is about: `containerd`, `podman`, `hook`, `node`, `kernel`, a runtime's name.
    pub(crate) subject: String,
    /// How it is.
    pub(crate) verdict: Verdict,
    /// What was seen.
    pub(crate) text: String,
    /// The one thing to change: a command, or a file and what in it. Every problem has one.
    pub(crate) remedy: Option<String>,
    /// The file or directory that it is about.
    pub(crate) path: Option<PathBuf>,
    /// The line of that file, from 1.
    pub(crate) line: Option<usize>,
}

impl Finding {
    /// As it should be.
    pub(crate) fn ok(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            verdict: Verdict::Ok,
            text: text.into(),
            remedy: None,
            path: None,
            line: None,
        }
    }

    /// Good to know.
    pub(crate) fn note(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Note,
            ..Self::ok(subject, text)
        }
    }

    /// To be changed.
    pub(crate) fn problem(
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
    pub(crate) fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// About this file or directory.
    pub(crate) fn about(mut self, path: impl AsRef<Path>) -> Self {
        self.path = Some(path.as_ref().to_owned());
        self
    }
}

/// A path as a word of a command that is to be copied, whatever characters it has.
pub(crate) fn word(path: &Path) -> String {
    let shown = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    if shown.chars().all(is_plain) {
        return shown;
    }
    format!("'{}'", shown.replace('\'', "'\\''"))
}

/// The command that registers this hook. `engine`: its name, and options.
pub(crate) fn register(engine: &str, hook: &Path) -> String {
    let mut command = format!("oci-hostaliases register {engine}");
    if hook != Path::new(HOOK_PATH) {
        command += &format!(" --hook {}", word(hook));
    }
    command
}

/// What was found of one engine.
#[derive(Debug, Clone, Default)]
pub(crate) struct EngineReport {
    /// What `register` calls it, when it is on this node.
    pub(crate) engine: Option<&'static str>,
    /// What is known of it.
    pub(crate) findings: Vec<Finding>,
    /// The registered hooks that it runs.
    pub(crate) hooks: Vec<RegisteredHook>,
    /// The OCI runtimes that its configuration names.
    pub(crate) runtimes: Vec<UsedRuntime>,
}

/// A runtime that an engine's configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UsedRuntime {
    /// Its name in the configuration.
    pub(crate) handler: String,
    /// containerd's shim.
    pub(crate) runtime_type: String,
    /// The program, when it is named.
    pub(crate) binary: Option<String>,
    /// The stage at which it runs the hook, if it does.
    pub(crate) stage: Option<String>,
}

/// Everything that was found.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// In groups: engines, hook, node, kernel, runtimes.
    pub(crate) findings: Vec<Finding>,
    /// What to do when no engine runs the hook; `None` when one does.
    pub(crate) not_registered: Option<String>,
}

impl Report {
    /// The one most important thing to change; `None` when it works.
    pub(crate) fn change(&self) -> Option<String> {
        // The first one of the worst: engines come before what they run.
        let worst = self
            .findings
            .iter()
            .rev()
            .filter_map(|finding| match finding.verdict {
                Verdict::Problem(harm) => Some((harm, finding)),
                _ => None,
            });
        let worst = worst.max_by_key(|(harm, _)| *harm);
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
