//! Refreshes the running containers in a thread of its own, because a refresh can take seconds and must not delay
//! answers to an engine.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};

use crate::agent::log::say;
use crate::agent::node_state::Newest;
use crate::agent::nri::mount_file;
use crate::agent::report::Report;
use crate::error::{Error, on_one_line};
use crate::log::Severity;
use crate::running::refresh::{self, Event, Summary};

/// The pause after a refresh. A container that can write an engine's file must not be able to keep the node busy.
const PAUSE: Duration = Duration::from_millis(500);

/// What the two threads share.
#[derive(Debug)]
pub(super) struct Refresher {
    wanted: Mutex<Wanted>,
    changed: Condvar,
    done: OwnedFd,
    hosts_d: PathBuf,
    newest: Arc<Newest>,
    report: Arc<Report>,
}

#[derive(Debug, Default)]
struct Wanted {
    refresh: bool,
    compile: bool,
    is_running: bool,
    look: bool,
    stops: bool,
    /// The engines' files of running containers, from the last walk.
    found: BTreeSet<PathBuf>,
    /// The engines' files of containers about which an engine asked, by ID.
    told: BTreeMap<String, PathBuf>,
}

impl Refresher {
    /// No refresh is requested yet.
    ///
    /// # Errors
    ///
    /// The kernel provides no descriptor.
    pub(super) fn new(
        hosts_d: PathBuf,
        newest: Arc<Newest>,
        report: Arc<Report>,
    ) -> Result<Self, Error> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let done = eventfd(0, flags).map_err(|errno| Error::call("eventfd()", errno))?;
        Ok(Self {
            wanted: Mutex::default(),
            changed: Condvar::new(),
            done,
            hosts_d,
            newest,
            report,
        })
    }

    /// Requests a refresh. If one is running, another one follows.
    pub(super) fn want(&self) {
        self.lock().refresh = true;
        self.changed.notify_all();
    }

    /// Requests an update of the compiled file: files were touched, but have the same text.
    pub(super) fn want_compiled(&self) {
        self.lock().compile = true;
        self.changed.notify_all();
    }

    /// Requests an update of the list of engines' files.
    pub(super) fn want_engine_files(&self) {
        self.lock().look = true;
        self.changed.notify_all();
    }

    /// This container was made from this file of its engine, or is gone.
    pub(super) fn told(&self, id: &str, file: Option<PathBuf>) {
        let mut wanted = self.lock();
        match file {
            Some(file) => drop(wanted.told.insert(id.to_owned(), file)),
            None if wanted.told.remove(id).is_none() => return,
            None => {}
        }
        drop(wanted);
        self.wake();
    }

    /// The engines' files to watch. Call this when the descriptor is readable.
    pub(super) fn engine_files(&self) -> BTreeSet<PathBuf> {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.done, &mut count);
        let wanted = self.lock();
        wanted
            .found
            .iter()
            .chain(wanted.told.values())
            .cloned()
            .collect()
    }

    fn wake(&self) {
        let _ = rustix::io::write(&self.done, &1_u64.to_ne_bytes());
    }

    /// Starts no further refresh, and waits for a running one at most this long.
    pub(super) fn stop(&self, limit: Duration) {
        let mut wanted = self.lock();
        wanted.stops = true;
        let waited = self
            .changed
            .wait_timeout_while(wanted, limit, |wanted| wanted.is_running);
        drop(waited);
    }

    /// Does what is requested, forever.
    pub(super) fn run(&self) {
        loop {
            let mut wanted = self.lock();
            while !(wanted.refresh || wanted.look || wanted.compile) || wanted.stops {
                wanted = self
                    .changed
                    .wait(wanted)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            let refreshes = std::mem::take(&mut wanted.refresh);
            let compiles = std::mem::take(&mut wanted.compile);
            let looks = std::mem::take(&mut wanted.look);
            wanted.is_running = true;
            drop(wanted);

            if refreshes {
                let began = Instant::now();
                let is_complete = self.refresh();
                let seconds = began.elapsed().as_secs_f64();
                self.report.refreshed(is_complete, seconds);
            } else {
                if let Some(error) = compiles
                    .then(|| refresh::compile(&self.hosts_d).err())
                    .flatten()
                {
                    say(Severity::Warning, &on_one_line(&error));
                }
                if let Some(files) = looks.then(|| refresh::engine_files().ok()).flatten() {
                    self.lock().found = files;
                    self.wake();
                }
            }

            self.lock().is_running = false;
            self.changed.notify_all();
            std::thread::sleep(PAUSE);
        }
    }

    fn refresh(&self) -> bool {
        let mut tell = |event: Event<'_>| match event {
            Event::Refreshed(identity) => {
                say(Severity::Info, &format!("refreshed: {identity}"));
            }
            Event::Trouble(trouble) => say(Severity::Warning, &trouble),
            Event::Step { .. } => {}
        };
        let files = self.refresh_mounts();
        match refresh::refresh(&self.hosts_d, false, &mut tell) {
            Ok(summary) => {
                self.count(&summary);
                self.lock().found = summary.engine_files;
                self.wake();
                files && summary.failed == 0
            }
            Err(error) => {
                say(Severity::Error, &on_one_line(&error));
                false
            }
        }
    }

    fn refresh_mounts(&self) -> bool {
        let node = self.newest.get();
        let Ok(config) = &node.hook else {
            return false;
        };
        let (replaced, errors) = mount_file::refresh(&node.entries, config.size_limit);
        self.report.files("replaced", replaced);
        for error in &errors {
            say(Severity::Warning, &on_one_line(error));
        }
        errors.is_empty()
    }

    fn count(&self, summary: &Summary) {
        for (outcome, count) in [
            ("replaced", summary.refreshed),
            ("up_to_date", summary.up_to_date),
            ("own_doing", summary.own_doing),
            ("failed", summary.failed),
            ("without_stamp", summary.without_stamp),
        ] {
            self.report.files(outcome, count);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Readable when the list of engines' files has changed.
impl AsFd for Refresher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.done.as_fd()
    }
}
