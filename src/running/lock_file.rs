//! A lock's file below `/run/oci-hostaliases`, which goes with the process that has the lock.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

use rustix::fs::OFlags;

use crate::error::Error;

/// Root's alone, so that no other user can hold a lock; gone when nothing runs and nothing is to be mended.
pub(crate) const DIRECTORY: &str = "/run/oci-hostaliases";

/// Opens the file in [`DIRECTORY`], which is made. `None` when a process that ends has just taken the directory
/// away: try again.
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

/// Whether the file that is locked now is still the one of this name. The process that had the lock before takes
/// its file away: another process would lock another file then.
pub(crate) fn is_current(file: &File, path: &str) -> Result<bool, Error> {
    let ours = file
        .metadata()
        .map_err(|error| Error::file("stat", path, error))?;
    Ok(fs::symlink_metadata(path).is_ok_and(|now| now.ino() == ours.ino()))
}
