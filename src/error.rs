//! Every situation in which this project's code gives up, and the exit status of each.
//!
//! The text names what was refused or impossible and what to look at; the cause, where there is
//! one, is the error's `source` and is said once, behind it.

use std::io;
use std::path::PathBuf;

use crate::exit::Exit;

/// A situation in which the work cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call on a file that failed, as `CALL PATH: cause`.
    #[error("{call} {}", path.display())]
    File {
        /// The system call or what it amounts to: `open`, `read`.
        call: &'static str,
        /// The path that it was about.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
}

impl Error {
    /// The exit status that stands for this situation.
    pub fn exit(&self) -> Exit {
        match self {
            Self::File { .. } => Exit::System,
        }
    }
}
