//! What a test with real engines needs of the machine: root and programs.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::skipped::skipped;

/// A program, and the Debian package that has it.
pub(crate) type Program = (&'static str, &'static str);

/// Needed by every throw-away world.
const WORLD: [Program; 5] = [
    ("ip", "iproute2"),
    ("mount", "mount"),
    ("setpriv", "util-linux"),
    ("sh", "dash"),
    ("unshare", "util-linux"),
];

/// Whether the machine has all of it. When not: in CI a panic, elsewhere a line on stderr that no test
/// harness swallows, so that a skipped test is never taken for a passed one.
pub(crate) fn met(test: &str, programs: &[Program]) -> bool {
    let mut missing = Vec::new();
    if std::fs::metadata("/proc/self").map(|proc| proc.uid()).ok() != Some(0) {
        missing.push("root".to_owned());
    }
    for (program, package) in WORLD.iter().chain(programs) {
        if find(program).is_none() {
            missing.push(format!("{program} (Debian package {package})"));
        }
    }
    if missing.is_empty() {
        return true;
    }
    let missing = missing.join(", ");
    skipped(&format!("{test}: this machine lacks: {missing}"));
    false
}

/// A program by name, in PATH and where Debian keeps what is for root only; or by absolute path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"])
        .map(|directory| Path::new(directory).join(program))
        .find(|candidate| candidate.is_file())
}
