//! One process's directory in procfs, held by a descriptor.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
#[cfg(feature = "cli")]
use rustix::fs::{AtFlags, statat};
use rustix::fs::{Mode, OFlags, openat, readlinkat};

use crate::error::Error;
use crate::kernel::mountinfo;

/// As much as most files need.
const READ_AHEAD: usize = 4 * 1024;
/// More than any file that is read whole has: `cgroup` has a path for each hierarchy.
const READ_MAX: u64 = 256 * 1024;

/// A process's directory in procfs. Once open, it refers only to that process: when the process is gone, everything
/// in it fails with ESRCH, even after its ID is reused.
#[derive(Debug)]
pub(crate) struct ProcDirectory {
    directory: OwnedFd,
    path: String,
}

/// A namespace's identity, comparable with one that is bound to a path: two processes are in the same one
/// when these are equal (namespaces(7)).
#[cfg(feature = "cli")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NamespaceId {
    device: u64,
    inode: u64,
}

#[cfg(feature = "cli")]
impl NamespaceId {
    /// The identity of the namespace at this path: one of `/proc/<pid>/ns`, or an engine's bind mount of one.
    pub(crate) fn at(path: &std::path::Path) -> Result<Self, Error> {
        rustix::fs::stat(path)
            .map(|stat| Self {
                device: stat.st_dev,
                inode: stat.st_ino,
            })
            .map_err(|errno| Error::file("stat", path, errno))
    }
}

impl ProcDirectory {
    /// This process's own directory.
    pub(crate) fn of_self() -> Result<Self, Error> {
        Self::open("/proc/self".to_owned())
    }

    /// The directory of the process with this ID.
    pub(crate) fn of(pid: i32) -> Result<Self, Error> {
        Self::open(format!("/proc/{pid}"))
    }

    fn open(path: String) -> Result<Self, Error> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path.as_str(), flags, Mode::empty())
            .map_err(|errno| Error::file("open", path.as_str(), errno))?;
        let filesystem =
            fstatfs(&directory).map_err(|errno| Error::file("fstatfs", path.as_str(), errno))?;
        if filesystem.filesystem_type() != PROC_SUPER_MAGIC {
            return Err(Error::Refused(format!("{path} is not on procfs")));
        }
        Ok(Self { directory, path })
    }

    /// The name of one of its namespaces, `mnt` or `net`: `net:[4026531840]`. Two processes are in the same one
    /// when these are equal (namespaces(7)). This reads the link; following it would allocate an inode.
    pub(crate) fn namespace_name(&self, kind: &str) -> Result<CString, Error> {
        readlinkat(&self.directory, format!("ns/{kind}"), Vec::new())
            .map_err(|errno| self.failed("readlink", &format!("ns/{kind}"), errno.into()))
    }

    /// The identity of one of its namespaces: `mnt`, `net`.
    #[cfg(feature = "cli")]
    pub(crate) fn namespace(&self, kind: &str) -> Result<NamespaceId, Error> {
        statat(&self.directory, format!("ns/{kind}"), AtFlags::empty())
            .map(|stat| NamespaceId {
                device: stat.st_dev,
                inode: stat.st_ino,
            })
            .map_err(|errno| Error::file("stat", format!("{}/ns/{kind}", self.path), errno))
    }

    /// Opens one of its files for reading.
    pub(crate) fn open_file(&self, name: &str) -> Result<File, Error> {
        openat(
            &self.directory,
            name,
            OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK,
            Mode::empty(),
        )
        .map(File::from)
        .map_err(|errno| Error::file("open", format!("{}/{name}", self.path), errno))
    }

    /// The root directory that it has.
    #[cfg(feature = "cli")]
    pub(crate) fn open_root(&self) -> Result<OwnedFd, Error> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.directory, "root", flags, Mode::empty())
            .map_err(|errno| self.failed("open", "root", errno.into()))
    }

    /// Reads one of its files whole, as text. Invalid UTF-8, for example in a cgroup's name, becomes U+FFFD. For
    /// short files only: a mount table is read by [`crate::kernel::mountinfo`].
    pub(crate) fn read(&self, name: &str) -> Result<String, Error> {
        // With capacity from the start: procfs reports no length, and each attempt is a system call.
        let mut text = Vec::with_capacity(READ_AHEAD);
        let file = self.open_file(name)?;
        file.take(READ_MAX)
            .read_to_end(&mut text)
            .map_err(|source| self.failed("read", name, source))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The line of its mount table with this number, for [`MountLine::read`].
    ///
    /// [`MountLine::read`]: crate::kernel::mountinfo::MountLine::read
    pub(crate) fn find_mount(&self, id: u64) -> Result<Option<Vec<u8>>, Error> {
        mountinfo::find(self.open_file("mountinfo")?, id)
            .map_err(|source| self.failed("read", "mountinfo", source))
    }

    /// An error for one of its files.
    pub(crate) fn failed(&self, call: &'static str, name: &str, source: std::io::Error) -> Error {
        Error::file(call, format!("{}/{name}", self.path), source)
    }
}

/// A path to the file of `fd`, for system calls that take only paths.
pub(crate) fn path_of(fd: BorrowedFd<'_>) -> String {
    let number: RawFd = fd.as_raw_fd();
    format!("/proc/self/fd/{number}")
}
