//! Whether a daemon was started before a change of a file that it reads only when it starts.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A daemon reads its files shortly after its process starts, and the kernel gives the start time in hundredths of
/// a second.
const SLACK: Duration = Duration::from_millis(50);

/// The first of these files that changed after the daemon was started.
pub(super) fn pending(started: Option<SystemTime>, files: &[PathBuf]) -> Option<&Path> {
    let started = started? + SLACK;
    let is_newer = |file: &&PathBuf| changed(file).is_some_and(|changed| changed > started);
    files.iter().find(is_newer).map(PathBuf::as_path)
}

/// When a file or directory changed: its `ctime` (inode(7)). `mv`, `cp -p` and package managers set the `mtime`,
/// but cannot set the `ctime`.
pub(super) fn changed(path: &Path) -> Option<SystemTime> {
    let status = fs::metadata(path).ok()?;
    let seconds = Duration::from_secs(status.ctime().try_into().ok()?);
    let nanoseconds = Duration::from_nanos(status.ctime_nsec().try_into().ok()?);
    Some(SystemTime::UNIX_EPOCH + seconds + nanoseconds)
}

/// The command that restarts the process. `usual`: the unit of the engine's package.
pub(super) fn command(pid: i32, unit: Option<&str>, usual: Option<&str>) -> String {
    match unit.or(usual) {
        Some(unit) => format!("systemctl restart {unit}"),
        None => format!("restart process {pid}"),
    }
}
