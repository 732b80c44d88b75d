//! Whether a daemon was started before a file that it reads at its start changed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A daemon reads its files a moment after its process is there, and the kernel counts that
/// moment in hundredths of a second only.
const SLACK: Duration = Duration::from_millis(50);

/// The first of these files that changed after the daemon was started.
pub(super) fn pending(started: Option<SystemTime>, files: &[PathBuf]) -> Option<&Path> {
    let started = started? + SLACK;
    let is_newer = |file: &&PathBuf| changed(file).is_some_and(|changed| changed > started);
    files.iter().find(is_newer).map(PathBuf::as_path)
}

/// When a file or directory changed: its `ctime` (inode(7)), which `mv`, `cp -p` and package managers cannot
/// set as they set its `mtime`.
pub(super) fn changed(path: &Path) -> Option<SystemTime> {
    let status = fs::metadata(path).ok()?;
    let seconds = Duration::from_secs(status.ctime().try_into().ok()?);
    let nanoseconds = Duration::from_nanos(status.ctime_nsec().try_into().ok()?);
    Some(SystemTime::UNIX_EPOCH + seconds + nanoseconds)
}

/// What restarts the process. `usual`: the unit of an engine that is started as its package does it.
pub(super) fn command(pid: i32, unit: Option<&str>, usual: Option<&str>) -> String {
    match unit.or(usual) {
        Some(unit) => format!("systemctl restart {unit}"),
        None => format!("restart process {pid}"),
    }
}
