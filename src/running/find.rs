//! Finding the files of ours that are mounted in containers of this node.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use pathrs::Root;
use rustix::fs::{FileType, Mode, OFlags, fgetxattr};

use crate::error::Error;
use crate::facts::container::Identity;
use crate::kernel::hosts_tmpfs::SOURCE;
use crate::kernel::inode::Inode;
use crate::kernel::mountinfo::{self, MountLine};
use crate::kernel::procfs::ProcDirectory;
use crate::running::cgroup;
use crate::stamp::{self, Stamp};

/// A file of ours in a running container.
#[derive(Debug)]
pub struct RunningFile {
    /// A process of the container, the one with the lowest number.
    pub pid: i32,
    /// Whose it is, by its stamp, else by the process's cgroup.
    pub identity: Identity,
    /// Where the container sees it.
    pub path: PathBuf,
    /// Whether the container may only read it.
    pub is_read_only: bool,
    /// What the hook recorded with it; `None` where it could not.
    pub stamp: Option<Stamp>,
    file: OwnedFd,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The files, in the order of their processes' numbers.
    pub files: Vec<RunningFile>,
    /// How many processes we were not allowed to look at.
    pub not_allowed: usize,
}

impl Found {
    /// Why containers may be missing; `None` where root looked, who sees all but what a stronger
    /// root has locked away.
    pub fn hidden(&self) -> Option<Hidden> {
        let is_hidden = self.not_allowed > 0 && !nix::unistd::geteuid().is_root();
        is_hidden.then_some(Hidden(self.not_allowed))
    }
}

/// So many processes could not be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hidden(usize);

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot look into {} processes: run this as root", self.0)
    }
}

/// Looks through the mount tables of all processes, one process for each mount namespace.
///
/// # Errors
///
/// `/proc` cannot be read. A process that ends meanwhile is no error.
pub fn running_files() -> Result<Found, Error> {
    let mut found = Found::default();
    let (mut namespaces, mut devices) = (BTreeSet::new(), BTreeSet::new());
    for pid in processes()? {
        let looked = ProcDirectory::of(pid).and_then(|process| {
            // Several processes of a container share its mount namespace.
            if !namespaces.insert(process.namespace("mnt")?) {
                return Ok(Vec::new());
            }
            process
                .read("mountinfo")
                .map(|table| files_in(pid, &process, &table, &mut devices))
        });
        match looked {
            Ok(files) => found.files.extend(files),
            Err(Error::File { source, .. }) if source.kind() == ErrorKind::PermissionDenied => {
                found.not_allowed += 1
            }
            // It has ended.
            Err(_) => {}
        }
    }
    Ok(found)
}

/// The numbers of all processes, in their order: a container's first process comes before those
/// that it may have sent into namespaces of their own, which see copies of its mounts.
fn processes() -> Result<BTreeSet<i32>, Error> {
    let failed = |source| Error::file("read", "/proc", source);
    let mut pids = BTreeSet::new();
    for entry in std::fs::read_dir("/proc").map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        pids.extend(name.to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    Ok(pids)
}

fn files_in(
    pid: i32,
    process: &ProcDirectory,
    table: &str,
    devices: &mut BTreeSet<String>,
) -> Vec<RunningFile> {
    let lines = table.lines().filter_map(MountLine::read);
    let ours = lines.filter(|line| line.filesystem == "tmpfs" && line.source == SOURCE);
    let opened = ours.filter_map(|line| {
        let path = mountinfo::unescape(line.mount_point);
        let file = open_in_container(pid, &path, line.id)?;
        // The file system's device is the file's identity: a copy in another namespace is no other file.
        devices.insert(line.device.to_owned()).then(|| {
            let stamp = read_stamp(&file);
            let identity = stamp.as_ref().map_or_else(
                || identity_by_cgroup(process),
                |stamp| stamp.identity.clone(),
            );
            RunningFile {
                pid,
                identity,
                path,
                is_read_only: line.is_read_only,
                stamp,
                file,
            }
        })
    });
    opened.collect()
}

/// Opens what is mounted at `path` in the container, through the container's own root: whatever
/// symlinks the container puts there lead nowhere else. `None` unless it is the file of this very
/// mount.
fn open_in_container(pid: i32, path: &Path, mount: u64) -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(format!("/proc/{pid}/root"), flags, Mode::empty()).ok()?;
    let file: OwnedFd = Root::from_fd(root).resolve(path).ok()?.into();
    let inode = Inode::of(&file).ok()?;
    (inode.kind == FileType::RegularFile && inode.mount == mount).then_some(file)
}

/// Only root of the host can have written this attribute, so a mount that a container made to look
/// like ours has none.
fn read_stamp(file: &OwnedFd) -> Option<Stamp> {
    let file = open_again(file, OFlags::RDONLY).ok()?;
    let mut bytes = vec![0; stamp::MAX];
    let length = fgetxattr(&file, stamp::XATTR, bytes.as_mut_slice()).ok()?;
    Stamp::read(bytes.get(..length)?).ok()
}

fn identity_by_cgroup(process: &ProcDirectory) -> Identity {
    let id = process
        .read("cgroup")
        .ok()
        .and_then(|cgroup| cgroup::container_id(&cgroup));
    Identity {
        id: id.unwrap_or_default(),
        ..Identity::default()
    }
}

fn open_again(file: &OwnedFd, flags: OFlags) -> rustix::io::Result<File> {
    // A descriptor to a regular file: this leads to it whatever its path leads to now.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty()).map(File::from)
}

impl RunningFile {
    /// Opens the file.
    ///
    /// # Errors
    ///
    /// The kernel refuses; EROFS for writing where it is mounted read-only.
    pub fn open(&self, flags: OFlags) -> Result<File, Error> {
        open_again(&self.file, flags).map_err(|errno| self.failed("open", errno))
    }

    /// Reads the text.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn read(&self) -> Result<Vec<u8>, Error> {
        let mut text = Vec::new();
        self.open(OFlags::RDONLY)?
            .read_to_end(&mut text)
            .map_err(|source| self.failed("read", source))?;
        Ok(text)
    }

    /// A call on this file that failed.
    pub fn failed(&self, call: &'static str, source: impl Into<std::io::Error>) -> Error {
        Error::file(
            call,
            format!("/proc/{}/root{}", self.pid, self.path.display()),
            source,
        )
    }
}
