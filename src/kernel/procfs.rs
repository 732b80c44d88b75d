//! One process's directory in procfs, held by a descriptor.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;

use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use rustix::fs::{AtFlags, Mode, OFlags, openat, stat, statat};

use crate::error::Error;

/// As much as most tables need.
const READ_AHEAD: usize = 32 * 1024;

/// A process's directory in procfs. Once open it stands for that process alone: when the process
/// is gone, everything in it answers ESRCH, also after its number is given to another one.
#[derive(Debug)]
pub struct ProcDirectory {
    directory: OwnedFd,
    path: String,
}

/// A namespace's identity: two processes are in the same one when these are equal (namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamespaceId {
    device: u64,
    inode: u64,
}

impl NamespaceId {
    /// The identity of the namespace that this path leads to: one of `/proc/<pid>/ns`, or where an
    /// engine has bound one.
    ///
    /// # Errors
    ///
    /// There is nothing, or we may not look.
    pub fn at(path: &Path) -> Result<Self, Error> {
        stat(path)
            .map(|stat| Self {
                device: stat.st_dev,
                inode: stat.st_ino,
            })
            .map_err(|errno| Error::file("stat", path, errno))
    }
}

impl ProcDirectory {
    /// Our own.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or `/proc` is not procfs.
    pub fn of_self() -> Result<Self, Error> {
        Self::open("/proc/self".to_owned())
    }

    /// The one of the process with this number.
    ///
    /// # Errors
    ///
    /// There is no such process, or `/proc` is not procfs.
    pub fn of(pid: i32) -> Result<Self, Error> {
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

    /// The identity of one of its namespaces: `mnt`, `net`.
    ///
    /// # Errors
    ///
    /// The process is gone, or we may not look.
    pub fn namespace(&self, kind: &str) -> Result<NamespaceId, Error> {
        statat(&self.directory, format!("ns/{kind}"), AtFlags::empty())
            .map(|stat| NamespaceId {
                device: stat.st_dev,
                inode: stat.st_ino,
            })
            .map_err(|errno| Error::file("stat", format!("{}/ns/{kind}", self.path), errno))
    }

    /// Opens one of its files for reading.
    ///
    /// # Errors
    ///
    /// The process is gone, or we may not.
    pub fn open_file(&self, name: &str) -> Result<File, Error> {
        openat(
            &self.directory,
            name,
            OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK,
            Mode::empty(),
        )
        .map(File::from)
        .map_err(|errno| Error::file("open", format!("{}/{name}", self.path), errno))
    }

    /// Reads one of its files whole, as text.
    ///
    /// # Errors
    ///
    /// The process is gone, or we may not.
    pub fn read(&self, name: &str) -> Result<String, Error> {
        let failed = |source| Error::file("read", format!("{}/{name}", self.path), source);
        // Room from the start: procfs tells no length, and each attempt is a system call.
        let mut text = String::with_capacity(READ_AHEAD);
        let file = self.open_file(name)?;
        file.take(u64::MAX)
            .read_to_string(&mut text)
            .map_err(failed)?;
        Ok(text)
    }
}

/// The path by which a system call that knows only paths reaches what `fd` refers to.
pub fn path_of(fd: BorrowedFd<'_>) -> String {
    let number: RawFd = fd.as_raw_fd();
    format!("/proc/self/fd/{number}")
}
