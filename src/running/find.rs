//! Finds the files of the hook that are mounted where a process sees them.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use pathrs::Root;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use crate::error::Error;
use crate::facts::container::Identity;
use crate::facts::hosts_mount::HostsMount;
use crate::kernel::hosts_tmpfs::SOURCE;
use crate::kernel::inode::Inode;
use crate::kernel::mountinfo::{self, MountLine};
use crate::kernel::procfs::ProcDirectory;
use crate::running::cgroup;
use crate::running::file::{Device, RunningFile, read_stamp};

/// How much of one mount table is read. A thousand mounts with long names make a table of 1 GB.
const TABLE_MAX: u64 = 16 * 1024 * 1024;
/// How many places with mounts named like the hook's are checked in one mount namespace. A container has one.
const PLACES_MAX: usize = 16;
/// How often a place is tried without waiting: any mount or rename on the node can interfere.
const TRIES: usize = 8;
const ETC_HOSTS: &[u8] = b"/etc/hosts";

/// The mounts at a place that are named like the hook's, by their IDs: the process sees the one on top.
type Stack = BTreeMap<u64, (Device, bool)>;

/// The places, escaped as in the table.
type Places = BTreeMap<Vec<u8>, Stack>;
/// A file system and the path of the file in it.
type EngineMount = (Device, PathBuf);

/// What a process sees on `/etc/hosts` and elsewhere.
#[derive(Debug)]
pub(crate) enum Seen {
    /// Files of the hook's; there may be none.
    Files(Vec<RunningFile>),
    /// A file that an engine made for the container with this ID, and none of the hook's.
    EngineFileAlone(String),
}

/// The hook's files that the process sees.
///
/// # Errors
///
/// The process is gone, cannot be examined, or has too long a mount table. EAGAIN if `may_wait` is not set and a
/// file system has to answer.
pub(crate) fn files_of(pid: i32, may_wait: bool) -> Result<Seen, Error> {
    let process = ProcDirectory::of(pid)?;
    let mut files = Vec::new();
    let (ours, engines) = places(&process)?;
    // If the node itself is a container, its own mount is no container's.
    if ours.is_empty() && engines.is_some() && engines != places(&ProcDirectory::of_self()?)?.1 {
        return Ok(Seen::EngineFileAlone(identity_by_cgroup(&process).id));
    }
    for (place, stack) in ours {
        let path = mountinfo::unescape(&place);
        let Some((mount, file)) = open_in_container(&process, &path, may_wait)? else {
            continue;
        };
        let Some((device, is_read_only)) = stack.get(&mount).copied() else {
            continue;
        };
        let stamp = read_stamp(&file);
        files.push(RunningFile {
            pid,
            identity: stamp.as_ref().map_or_else(
                || identity_by_cgroup(&process),
                |stamp| stamp.identity.clone(),
            ),
            path,
            device,
            is_read_only,
            stamp,
            process: ProcDirectory::of(pid)?,
            file,
        });
    }
    Ok(Seen::Files(files))
}

/// The places of mounts named like the hook's, escaped as in the table. A place is opened once, however many mounts
/// are on it, and only some of very many places are opened. Also the engine's file on `/etc/hosts`, recognised by
/// the end of its path in its file system.
fn places(process: &ProcDirectory) -> Result<(Places, Option<EngineMount>), Error> {
    let mut places = Places::new();
    let mut engines = None;
    let mut table = process.open_file("mountinfo")?.take(TABLE_MAX);
    mountinfo::each_line(&mut table, &mut |line| {
        let line = MountLine::read(line);
        let on_hosts = line.filter(|line| line.mount_point == ETC_HOSTS);
        if let Some((line, device)) = on_hosts.and_then(|line| Some((line, device(line.device)?))) {
            let root = mountinfo::unescape(line.root);
            if root.to_str().is_some_and(HostsMount::is_engines) {
                engines = Some((device, root));
            }
        }
        let ours =
            line.filter(|line| line.filesystem == b"tmpfs" && line.source == SOURCE.as_bytes());
        if let Some((line, device)) = ours.and_then(|line| Some((line, device(line.device)?))) {
            let seen = (device, line.is_read_only);
            if let Some(stack) = places.get_mut(line.mount_point) {
                stack.insert(line.id, seen);
            } else if places.len() < PLACES_MAX || line.mount_point == ETC_HOSTS {
                places.insert(line.mount_point.to_owned(), Stack::from([(line.id, seen)]));
            }
        }
        ControlFlow::Continue(())
    })
    .map_err(|source| process.failed("read", "mountinfo", source))?;
    if table.limit() == 0 && places.is_empty() {
        return Err(process.failed("read", "mountinfo", Errno::FBIG.into()));
    }
    Ok((places, engines))
}

fn device(text: &[u8]) -> Option<Device> {
    let (major, minor) = std::str::from_utf8(text).ok()?.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Opens the mount at `path` through the container's own root, so symlinks of the container cannot lead outside.
/// `None` unless it is a regular file.
fn open_in_container(
    process: &ProcDirectory,
    path: &Path,
    may_wait: bool,
) -> Result<Option<(u64, OwnedFd)>, Error> {
    let failed = |errno: Errno| process.failed("open", "root", errno.into());
    let file = match resolve(&process.open_root()?, path, may_wait) {
        Ok(file) => file,
        Err(Errno::AGAIN) => return Err(failed(Errno::AGAIN)),
        Err(_) => return Ok(None),
    };
    let inode = Inode::of(&file)?;
    Ok((inode.kind == FileType::RegularFile).then_some((inode.mount, file)))
}

/// Does not ask a file system that might not answer (Linux 5.12): the kernel knows the path to a mount point. On an
/// older kernel, this call can block.
fn resolve(root: &OwnedFd, path: &Path, may_wait: bool) -> rustix::io::Result<OwnedFd> {
    let cached = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::CACHED;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    for _ in 0..TRIES {
        match openat2(root, path, flags, Mode::empty(), cached) {
            // Also if a mount or a rename anywhere on the node interfered.
            Err(Errno::AGAIN) => {}
            Err(Errno::NOSYS | Errno::INVAL) => return resolve_waiting(root, path),
            resolved => return resolved,
        }
    }
    if may_wait {
        resolve_waiting(root, path)
    } else {
        Err(Errno::AGAIN)
    }
}

fn resolve_waiting(root: &OwnedFd, path: &Path) -> rustix::io::Result<OwnedFd> {
    let root = Root::from_fd(root.try_clone().map_err(|_| Errno::MFILE)?);
    let resolved = root.resolve(path).map_err(|_| Errno::NOENT)?;
    Ok(resolved.into())
}

/// The identity of the process's container, as far as its cgroup shows it.
pub(crate) fn identity_by_cgroup(process: &ProcDirectory) -> Identity {
    let id = process
        .read("cgroup")
        .ok()
        .and_then(|cgroup| cgroup::container_id(&cgroup));
    Identity {
        id: id.unwrap_or_default(),
        ..Identity::default()
    }
}
