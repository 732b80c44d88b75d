//! Watches `hosts.d` with its namespaces' directories, `config.toml`, and the engines' files of which containers
//! have an extended copy (inotify(7)).
//!
//! inotify is not recursive. So after each event all directories are checked again: watches are added for new ones
//! and removed for missing ones.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use crate::error::Error;

/// All events that can change the entries.
const OF_DIRECTORY: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);
/// An engine writes its file in place, because containers have it mounted. A tenant may have chosen the path, so
/// symlinks are not followed.
const OF_ENGINE_FILE: WatchFlags = WatchFlags::CLOSE_WRITE.union(WatchFlags::DONT_FOLLOW);

/// Running the hook opens its file, which shows that an engine without NRI starts a container.
const OF_HOOK: WatchFlags = WatchFlags::OPEN;

/// The watch.
#[derive(Debug)]
pub(super) struct Watch {
    inotify: OwnedFd,
    directories: BTreeMap<PathBuf, i32>,
    engine_files: BTreeMap<PathBuf, i32>,
    hook: BTreeMap<PathBuf, i32>,
}

/// What has happened since the last call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// In a directory.
    pub(super) node: bool,
    /// To an engine's file.
    pub(super) engine: bool,
    /// The hook was run.
    pub(super) hook: bool,
    /// The kernel's queue was full.
    pub(super) unknown: bool,
}

impl Changes {
    pub(super) fn any(self) -> bool {
        self.node || self.engine || self.hook || self.unknown
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            node: self.node || other.node,
            engine: self.engine || other.engine,
            hook: self.hook || other.hook,
            unknown: self.unknown || other.unknown,
        }
    }
}

impl Watch {
    /// Creates a watch on nothing yet.
    ///
    /// # Errors
    ///
    /// The kernel provides none.
    pub(super) fn new() -> Result<Self, Error> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .map_err(|errno| Error::call("inotify_init1()", errno))?;
        Ok(Self {
            inotify,
            directories: BTreeMap::new(),
            engine_files: BTreeMap::new(),
            hook: BTreeMap::new(),
        })
    }

    /// Watches the existing directories, and the nearest existing parent of a missing one.
    ///
    /// # Errors
    ///
    /// The limit of watches (`fs.inotify.max_user_watches`), with the directory that cannot be watched.
    pub(super) fn follow_node(&mut self, config: &Path, hosts_d: &Path) -> Result<(), Error> {
        let mut wanted = BTreeSet::new();
        wanted.extend(nearest(config.parent()));
        wanted.extend(nearest(hosts_d.parent()));
        wanted.extend(nearest(Some(hosts_d)));
        let entries = std::fs::read_dir(hosts_d).into_iter().flatten().flatten();
        wanted.extend(
            entries
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path()),
        );
        follow(&self.inotify, &mut self.directories, &wanted, OF_DIRECTORY)
    }

    /// Watches only these files of engines. If one cannot be watched, its containers are updated with the next
    /// change of `hosts.d`.
    pub(super) fn follow_engines(&mut self, files: &BTreeSet<PathBuf>) -> Result<(), Error> {
        follow(&self.inotify, &mut self.engine_files, files, OF_ENGINE_FILE)
    }

    /// Watches the hook.
    pub(super) fn follow_hook(&mut self, hook: &Path) -> Result<(), Error> {
        let wanted = BTreeSet::from([hook.to_owned()]);
        follow(&self.inotify, &mut self.hook, &wanted, OF_HOOK)
    }

    /// What has happened since the last call. Does not block.
    pub(super) fn changes(&mut self) -> Changes {
        let mut changes = Changes::default();
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        while let Ok(event) = reader.next() {
            let (watch, flags) = (event.wd(), event.events());
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                changes.unknown = true;
            } else if flags.contains(ReadFlags::IGNORED) {
                // The watch is gone with its file: a new file of that name needs a new watch.
                self.directories.retain(|_, own| *own != watch);
                self.engine_files.retain(|_, own| *own != watch);
                self.hook.retain(|_, own| *own != watch);
            } else if self.hook.values().any(|own| *own == watch) {
                changes.hook = true;
            } else if self.engine_files.values().any(|own| *own == watch) {
                changes.engine = true;
            } else {
                changes.node = true;
            }
        }
        changes
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

fn nearest(directory: Option<&Path>) -> Option<PathBuf> {
    let directories = directory.into_iter().flat_map(Path::ancestors);
    let mut there = directories.filter(|directory| directory.is_dir());
    there.next().map(Path::to_owned)
}

/// Adding a watch again shows whether it is still on the same file: then the number is the same.
fn follow(
    inotify: &OwnedFd,
    watches: &mut BTreeMap<PathBuf, i32>,
    wanted: &BTreeSet<PathBuf>,
    flags: WatchFlags,
) -> Result<(), Error> {
    let mut now = BTreeMap::new();
    let mut trouble = Ok(());
    for path in wanted {
        match inotify::add_watch(inotify, path, flags) {
            Ok(watch) => {
                now.insert(path.clone(), watch);
            }
            // It has gone meanwhile.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            Err(errno) => trouble = Err(Error::file("inotify_add_watch", path, errno)),
        }
    }
    let kept: BTreeSet<i32> = now.values().copied().collect();
    for watch in watches.values().filter(|watch| !kept.contains(watch)) {
        let _ = inotify::remove_watch(inotify, *watch);
    }
    *watches = now;
    trouble
}
