//! The file and the mount of a descriptor.

use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Statx, StatxAttributes, StatxFlags, openat, statx,
};

use crate::error::Error;
use crate::kernel::procfs::ProcDirectory;
use crate::stamp::FileId;

/// What a descriptor refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inode {
    /// The file's identity on this host.
    pub(crate) id: FileId,
    /// What kind of file it is.
    pub(crate) kind: FileType,
    /// Its permission bits.
    pub(crate) permissions: Mode,
    /// The ID of the mount through which it was reached, as in mountinfo.
    pub(crate) mount: u64,
    /// Whether it is the root of that mount. Only for directories before Linux 5.8.
    pub(crate) is_mount_root: bool,
}

impl Inode {
    /// Asks the kernel.
    pub(crate) fn of(fd: impl AsFd) -> Result<Self, Error> {
        // The kernel's cached values are enough, because they do not change for an inode. So a file system in user
        // space or a server is not asked, and cannot block the hook.
        let status = statx(
            &fd,
            "",
            AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC,
            StatxFlags::BASIC_STATS | StatxFlags::BTIME | StatxFlags::MNT_ID,
        )
        .map_err(|errno| Error::call("statx(<descriptor>, \"\", AT_EMPTY_PATH)", errno))?;
        let kind = FileType::from_raw_mode(u32::from(status.stx_mode));
        let (mount, is_mount_root) = match mount_of(&status) {
            Some(mount) => mount,
            None => mount_before_statx(&fd, kind)?,
        };
        let device = (status.stx_dev_major, status.stx_dev_minor);
        let born = (status.stx_btime.tv_sec, status.stx_btime.tv_nsec);
        Ok(Self {
            id: FileId::new(device, status.stx_ino, born),
            kind,
            permissions: Mode::from_raw_mode(status.stx_mode.into()),
            mount,
            is_mount_root,
        })
    }
}

/// The mount's ID and whether this is its root, which the kernel reports since Linux 5.8.
fn mount_of(status: &Statx) -> Option<(u64, bool)> {
    let told = StatxFlags::from_bits_retain(status.stx_mask).contains(StatxFlags::MNT_ID)
        && status
            .stx_attributes_mask
            .contains(StatxAttributes::MOUNT_ROOT);
    told.then(|| {
        (
            status.stx_mnt_id,
            status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT),
        )
    })
}

/// The same before Linux 5.8: a directory is the root of its mount if its parent is on another one.
fn mount_before_statx(fd: impl AsFd, kind: FileType) -> Result<(u64, bool), Error> {
    let own_proc = ProcDirectory::of_self()?;
    let mount = mount_by_fdinfo(&own_proc, &fd)?;
    if kind != FileType::Directory {
        return Ok((mount, false));
    }
    let parent = openat(
        &fd,
        "..",
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(|errno| Error::call("openat(<directory>, \"..\", O_PATH)", errno))?;
    Ok((mount, mount_by_fdinfo(&own_proc, &parent)? != mount))
}

fn mount_by_fdinfo(own_proc: &ProcDirectory, fd: impl AsFd) -> Result<u64, Error> {
    let info = own_proc.read(&format!("fdinfo/{}", fd.as_fd().as_raw_fd()))?;
    let id = info
        .lines()
        .find_map(|line| line.strip_prefix("mnt_id:"))
        .and_then(|id| id.trim().parse().ok());
    id.ok_or_else(|| {
        Error::Refused("the kernel does not say which mount a descriptor is on".into())
    })
}
