//! Why an engine's files cannot be read or used.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use crate::exit::Exit;

#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    /// A system call, or a program that did not run.
    #[error("{what}")]
    Call { what: String, source: io::Error },
    #[error("`{command}` ended with {status}: {stderr}")]
    Failed {
        command: &'static str,
        status: ExitStatus,
        stderr: String,
    },
    #[error("{file} is not valid TOML: {reason}")]
    NotToml { file: String, reason: String },
    /// What `containerd config dump` says about a configuration that it does not load.
    #[error("containerd does not load it: {0}")]
    RefusedByContainerd(String),
    /// The program, and why.
    #[error("{0} --version: {1}: which configuration files it reads depends on its version")]
    UnknownVersion(&'static str, String),
    /// A file that exists, but does not have what is needed.
    #[error("{what}: {reason}")]
    Unusable { what: String, reason: String },
    /// Runtimes take absolute paths only.
    #[error("hook {}: not an absolute path", .0.display())]
    RelativeHook(PathBuf),
    /// An edit of `importer` would have no effect.
    #[error("{} imports {}, {conflict}", importer.display(), import.display())]
    Import {
        importer: PathBuf,
        import: PathBuf,
        conflict: Conflict,
    },
}

/// How an imported file overrides an edit of the file that imports it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Conflict {
    #[error(
        "whose [plugins.\"{0}\"] replaces this file's in containerd 1.x: register in that \
         file (--config) or merge the two"
    )]
    Replaces(&'static str),
    #[error(
        "which sets {key} of runtime {runtime:?} and is read later: register in that file (--config)"
    )]
    Overrides { key: &'static str, runtime: String },
    #[error("which has runtime {0:?}: register in that file (--config)")]
    HasRuntime(String),
    #[error("which disables {0}")]
    DisablesCri(String),
}

impl EngineError {
    /// A failed call on a path.
    pub(crate) fn call(call: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let what = format!("{call} {}", path.display());
        move |source| Self::Call { what, source }
    }

    pub(crate) fn not_toml(file: impl fmt::Display, error: &toml::de::Error) -> Self {
        Self::NotToml {
            file: file.to_string(),
            reason: error.message().replace('\n', ", "),
        }
    }

    pub(crate) fn unusable(what: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::Unusable {
            what: what.to_string(),
            reason: reason.into(),
        }
    }

    /// The exit status for this situation.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::RelativeHook(_) => Exit::Usage,
            Self::Call { .. } | Self::Failed { .. } | Self::UnknownVersion(..) => Exit::System,
            Self::NotToml { .. }
            | Self::RefusedByContainerd(_)
            | Self::Unusable { .. }
            | Self::Import { .. } => Exit::NodeConfiguration,
        }
    }
}
