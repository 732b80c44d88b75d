//! The exit status of the programs.

use std::process::ExitCode;

/// The exit status, as the man pages document it. crun shows nothing of a hook but this number,
/// so each kind of situation has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// A system call failed, or something unexpected exists.
    System = 1,
    /// The program was called wrongly.
    Usage = 2,
    /// The place to mount on is not safe, or the runtime does not do what this stage needs.
    Refused = 3,
    /// The node's configuration or its `hosts.d` is wrong: the administrator has to correct it.
    NodeConfiguration = 4,
    /// An annotation (or a Pod manifest) is wrong: the Pod's author has to correct it.
    Annotation = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}
