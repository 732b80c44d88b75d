//! One agent per node, by a lock that the kernel takes back from a process that dies.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use crate::error::Error;
use crate::facts::hosts_mount::AGENT_FILES;
use crate::files::agent_state::{AgentState, LOCK};

const DIRECTORY: &str = "/run/oci-hostaliases";

/// The agent's lock, until this is dropped.
#[derive(Debug)]
pub(super) struct AgentLock(File);

impl AgentLock {
    /// Takes the lock.
    ///
    /// # Errors
    ///
    /// Another agent has it, or its file cannot be made.
    pub(super) fn take() -> Result<Self, Error> {
        let mut tries = 5;
        loop {
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
                .open(LOCK);
            let mut file = match opened {
                // A refresh that has ended took the directory away.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                opened => opened.map_err(|error| Error::file("open", LOCK, error))?,
            };
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                // `doctor` takes it for a moment to see whether someone has it.
                Err(Errno::WOULDBLOCK) if tries > 0 => {
                    tries -= 1;
                    std::thread::sleep(Duration::from_millis(20));
                    continue;
                }
                Err(Errno::WOULDBLOCK) => return Err(is_there(&mut file)),
                Err(errno) => return Err(Error::file("flock", LOCK, errno)),
            }
            // One that has just ended took its file away: then ours is no file that another one would lock.
            let ours = file
                .metadata()
                .map_err(|error| Error::file("stat", LOCK, error))?;
            if fs::symlink_metadata(LOCK).is_ok_and(|now| now.ino() == ours.ino()) {
                file.set_len(0)
                    .and_then(|()| file.write_all(std::process::id().to_string().as_bytes()))
                    .map_err(|error| Error::file("write", LOCK, error))?;
                return Ok(Self(file));
            }
        }
    }
}

impl Drop for AgentLock {
    fn drop(&mut self) {
        AgentState::remove();
        let _ = fs::remove_file(LOCK);
        // Not while there are containers with such files.
        let _ = fs::remove_dir(AGENT_FILES);
        let _ = fs::remove_dir(DIRECTORY);
        let _ = &self.0;
    }
}

fn is_there(file: &mut File) -> Error {
    let mut pid = String::new();
    let _ = file.take(16).read_to_string(&mut pid);
    let process = match pid.parse::<u32>() {
        Ok(pid) => format!("process {pid}"),
        Err(_) => "another process".to_owned(),
    };
    Error::Refused(format!(
        "{LOCK}: {process} is the agent of this node: stop it first, or leave this one off"
    ))
}
