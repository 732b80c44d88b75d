//! Waits for an engine's socket without polling it every second.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

/// The longest time between two checks, if the kernel provides no watch.
const WITHOUT_WATCH: Duration = Duration::from_secs(10);

/// A watch on the place where a socket will be.
#[derive(Debug)]
pub(super) struct SocketWatch(Option<OwnedFd>);

impl SocketWatch {
    /// Watches the nearest existing directory. Create it before you try the socket, so that no event is missed.
    pub(super) fn new(socket: &Path) -> Self {
        let watch = || {
            let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
            let flags = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::DELETE_SELF;
            let directory = nearest_directory(socket)?;
            inotify::add_watch(&inotify, &directory, flags).ok()?;
            // A directory that was created between the check and the watch.
            (nearest_directory(socket)? == directory).then_some(inotify)
        };
        Self(watch())
    }

    /// Waits until something is created there, or for this time. Returns whether something was created.
    pub(super) fn wait(&self, limit: Option<Duration>) -> bool {
        let Some(inotify) = &self.0 else {
            std::thread::sleep(limit.unwrap_or(WITHOUT_WATCH).min(WITHOUT_WATCH));
            return false;
        };
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        let _ = poll(&mut [PollFd::new(inotify, PollFlags::IN)], limit.as_ref());
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(inotify, &mut buffer);
        let mut is_made = false;
        while reader.next().is_ok() {
            is_made = true;
        }
        is_made
    }
}

fn nearest_directory(socket: &Path) -> Option<PathBuf> {
    let mut directories = socket.ancestors().skip(1);
    directories
        .find(|directory| directory.is_dir())
        .map(Path::to_owned)
}
