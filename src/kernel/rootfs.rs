//! The container's root filesystem, held by a descriptor, and `/etc/hosts` inside it.
//!
//! The image's author, or a container that shares a volume, controls `/etc` and `/etc/hosts`, and may change them
//! at any time. So no path is checked and used later: each name is resolved once, inside the root, to a descriptor,
//! and that descriptor is checked and mounted on.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::sys::statfs::{
    CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, FsType, PROC_SUPER_MAGIC, TMPFS_MAGIC, fstatfs,
};
use pathrs::RootRef;
use pathrs::error::ErrorKind;
use rustix::buffer::spare_capacity;
use rustix::fs::{FileType, Gid, Mode, OFlags, Uid, getxattr, openat};
use rustix::io::Errno;

use crate::error::Error;
use crate::files::bounded_read::read_to_end;
use crate::kernel::hosts_tmpfs::{SELINUX, SOURCE};
use crate::kernel::inode::Inode;
use crate::kernel::mountinfo::MountLine;
use crate::kernel::procfs::{ProcDirectory, path_of};
use crate::stamp::FileId;

const ETC_HOSTS: &str = "etc/hosts";
/// The number of symlinks that the kernel follows in one path (`MAXSYMLINKS`).
const SYMLINKS_MAX: usize = 40;
/// An engine's file with some entries.
const TYPICAL_HOSTS: usize = 4095;
/// As much as the kernel takes, with 1024 categories written one by one.
const LABEL_MAX: usize = 4096;
/// sysfs, by its number in statfs(2).
const SYSFS_MAGIC: FsType = FsType(0x6265_6572);

/// The container's root filesystem in the current mount namespace.
#[derive(Debug)]
pub(crate) struct Rootfs {
    directory: OwnedFd,
    path: PathBuf,
    mount: u64,
}

/// `/etc/hosts` in a root filesystem: a regular file on a file system that can have one.
#[derive(Debug)]
pub(crate) struct HostsTarget {
    file: OwnedFd,
    id: FileId,
    mount: u64,
    is_on_tmpfs: bool,
}

impl Rootfs {
    /// Opens the root filesystem. If it is not a mount point, the runtime has not prepared it in this mount
    /// namespace, and a mount could be on the host.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let elsewhere = "the rootfs does not exist in the container's mount namespace: this runtime \
                         (youki before 0.6?) runs its hooks at another time than the specification says";
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|errno| Error::file("open", path, errno).refuse_with(elsewhere))?;
        let inode = Inode::of(&directory)?;
        if !inode.is_mount_root {
            return Err(Error::Refused(format!(
                "the rootfs {} is not a mount point in the container's mount namespace: the runtime has not \
                 prepared it, and a mount there could be visible on the host",
                path.display()
            )));
        }
        Ok(Self {
            directory,
            path: path.to_owned(),
            mount: inode.mount,
        })
    }

    fn root(&self) -> RootRef<'_> {
        RootRef::from_fd(self.directory.as_fd())
    }

    /// Its path, for messages, and for a kernel that mounts by path only.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Finds `/etc/hosts`. If it is missing, creates it as runc and the kubelet would: as an empty file of `owner`
    /// (the container's root, if that is another user).
    pub(crate) fn open_or_create_hosts(
        &self,
        owner: Option<(u32, u32)>,
    ) -> Result<HostsTarget, Error> {
        let file = match self.resolve(Path::new(ETC_HOSTS))? {
            Some(file) => file,
            None => self.make(Path::new(ETC_HOSTS), Create::File, owner, 0)?,
        };
        let inode = Inode::of(&file)?;
        if inode.kind != FileType::RegularFile {
            return Err(Error::Refused(format!(
                "/etc/hosts in the container is not a regular file but {}",
                word_for(inode.kind)
            )));
        }
        let filesystem = fstatfs(&file)
            .map_err(|errno| self.failed("fstatfs", errno))?
            .filesystem_type();
        if [
            PROC_SUPER_MAGIC,
            CGROUP_SUPER_MAGIC,
            CGROUP2_SUPER_MAGIC,
            SYSFS_MAGIC,
        ]
        .contains(&filesystem)
        {
            return Err(Error::Refused(
                "/etc/hosts in the container is a kernel file (proc, sysfs or cgroup)".into(),
            ));
        }
        Ok(HostsTarget {
            file,
            id: inode.id,
            mount: inode.mount,
            is_on_tmpfs: filesystem == TMPFS_MAGIC,
        })
    }

    /// The present `/etc/hosts`.
    pub(crate) fn reopen_hosts(&self) -> Result<OwnedFd, Error> {
        self.resolve(Path::new(ETC_HOSTS))?.ok_or_else(|| {
            Error::Refused(
                "/etc/hosts in the container disappeared while the hook mounted on it".into(),
            )
        })
    }

    /// Whether the target is already the hook's file: the hook is registered twice, or at two stages.
    pub(crate) fn is_ours(
        &self,
        target: &HostsTarget,
        own_proc: &ProcDirectory,
    ) -> Result<bool, Error> {
        if !target.is_on_tmpfs {
            return Ok(false);
        }
        let line = own_proc.find_mount(target.mount)?.unwrap_or_default();
        Ok(MountLine::read(&line).is_some_and(|line| line.source == SOURCE.as_bytes()))
    }

    /// Checks that a mount on the rootfs or the target is visible only in this mount namespace. The table has a
    /// line for each mount of the node, so it is read only if the kernel cannot refuse the mount itself: see
    /// [`crate::kernel::attach`].
    pub(crate) fn check_not_shared(
        &self,
        target: &HostsTarget,
        own_proc: &ProcDirectory,
    ) -> Result<(), Error> {
        for id in [self.mount, target.mount] {
            let line = own_proc.find_mount(id)?.unwrap_or_default();
            match MountLine::read(&line) {
                Some(line) if line.is_shared => {
                    return Err(Error::Refused(format!(
                        "{} is a shared mount: a mount there would be visible outside the container \
                         (youki before 0.6, or a volume with bidirectional propagation on /etc)",
                        String::from_utf8_lossy(line.mount_point)
                    )));
                }
                Some(_) => {}
                None => {
                    return Err(Error::Refused(format!(
                        "mount {id} under {} is not in this mount namespace",
                        self.path.display()
                    )));
                }
            }
        }
        Ok(())
    }

    /// Follows `path` inside the root; `None` if a part of it is missing.
    fn resolve(&self, path: &Path) -> Result<Option<OwnedFd>, Error> {
        // The parent of a single component is the root, whose path is empty.
        let path = match path.as_os_str().is_empty() {
            true => Path::new("."),
            false => path,
        };
        match self.root().resolve(path) {
            Ok(handle) => Ok(Some(handle.into())),
            Err(error) if error.kind() == NOT_FOUND => Ok(None),
            Err(error) => Err(self.unresolved(path, &error)),
        }
    }

    /// Creates the missing parts of `path`, the last component as `missing` says. A dangling symlink is followed
    /// inside the root, and its target is created.
    fn make(
        &self,
        path: &Path,
        create: Create,
        owner: Option<(u32, u32)>,
        links: usize,
    ) -> Result<OwnedFd, Error> {
        if links > SYMLINKS_MAX {
            return Err(Error::Refused(format!(
                "too many symlinks in the path of /{ETC_HOSTS} in the container"
            )));
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::Refused(format!(
                "a symlink in the path of /{ETC_HOSTS} leads to the rootfs itself"
            )));
        };
        match self.root().readlink(path) {
            // `..` in the target stays: only the resolver can follow it.
            Ok(target) => {
                let path = parent.join(target);
                let path = path.strip_prefix("/").unwrap_or(&path);
                match self.resolve(path)? {
                    Some(found) => return Ok(found),
                    None => return self.make(path, create, owner, links + 1),
                }
            }
            Err(error) if [NOT_FOUND, NOT_A_LINK].contains(&error.kind()) => {}
            Err(error) => return Err(self.unresolved(path, &error)),
        }
        let directory = match self.resolve(parent)? {
            Some(directory) => directory,
            None => self.make(parent, Create::Directory, owner, links + 1)?,
        };
        let shown = self.path.join(path);
        let (call, flags, mode) = match create {
            Create::Directory => ("open", OFlags::RDONLY | OFlags::DIRECTORY, 0o755),
            Create::File => (
                "create",
                OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY,
                0o644,
            ),
        };
        let mode = Mode::from_raw_mode(mode);
        if create == Create::Directory {
            rustix::fs::mkdirat(&directory, name, mode)
                .map_err(|errno| Error::file("mkdir", &shown, errno))?;
        }
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(&directory, name, flags, mode)
            .map_err(|errno| Error::file(call, &shown, errno))?;
        rustix::fs::fchmod(&made, mode).map_err(|errno| Error::file("fchmod", &shown, errno))?;
        if let Some((user, group)) = owner {
            rustix::fs::fchown(&made, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)))
                .map_err(|errno| Error::file("fchown", &shown, errno))?;
        }
        Ok(made)
    }

    fn failed(&self, call: &'static str, errno: impl Into<std::io::Error>) -> Error {
        Error::file(call, self.path.join(ETC_HOSTS), errno)
    }

    fn unresolved(&self, path: &Path, error: &pathrs::error::Error) -> Error {
        let source = match error.kind() {
            ErrorKind::OsError(Some(number)) => std::io::Error::from_raw_os_error(number),
            _ => std::io::Error::other(error.to_string()),
        };
        let call = format!(
            "openat2([<{}>], \"{}\", O_PATH, RESOLVE_IN_ROOT)",
            self.path.display(),
            path.display()
        );
        Error::Call { call, source }.refuse_with("/etc/hosts in the container cannot be resolved")
    }
}

impl AsFd for Rootfs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

impl AsFd for HostsTarget {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl HostsTarget {
    /// Which file it is.
    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    /// Its SELinux label, if any.
    pub(crate) fn label(&self) -> Result<Option<Vec<u8>>, Error> {
        let mut label = Vec::with_capacity(LABEL_MAX);
        let path = path_of(self.file.as_fd());
        match getxattr(path, SELINUX, spare_capacity(&mut label)) {
            Ok(_) => Ok(Some(label)),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
            Err(errno) => Err(Error::file("getxattr security.selinux", ETC_HOSTS, errno)),
        }
    }

    /// Reads the file that the runtime has mounted there, through the container's own view: a tenant can only make
    /// the hook read what the container can read anyway.
    pub(crate) fn read(&self, own_proc: &ProcDirectory, limit: u64) -> Result<Vec<u8>, Error> {
        // The descriptor is for a regular file, so neither opening nor reading it can block.
        let file: File = own_proc.open_file(&format!("fd/{}", self.file.as_raw_fd()))?;
        let mut bytes = Vec::with_capacity(TYPICAL_HOSTS);
        read_to_end(&mut bytes, &file, None, limit)
            .map_err(|errno| Error::file("read", "/etc/hosts in the container", errno))?;
        if bytes.len() as u64 > limit {
            return Err(Error::TooLarge {
                path: "/etc/hosts in the container".into(),
                limit,
            });
        }
        Ok(bytes)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Create {
    Directory,
    File,
}

const NOT_FOUND: ErrorKind = ErrorKind::OsError(Some(Errno::NOENT.raw_os_error()));
const NOT_A_LINK: ErrorKind = ErrorKind::OsError(Some(Errno::INVAL.raw_os_error()));

fn word_for(kind: FileType) -> &'static str {
    match kind {
        FileType::Directory => "a directory",
        FileType::Symlink => "a symlink",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "something else",
    }
}
