//! Every error of this crate, and its exit status.
//!
//! The text names what was refused or impossible, and what to check. The cause, if any, is the error's `source` and
//! appears once, after the text.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::compose::TooLarge;
use crate::exit::Exit;
use crate::facts::container::NoRootPath;
use crate::validation::field_error::FieldErrors;

/// Why the work cannot be done.
#[derive(thiserror::Error)]
pub enum Error {
    /// The hook was started without a state, most likely by hand.
    #[error(
        "stdin: empty, expected the OCI state: an OCI runtime runs this program, see oci-hostaliases-hook(8)"
    )]
    NoState,

    /// The state does not match the runtime specification.
    #[error("stdin: not an OCI state")]
    BadState(#[source] serde_json::Error),

    /// More bytes than the limit.
    #[error("{}: more than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },

    /// A file that could not be opened or read.
    #[error("{call} {}", path.display())]
    File {
        /// The system call: `open`, `read`.
        call: &'static str,
        /// The file.
        path: PathBuf,
        /// The kernel's error.
        source: io::Error,
    },

    /// A bundle without a readable `config.json`.
    #[error(
        "no config.json in the bundle {} and none where crun keeps its copy ({})",
        bundle.display(), copies.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    NoConfigJson {
        /// The bundle in the state.
        bundle: PathBuf,
        /// The other places where the hook looked for it.
        copies: Vec<PathBuf>,
        /// Why the bundle's `config.json` could not be opened.
        source: io::Error,
    },

    /// `config.json` does not match the runtime specification.
    #[error("{}: not a config.json", path.display())]
    BadConfigJson {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: serde_json::Error,
    },

    /// `config.json` has no root filesystem.
    #[error("{}", path.display())]
    NoRootPath {
        /// The file.
        path: PathBuf,
        /// The field.
        source: NoRootPath,
    },

    /// The Pod's annotations are wrong.
    #[error(transparent)]
    Annotations(#[from] FieldErrors),

    /// The hook's configuration is wrong.
    #[error("{}: {situation}", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// The key and what is wrong with it.
        situation: String,
    },

    /// The node's own `/etc/hosts` cannot be read for a container on the host's network. (The kubelet does not
    /// create such a container either.)
    #[error("the container uses the host's network, and the node's hosts file cannot be read")]
    NodeHosts(#[source] Box<Error>),

    /// The text does not fit into the file's file system.
    #[error(transparent)]
    HostsTooLarge(#[from] TooLarge),

    /// An engine's file that should be extended is too large for the file system by itself.
    #[error(
        "the engine's hosts file has more bytes than size-limit ({limit}) in the hook's configuration allows"
    )]
    EngineHostsTooLarge {
        /// The limit.
        limit: u64,
    },

    /// The runtime, or its stage, does not provide what the hook needs, or a tenant changes the place to mount on.
    #[error("{0}")]
    Refused(String),

    /// The same, with the system call that showed it.
    #[error("{situation}")]
    RefusedBecause {
        /// What is refused.
        situation: String,
        /// What showed it.
        source: Box<Error>,
    },

    /// A failed system call, in the form of strace.
    #[error("{call}")]
    Call {
        /// The call with its arguments.
        call: String,
        /// The kernel's error.
        source: io::Error,
    },
}

impl Error {
    /// A failed system call. `call` has the form of strace.
    pub(crate) fn call(call: impl Into<String>, errno: impl Into<io::Error>) -> Self {
        Self::Call {
            call: call.into(),
            source: errno.into(),
        }
    }

    /// A failed call on a path.
    pub(crate) fn file(
        call: &'static str,
        path: impl Into<PathBuf>,
        source: impl Into<io::Error>,
    ) -> Self {
        Self::File {
            call,
            path: path.into(),
            source: source.into(),
        }
    }

    /// `self` as the reason why the place is not safe or the runtime is not suitable.
    pub(crate) fn refuse_with(self, situation: impl Into<String>) -> Self {
        Self::RefusedBecause {
            situation: situation.into(),
            source: Box::new(self),
        }
    }

    /// Whether the kernel does not have the system call.
    pub(crate) fn is_missing_call(&self) -> bool {
        matches!(self, Self::Call { source, .. } if source.raw_os_error() == Some(rustix::io::Errno::NOSYS.raw_os_error()))
    }

    /// Whether the file does not exist.
    #[cfg(feature = "cli")]
    pub(crate) fn is_missing_file(&self) -> bool {
        matches!(self, Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// `self`, if it occurred while an engine's file was read.
    pub(crate) fn of_engine_hosts(self) -> Self {
        match self {
            Self::TooLarge { limit, .. } => Self::EngineHostsTooLarge { limit },
            other => other,
        }
    }

    /// The exit status.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Annotations(_) => Exit::Annotation,
            Self::Configuration { .. }
            | Self::NodeHosts(_)
            | Self::HostsTooLarge(_)
            | Self::EngineHostsTooLarge { .. } => Exit::NodeConfiguration,
            Self::Refused(_) | Self::RefusedBecause { .. } => Exit::Refused,
            Self::NoState
            | Self::BadState(_)
            | Self::TooLarge { .. }
            | Self::File { .. }
            | Self::NoConfigJson { .. }
            | Self::BadConfigJson { .. }
            | Self::NoRootPath { .. }
            | Self::Call { .. } => Exit::System,
        }
    }
}

/// The message with its causes. Field names would say less and make the hook larger.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&on_one_line(self))
    }
}

/// An error with all its causes on one line, the outermost first.
pub fn on_one_line(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        line.push_str(": ");
        line.push_str(&inner.to_string());
        cause = inner.source();
    }
    line
}
