//! Updates all running containers, for `refresh` and the agent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, on_one_line};
use crate::exit::Exit;
use crate::facts::container::Identity;
use crate::files::compile;
use crate::running::changes::Snapshot;
use crate::running::file::Device;
use crate::running::lock::Lock;
use crate::running::step::{Done, Report, Task};
use crate::running::walk::{Hidden, Met, Walk};

/// How long a container may take from reading `hosts.d` to having its file mounted. A second walk after this time
/// finds containers that started during the first.
const START_GRACE: Duration = Duration::from_millis(200);
/// Longer than a tick of the clock of file times: a change after this time has another timestamp.
const TICK: Duration = Duration::from_millis(20);

/// What happens during a refresh.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// This container's file was replaced, or would be.
    Refreshed(&'a Identity),
    /// A sentence for the administrator. Names in it are escaped.
    Trouble(String),
    /// The walk is at this process.
    Step {
        /// From 1.
        nth: usize,
        /// The processes of the node.
        of: usize,
    },
}

/// The numbers of files, by result.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// Replaced, or would be.
    pub(crate) refreshed: usize,
    /// Nothing to replace.
    pub(crate) up_to_date: usize,
    /// Not replaced, because their containers changed them. That is no failure, or a container could make every
    /// refresh fail.
    pub(crate) own_doing: usize,
    /// Could not be replaced.
    pub(crate) failed: usize,
    /// Files without the hook's record. That is no failure, because any user can make such a file.
    pub(crate) without_stamp: usize,
    /// Made from another `hosts.d`.
    pub(crate) passed_over: usize,
    /// Those directories.
    pub(crate) other_hosts_d: BTreeSet<String>,
    /// Containers with the file that their engine made, which the hook left alone.
    pub(crate) engine_file_alone: usize,
    /// The entries of `hosts.d` that no container gets.
    pub(crate) left_out: BTreeSet<String>,
    /// Files into which not all of `hosts.d` fits.
    pub(crate) too_small: usize,
    /// The engines' files on the host that files here were made from: what is written to one of these reaches its
    /// containers at the next refresh. A tenant may have chosen a path: do not open it, watch it at most.
    pub(crate) engine_files: BTreeSet<PathBuf>,
    /// Processes that could not be examined.
    pub(crate) hidden: Option<Hidden>,
}

impl Summary {
    /// The exit status.
    pub(crate) fn exit(&self) -> Exit {
        if self.failed > 0 || self.hidden.is_some() {
            Exit::System
        } else if !self.left_out.is_empty() || self.too_small > 0 {
            Exit::NodeConfiguration
        } else {
            Exit::Done
        }
    }

    fn add(&mut self, report: &Report) {
        match report.done {
            Done::Nothing => {}
            Done::PassedOver => {
                self.passed_over += 1;
                self.other_hosts_d.extend(report.hosts_d.clone());
                return;
            }
            Done::UpToDate => self.up_to_date += 1,
            Done::Replaced => self.refreshed += 1,
            Done::NoStamp => self.without_stamp += 1,
            Done::OwnDoing => self.own_doing += 1,
            Done::NotPossible => self.failed += 1,
        }
        self.left_out.extend(report.left_out.everywhere.clone());
        self.too_small += usize::from(!report.left_out.here.is_empty());
        self.engine_files.extend(report.engine_file.clone());
    }
}

/// Updates the file of each running container that was made from `hosts_d` from that directory and from its
/// engine's file, and repeats that until the directory does not change meanwhile. Only one refresh runs on a node.
/// With `dry_run`, only says what would be done. The program has to call [`super::step::work`] if it is started
/// with the verb [`super::walk::VERB`].
///
/// # Errors
///
/// Without root, without `/proc`, or if no process can be started.
pub(crate) fn refresh(
    hosts_d: &Path,
    dry_run: bool,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Summary, Error> {
    // Only root can write a stamp, so other users need no lock.
    let writes = !dry_run && nix::unistd::geteuid().is_root();
    let mut lock = writes.then(Lock::wait).transpose()?;
    let mut walk = Walk::new(Task::Refresh {
        hosts_d: hosts_d.to_owned(),
        dry_run,
    });
    let mut met = Files::default();
    let mut seen = Snapshot::of(hosts_d);
    let hidden = loop {
        walk.forget();
        if !dry_run {
            std::thread::sleep(TICK);
        }
        walk.go(&mut |file| met.add(file, tell))?;
        let hidden = walk.hidden();
        if dry_run {
            break hidden;
        }
        std::thread::sleep(START_GRACE);
        walk.go_again(&mut |file| met.add(file, tell))?;
        let now = Snapshot::of(hosts_d);
        if now == seen {
            break hidden;
        }
        seen = now;
    };
    if let Some(trouble) = lock.as_ref().and_then(|_| compile::keep(hosts_d).err()) {
        tell(Event::Trouble(on_one_line(&trouble)));
    }
    let mut summary = Summary {
        failed: met.troubles.len(),
        hidden,
        ..Summary::default()
    };
    for report in met.files.values() {
        summary.add(report);
        for trouble in report.troubles.iter().chain(&report.left_out.here) {
            tell(Event::Trouble(format!("{}: {trouble}", report.identity)));
        }
    }
    if seen.has_files() {
        summary.engine_file_alone = walk.engine_file_alone();
    }
    if let Some(lock) = lock.as_mut().filter(|_| summary.failed > 0) {
        lock.keep_journals();
    }
    Ok(summary)
}

/// Keeps the compiled file as `hosts_d` is, for the containers that start.
///
/// # Errors
///
/// It cannot be written.
#[cfg(feature = "agent")]
pub(crate) fn compile(hosts_d: &Path) -> Result<(), Error> {
    let _lock = Lock::wait()?;
    compile::keep(hosts_d)
}

/// The engines' files that files of running containers were made from, as in [`Summary::engine_files`].
///
/// # Errors
///
/// As [`refresh`].
#[cfg(feature = "agent")]
pub(crate) fn engine_files() -> Result<BTreeSet<PathBuf>, Error> {
    let mut files = BTreeSet::new();
    Walk::new(Task::Look).go(&mut |met| {
        if let Met::File(_, report) = met {
            files.extend(report.engine_file);
        }
    })?;
    Ok(files)
}

/// The files that were found, each once: with its last state, but as replaced if it was ever replaced.
#[derive(Default)]
struct Files {
    files: BTreeMap<Device, Report>,
    troubles: BTreeSet<String>,
}

impl Files {
    fn add(&mut self, met: Met, tell: &mut dyn FnMut(Event<'_>)) {
        match met {
            Met::Step { nth, of } => tell(Event::Step { nth, of }),
            Met::Trouble(situation) => {
                if self.troubles.insert(situation.clone()) {
                    tell(Event::Trouble(situation));
                }
            }
            Met::File(_, mut report) => {
                let before = self.files.remove(&report.device);
                let was_replaced = before.is_some_and(|before| before.done == Done::Replaced);
                if report.done == Done::Replaced && !was_replaced {
                    tell(Event::Refreshed(&report.identity));
                } else if report.done == Done::UpToDate && was_replaced {
                    report.done = Done::Replaced;
                }
                self.files.insert(report.device, *report);
            }
        }
    }
}
