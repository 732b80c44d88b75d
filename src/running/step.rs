//! The work on one container: a step, in a child process.
//!
//! The child reads process IDs, one on each line, optionally followed by ` wait`, and answers each with a line of
//! JSON.

use std::ffi::OsString;
use std::io::{BufRead, ErrorKind, Write};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::error::{Error, on_one_line};
use crate::facts::container::Identity;
use crate::facts::node_entries::NodeEntries;
use crate::files::hosts_d;
use crate::kernel::procfs::ProcDirectory;
use crate::running::engine_file::NotRead;
use crate::running::file::{Device, RunningFile};
use crate::running::find::{self, Seen};
use crate::running::rewrite::{self, NotRewritten};

/// Follows a process ID: the step may wait for a file system.
pub(super) const WAIT: &str = " wait";

/// What to do with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    /// Only report it.
    Look,
    /// Update it from its engine's file and from `hosts.d`.
    Refresh {
        /// The directory. Files that were made from another one are skipped.
        hosts_d: PathBuf,
        /// Only report whether that is needed.
        dry_run: bool,
    },
}

impl Task {
    /// The arguments that give another process this task.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        match self {
            Self::Look => Vec::new(),
            Self::Refresh { hosts_d, dry_run } => {
                let dry_run = dry_run.then(|| OsString::from(DRY_RUN));
                [hosts_d.into()].into_iter().chain(dry_run).collect()
            }
        }
    }

    fn of_arguments(arguments: &[OsString]) -> Self {
        match arguments {
            [] => Self::Look,
            [hosts_d, rest @ ..] => Self::Refresh {
                hosts_d: hosts_d.into(),
                dry_run: rest.iter().any(|argument| argument == DRY_RUN),
            },
        }
    }
}

const DRY_RUN: &str = "--dry-run";

/// The answer for one process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// The hook's files that it sees.
    Files(Vec<Report>),
    /// It sees no file of the hook, but a file that an engine made for the container with this ID.
    EngineFileAlone(String),
    /// It has ended.
    Ended,
    /// Permission denied.
    NotAllowed,
    /// A file system has to answer, which can block.
    WouldWait,
    /// Something else.
    Failed(String),
}

/// The report on one file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The container.
    pub(crate) identity: Identity,
    /// Where the container sees it.
    pub(crate) path: String,
    /// Its file system.
    pub(crate) device: Device,
    /// Whether the container may only read it.
    pub(crate) is_read_only: bool,
    /// Whether the hook has recorded what `refresh` needs.
    pub(crate) is_stamped: bool,
    /// The `hosts.d` that it was made from.
    pub(crate) hosts_d: Option<String>,
    /// The engine's file on the host that it was made from.
    pub(crate) engine_file: Option<PathBuf>,
    /// What was done.
    pub(crate) done: Done,
    /// Messages about it.
    pub(crate) troubles: Vec<String>,
    /// The entries of `hosts.d` that were left out: for every container, and those that do not fit into this file.
    pub(crate) left_out: LeftOut,
}

/// The entries of `hosts.d` that a container does not get.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    /// No container gets it.
    pub(crate) everywhere: Vec<String>,
    /// It does not fit into this container's file.
    pub(crate) here: Vec<String>,
}

/// What was done with one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Done {
    /// It was only reported.
    Nothing,
    /// It was made from another `hosts.d`.
    PassedOver,
    /// It is up to date with its engine's file and `hosts.d`.
    UpToDate,
    /// It was replaced, or would be.
    Replaced,
    /// It was not made by the hook as root, or not by the hook.
    NoStamp,
    /// It stays unchanged, because the container changed it.
    OwnDoing,
    /// It could not be brought up to date.
    NotPossible,
}

/// Does the steps that another process requests on stdin, and answers on stdout. `arguments` are the arguments
/// after the verb [`super::walk::VERB`].
///
/// # Errors
///
/// The other process is gone.
pub fn work(arguments: &[OsString]) -> Result<(), Error> {
    let task = Task::of_arguments(arguments);
    let (mut questions, mut answers) = (std::io::stdin().lock(), std::io::stdout().lock());
    answer_all(&mut questions, &mut answers, &task)
        .map_err(|source| Error::file("read", "stdin", source))
}

fn answer_all(
    questions: &mut dyn BufRead,
    answers: &mut dyn Write,
    task: &Task,
) -> std::io::Result<()> {
    let mut line = String::new();
    while questions.read_line(&mut line)? > 0 {
        let may_wait = line.trim_end().ends_with(WAIT);
        if let Ok(pid) = line.trim_end().trim_end_matches(WAIT).parse() {
            let mut answer = serde_json::to_vec(&answer(pid, may_wait, task))?;
            answer.push(b'\n');
            answers.write_all(&answer)?;
            answers.flush()?;
        }
        line.clear();
    }
    Ok(())
}

fn answer(pid: i32, may_wait: bool, task: &Task) -> Answer {
    match find::files_of(pid, may_wait) {
        Ok(Seen::Files(files)) => {
            Answer::Files(files.iter().filter_map(|file| report(file, task)).collect())
        }
        Ok(Seen::EngineFileAlone(id)) => Answer::EngineFileAlone(id),
        Err(Error::File { source, .. }) if source.kind() == ErrorKind::PermissionDenied => {
            Answer::NotAllowed
        }
        Err(Error::File { source, .. }) if source.kind() == ErrorKind::WouldBlock => {
            Answer::WouldWait
        }
        Err(Error::File { source, .. }) if is_end(&source) => Answer::Ended,
        Err(error) => Answer::Failed(on_one_line(&error)),
    }
}

/// The errors of procfs for a process that has ended, even if its parent has not reaped it (EINVAL: it no longer
/// has a mount namespace).
fn is_end(source: &std::io::Error) -> bool {
    let ends = [Errno::NOENT, Errno::SRCH, Errno::INVAL].map(|errno| errno.raw_os_error());
    source
        .raw_os_error()
        .is_some_and(|errno| ends.contains(&errno))
}

/// `None` if the container ended meanwhile, which is not an error.
fn report(file: &RunningFile, task: &Task) -> Option<Report> {
    let stamp = file.stamp.as_ref();
    let engine = stamp.and_then(|stamp| stamp.engine.as_ref());
    let mut report = Report {
        identity: file.identity.clone(),
        path: file.path.to_string_lossy().into_owned(),
        device: file.device,
        is_read_only: file.is_read_only,
        is_stamped: stamp.is_some(),
        hosts_d: stamp.map(|stamp| stamp.hosts_d.clone().unwrap_or_else(default_hosts_d)),
        engine_file: engine.map(|engine| PathBuf::from(&engine.source)),
        done: Done::Nothing,
        troubles: Vec::new(),
        left_out: LeftOut::default(),
    };
    if let Task::Refresh { hosts_d, dry_run } = task {
        report.done = refresh(file, hosts_d, *dry_run, &mut report)?;
    }
    Some(report)
}

fn refresh(file: &RunningFile, hosts_d: &Path, dry_run: bool, report: &mut Report) -> Option<Done> {
    let Some(made_from) = report.hosts_d.as_deref().map(Path::new) else {
        return Some(Done::NoStamp);
    };
    if !is_same_directory(hosts_d, made_from) {
        return Some(Done::PassedOver);
    }
    // By the name in the headings of the file.
    let entries = NodeEntries::read(made_from, file.identity.namespace.as_deref());
    report.left_out.everywhere = entries.left_out.iter().map(ToString::to_string).collect();
    match rewrite::refresh(file, &entries, dry_run) {
        Ok(rewritten) => {
            report.left_out.here = rewritten.does_not_fit;
            let stays = rewritten.engine_stays;
            report
                .troubles
                .extend(stays.as_ref().map(|stays| on_one_line(stays)));
            Some(match stays {
                Some(NotRead::Another(_) | NotRead::Failed(_)) => Done::NotPossible,
                _ if rewritten.is_replaced => Done::Replaced,
                Some(NotRead::Empty(_) | NotRead::TooLarge(_)) => Done::OwnDoing,
                None => Done::UpToDate,
            })
        }
        Err(NotRewritten::NoStamp) => Some(Done::NoStamp),
        Err(NotRewritten::Failed(_)) if !is_there(file.pid) => None,
        Err(situation) => {
            report.troubles.push(on_one_line(&situation));
            Some(match situation {
                NotRewritten::Edited(_) | NotRewritten::Busy => Done::OwnDoing,
                _ => Done::NotPossible,
            })
        }
    }
}

/// For a file whose stamp does not name the directory: versions that did not record it almost always used the
/// default.
fn default_hosts_d() -> String {
    hosts_d::DEFAULT_PATH.to_owned()
}

/// By their names, or, if both exist, by their real paths.
fn is_same_directory(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    one == other || real(one).is_some_and(|one| real(other) == Some(one))
}

fn is_there(pid: i32) -> bool {
    ProcDirectory::of(pid).is_ok_and(|process| process.namespace("mnt").is_ok())
}
