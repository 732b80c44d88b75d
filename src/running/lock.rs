//! One refresh at a time, by a lock that the kernel releases when its process dies.

use std::fs::{self, File};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::error::Error;
use crate::running::journal;
use crate::running::lock_file::{self, DIRECTORY};

const FILE: &str = "/run/oci-hostaliases/refresh.lock";

/// The lock, until this is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
    keeps_journals: bool,
}

impl Lock {
    /// Waits until no other refresh runs.
    ///
    /// # Errors
    ///
    /// The lock's file cannot be created: only root can refresh.
    pub(crate) fn wait() -> Result<Self, Error> {
        loop {
            let Some(file) = lock_file::open(FILE)? else {
                continue;
            };
            flock(&file, FlockOperation::LockExclusive)
                .map_err(|errno| Error::file("flock", FILE, errno))?;
            if lock_file::is_current(&file, FILE)? {
                return Ok(Self {
                    _file: file,
                    keeps_journals: false,
                });
            }
        }
    }

    /// A container was not reached: the journal of a killed write is still needed.
    pub(crate) fn keep_journals(&mut self) {
        self.keeps_journals = true;
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if !self.keeps_journals {
            journal::remove_all(Path::new(DIRECTORY));
        }
        let _ = fs::remove_file(FILE);
        // This fails while it has journals.
        let _ = fs::remove_dir(DIRECTORY);
    }
}
