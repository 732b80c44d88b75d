//! The agent's state: the agent writes it, `doctor` reads it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files::admin_file;

/// Held by the agent of this node.
pub(crate) const LOCK: &str = "/run/oci-hostaliases/agent.lock";
/// Where the state is.
pub(crate) const STATE: &str = "/run/oci-hostaliases/agent.json";
const NEW_STATE: &str = "/run/oci-hostaliases/agent.json.new";
const STATE_MAX: u64 = 64 * 1024;
/// Where containerd and CRI-O listen for plugins.
pub(crate) const NRI_SOCKET: &str = "/var/run/nri/nri.sock";

/// The agent's state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentState {
    /// Its process.
    pub(crate) pid: u32,
    /// Its version.
    pub(crate) version: String,
    /// The hook that containers get.
    pub(crate) hook: PathBuf,
    /// The configuration of the agent and the hook.
    pub(crate) config: PathBuf,
    /// The directory of the entries.
    pub(crate) hosts_d: PathBuf,
    /// The connected engine: its name and version.
    pub(crate) engine: Option<String>,
    /// Why no engine is connected.
    pub(crate) trouble: Option<String>,
    /// When an engine last asked about a container, in seconds since 1970.
    pub(crate) last_event: Option<u64>,
    /// How many containers ran without the hook when the agent connected.
    pub(crate) started_without: usize,
}

impl AgentState {
    /// The state of this node's running agent; `None` if none runs. A killed agent leaves its file, but not its
    /// lock.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub(crate) fn of_this_node() -> Result<Option<Self>, Error> {
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
                .map_err(|error| Error::file("read", STATE, error)),
        }
    }

    /// Writes the state: a reader finds the old one or the new one.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    #[cfg_attr(
        not(feature = "agent"),
        expect(dead_code, reason = "only the agent writes it")
    )]
    pub(crate) fn write(&self) -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(NEW_STATE)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        fs::rename(NEW_STATE, STATE)
    }

    /// Removes what was written.
    #[cfg_attr(
        not(feature = "agent"),
        expect(dead_code, reason = "only the agent writes it")
    )]
    pub(crate) fn remove() {
        for path in [NEW_STATE, STATE] {
            let _ = fs::remove_file(path);
        }
    }
}
