//! What `doctor` finds: each finding with its verdict and what to change.

use std::path::{Path, PathBuf};

/// The effect of a problem, from the least to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Harm {
    /// Something that the administrator wrote has no effect.
    LeftOut,
    /// Containers that should have the file do not get it.
    NoFile,
    /// A user other than root could become root.
    Insecure,
    /// Containers or the engine do not start.
    NothingStarts,
}

/// The verdict on one finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// Good to know. The hook works.
    Note,
    /// Something has to be changed.
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

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The subject: `containerd`, `podman`, `hook`, `node`, `kernel`, a runtime's name.
    pub(crate) subject: String,
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// What was seen.
    pub(crate) text: String,
    /// What to change: a command, or a file and the change in it. Every problem has one.
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

    /// What to change, with the subject, on one line.
    pub(super) fn change(&self) -> String {
        format!("{}: {}", self.subject, self.remedy())
    }

    pub(super) fn remedy(&self) -> &str {
        self.remedy.as_deref().unwrap_or(&self.text)
    }

    /// About this file or directory.
    pub(crate) fn about(mut self, path: impl AsRef<Path>) -> Self {
        self.path = Some(path.as_ref().to_owned());
        self
    }
}

/// A path, quoted as a word of a shell command.
pub(crate) fn word(path: &Path) -> String {
    let shown = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    if shown.chars().all(is_plain) {
        return shown;
    }
    format!("'{}'", shown.replace('\'', "'\\''"))
}

/// The first of the worst problems. Engines come before what they run.
pub(super) fn worst<'f>(
    findings: impl Iterator<Item = &'f Finding>,
) -> Option<(Harm, &'f Finding)> {
    findings.fold(None, |worst, finding| match (finding.verdict, worst) {
        (Verdict::Problem(harm), None) => Some((harm, finding)),
        (Verdict::Problem(harm), Some((known, _))) if harm > known => Some((harm, finding)),
        _ => worst,
    })
}
