//! containerd 2.x with its runc and crun, which `tests/engines.sh newer` unpacks: Debian 12 has containerd 1.6.

use std::path::{Path, PathBuf};

use crate::skipped::skipped;

/// The directory with the programs. Without it: in CI a panic, elsewhere a line that says what is not tested.
pub(crate) fn bin(test: &str) -> Option<PathBuf> {
    let unpacked = std::env::var_os("OCI_HOSTALIASES_ENGINES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/engines"),
        PathBuf::from,
    );
    let bin = unpacked.join("forky/bin");
    if bin.join("containerd").is_file() {
        return Some(bin);
    }
    skipped(&format!(
        "{test}: no containerd 2.x in {}: tests/engines.sh newer",
        bin.display()
    ));
    None
}
