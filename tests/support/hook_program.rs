//! The hook under test, installed and registered as an administrator does it.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Installs a copy into `directory`, as a package would: the target directory may be closed to others.
/// Its path.
pub(crate) fn install(directory: &Path) -> String {
    let built = std::env::var_os("OCI_HOSTALIASES_HOOK");
    let installed = directory.join("oci-hostaliases-hook");
    fs::copy(
        built.unwrap_or(env!("CARGO_BIN_EXE_oci-hostaliases-hook").into()),
        &installed,
    )
    .expect("copy of the hook");
    installed.display().to_string()
}

/// `oci-hostaliases register` for an engine, with more arguments.
pub(crate) fn register(engine: &str, hook: &str, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oci-hostaliases"));
    let output = command
        .args(["register", engine, "--hook", hook])
        .args(arguments)
        .output()
        .expect("oci-hostaliases");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Whether the mount table of the node, where the hook ran, has a mount of its.
pub(crate) fn is_seen_on_the_node() -> bool {
    crate::throwaway::mounts()
        .iter()
        .any(|line| line.contains(" - tmpfs oci-hostaliases "))
}
