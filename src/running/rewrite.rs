//! Replacing the sections of `hosts.d` in a running container's file, in place.
//!
//! The inode stays: programs watch it, and a mount point cannot be renamed over. Memory for the new
//! text is reserved first, so that a full file system cannot leave half of it. A file that grows is
//! filled up with empty lines, by one append; then the new text is one `pwrite` of that length; a
//! file that shrinks is cut off last. So whoever reads finds the old or the new text, with some
//! empty lines behind it, and never an empty file; only who reads while the kernel copies may find
//! the beginning of the one and the end of the other, and who reads while it cuts off the empty lines
//! may find zeros in their place: tmpfs clears what it cuts off before a reader knows the new length.
//!
//! What a container appends meanwhile is found by the file's size and kept. Only between the last
//! look at the size and the `ftruncate` of a shrinking file lies a moment, some microseconds, in
//! which an append could be cut off.

use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::fchdir;
use rustix::fs::{FallocateFlags, Mode, OFlags, XattrFlags, fallocate, fsetxattr, fstatvfs};

use crate::compose;
use crate::error::Error;
use crate::facts::node_entries::NodeEntries;
use crate::kernel::procfs::ProcDirectory;
use crate::running::find::RunningFile;
use crate::stamp::{self, Edited, Stamp};

/// How often it is tried again when the container writes at the same time.
const TRIES: usize = 8;

/// How it went with one file.
#[derive(Debug)]
pub enum Rewritten {
    /// The sections are as `hosts.d` has them.
    UpToDate,
    /// They were replaced, or would be; what of `hosts.d` did not fit is named.
    Replaced {
        /// What did not fit, with its file.
        left_out: Vec<String>,
    },
}

/// Why a file was not brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum NotRewritten {
    /// The hook could not stamp what it wrote.
    #[error(
        "the hook ran in its user namespace and could not mark the file for refresh: it gets the new entries at its next start"
    )]
    NoStamp,
    /// The container's own doing.
    #[error(transparent)]
    Edited(#[from] Edited),
    /// The container writes all the time.
    #[error("the container keeps writing it")]
    Busy,
    /// A call failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Brings the sections of `hosts.d` up to date; with `dry_run` only says whether that is needed.
///
/// # Errors
///
/// Why that was not possible. The file is as it was, or has the whole new text.
pub fn refresh(
    file: &RunningFile,
    entries: &NodeEntries,
    dry_run: bool,
) -> Result<Rewritten, NotRewritten> {
    let stamp = file.stamp.as_ref().ok_or(NotRewritten::NoStamp)?;
    let text = file.read()?;
    let parts = stamp.split(&text)?;
    let limit = size_of_filesystem(file)?.saturating_sub(parts.behind.len() as u64);
    let (wanted, left_out) = compose::node_sections(parts.own.len(), entries, limit);
    let left_out = left_out.iter().map(ToString::to_string).collect();
    if parts.node == wanted.as_slice() {
        return Ok(Rewritten::UpToDate);
    }
    if dry_run {
        return Ok(Rewritten::Replaced { left_out });
    }
    if file.is_read_only {
        remount(file, false)?;
        let replaced = replace(file, stamp, &wanted);
        remount(file, true)?;
        replaced?;
    } else {
        replace(file, stamp, &wanted)?;
    }
    Ok(Rewritten::Replaced { left_out })
}

fn replace(file: &RunningFile, stamp: &Stamp, wanted: &[u8]) -> Result<(), NotRewritten> {
    let open = file.open(OFlags::RDWR)?;
    let mut end = file.open(OFlags::WRONLY | OFlags::APPEND)?;
    let store = |stamp: &Stamp| {
        let bytes = stamp
            .bytes()
            .map_err(|error| file.failed("stamp", std::io::Error::other(error)))?;
        fsetxattr(&open, stamp::XATTR, &bytes, XattrFlags::empty())
            .map_err(|errno| file.failed("fsetxattr", errno))
    };
    let size = || {
        open.metadata()
            .map(|status| status.size())
            .map_err(|source| file.failed("stat", source))
    };
    let during = stamp.during(wanted);
    store(&during)?;
    for _ in 0..TRIES {
        let text = file.read()?;
        let parts = during.split(&text)?;
        if parts.node == wanted {
            store(&during.after(wanted))?;
            return Ok(());
        }
        // Empty lines are those of a try before this one.
        let blank = parts
            .behind
            .iter()
            .take_while(|byte| **byte == b'\n')
            .count();
        let behind = parts.behind.get(blank..).unwrap_or_default();
        let mut new = [parts.own, wanted, behind].concat();
        let length = new.len();
        fallocate(&open, FallocateFlags::KEEP_SIZE, 0, length as u64)
            .map_err(|errno| file.failed("fallocate", errno))?;
        if let Some(growth) = length.checked_sub(text.len()) {
            end.write_all(&vec![b'\n'; growth])
                .map_err(|source| file.failed("write", source))?;
        }
        new.resize(length.max(text.len()), b'\n');
        if size()? != new.len() as u64 {
            continue; // the container has written something: look again
        }
        open.write_all_at(&new, 0)
            .map_err(|source| file.failed("pwrite", source))?;
        if length < new.len() && size()? == new.len() as u64 {
            open.set_len(length as u64)
                .map_err(|source| file.failed("ftruncate", source))?;
        }
    }
    Err(NotRewritten::Busy)
}

fn size_of_filesystem(file: &RunningFile) -> Result<u64, Error> {
    let status =
        fstatvfs(file.open(OFlags::RDONLY)?).map_err(|errno| file.failed("fstatfs", errno))?;
    Ok(status.f_blocks.saturating_mul(status.f_frsize))
}

/// Makes the file's mount in the container read-only, or writable.
///
/// mount(2) does that for mounts of the caller's own namespace only, and by path only. So a thread
/// of its own goes there, and the path is our descriptor in a directory of the host's procfs that
/// it takes along. The thread ends there: nothing else of us ever leaves the host's tree.
fn remount(file: &RunningFile, read_only: bool) -> Result<(), Error> {
    let theirs = ProcDirectory::of(file.pid)?.open_file("ns/mnt")?;
    let held = file.open(OFlags::RDONLY)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let descriptors = rustix::fs::open("/proc/self/fd", flags, Mode::empty())
        .map_err(|errno| Error::file("open", "/proc/self/fd", errno))?;
    let mut flags = MsFlags::MS_REMOUNT
        | MsFlags::MS_BIND
        | MsFlags::MS_NOSUID
        | MsFlags::MS_NODEV
        | MsFlags::MS_NOEXEC;
    flags.set(MsFlags::MS_RDONLY, read_only);
    let go = || -> nix::Result<()> {
        unshare(CloneFlags::CLONE_FS)?;
        setns(&theirs, CloneFlags::CLONE_NEWNS)?;
        fchdir(&descriptors)?;
        mount(
            None::<&str>,
            held.as_raw_fd().to_string().as_str(),
            None::<&str>,
            flags,
            None::<&str>,
        )
    };
    let gone = std::thread::scope(|scope| scope.spawn(go).join());
    gone.unwrap_or(Err(nix::errno::Errno::EIO))
        .map_err(|errno| file.failed("remount", errno))
}
