//! Mounts the file on `/etc/hosts` in the container, from descriptor to descriptor.
//!
//! The hook is in the container's mount namespace here, before the runtime changes its root.
//!
//! A mount on a shared mount would appear on the node too. The kernel refuses to move an unbindable mount onto a
//! shared one (mount_namespaces(7)), so the hook's mount is unbindable while it is moved and private afterwards.
//! There is no time between a check and the mount, and no need to read a table of all mounts. The table is read
//! only if this is not possible.

use std::os::fd::{AsFd, OwnedFd};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statfs::{TMPFS_MAGIC, fstatfs};
use rustix::fs::{Mode, OFlags};
use rustix::mount::{
    MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount_change, move_mount, open_tree,
};

use crate::error::Error;
use crate::kernel::hosts_tmpfs::{self, FILE_NAME, HostsFileOptions, HostsTmpfs, SOURCE};
use crate::kernel::inode::Inode;
use crate::kernel::procfs::{ProcDirectory, path_of};
use crate::kernel::rootfs::{HostsTarget, Rootfs};
use crate::stamp::FileId;

/// Creates the file, mounts it on `target`, and checks that `/etc/hosts` in the container is now this file. If it
/// is not, because a call failed or a process moves `/etc/hosts` meanwhile, the mount is removed again. On success,
/// descriptors stay open: the process ends now, which closes them without a system call for each.
pub(crate) fn attach_hosts_file(
    rootfs: &Rootfs,
    target: &HostsTarget,
    text: &[u8],
    options: &HostsFileOptions<'_>,
    own_proc: &ProcDirectory,
) -> Result<(), Error> {
    let attached = match attach_detached(rootfs, target, text, options, own_proc) {
        // Linux before 5.2.
        Err(error) if error.is_missing_call() => {
            rootfs.check_not_shared(target, own_proc)?;
            attach_by_path(rootfs, target, text, options)?
        }
        attached => attached?,
    };
    finish(rootfs, &attached, options).inspect_err(|_| {
        // The container may still start (`on-error = "warn"`), with what it had.
        let _ = umount2(
            path_of(attached.mount.as_fd()).as_str(),
            MntFlags::MNT_DETACH,
        );
    })?;
    std::mem::forget(attached);
    Ok(())
}

/// The mounted file in the container's tree.
struct Attached {
    mount: OwnedFd,
    file: FileId,
    is_unbindable: bool,
}

/// Verifies the mount and sets its properties: private, and read-only if configured.
fn finish(
    rootfs: &Rootfs,
    attached: &Attached,
    options: &HostsFileOptions<'_>,
) -> Result<(), Error> {
    let seen = rootfs.reopen_hosts()?;
    if Inode::of(&seen)?.id != attached.file {
        return Err(moved());
    }
    if attached.is_unbindable {
        mount_change(
            path_of(seen.as_fd()).as_str(),
            MountPropagationFlags::PRIVATE,
        )
        .map_err(|errno| Error::call("mount(<etc/hosts>, MS_PRIVATE)", errno))?;
    }
    if options.read_only {
        let flags = MsFlags::MS_REMOUNT
            | MsFlags::MS_BIND
            | MsFlags::MS_RDONLY
            | MsFlags::MS_NOSUID
            | MsFlags::MS_NODEV
            | MsFlags::MS_NOEXEC;
        mount(
            None::<&str>,
            path_of(seen.as_fd()).as_str(),
            None::<&str>,
            flags,
            None::<&str>,
        )
        .map_err(|errno| Error::call("mount(<etc/hosts>, MS_REMOUNT|MS_BIND|MS_RDONLY)", errno))?;
    }
    std::mem::forget(seen);
    Ok(())
}

fn moved() -> Error {
    Error::Refused(
        "/etc/hosts in the container is not the file that was mounted there: another process moves it while the \
         container starts"
            .into(),
    )
}

/// Since Linux 5.2: moves a detached mount to its place.
fn attach_detached(
    rootfs: &Rootfs,
    target: &HostsTarget,
    text: &[u8],
    options: &HostsFileOptions<'_>,
    own_proc: &ProcDirectory,
) -> Result<Attached, Error> {
    let tmpfs = HostsTmpfs::make(text, options)?;
    let (mount, is_unbindable) = match open_file_tree(&tmpfs) {
        // A detached mount can be cloned only since Linux 6.15.
        Err(rustix::io::Errno::INVAL) => {
            rootfs.check_not_shared(target, own_proc)?;
            (clone_while_attached(rootfs, &tmpfs)?, false)
        }
        cloned => {
            let mount = cloned.map_err(clone_failed)?;
            let path = path_of(mount.as_fd());
            let is_unbindable =
                mount_change(path.as_str(), MountPropagationFlags::UNBINDABLE).is_ok();
            if !is_unbindable {
                rootfs.check_not_shared(target, own_proc)?;
            }
            (mount, is_unbindable)
        }
    };
    let file = tmpfs.file_id();
    let shown = format!("{}/etc/hosts", rootfs.path().display());
    if let Err(error) = move_onto(&mount, target, &shown) {
        // The kernel returns EINVAL for this, among other reasons.
        if is_unbindable && !error.is_missing_call() {
            rootfs.check_not_shared(target, own_proc)?;
        }
        return Err(error);
    }
    std::mem::forget(tmpfs);
    Ok(Attached {
        mount,
        file,
        is_unbindable,
    })
}

/// Briefly attaches the tmpfs over the rootfs, where only the waiting container process is, clones the file and
/// detaches the tmpfs.
pub(crate) fn clone_while_attached(rootfs: &Rootfs, tmpfs: &HostsTmpfs) -> Result<OwnedFd, Error> {
    move_onto(tmpfs, rootfs, &rootfs.path().display().to_string())?;
    let cloned = open_file_tree(tmpfs).map_err(clone_failed);
    umount2(path_of(tmpfs.as_fd()).as_str(), MntFlags::MNT_DETACH)
        .map_err(|errno| Error::call(format!("umount2(<{SOURCE}>, MNT_DETACH)"), errno))?;
    cloned
}

/// Clones the mount with the file as its root. EINVAL before Linux 6.15, ENOSYS before 5.2.
pub(crate) fn open_file_tree(tmpfs: &HostsTmpfs) -> rustix::io::Result<OwnedFd> {
    open_tree(
        tmpfs,
        FILE_NAME,
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC,
    )
}

fn clone_failed(errno: rustix::io::Errno) -> Error {
    Error::call(
        format!("open_tree([<{SOURCE}>], \"{FILE_NAME}\", OPEN_TREE_CLONE)"),
        errno,
    )
}

fn move_onto(mount: impl AsFd, place: impl AsFd, shown: &str) -> Result<(), Error> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, "", place, "", flags).map_err(|errno| {
        Error::call(
            format!("move_mount([<{SOURCE}>], \"\", [<{shown}>], \"\")"),
            errno,
        )
    })
}

/// Before Linux 5.2: mount(2), which takes only paths; these lead through descriptors.
fn attach_by_path(
    rootfs: &Rootfs,
    target: &HostsTarget,
    text: &[u8],
    options: &HostsFileOptions<'_>,
) -> Result<Attached, Error> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let data = format!("size={}", options.size_limit);
    mount(
        Some(SOURCE),
        path_of(rootfs.as_fd()).as_str(),
        Some("tmpfs"),
        flags,
        Some(data.as_str()),
    )
    .map_err(|errno| {
        Error::call(
            format!(
                "mount(\"{SOURCE}\", <{}>, \"tmpfs\")",
                rootfs.path().display()
            ),
            errno,
        )
    })?;
    // The path now leads to the mount on top, the hook's tmpfs.
    let root = rustix::fs::open(
        rootfs.path(),
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(|errno| {
        // The container may still start: with its rootfs, not with the hook's tmpfs over it.
        let _ = umount2(rootfs.path(), MntFlags::MNT_DETACH);
        Error::file("open", rootfs.path(), errno)
    })?;
    let on_tmpfs =
        fstatfs(&root).is_ok_and(|filesystem| filesystem.filesystem_type() == TMPFS_MAGIC);
    if !on_tmpfs {
        return Err(Error::Refused(format!(
            "{} does not lead to the tmpfs mounted on it",
            rootfs.path().display()
        )));
    }
    let attached = bind_file(&root, target, text, options);
    umount2(path_of(root.as_fd()).as_str(), MntFlags::MNT_DETACH)
        .map_err(|errno| Error::call(format!("umount2(<{SOURCE}>, MNT_DETACH)"), errno))?;
    let file = attached?;
    let mount = rootfs.reopen_hosts()?;
    if Inode::of(&mount)?.id != file {
        // It is another mount, which the hook must not remove.
        return Err(moved());
    }
    Ok(Attached {
        mount,
        file,
        is_unbindable: false,
    })
}

fn bind_file(
    root: &OwnedFd,
    target: &HostsTarget,
    text: &[u8],
    options: &HostsFileOptions<'_>,
) -> Result<FileId, Error> {
    let (file, id) = hosts_tmpfs::write_hosts(root.as_fd(), text, options)?;
    let (from, to) = (path_of(file.as_fd()), path_of(target.as_fd()));
    mount(
        Some(from.as_str()),
        to.as_str(),
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )
    .map_err(|errno| Error::call("mount(<hosts>, <etc/hosts>, MS_BIND)", errno))?;
    Ok(id)
}
