//! One agent per node, by a lock that the kernel takes back from whoever dies; and what the agent knows of
//! itself, for `doctor`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::facts::hosts_mount::AGENT_FILES;
use crate::files::admin_file;

const DIRECTORY: &str = "/run/oci-hostaliases";
const LOCK: &str = "/run/oci-hostaliases/agent.lock";
/// Where the state is.
pub const STATE: &str = "/run/oci-hostaliases/agent.json";
const NEW_STATE: &str = "/run/oci-hostaliases/agent.json.new";
const STATE_MAX: u64 = 64 * 1024;

/// What the agent knows of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentState {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// The engine that has it as a plugin.
    pub engine: Option<String>,
    /// Why none has.
    pub trouble: Option<String>,
    /// When an engine last asked about a container, in seconds since 1970.
    pub last_event: Option<i64>,
    /// How many containers ran without the hook when the agent connected.
    pub started_without: usize,
}

impl AgentState {
    /// The state of an agent that has just started.
    pub fn of_this_process() -> Self {
        Self {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            engine: None,
            trouble: None,
            last_event: None,
            started_without: 0,
        }
    }

    /// The state of the agent that runs on this node; `None` where none runs. One that was killed has left its
    /// file behind, but not its lock.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn of_this_node() -> Result<Option<Self>, Error> {
        let Ok(lock) = File::open(LOCK) else {
            return Ok(None);
        };
        if flock(&lock, FlockOperation::NonBlockingLockShared) != Err(Errno::WOULDBLOCK) {
            return Ok(None);
        }
        match admin_file::read_admin_file(Path::new(STATE), STATE_MAX)? {
            None => Ok(None),
            Some(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| Error::file("read", STATE, std::io::Error::other(error))),
        }
    }
}

/// Writes the state: whoever reads finds the old one or the new one.
///
/// # Errors
///
/// It cannot be written.
pub fn write(state: &AgentState) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(NEW_STATE)?;
    file.write_all(&serde_json::to_vec(state)?)?;
    fs::rename(NEW_STATE, STATE)
}

/// The agent's lock, until this is dropped.
#[derive(Debug)]
pub struct AgentLock(File);

impl AgentLock {
    /// Takes the lock.
    ///
    /// # Errors
    ///
    /// Another agent has it, or its file cannot be made.
    pub fn take() -> Result<Self, Error> {
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
        for path in [NEW_STATE, STATE, LOCK] {
            let _ = fs::remove_file(path);
        }
        // Not while there are containers with files of ours.
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
