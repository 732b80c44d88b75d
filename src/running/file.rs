//! The file that the hook mounted in a running container, held by a descriptor.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags, fstatvfs, getxattr};

use crate::error::Error;
use crate::facts::container::Identity;
use crate::kernel::procfs::ProcDirectory;
use crate::stamp::{self, Stamp};

/// As much of a file as is ever held in memory, whatever `size-limit` allows the container.
const TEXT_MAX: u64 = 64 * 1024 * 1024;

/// The number of a file system: each file that the hook mounts has one of its own.
pub(crate) type Device = (u32, u32);

/// The file that the hook mounted in a running container.
#[derive(Debug)]
pub(crate) struct RunningFile {
    /// A process of the container, the one with the lowest number.
    pub(crate) pid: i32,
    /// Whose it is, by its stamp, else by the process's cgroup.
    pub(crate) identity: Identity,
    /// Where the container sees it.
    pub(crate) path: PathBuf,
    /// Its file system: a copy of the mount in another namespace is no other file.
    pub(crate) device: Device,
    /// Whether the container may only read it.
    pub(crate) is_read_only: bool,
    /// What the hook recorded with it; `None` where it could not, or where the hook did not make it.
    pub(crate) stamp: Option<Stamp>,
    pub(super) process: ProcDirectory,
    pub(super) file: OwnedFd,
}

impl RunningFile {
    /// Opens the file. A lease that the container holds on it is an error at once (EAGAIN): the kernel
    /// takes it away later.
    ///
    /// # Errors
    ///
    /// The kernel refuses; EROFS for writing where it is mounted read-only.
    pub(crate) fn open(&self, flags: OFlags) -> Result<File, Error> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK;
        rustix::fs::open(path_of(&self.file), flags, Mode::empty())
            .map(File::from)
            .map_err(|errno| self.failed("open", errno))
    }

    /// Reads the text: at most what the file system can hold. A file can be longer where nothing was
    /// written.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is longer.
    pub(crate) fn read(&self) -> Result<Vec<u8>, Error> {
        let file = self.open(OFlags::RDONLY)?;
        let limit = self.size_of_filesystem()?.min(TEXT_MAX);
        let mut text = Vec::new();
        // The size first: a file with a hole is not read at all.
        let status = file
            .metadata()
            .map_err(|source| self.failed("stat", source))?;
        if status.len() <= limit {
            file.take(limit + 1)
                .read_to_end(&mut text)
                .map_err(|source| self.failed("read", source))?;
        }
        if status.len().max(text.len() as u64) > limit {
            return Err(Error::TooLarge {
                path: self.shown(),
                limit,
            });
        }
        Ok(text)
    }

    /// How many bytes the file's own file system holds.
    ///
    /// # Errors
    ///
    /// The kernel does not say.
    pub(crate) fn size_of_filesystem(&self) -> Result<u64, Error> {
        let status = fstatvfs(&self.file).map_err(|errno| self.failed("fstatfs", errno))?;
        Ok(status.f_blocks.saturating_mul(status.f_frsize))
    }

    /// A call on this file that failed.
    pub(crate) fn failed(&self, call: &'static str, source: impl Into<std::io::Error>) -> Error {
        Error::file(call, self.shown(), source)
    }

    fn shown(&self) -> PathBuf {
        format!("/proc/{}/root{}", self.pid, self.path.display()).into()
    }
}

/// Only root of the host can have written this attribute, so a mount that a container made to look
/// like ours has none. Nothing is opened: the container may hold a lease.
pub(super) fn read_stamp(file: &OwnedFd) -> Option<Stamp> {
    let mut bytes = vec![0; stamp::MAX];
    let length = getxattr(path_of(file), stamp::XATTR, bytes.as_mut_slice()).ok()?;
    Stamp::read(bytes.get(..length)?).ok()
}

/// A descriptor to a regular file: this leads to it whatever its path leads to now.
fn path_of(file: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}
