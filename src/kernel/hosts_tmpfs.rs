//! The file system of one container's file: a tmpfs of its own.
//!
//! It is created detached and never attached to the host's tree, so it disappears with the container's mount
//! namespace and needs no cleanup. A container that fills its `/etc/hosts` fills only this much memory and not the
//! node's disk (CVE-2020-8557).

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Gid, Mode, OFlags, Uid, XattrFlags, fchmod, fchown, fsetxattr, openat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount,
    fsopen,
};

use crate::error::Error;
use crate::kernel::inode::Inode;
use crate::stamp::{self, FileId};

/// The source of the hook's mounts in mount tables; `list` finds them by it.
pub(crate) const SOURCE: &str = "oci-hostaliases";
/// The only file name in the file system.
pub(crate) const FILE_NAME: &str = "hosts";

/// The extended attribute with a file's SELinux label.
pub(crate) const SELINUX: &str = "security.selinux";

/// The properties of the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostsFileOptions<'a> {
    /// How many bytes the file system holds.
    pub(crate) size_limit: u64,
    /// The user and group of the container's root; `None` if this process runs as them.
    pub(crate) owner: Option<(u32, u32)>,
    /// The SELinux label, as the kernel takes it.
    pub(crate) label: Option<&'a [u8]>,
    /// Whether the container may not write it.
    pub(crate) read_only: bool,
    /// The record for `refresh`.
    pub(crate) stamp: &'a [u8],
}

/// A tmpfs with the file in it, mounted nowhere.
#[derive(Debug)]
pub(crate) struct HostsTmpfs {
    mount: OwnedFd,
    _file: File,
    id: FileId,
}

impl HostsTmpfs {
    /// Makes the file system and the file with this text. ENOSYS before Linux 5.2.
    pub(crate) fn make(text: &[u8], options: &HostsFileOptions<'_>) -> Result<Self, Error> {
        let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)
            .map_err(|errno| Error::call("fsopen(\"tmpfs\", FSOPEN_CLOEXEC)", errno))?;
        let size = options.size_limit.to_string();
        for (key, value) in [("source", SOURCE), ("size", size.as_str())] {
            fsconfig_set_string(&context, key, value).map_err(|errno| {
                Error::call(
                    format!("fsconfig(<tmpfs>, FSCONFIG_SET_STRING, \"{key}\", \"{value}\")"),
                    errno,
                )
            })?;
        }
        fsconfig_create(&context)
            .map_err(|errno| Error::call("fsconfig(<tmpfs>, FSCONFIG_CMD_CREATE)", errno))?;
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        let mount =
            fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes).map_err(|errno| {
                Error::call(
                    "fsmount(<tmpfs>, FSMOUNT_CLOEXEC, nosuid|nodev|noexec)",
                    errno,
                )
            })?;
        // The process ends soon, which closes it without a call of its own.
        std::mem::forget(context);
        let (file, id) = write_hosts(mount.as_fd(), text, options)?;
        Ok(Self {
            mount,
            _file: file,
            id,
        })
    }

    /// Which file it is.
    pub(crate) fn file_id(&self) -> FileId {
        self.id
    }
}

impl AsFd for HostsTmpfs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.mount.as_fd()
    }
}

/// Creates the file in the file system's root directory `root`: with its text, mode 0644 whatever the umask, the
/// container's root as owner, and the label.
pub(crate) fn write_hosts(
    root: BorrowedFd<'_>,
    text: &[u8],
    options: &HostsFileOptions<'_>,
) -> Result<(File, FileId), Error> {
    let failed = |call: &str| {
        let call = format!("{call} on <{SOURCE}>/{FILE_NAME}");
        move |source: std::io::Error| Error::call(call, source)
    };
    let mode = Mode::from_raw_mode(0o644);
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDWR;
    let mut file: File = openat(root, FILE_NAME, flags, mode)
        .map_err(|errno| failed("openat")(errno.into()))?
        .into();
    file.write_all(text).map_err(failed("write"))?;
    let inode = Inode::of(&file)?;
    if inode.permissions != mode {
        fchmod(&file, mode).map_err(|errno| failed("fchmod")(errno.into()))?;
    }
    if let Some(label) = options.label {
        // Before the owner changes, because only the owner may set it. Without SELinux there is no label.
        match fsetxattr(&file, SELINUX, label, XattrFlags::empty()) {
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(errno) => return Err(failed("fsetxattr security.selinux")(errno.into())),
        }
    }
    match fsetxattr(&file, stamp::XATTR, options.stamp, XattrFlags::empty()) {
        // In a user namespace (rootless, `createContainer`) it cannot be set, and a kernel may not support it. Then
        // `refresh` reports that it cannot update this file.
        Ok(()) | Err(Errno::PERM | Errno::OPNOTSUPP) => {}
        Err(errno) => return Err(failed("fsetxattr trusted.oci-hostaliases")(errno.into())),
    }
    if let Some((user, group)) = options.owner {
        fchown(&file, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)))
            .map_err(|errno| failed("fchown")(errno.into()))?;
    }
    Ok((file, inode.id))
}
