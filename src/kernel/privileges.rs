//! What the hook gives up before it reads a byte that a tenant wrote.

use std::os::fd::{AsRawFd, RawFd};

use rustix::fs::{Mode, OFlags, RawDir};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

use crate::error::Error;

/// What the work needs, and for what. Everything else is dropped for good.
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
/// What the size of [`OWN_DESCRIPTORS`] says (since Linux 6.2; 0 before) when nothing but 0, 1 and
/// 2 is open, of which the program's start has opened those that were not. Listing the directory
/// costs three times as much as this look.
const STANDARD_DESCRIPTORS: i64 = 3;

/// Closes what the runtime left open (runc 1.1 leaves a socket, a pipe and the exec fifo), so that
/// nothing of it can be reached through us.
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
        // One that is no descriptor any more is what we want.
        let _ = nix::unistd::close(fd);
    }
    Ok(())
}

/// Drops all capabilities but the few that the work needs, from the permitted set too, and sets
/// `no_new_privs`: there is no way back.
pub(crate) fn drop_capabilities() -> Result<(), Error> {
    nix::sys::prctl::set_no_new_privs()
        .map_err(|errno| Error::call("prctl(PR_SET_NO_NEW_PRIVS, 1)", errno))?;
    // With the permitted and inheritable ones the ambient ones go too (capabilities(7)).
    let keep = |kept| {
        let sets = CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, sets)
    };
    if keep(NEEDED).is_err() {
        // Not all of it is ours to have.
        let ours = capabilities(None).map_err(|errno| Error::call("capget", errno))?;
        keep(NEEDED & ours.permitted).map_err(|errno| Error::call("capset", errno))?;
    }
    Ok(())
}
