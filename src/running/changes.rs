//! Whether `hosts.d` has changed since it was looked at.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The state of the directory, of the ones in it and of their files. Two are equal when nothing was changed in
/// between, unless a file kept its length and was changed twice within one tick of the kernel's clock.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Snapshot(Vec<(PathBuf, State)>);

/// A file's identity and the times of its last changes.
#[derive(Debug, PartialEq, Eq)]
struct State {
    file: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Snapshot {
    /// Takes a snapshot. What cannot be read is treated as missing; the reader of the files reports it.
    pub(super) fn of(hosts_d: &Path) -> Self {
        let mut seen = Vec::new();
        if let Ok(status) = fs::metadata(hosts_d) {
            seen.push((hosts_d.to_owned(), State::of(&status)));
            look_into(hosts_d, true, &mut seen);
        }
        seen.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        Self(seen)
    }

    /// Whether there is a file that may have entries.
    pub(super) fn has_files(&self) -> bool {
        let is_entries = |path: &Path| path.extension().is_some_and(|end| end == "hosts");
        self.0.iter().any(|(path, _)| is_entries(path))
    }
}

fn look_into(directory: &Path, deeper: bool, seen: &mut Vec<(PathBuf, State)>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(status) = entry.metadata() else {
            continue;
        };
        seen.push((path.clone(), State::of(&status)));
        if deeper && status.is_dir() {
            look_into(&path, false, seen);
        }
    }
}

impl State {
    fn of(status: &Metadata) -> Self {
        Self {
            file: (status.dev(), status.ino()),
            length: status.len(),
            modified: (status.mtime(), status.mtime_nsec()),
            changed: (status.ctime(), status.ctime_nsec()),
        }
    }
}
