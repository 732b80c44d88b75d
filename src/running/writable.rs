//! Writes a file that is mounted read-only in the container. It stays read-only for the container.
//!
//! The mount is cloned, and only the clone is made writable, in a mount namespace that only one thread is ever in.
//! The container cannot reach that namespace, and it ends with the thread, even if the thread is killed. The
//! namespace is needed because mount(2) changes only mounts of the caller's namespace.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::fchdir;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsmount, fsopen, move_mount, open_tree,
};

use crate::error::Error;
use crate::running::file::RunningFile;

/// The file opened twice for writing: anywhere, and at its end.
#[derive(Debug)]
pub(super) struct Writable {
    pub(super) anywhere: File,
    pub(super) end: File,
    /// Whether the container's own mount is writable while this exists (Linux before 5.2).
    is_remounted: bool,
}

impl Writable {
    /// Opens the file for writing.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub(super) fn open(file: &RunningFile) -> Result<Self, Error> {
        if !file.is_read_only {
            return Self::of(file, false);
        }
        match in_namespace_of(file, clone_and_open) {
            Ok((anywhere, end)) => Ok(Self {
                anywhere,
                end,
                is_remounted: false,
            }),
            Err(Errno::NOSYS) => {
                remount(file, false)?;
                Self::of(file, true).inspect_err(|_| {
                    let _ = remount(file, true);
                })
            }
            Err(errno) => Err(file.failed("clone the mount of", errno)),
        }
    }

    fn of(file: &RunningFile, is_remounted: bool) -> Result<Self, Error> {
        Ok(Self {
            anywhere: file.open(OFlags::RDWR)?,
            end: file.open(OFlags::WRONLY | OFlags::APPEND)?,
            is_remounted,
        })
    }

    /// Ends the writing.
    ///
    /// # Errors
    ///
    /// The mount cannot be made read-only again (Linux before 5.2).
    pub(super) fn close(self, file: &RunningFile) -> Result<(), Error> {
        let Self {
            anywhere,
            end,
            is_remounted,
        } = self;
        // A mount with files open for writing does not become read-only.
        drop((anywhere, end));
        if is_remounted {
            remount(file, true)?;
        }
        Ok(())
    }
}

/// What a thread in the container's mount namespace has: this process's descriptors as its working directory, and
/// the file's name there.
struct Inside<'a> {
    held: &'a OwnedFd,
    name: String,
}

/// Does `work` in a thread that enters the container's mount namespace and ends there. The rest of the process
/// never leaves the host's mount namespace. The thread takes a directory of the host's procfs along.
fn in_namespace_of<T: Send>(
    file: &RunningFile,
    work: impl FnOnce(&Inside<'_>) -> rustix::io::Result<T> + Send,
) -> rustix::io::Result<T> {
    let theirs = file.process.open_file("ns/mnt").map_err(|_| Errno::SRCH)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let descriptors = rustix::fs::open("/proc/self/fd", flags, Mode::empty())?;
    let inside = Inside {
        held: &file.file,
        name: file.file.as_raw_fd().to_string(),
    };
    let go = || {
        unshare(CloneFlags::CLONE_FS).map_err(of_nix)?;
        setns(&theirs, CloneFlags::CLONE_NEWNS).map_err(of_nix)?;
        fchdir(&descriptors).map_err(of_nix)?;
        work(&inside)
    };
    let done = std::thread::scope(|scope| scope.spawn(go).join());
    done.unwrap_or(Err(Errno::IO))
}

fn of_nix(errno: nix::Error) -> Errno {
    Errno::from_raw_os_error(errno as i32)
}

/// Since Linux 5.2.
fn clone_and_open(inside: &Inside<'_>) -> rustix::io::Result<(File, File)> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    let clone = open_tree(inside.held, "", flags)?;
    let place = place()?;
    unshare(CloneFlags::CLONE_NEWNS).map_err(of_nix)?;
    // Mounts from here on are visible only here.
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).map_err(of_nix)?;
    move_mount(
        &place,
        "",
        CWD,
        "/",
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )?;
    let name = "hosts";
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
    let target = openat(&place, name, flags, Mode::from_raw_mode(0o600))?;
    move_mount(
        &clone,
        "",
        &target,
        "",
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH,
    )?;
    let number = clone.as_raw_fd().to_string();
    make(&number, false).map_err(of_nix)?;
    let open = |flags| {
        openat(
            CWD,
            number.as_str(),
            flags | OFlags::CLOEXEC | OFlags::NONBLOCK,
            Mode::empty(),
        )
        .map(File::from)
    };
    Ok((open(OFlags::RDWR)?, open(OFlags::WRONLY | OFlags::APPEND)?))
}

/// A tmpfs for a file to mount on.
fn place() -> rustix::io::Result<OwnedFd> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    fsmount(
        &context,
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    )
}

/// Before Linux 5.2: the container's own mount is writable while the file is written.
fn remount(file: &RunningFile, read_only: bool) -> Result<(), Error> {
    in_namespace_of(file, |inside| make(&inside.name, read_only).map_err(of_nix))
        .map_err(|errno| file.failed("remount", errno))
}

/// Makes the mount of a descriptor read-only or writable.
fn make(number: &str, read_only: bool) -> nix::Result<()> {
    let mut flags = MsFlags::MS_REMOUNT
        | MsFlags::MS_BIND
        | MsFlags::MS_NOSUID
        | MsFlags::MS_NODEV
        | MsFlags::MS_NOEXEC;
    flags.set(MsFlags::MS_RDONLY, read_only);
    mount(None::<&str>, number, None::<&str>, flags, None::<&str>)
}
