//! The work on one container: a step, done in a process of its own.
//!
//! That process gets the numbers of processes, a line each, with ` wait` behind it or not, and answers each
//! with a line of JSON.

use std::io::{BufRead, ErrorKind, Write};
use std::path::Path;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::error::{Error, on_one_line};
use crate::facts::container::Identity;
use crate::facts::node_entries::NodeEntries;
use crate::kernel::procfs::ProcDirectory;
use crate::running::file::{Device, RunningFile};
use crate::running::find;
use crate::running::rewrite::{self, NotRewritten, Rewritten};

/// Behind the number of a process: the step may wait for a file system.
pub(super) const WAIT: &str = " wait";

/// What is done with a file that is found.
#[derive(Debug, Clone, Copy)]
pub enum Task<'a> {
    /// Nothing: it is told.
    Look,
    /// Its sections become what `hosts.d` says.
    Refresh {
        /// The directory.
        hosts_d: &'a Path,
        /// Only say whether that is needed.
        dry_run: bool,
    },
}

/// The answer for one process.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// What it sees of ours.
    Files(Vec<Report>),
    /// It has ended.
    Ended,
    /// We may not look.
    NotAllowed,
    /// A file system has to be asked, which can last.
    WouldWait,
    /// Something else.
    Failed(String),
}

/// What there is to say of one file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Whose it is.
    pub identity: Identity,
    /// Where the container sees it.
    pub path: String,
    /// Its file system.
    pub device: Device,
    /// Whether the container may only read it.
    pub is_read_only: bool,
    /// Whether the hook has recorded what `refresh` needs.
    pub is_stamped: bool,
    /// What was done.
    pub done: Done,
    /// What of `hosts.d` was left out, for every container.
    pub left_out: Vec<String>,
}

/// What was done with one file.
#[derive(Debug, Serialize, Deserialize)]
pub enum Done {
    /// It was only looked at.
    Nothing,
    /// Its sections are as `hosts.d` has them.
    UpToDate,
    /// They were replaced, or would be. What did not fit.
    Replaced(Vec<String>),
    /// It was not made by the hook as root, or not by the hook.
    NoStamp,
    /// It could not be brought up to date.
    NotPossible(String),
}

/// Answers until nothing is asked any more.
///
/// # Errors
///
/// The one that asks is gone.
pub fn answer_all(
    questions: &mut dyn BufRead,
    answers: &mut dyn Write,
    task: Task<'_>,
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

fn answer(pid: i32, may_wait: bool, task: Task<'_>) -> Answer {
    match find::files_of(pid, may_wait) {
        Ok(files) => Answer::Files(files.iter().filter_map(|file| report(file, task)).collect()),
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

/// What procfs answers of a process that has ended, also before its parent has noticed (EINVAL: it has no
/// mount namespace any more).
fn is_end(source: &std::io::Error) -> bool {
    let ends = [Errno::NOENT, Errno::SRCH, Errno::INVAL].map(|errno| errno.raw_os_error());
    source
        .raw_os_error()
        .is_some_and(|errno| ends.contains(&errno))
}

/// `None` where the container ended meanwhile: that is no error.
fn report(file: &RunningFile, task: Task<'_>) -> Option<Report> {
    let mut left_out = Vec::new();
    let done = match task {
        Task::Look => Done::Nothing,
        Task::Refresh { hosts_d, dry_run } => {
            let entries = NodeEntries::read(hosts_d, file.identity.namespace.as_deref());
            left_out.extend(entries.left_out.iter().map(ToString::to_string));
            match rewrite::refresh(file, &entries, dry_run) {
                Ok(Rewritten::UpToDate) => Done::UpToDate,
                Ok(Rewritten::Replaced { left_out }) => Done::Replaced(left_out),
                Err(NotRewritten::NoStamp) => Done::NoStamp,
                Err(NotRewritten::Failed(_)) if !is_there(file.pid) => return None,
                Err(situation) => Done::NotPossible(on_one_line(&situation)),
            }
        }
    };
    Some(Report {
        identity: file.identity.clone(),
        path: file.path.to_string_lossy().into_owned(),
        device: file.device,
        is_read_only: file.is_read_only,
        is_stamped: file.stamp.is_some(),
        done,
        left_out,
    })
}

fn is_there(pid: i32) -> bool {
    ProcDirectory::of(pid).is_ok_and(|process| process.namespace("mnt").is_ok())
}
