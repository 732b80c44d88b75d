//! containerd 2.x and 1.7 with their runc and crun, which `tests/engines.sh newer` and `1.7` unpack: Debian 12 has
//! containerd 1.6.

use std::path::{Path, PathBuf};

use crate::skipped::skipped;

/// The directory with containerd 2.x. Without it: in CI a panic, elsewhere a line that says what is not tested.
#[allow(dead_code)] // tests/cluster has a kubelet that does not know its CRI.
pub(crate) fn bin(test: &str) -> Option<PathBuf> {
    unpacked(test, "2.x", "forky", "newer")
}

/// The same with containerd 1.7, the first one with NRI.
#[allow(dead_code)] // By those that need no other.
pub(crate) fn bin_of_1_7(test: &str) -> Option<PathBuf> {
    unpacked(test, "1.7", "trixie", "1.7")
}

fn unpacked(test: &str, version: &str, suite: &str, argument: &str) -> Option<PathBuf> {
    let unpacked = std::env::var_os("OCI_HOSTALIASES_ENGINES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/engines"),
        PathBuf::from,
    );
    let bin = unpacked.join(suite).join("bin");
    if bin.join("containerd").is_file() {
        return Some(bin);
    }
    skipped(&format!(
        "{test}: no containerd {version} in {}: tests/engines.sh {argument}",
        bin.display()
    ));
    None
}
