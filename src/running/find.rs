//! Finding the files of ours that are mounted where a process sees them.

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

/// As much of one mount table as is read. A thousand mounts with long names make a table of 1 GB.
const TABLE_MAX: u64 = 16 * 1024 * 1024;
/// How many places with mounts named like ours are looked at in one mount namespace. A container has one.
const PLACES_MAX: usize = 16;
/// How often a place is asked for without waiting: any mount or rename on the node can come between.
const TRIES: usize = 8;
const ETC_HOSTS: &[u8] = b"/etc/hosts";

/// What is mounted at a place and named like ours, by the mounts' numbers: the one on top is seen.
type Stack = BTreeMap<u64, (Device, bool)>;

/// The places, escaped as in the table.
type Places = BTreeMap<Vec<u8>, Stack>;
/// A file system and the path of the file in it.
type EngineMount = (Device, PathBuf);

/// What a process sees on its `/etc/hosts` and elsewhere.
#[derive(Debug)]
pub(crate) enum Seen {
    /// Files of the hook's; there may be none.
    Files(Vec<RunningFile>),
    /// A file that an engine made for the container with this ID, and none of the hook's.
    EngineFileAlone(String),
}

/// The files of ours that the process sees.
///
/// # Errors
///
/// The process is gone, or may not be looked at, or its mount table is too long. EAGAIN where `may_wait` is
/// not set and a file system has to be asked.
pub(crate) fn files_of(pid: i32, may_wait: bool) -> Result<Seen, Error> {
    let process = ProcDirectory::of(pid)?;
    let mut files = Vec::new();
    let (ours, engines) = places(&process)?;
    // What the node itself has there, where it is a container, is no container's.
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

/// Where the process sees mounts named like ours, escaped as in the table. A place is opened once, however
/// many mounts lie on it, and of very many places only some are. And the engine's file that is mounted
/// on `/etc/hosts`, known by its path in its file system, which ends like the path on the host.
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

/// Opens what is mounted at `path` in the container, through the container's own root: whatever
/// symlinks the container puts there lead nowhere else. `None` unless it is a regular file.
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

/// Without asking a file system that might not answer (Linux 5.12): the way to a mount point is known to the
/// kernel. An older kernel is asked the usual way, which can last.
fn resolve(root: &OwnedFd, path: &Path, may_wait: bool) -> rustix::io::Result<OwnedFd> {
    let cached = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::CACHED;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    for _ in 0..TRIES {
        match openat2(root, path, flags, Mode::empty(), cached) {
            // Also where a mount or a rename anywhere on the node came between.
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

/// The identity of the container that the process belongs to, as far as its cgroup tells.
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
