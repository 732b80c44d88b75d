//! One refresh at a time, by a lock that the kernel takes back from whoever dies.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};

use crate::error::Error;
use crate::running::journal;

/// Root's alone, so that nobody else can hold the lock; gone when nothing runs and nothing is to be mended.
pub(super) const DIRECTORY: &str = "/run/oci-hostaliases";
const FILE: &str = "/run/oci-hostaliases/refresh.lock";

/// The lock, until this is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    keeps_journals: bool,
}

impl Lock {
    /// Waits until no other refresh runs.
    ///
    /// # Errors
    ///
    /// The lock's file cannot be made: only root can bring files up to date.
    pub fn wait() -> Result<Self, Error> {
        loop {
            match DirBuilder::new().mode(0o700).create(DIRECTORY) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(Error::file("mkdir", DIRECTORY, error));
                }
                _ => {}
            }
            let opened = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(OFlags::NOFOLLOW.bits() as i32)
                .open(FILE);
            let file = match opened {
                // The one before us has just taken the directory away.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                opened => opened.map_err(|error| Error::file("open", FILE, error))?,
            };
            flock(&file, FlockOperation::LockExclusive)
                .map_err(|errno| Error::file("flock", FILE, errno))?;
            // The one before us takes its file away: then ours is no file that another one would lock.
            let ours = file
                .metadata()
                .map_err(|error| Error::file("stat", FILE, error))?;
            if fs::symlink_metadata(FILE).is_ok_and(|now| now.ino() == ours.ino()) {
                return Ok(Self {
                    _file: file,
                    keeps_journals: false,
                });
            }
        }
    }

    /// A container was not reached: what is known of a write that was killed is still needed.
    pub fn keep_journals(&mut self) {
        self.keeps_journals = true;
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if !self.keeps_journals {
            journal::remove_all(Path::new(DIRECTORY));
        }
        let _ = fs::remove_file(FILE);
        // Not while it has journals.
        let _ = fs::remove_dir(DIRECTORY);
    }
}
