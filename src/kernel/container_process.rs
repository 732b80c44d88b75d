//! The container's process as the runtime names it, and entering its namespaces.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::error::Error;
use crate::kernel::procfs::ProcDirectory;

/// The process that a runtime has made for the container and that waits for the hooks to end.
#[derive(Debug)]
pub(crate) struct ContainerProcess {
    pid: i32,
    /// `None` before Linux 5.3.
    pidfd: Option<OwnedFd>,
    proc: ProcDirectory,
}

impl ContainerProcess {
    /// Opens the process in `state.pid`. A process in the hook's own mount namespace is refused: the hook would
    /// mount on the host. Kata's state names its shim.
    pub(crate) fn open(pid: Option<i64>, own_proc: &ProcDirectory) -> Result<Self, Error> {
        let pid = match pid.and_then(|pid| i32::try_from(pid).ok()) {
            Some(pid) if pid > 1 => pid,
            _ => {
                let pid = pid.map_or("no pid".to_owned(), |pid| format!("pid {pid}"));
                return Err(Error::Refused(format!(
                    "the state has {pid}: this stage needs the container's process as the host sees it"
                )));
            }
        };
        let gone =
            |error: Error| error.refuse_with(format!("cannot use the container's process {pid}"));
        let pidfd = match pidfd_open(Pid::from_raw(pid).unwrap_or(Pid::INIT), PidfdFlags::empty()) {
            Ok(pidfd) => Some(pidfd),
            Err(rustix::io::Errno::NOSYS) => None,
            Err(errno) => return Err(gone(Error::call(format!("pidfd_open({pid}, 0)"), errno))),
        };
        let process = Self {
            pid,
            pidfd,
            proc: ProcDirectory::of(pid).map_err(gone)?,
        };
        if process.proc.namespace_name("mnt").map_err(gone)? == own_proc.namespace_name("mnt")? {
            return Err(Error::Refused(format!(
                "process {pid} is in the hook's own mount namespace: this runtime (Kata?) runs its hooks \
                 outside the container, or the container has no mount namespace"
            )));
        }
        Ok(process)
    }

    /// Its directory in procfs.
    pub(crate) fn proc(&self) -> &ProcDirectory {
        &self.proc
    }

    /// Moves the hook into the process's mount, network and UTS namespaces. The hook never returns; it has already
    /// opened what it needs from the host.
    pub(crate) fn enter_namespaces(self) -> Result<(), Error> {
        let all = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWNS;
        if let Some(pidfd) = &self.pidfd {
            match setns(pidfd, all) {
                // setns accepts a pidfd since Linux 5.8.
                Err(Errno::EINVAL) => {}
                Err(errno) => {
                    return Err(self.refused(Error::call(
                        format!("setns(<pidfd of {}>, {all:?})", self.pid),
                        errno,
                    )));
                }
                Ok(()) => {
                    // The process ends soon. The hook still keeps its own directory in procfs open, so closing
                    // these two takes nothing out of reach.
                    std::mem::forget(self);
                    return Ok(());
                }
            }
        }
        let mut handles = Vec::new();
        // The mount namespace comes last, because the host's /proc is not visible in it.
        for (name, kind) in [
            ("ns/net", CloneFlags::CLONE_NEWNET),
            ("ns/uts", CloneFlags::CLONE_NEWUTS),
            ("ns/mnt", CloneFlags::CLONE_NEWNS),
        ] {
            handles.push((self.proc.open_file(name)?, kind));
        }
        for (handle, kind) in handles {
            setns(handle, kind).map_err(|errno| {
                self.refused(Error::call(
                    format!("setns(<a namespace of {}>, {kind:?})", self.pid),
                    errno,
                ))
            })?;
        }
        Ok(())
    }

    fn refused(&self, error: Error) -> Error {
        error.refuse_with(
            "the container's namespaces cannot be entered; a runtime that runs without privileges \
             needs the hook at the stage createContainer",
        )
    }

    /// The user and group of root in the process's user namespace, as this process sees them. `None` if that
    /// namespace has no root.
    pub(crate) fn root_owner(&self) -> Result<Option<(u32, u32)>, Error> {
        let user = root_of_map(&self.proc.read("uid_map")?);
        let group = root_of_map(&self.proc.read("gid_map")?);
        Ok(user.zip(group))
    }
}

/// The ID to which 0 is mapped by the lines of a `uid_map` (user_namespaces(7)): `inside outside count`.
fn root_of_map(map: &str) -> Option<u32> {
    map.lines().find_map(|line| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse::<u32>);
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(0)), Some(Ok(outside)), Some(Ok(1..))) => Some(outside),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::root_of_map;

    #[test]
    fn root_is_what_zero_is_mapped_to() {
        assert_eq!(
            root_of_map("         0     100000      65536\n"),
            Some(100_000)
        );
        assert_eq!(root_of_map("1 5 1\n0 1001 1\n"), Some(1001));
        assert_eq!(root_of_map("1000 1000 1\n"), None);
        assert_eq!(root_of_map(""), None);
    }
}
