//! The engine's file behind a container's, read on the host.
//!
//! Its path is what `config.json` named as the source of the mount, and a tenant may own a directory on the way.
//! So the path decides nothing: what it leads to is looked at first (`O_PATH` opens nothing) and is read
//! only when it is the very file that the runtime had mounted on the container's `/etc/hosts`, by device,
//! number and birth. The mount lies there still, below the hook's, so the file's number is not given to another one
//! meanwhile. The container could read that file when it started; a tenant who moves, links or mounts something on
//! the way only keeps the container from what its engine writes.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, SystemTime};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use crate::error::Error;
use crate::kernel::inode::Inode;
use crate::kernel::procfs::{ProcDirectory, path_of};
use crate::stamp::EngineFile;

/// An engine empties its file before it writes the new text: one that was written just now may not be whole.
const SETTLED: Duration = Duration::from_millis(50);
/// How often it is read again for that.
const TRIES: usize = 5;

/// Why the engine's text is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRead {
    /// It is empty. A container of the Pod can do that to the kubelet's file.
    #[error("{0} is empty: what the container has of it stays")]
    Empty(String),
    /// It does not fit, with what the container has behind it.
    #[error(
        "{0} does not fit into the container's file any more: what the container has of it stays"
    )]
    TooLarge(String),
    /// The path does not lead to it.
    #[error(
        "{0} is not the file any more that the container was started with: what the container has of it stays until its next start"
    )]
    Another(String),
    /// A call failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// The text of the engine's file, at most `limit` bytes.
///
/// # Errors
///
/// It is another file, cannot be read, is empty or longer.
pub(super) fn read(engine: &EngineFile, limit: u64) -> Result<Vec<u8>, NotRead> {
    let found = find(&engine.source)
        .map_err(|errno| Error::file("open", &engine.source, errno))
        .map_err(NotRead::Failed)?;
    let inode = Inode::of(&found)?;
    if inode.kind != FileType::RegularFile || inode.id != engine.file {
        return Err(NotRead::Another(engine.source.clone()));
    }
    let failed = |call: &'static str| {
        move |source: std::io::Error| NotRead::Failed(Error::file(call, &engine.source, source))
    };
    let mut tries = 0;
    loop {
        tries += 1;
        // A lease that someone holds on it is an error at once.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::open(path_of(found.as_fd()), flags, Mode::empty())
            .map_err(|errno| failed("open")(errno.into()))?;
        let file = File::from(file);
        let written = file
            .metadata()
            .and_then(|status| status.modified())
            .map_err(failed("stat"))?;
        let mut text = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut text)
            .map_err(failed("read"))?;
        let age = SystemTime::now().duration_since(written);
        if age.is_ok_and(|age| age < SETTLED) && tries < TRIES {
            std::thread::sleep(SETTLED);
        } else if text.is_empty() {
            return Err(NotRead::Empty(engine.source.clone()));
        } else if text.len() as u64 > limit {
            return Err(NotRead::TooLarge(engine.source.clone()));
        } else {
            return Ok(text);
        }
    }
}

/// Leads to the file without opening it: from the root of the host's first process, since we may be in a
/// container that sees all processes.
fn find(path: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let way = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let host = ProcDirectory::of(1).and_then(|init| init.open_root());
    match host.map(|host| openat2(host, path, flags, Mode::empty(), way)) {
        // Who may not look there; and Linux before 5.6.
        Err(_) | Ok(Err(Errno::NOSYS)) => rustix::fs::open(path, flags, Mode::empty()),
        Ok(found) => found,
    }
}
