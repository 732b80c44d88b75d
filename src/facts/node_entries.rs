//! The entries of a node and its namespaces that apply to one Pod. `files::hosts_d` reads them.

use std::fmt;
use std::path::PathBuf;

use crate::text::host_alias::HostAlias;

/// An entry or file that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The file or directory.
    pub(crate) path: PathBuf,
    /// The line of the file, from 1.
    pub(crate) line: Option<usize>,
    /// The whole message. It names the path, quoted if it has special characters, and the line.
    pub(crate) why: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// The entries that apply to a Pod, and what was left out of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeEntries {
    /// Each file that has entries: those of the namespace first, then the node's, each in the order
    /// of `LC_ALL=C`. The resolver takes the first match.
    pub files: Vec<(PathBuf, Vec<HostAlias>)>,
    /// Sections that are ready to be copied. Only the hook has some: it reads the compiled file.
    pub ready: Vec<ReadySections>,
    /// What was left out and why.
    pub left_out: Vec<LeftOut>,
    /// Whether entries may appear while the container runs: the agent follows a cluster's objects. Then the
    /// kubelet's file is extended even if there is nothing to add yet, because a file that was left alone cannot be
    /// updated.
    pub may_come: bool,
}

impl NodeEntries {
    /// Whether there is at least one entry.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.ready.iter().all(|ready| ready.text.is_empty())
    }
}

/// The sections of all files of one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadySections {
    /// How many of [`NodeEntries::files`] come before them.
    pub after: usize,
    /// As in the container's file.
    pub text: Vec<u8>,
}
