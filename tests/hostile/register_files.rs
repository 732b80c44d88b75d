//! Replacing the node's own files while others work on them, and with all that belongs to a file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::fs::{XattrFlags, getxattr, setxattr};

use crate::running::tool;

/// An ACL: owner rw, user 1000 r, group nothing, mask r, others nothing. By chmod(1) the mask shows as the
/// group's right.
fn acl() -> Vec<u8> {
    let mut bytes = 2u32.to_le_bytes().to_vec();
    let nobody = u32::MAX;
    for (tag, right, id) in [
        (0x01u16, 6u16, nobody),
        (0x02, 4, 1000),
        (0x04, 0, nobody),
        (0x10, 4, nobody),
        (0x20, 0, nobody),
    ] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(right.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

fn attribute(path: &Path, name: &str) -> Vec<u8> {
    let mut value = vec![0; 1024];
    let length = getxattr(path, name, value.as_mut_slice()).unwrap_or(0);
    value.truncate(length);
    value
}

/// A hooks.d with the hook in it for the containers that ask, and the path of its one file.
fn registered() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    assert!(register(&[], directory.path(), &[]).status.success());
    let file = fs::read_dir(directory.path()).unwrap().next().unwrap();
    (directory, file.unwrap().path())
}

/// Registers behind other programs, with more arguments.
fn register(behind: &[&str], hooks_d: &Path, more: &[&str]) -> Output {
    tool(behind, &["register", "podman", "--dir"])
        .arg(hooks_d)
        .args(["--hook", env!("CARGO_BIN_EXE_oci-hostaliases-hook")])
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn attributes_stay() {
    let (directory, path) = registered();
    let none = XattrFlags::empty();
    if setxattr(&path, "system.posix_acl_access", &acl(), none).is_err()
        || setxattr(&path, "user.whose", b"mine", none).is_err()
    {
        return crate::skipped::skipped(
            "register_files::attributes_stay: no ACLs on this file system",
        );
    }
    let (mode, text) = (
        fs::metadata(&path).unwrap().mode(),
        fs::read(&path).unwrap(),
    );
    assert_eq!(mode & 0o777, 0o640);
    assert!(register(&[], directory.path(), &["--all"]).status.success());
    assert_ne!(fs::read(&path).unwrap(), text);
    // Mode and owner alone make the mask the right of the group.
    assert_eq!(attribute(&path, "system.posix_acl_access"), acl());
    assert_eq!(attribute(&path, "user.whose"), b"mine");
    assert_eq!(fs::metadata(&path).unwrap().mode(), mode);
}

/// An administrator who saves the file after it was read does not lose what he wrote.
#[test]
fn edit_is_seen() {
    if !crate::needs::met("register_files::edit_is_seen", &[("strace", "strace")]) {
        return;
    }
    let (directory, path) = registered();
    let hooks_d = directory.path().to_owned();
    let run = std::thread::spawn(move || {
        let wait = "inject=fsync:delay_enter=2000000:when=1";
        register(
            &["strace", "-f", "-qq", "-o", "/dev/null", "-e", wait],
            &hooks_d,
            &["--all"],
        )
    });
    let entries = || fs::read_dir(directory.path()).unwrap().count();
    while entries() < 2 && !run.is_finished() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    fs::write(&path, "edited").unwrap();
    let output = run.join().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("was changed in the meantime"), "{stderr}");
    assert!(!output.status.success());
    assert_eq!(fs::read_to_string(&path).unwrap(), "edited");
    assert_eq!(entries(), 1, "what was not renamed is removed");
}

#[test]
fn files_of_killed_runs_are_removed() {
    let (directory, path) = registered();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    // No process has a number as high as the first; 1 is there.
    let left = ["4194305", "1", "d"].map(|pid| directory.path().join(format!(".{name}.{pid}.tmp")));
    for file in &left {
        fs::write(file, "half").unwrap();
    }
    assert!(register(&[], directory.path(), &["--all"]).status.success());
    assert_eq!(left.map(|file| file.exists()), [false, true, true]);
}

/// A FIFO in place of a file: an error, without waiting for a writer.
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
    for config in [&config, &fifo] {
        let output = tool(&["timeout", "20"], &["register", "containerd", "--dry-run"])
            .arg("--config")
            .arg(config)
            .arg("--base-spec")
            .arg(directory.path().join("spec.json"))
            .args(["--hook", env!("CARGO_BIN_EXE_oci-hostaliases-hook")])
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains("not a regular file"), "{stderr}");
        assert!(output.status.code().is_some_and(|code| code != 124));
    }
}

/// A path that becomes a line of the configuration has no line end in it.
#[test]
fn control_characters_in_names() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    for (option, value) in [
        ("--base-spec", "/run/spec\n[plugins]\u{9b}.json"),
        ("--runtime", "runc\n[plugins]"),
        ("--runtime", "\u{1b}[2J"),
    ] {
        let output = tool(&[], &["register", "containerd", "--config"])
            .arg(&config)
            .args([option, value])
            .args(["--hook", env!("CARGO_BIN_EXE_oci-hostaliases-hook")])
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains("control character"), "{option}: {stderr}");
        assert!(
            !stderr.contains(['\u{1b}', '\u{9b}']),
            "{option}: {stderr:?}"
        );
        assert_eq!(output.status.code(), Some(2), "{option}");
        assert!(!config.exists());
    }
}
