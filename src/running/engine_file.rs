//! Reads the engine's file of a container on the host.
//!
//! Its path is the source of the mount in `config.json`, and a tenant may own a directory of it. So the path alone
//! is not trusted: the file is opened with `O_PATH` and read only if it is the very file that the runtime mounted
//! on the container's `/etc/hosts`, by device, inode number and birth time. That mount still exists below the
//! hook's, so the inode number is not reused. The container could read that file when it started; a tenant who
//! moves, links or mounts something on the path only keeps the container from getting its engine's changes.

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

/// An engine truncates its file before it writes the new text, so a file that was just written may be incomplete.
const SETTLED: Duration = Duration::from_millis(50);
/// How often such a file is read again.
const TRIES: usize = 5;

/// Why the engine's text is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRead {
    /// It is empty. A container of the Pod can truncate the kubelet's file.
    #[error("{0} is empty: the container keeps its copy")]
    Empty(String),
    /// It does not fit together with what the container has after it.
    #[error("{0} no longer fits into the container's file: the container keeps its copy")]
    TooLarge(String),
    /// The path leads to another file.
    #[error(
        "{0} is no longer the file that the container started with: the container keeps its copy until its next start"
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
/// It is another file, cannot be read, is empty or is longer.
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
        // If a process holds a lease on it, this fails at once.
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

/// Finds the file without opening it, from the root of the host's first process, because this process may be in a
/// container that sees all processes.
fn find(path: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let way = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let host = ProcDirectory::of(1).and_then(|init| init.open_root());
    match host.map(|host| openat2(host, path, flags, Mode::empty(), way)) {
        // Without permission, and on Linux before 5.6.
        Err(_) | Ok(Err(Errno::NOSYS)) => rustix::fs::open(path, flags, Mode::empty()),
        Ok(found) => found,
    }
}
