//! Running the command-line tool as its users do.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Exit status, stdout and stderr of `oci-hostaliases` with these arguments in this directory.
pub(crate) fn tool(directory: &Path, arguments: &[&str], stdin: &[u8]) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_oci-hostaliases"))
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A tool that refuses its command line does not read, and the pipe breaks.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// The hook: the one that `OCI_HOSTALIASES_HOOK` names, so that the tests can run what is shipped (it is linked
/// and reads JSON in another way), else the debug one.
pub(crate) fn hook() -> OsString {
    std::env::var_os("OCI_HOSTALIASES_HOOK")
        .unwrap_or_else(|| env!("CARGO_BIN_EXE_oci-hostaliases-hook").into())
}
