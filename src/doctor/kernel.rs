//! Whether the kernel lets the hook mount, which calls it lacks, and whether a log daemon runs.
//!
//! A version number says nothing about backports, or about a filter that hides a call. So doctor tries the hook's
//! own functions, and makes the other calls with arguments that the kernel refuses.

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, move_mount};
use rustix::process::{PidfdFlags, getpid, pidfd_open};

use crate::doctor::report::{Finding, Harm};
use crate::error::{Error, on_one_line};
use crate::kernel::attach::open_file_tree;
use crate::kernel::hosts_tmpfs::{HostsFileOptions, HostsTmpfs};
use crate::log::Log;

const SUBJECT: &str = "kernel";
const BY_PATH: &str = "the hook mounts with mount(2) in the container's mount namespace";
const OPTIONS: HostsFileOptions<'_> = HostsFileOptions {
    size_limit: 4096,
    owner: None,
    label: None,
    read_only: false,
    stamp: b"",
};

/// Checks the running kernel and the log.
pub(super) fn examine() -> Vec<Finding> {
    let mut findings = Vec::new();
    if rustix::process::geteuid().is_root() {
        findings.push(try_tmpfs().unwrap_or_else(|error| judge_failure(&error)));
    }
    findings.extend(missing_calls());
    findings.push(if Log::default().connect().is_some() {
        Finding::ok("log", "/dev/log exists: the hook logs to the node's log")
    } else {
        Finding::note(
            "log",
            "no log daemon listens on /dev/log: hook messages are lost",
        )
    });
    findings
}

/// Creates the file system and clones its file, as the hook does. Neither is attached anywhere.
fn try_tmpfs() -> Result<Finding, Error> {
    let tmpfs = HostsTmpfs::make(b"", &OPTIONS)?;
    match open_file_tree(&tmpfs) {
        Ok(_) => Ok(Finding::ok(
            SUBJECT,
            "a private tmpfs can be made and cloned",
        )),
        Err(Errno::INVAL) => Ok(Finding::note(
            SUBJECT,
            "a detached mount cannot be cloned (Linux 6.15): the hook briefly attaches its tmpfs in the container's mount namespace",
        )),
        Err(errno) => Err(Error::call("open_tree", errno)),
    }
}

fn judge_failure(error: &Error) -> Finding {
    match error {
        Error::Call { call, .. } if error.is_missing_call() => {
            is_missing(call.split('(').next().unwrap_or(call), "5.2", BY_PATH)
        }
        _ => Finding::problem(
            Harm::NoFile,
            SUBJECT,
            format!("{}: the hook cannot make its tmpfs", on_one_line(error)),
            "run doctor where the runtime runs: as root, with CAP_SYS_ADMIN, outside any container",
        ),
    }
}

/// The other calls that the hook can do without. A missing one is never a problem.
fn missing_calls() -> impl Iterator<Item = Finding> {
    let (none, in_root) = (Mode::empty(), ResolveFlags::IN_ROOT);
    let answers = [
        (
            move_mount(CWD, "", CWD, "", MoveMountFlags::empty()).err(),
            is_missing("move_mount", "5.2", BY_PATH),
        ),
        (
            openat2(CWD, "", OFlags::PATH, none, in_root).err(),
            is_missing(
                "openat2",
                "5.6",
                "the hook walks the path inside the rootfs step by step",
            ),
        ),
        (
            pidfd_open(getpid(), PidfdFlags::empty()).err(),
            is_missing(
                "pidfd_open",
                "5.3",
                "the hook holds the container's process by its directory in /proc",
            ),
        ),
    ];
    let answers = answers.into_iter();
    answers.filter_map(|(error, finding)| (error == Some(Errno::NOSYS)).then_some(finding))
}

/// `since`: the first Linux with the call. `instead`: what the hook does without it.
fn is_missing(call: &str, since: &str, instead: &str) -> Finding {
    Finding::note(
        SUBJECT,
        format!("{call} (Linux {since}) is missing: {instead}"),
    )
}
