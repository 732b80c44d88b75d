//! What lies where `register` expects a file.

use std::fs;
use std::process::{Command, Stdio};

/// A FIFO where a file is expected: an error, and nobody waits for a writer.
#[test]
fn fifo_among_imports() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("conf.d.toml");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let config = directory.path().join("config.toml");
    fs::write(
        &config,
        format!("version = 2\nimports = [\"{}\"]\n", fifo.display()),
    )
    .unwrap();
    let output = Command::new("timeout")
        .arg("20")
        .arg(env!("CARGO_BIN_EXE_oci-hostaliases"))
        .args(["register", "containerd", "--dry-run", "--config"])
        .arg(&config)
        .arg("--base-spec")
        .arg(directory.path().join("spec.json"))
        .args(["--hook", env!("CARGO_BIN_EXE_oci-hostaliases-hook")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("not a regular file"), "{stderr}");
    assert!(output.status.code().is_some_and(|code| code != 124));
}
