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

/// The most bytes of a file that are held in memory, whatever `size-limit` is.
const TEXT_MAX: u64 = 64 * 1024 * 1024;

/// The device number of a file system. Each file that the hook mounts has its own.
pub(crate) type Device = (u32, u32);

/// The file that the hook mounted in a running container.
#[derive(Debug)]
pub(crate) struct RunningFile {
    /// The container's process with the lowest ID.
    pub(crate) pid: i32,
    /// The container, by the stamp or by the process's cgroup.
    pub(crate) identity: Identity,
    /// Where the container sees it.
    pub(crate) path: PathBuf,
    /// Its file system: a copy of the mount in another namespace is the same file.
    pub(crate) device: Device,
    /// Whether the container may only read it.
    pub(crate) is_read_only: bool,
    /// The hook's record; `None` if the hook could not write it, or did not make the file.
    pub(crate) stamp: Option<Stamp>,
    pub(super) process: ProcDirectory,
    pub(super) file: OwnedFd,
}

impl RunningFile {
    /// Opens the file. If the container holds a lease on it, this fails at once (EAGAIN); the kernel breaks the
    /// lease later.
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

    /// Reads the text: at most as many bytes as the file system holds. A sparse file can be longer.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is longer.
    pub(crate) fn read(&self) -> Result<Vec<u8>, Error> {
        let file = self.open(OFlags::RDONLY)?;
        let limit = self.size_of_filesystem()?.min(TEXT_MAX);
        let mut text = Vec::new();
        // The size first: a sparse file is not read at all.
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
    /// The system call failed.
    pub(crate) fn size_of_filesystem(&self) -> Result<u64, Error> {
        let status = fstatvfs(&self.file).map_err(|errno| self.failed("fstatfs", errno))?;
        Ok(status.f_blocks.saturating_mul(status.f_frsize))
    }

    /// A failed call on this file.
    pub(crate) fn failed(&self, call: &'static str, source: impl Into<std::io::Error>) -> Error {
        Error::file(call, self.shown(), source)
    }

    fn shown(&self) -> PathBuf {
        format!("/proc/{}/root{}", self.pid, self.path.display()).into()
    }
}

/// Only the host's root can write this attribute, so a container's imitation of the hook's mount has none. Nothing
/// is opened: the container may hold a lease.
pub(super) fn read_stamp(file: &OwnedFd) -> Option<Stamp> {
    let mut bytes = vec![0; stamp::MAX];
    let length = getxattr(path_of(file), stamp::XATTR, bytes.as_mut_slice()).ok()?;
    Stamp::read(bytes.get(..length)?).ok()
}

/// A path to the descriptor's file, wherever its own path leads now.
fn path_of(file: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}
