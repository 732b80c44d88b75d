//! Every verb with a reader that goes away, and with an output that cannot be written.

use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::json;
use tempfile::TempDir;

use crate::on_disk::{bundle, write};

/// A directory with all that the verbs below name.
fn directory() -> TempDir {
    let directory = bundle(&json!({"root": {"path": "rootfs"}, "hostname": "web-0"}));
    let pod =
        "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: web}]}}";
    write(directory.path(), "pod.yaml", pod.as_bytes());
    write(directory.path(), "config.toml", b"version = 2\n");
    write(directory.path(), "hook", b"");
    let hook = directory.path().join("hook");
    std::fs::set_permissions(hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    directory
}

/// Every verb, each with something to print. `DIR` stands for the directory.
const VERBS: [&[&str]; 12] = [
    &["--help"],
    &["--version"],
    &["render", "-f", "pod.yaml"],
    &["render", "--bundle", "bundle", "--pod-ip", "10.200.0.5"],
    &["explain", "-f", "pod.yaml"],
    &["explain", "--bundle", "bundle"],
    &[
        "register",
        "podman",
        "--hook",
        "DIR/hook",
        "--dir",
        "hooks.d",
        "--dry-run",
    ],
    &["unregister", "crio", "--dir", "hooks.d"],
    &["doctor"],
    &["refresh", "--dry-run"],
    &["list"],
    &["completions", "bash"],
];

fn run(directory: &Path, arguments: &[&str], stdout: impl Into<Stdio>) -> Output {
    run_with(directory, arguments, stdout, Stdio::piped())
}

fn run_with(
    directory: &Path,
    arguments: &[&str],
    stdout: impl Into<Stdio>,
    stderr: impl Into<Stdio>,
) -> Output {
    let shown = directory.to_str().unwrap();
    let program = env!("CARGO_BIN_EXE_oci-hostaliases");
    // Two runs are compared: the machine's containers and engines must not come and go between them.
    let alone = ["unshare", "--mount", "--pid", "--fork", "--mount-proc"];
    let words = if nix::unistd::geteuid().is_root() {
        &alone[..]
    } else {
        &[]
    };
    let mut words = words.iter().copied().chain([program]);
    Command::new(words.next().unwrap())
        .args(words)
        .args(arguments.iter().map(|it| it.replace("DIR", shown)))
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .output()
        .unwrap()
}

/// The writing end of a pipe without a reader.
fn closed_pipe() -> OwnedFd {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    drop(reader);
    writer
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let directory = directory();
    for arguments in VERBS {
        let seen = run(directory.path(), arguments, Stdio::piped());
        let unseen = run(directory.path(), arguments, closed_pipe());
        assert_eq!(unseen.status, seen.status, "{arguments:?}: {unseen:?}");
        let stderr = |output: &Output| String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(stderr(&unseen), stderr(&seen), "{arguments:?}");
    }
}

/// Only the message is lost, not the work and its result.
#[test]
fn messages_that_cannot_be_written_stop_nothing() {
    let directory = directory();
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    for arguments in VERBS {
        let heard = run(directory.path(), arguments, Stdio::piped());
        for stderr in [Stdio::from(full()), Stdio::from(closed_pipe())] {
            let lost = run_with(directory.path(), arguments, Stdio::piped(), stderr);
            assert_eq!(lost.status, heard.status, "{arguments:?}");
            assert_eq!(lost.stdout, heard.stdout, "{arguments:?}");
        }
    }
}

#[test]
fn an_output_that_cannot_be_written_is_a_failure() {
    let directory = directory();
    for arguments in VERBS
        .iter()
        .filter(|it| !it[0].starts_with('-') && it[0] != "unregister")
    {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = run(directory.path(), arguments, full);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        let last = stderr.lines().last();
        assert_eq!(
            last,
            Some("oci-hostaliases: write stdout: No space left on device (os error 28)"),
            "{arguments:?}"
        );
    }
}

#[test]
fn register_changes_nothing_that_it_cannot_show() {
    let directory = directory();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let arguments = [
        "register", "podman", "--hook", "DIR/hook", "--dir", "hooks.d",
    ];
    assert_eq!(
        run(directory.path(), &arguments, full).status.code(),
        Some(1)
    );
    assert!(!directory.path().join("hooks.d").exists());
    assert!(
        run(directory.path(), &arguments, closed_pipe())
            .status
            .success()
    );
    assert!(
        directory
            .path()
            .join("hooks.d/oci-hostaliases.json")
            .is_file()
    );
}
