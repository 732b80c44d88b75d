//! Replacing the node's own files while others work on them, and with all that belongs to a file.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{XattrFlags, getxattr, setxattr};

use crate::register::error::RegisterError;

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

#[test]
fn attributes_stay() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    fs::write(&path, "a").unwrap();
    let none = XattrFlags::empty();
    if setxattr(&path, "system.posix_acl_access", &acl(), none).is_err()
        || setxattr(&path, "user.whose", b"mine", none).is_err()
    {
        assert!(
            std::env::var_os("CI").is_none(),
            "no ACLs on this file system"
        );
        return;
    }
    let mode = fs::metadata(&path).unwrap().mode();
    assert_eq!(mode & 0o777, 0o640);
    // Mode and owner alone make the mask the right of the group.
    let naive = directory.path().join("naive");
    fs::write(&naive, "b").unwrap();
    fs::set_permissions(&naive, fs::Permissions::from_mode(mode)).unwrap();
    assert_eq!(attribute(&naive, "system.posix_acl_access"), b"");

    super::replace(&path, Some("a"), "b").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "b");
    assert_eq!(attribute(&path, "system.posix_acl_access"), acl());
    assert_eq!(attribute(&path, "user.whose"), b"mine");
    assert_eq!(fs::metadata(&path).unwrap().mode(), mode);
}

/// An administrator who saves the file after it was read does not lose what he wrote.
#[test]
fn edit_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    for (now, before) in [
        (Some("edited"), Some("a")),
        (Some("new"), None),
        (None, Some("a")),
    ] {
        let _ = fs::remove_file(&path);
        if let Some(text) = now {
            fs::write(&path, text).unwrap();
        }
        let replaced = super::replace(&path, before, "b");
        assert!(matches!(replaced, Err(RegisterError::Changed { .. })));
        if now.is_some() {
            let removed = super::remove(&path, before);
            assert!(matches!(removed, Err(RegisterError::Changed { .. })));
        }
        assert_eq!(fs::read_to_string(&path).ok().as_deref(), now);
        let left = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(left, usize::from(now.is_some()));
    }
}

#[test]
fn files_of_killed_runs_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    let beside = |name: String| directory.path().join(name);
    // No process has a number as high as the first; 1 is there.
    let (dead, alive) = (
        beside(".config.toml.4194305.tmp".into()),
        beside(".config.toml.1.tmp".into()),
    );
    let others = beside(".config.toml.d.tmp".into());
    for file in [&dead, &alive, &others] {
        fs::write(file, "half").unwrap();
    }
    super::replace(&path, None, "whole").unwrap();
    assert!(!dead.exists() && alive.exists() && others.exists());
}

/// No wait for a writer.
#[test]
fn a_fifo_is_no_regular_file() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).unwrap();
    assert!(matches!(
        super::read(&fifo),
        Err(RegisterError::NotRegular { .. })
    ));
}
