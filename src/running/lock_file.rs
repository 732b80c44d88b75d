//! A lock's file below `/run/oci-hostaliases`, which the process that holds the lock removes.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

use rustix::fs::OFlags;

use crate::error::Error;

/// Only root has access, so that no other user can hold a lock. It is removed when nothing runs and nothing is left
/// to repair.
pub(crate) const DIRECTORY: &str = "/run/oci-hostaliases";

/// Opens the file in [`DIRECTORY`], which it creates. `None` if a process that ends has just removed the directory:
/// try again.
pub(crate) fn open(path: &str) -> Result<Option<File>, Error> {
    match DirBuilder::new().mode(0o700).create(DIRECTORY) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(Error::file("mkdir", DIRECTORY, error));
        }
        _ => {}
    }
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(path);
    match opened {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        opened => opened
            .map(Some)
            .map_err(|error| Error::file("open", path, error)),
    }
}

/// Whether the locked file still has this name. The process that held the lock before removes its file, and another
/// process would then lock another file.
pub(crate) fn is_current(file: &File, path: &str) -> Result<bool, Error> {
    let ours = file
        .metadata()
        .map_err(|error| Error::file("stat", path, error))?;
    Ok(fs::symlink_metadata(path).is_ok_and(|now| now.ino() == ours.ino()))
}
