//! The privileges that the hook drops before it reads a byte that a tenant wrote.

use std::os::fd::{AsRawFd, RawFd};

use rustix::fs::{Mode, OFlags, RawDir};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

use crate::error::Error;

/// The capabilities that the hook needs, and why. All others are dropped for good.
const NEEDED: CapabilitySet = CapabilitySet::empty()
    // fsopen, fsmount, move_mount, mount, and setns into the container's mount namespace
    .union(CapabilitySet::SYS_ADMIN)
    // setns into a mount namespace changes the root directory
    .union(CapabilitySet::SYS_CHROOT)
    // /proc/<pid>/ns of a container process that made itself undumpable, as runc's does
    .union(CapabilitySet::SYS_PTRACE)
    // bundles are 0700; the rootfs belongs to the container's root in a user namespace
    .union(CapabilitySet::DAC_OVERRIDE)
    // the file belongs to the container's root
    .union(CapabilitySet::CHOWN);

const OWN_DESCRIPTORS: &str = "/proc/self/fd";
/// What the size of [`OWN_DESCRIPTORS`] says (since Linux 6.2; 0 before) when nothing but 0, 1 and 2 is open, of
/// which the program's start has opened those that were not. Listing the directory costs three times as much as
/// this check.
const STANDARD_DESCRIPTORS: i64 = 3;

/// Closes the descriptors that the runtime left open (runc 1.1 leaves a socket, a pipe and the exec fifo), so that
/// nothing can be reached through this process.
///
/// # Errors
///
/// `/proc/self/fd` cannot be read.
pub fn close_inherited_descriptors() -> Result<(), Error> {
    let failed = |errno| Error::file("read", OWN_DESCRIPTORS, errno);
    if rustix::fs::stat(OWN_DESCRIPTORS).map_err(failed)?.st_size == STANDARD_DESCRIPTORS {
        return Ok(());
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(OWN_DESCRIPTORS, flags, Mode::empty()).map_err(failed)?;
    let mut inherited = Vec::new();
    let mut buffer = Vec::with_capacity(4096);
    let mut entries = RawDir::new(&directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let number = entry
            .map_err(failed)?
            .file_name()
            .to_str()
            .ok()
            .and_then(|name| name.parse::<RawFd>().ok());
        inherited.extend(number.filter(|fd| *fd > 2 && *fd != directory.as_raw_fd()));
    }
    for fd in inherited {
        // EBADF means that it is already closed.
        let _ = nix::unistd::close(fd);
    }
    Ok(())
}

/// Drops all capabilities except the needed ones, also from the permitted set, and sets `no_new_privs`. They cannot
/// be regained.
pub(crate) fn drop_capabilities() -> Result<(), Error> {
    nix::sys::prctl::set_no_new_privs()
        .map_err(|errno| Error::call("prctl(PR_SET_NO_NEW_PRIVS, 1)", errno))?;
    // This drops the ambient ones too (capabilities(7)).
    let keep = |kept| {
        let sets = CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, sets)
    };
    if keep(NEEDED).is_err() {
        // The process may not have all of them.
        let ours = capabilities(None).map_err(|errno| Error::call("capget", errno))?;
        keep(NEEDED & ours.permitted).map_err(|errno| Error::call("capset", errno))?;
    }
    Ok(())
}
