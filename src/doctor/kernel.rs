//! The kernel's calls that the hook would like to have, and what it does without them.
//!
//! Each is really made, with arguments that it refuses: what counts is whether it is known. (A
//! version number says nothing of backports, or of a filter that hides a call.)

use std::os::fd::AsFd;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsmount, fsopen, move_mount, open_tree,
};
use rustix::process::{PidfdFlags, getpid, pidfd_open};

use crate::doctor::report::{Finding, Harm};
use crate::log::Log;

const SUBJECT: &str = "kernel";
const BY_PATH: &str = "the hook mounts with mount(2) in the container's mount namespace";

/// Looks at the running kernel, and for a log.
#[must_use]
pub fn examine() -> Vec<Finding> {
    let calls = calls();
    let mut findings: Vec<Finding> = calls.iter().map(judge_call).collect();
    // Without one of them the hook takes another way from the start.
    if rustix::process::geteuid().is_root() && calls.iter().all(|call| call.is_known) {
        findings.push(judge_detached(detached_clone()));
    }
    findings.push(if Log::default().connect().is_some() {
        Finding::ok(
            "log",
            "/dev/log is there: the hook's records go to the node's log",
        )
    } else {
        Finding::note(
            "log",
            "no log daemon listens on /dev/log: nobody can read what the hook has to say",
        )
    });
    findings
}

/// A call, the Linux that brought it, what the kernel answered, and what is done without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub name: &'static str,
    /// The first Linux that has it.
    pub since: &'static str,
    /// Whether the kernel knows it.
    pub is_known: bool,
    /// What the hook does instead.
    pub instead: &'static str,
}

fn calls() -> [Call; 6] {
    let known = |answer: Result<(), Errno>| answer != Err(Errno::NOSYS);
    let call = |name, since, answer, instead| Call {
        name,
        since,
        is_known: known(answer),
        instead,
    };
    [
        call(
            "fsopen",
            "5.2",
            fsopen("", FsOpenFlags::FSOPEN_CLOEXEC).map(drop),
            BY_PATH,
        ),
        call(
            "fsmount",
            "5.2",
            fsmount(CWD, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty()).map(drop),
            BY_PATH,
        ),
        call(
            "open_tree",
            "5.2",
            open_tree(CWD, "", OpenTreeFlags::OPEN_TREE_CLOEXEC).map(drop),
            BY_PATH,
        ),
        call(
            "move_mount",
            "5.2",
            move_mount(CWD, "", CWD, "", MoveMountFlags::empty()),
            BY_PATH,
        ),
        call(
            "openat2",
            "5.6",
            openat2(CWD, "", OFlags::PATH, Mode::empty(), ResolveFlags::IN_ROOT).map(drop),
            "the hook walks the path inside the rootfs step by step",
        ),
        call(
            "pidfd_open",
            "5.3",
            pidfd_open(getpid(), PidfdFlags::empty()).map(drop),
            "the hook holds the container's process by its directory in /proc",
        ),
    ]
}

/// Without a call there is another way: never a problem.
#[must_use]
pub fn judge_call(call: &Call) -> Finding {
    let (name, since) = (call.name, call.since);
    if call.is_known {
        Finding::ok(SUBJECT, format!("{name} is there"))
    } else {
        let text = format!("{name} (Linux {since}) is missing: {}", call.instead);
        Finding::note(SUBJECT, text)
    }
}

/// Makes a tmpfs that hangs nowhere and clones it; both are gone when their descriptors are.
fn detached_clone() -> Result<(), (&'static str, Errno)> {
    let context =
        fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).map_err(|it| ("fsopen tmpfs", it))?;
    fsconfig_create(&context).map_err(|errno| ("fsconfig", errno))?;
    let mount = fsmount(
        &context,
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    )
    .map_err(|errno| ("fsmount", errno))?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    open_tree(mount.as_fd(), "", flags)
        .map(drop)
        .map_err(|errno| ("open_tree", errno))
}

/// What a kernel's answer means to the hook.
#[must_use]
pub fn judge_detached(answer: Result<(), (&'static str, Errno)>) -> Finding {
    match answer {
        Ok(()) => Finding::ok(SUBJECT, "a detached mount can be cloned"),
        Err(("open_tree", Errno::INVAL)) => Finding::note(
            SUBJECT,
            "a detached mount cannot be cloned (Linux 6.15): the hook attaches its tmpfs for a moment in the container's mount namespace",
        ),
        Err((call, errno)) => Finding::problem(
            Harm::NoFile,
            SUBJECT,
            format!("{call}: {errno}: the hook cannot make its tmpfs"),
            "run doctor where the runtime runs: as root, with CAP_SYS_ADMIN, outside of any container",
        ),
    }
}
