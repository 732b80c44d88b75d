//! One agent per node, by a lock that the kernel releases when its process dies.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::Error;
use crate::facts::hosts_mount::AGENT_FILES;
use crate::files::agent_state::{AgentState, LOCK};
use crate::running::lock_file::{self, DIRECTORY};

/// The agent's lock, until this is dropped.
#[derive(Debug)]
pub(super) struct AgentLock(File);

impl AgentLock {
    /// Takes the lock.
    ///
    /// # Errors
    ///
    /// Another agent has it, or its file cannot be created.
    pub(super) fn take() -> Result<Self, Error> {
        let mut tries = 5;
        loop {
            let Some(mut file) = lock_file::open(LOCK)? else {
                continue;
            };
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                // `doctor` briefly takes it to see whether an agent has it.
                Err(Errno::WOULDBLOCK) if tries > 0 => {
                    tries -= 1;
                    std::thread::sleep(Duration::from_millis(20));
                    continue;
                }
                Err(Errno::WOULDBLOCK) => return Err(is_there(&mut file)),
                Err(errno) => return Err(Error::file("flock", LOCK, errno)),
            }
            if lock_file::is_current(&file, LOCK)? {
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
        // This fails while there are containers with such files.
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
        "{LOCK}: {process} is already the agent of this node: stop it first, or do not start this one"
    ))
}
