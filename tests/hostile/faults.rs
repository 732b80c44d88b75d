//! Every system call of the hook fails once, or is its last.
//!
//! Whatever fails: a container that asked for entries starts with its whole file or does not start, with
//! one of the documented exit statuses; one that asked for nothing starts; the host has nothing more.

use std::collections::BTreeMap;
use std::fs;

use crate::bundle::{Bundle, Host, IMAGE_HOSTS, Ran};
use crate::{ALIASES, BOILERPLATE, HOST_ALIASES, tracer, whole_file, world};

/// What any call may answer, if only under a filter or for want of memory.
const ANY: [&str; 3] = ["EPERM", "ENOMEM", "EIO"];
/// What these may answer beside it, by their man pages.
const MORE: [(&[&str], &[&str]); 9] = [
    (
        &["open", "openat", "openat2"],
        &[
            "EACCES", "ENOENT", "ENOTDIR", "ELOOP", "EMFILE", "ENFILE", "ENOSPC", "EINTR", "EAGAIN",
        ],
    ),
    (&["read"], &["EINTR", "EAGAIN", "EISDIR"]),
    (&["write"], &["ENOSPC", "EDQUOT", "EFBIG", "EINTR"]),
    (
        &["newfstatat", "statx", "fstatfs"],
        &["EACCES", "ENOENT", "ENOSYS", "EOVERFLOW"],
    ),
    (
        &["pidfd_open", "setns"],
        &["ESRCH", "EINVAL", "EMFILE", "ENODEV"],
    ),
    (
        &[
            "fsopen",
            "fsconfig",
            "fsmount",
            "open_tree",
            "move_mount",
            "mount",
            "umount2",
        ],
        &[
            "EINVAL", "EBUSY", "ENODEV", "ENOSPC", "EMFILE", "ELOOP", "EACCES",
        ],
    ),
    (
        &["fchmod", "fchown", "fsetxattr"],
        &["EACCES", "EROFS", "ENOSPC", "EOPNOTSUPP", "EDQUOT"],
    ),
    (
        &["socket", "connect", "sendto", "recvfrom"],
        &[
            "EACCES",
            "EMFILE",
            "ENOBUFS",
            "ECONNREFUSED",
            "EAGAIN",
            "EINTR",
            "EAFNOSUPPORT",
        ],
    ),
    (
        &["capget", "capset", "prctl"],
        &["EINVAL", "ESRCH", "EFAULT"],
    ),
];
/// Without memory a program cannot even say so: these may end it by a signal.
const MEMORY: [&str; 5] = ["brk", "mmap", "mprotect", "mremap", "munmap"];

/// One call of the hook, as strace counts them.
struct Call {
    name: String,
    nth: usize,
    /// Of the program's start, before its first own call.
    is_early: bool,
    /// What reads the state: before that nobody knows whether the container asks for something.
    is_of_stdin: bool,
}

impl Call {
    fn errors(&self) -> Vec<&'static str> {
        // The kernel has no other answers to it, and a seccomp filter gives these. The standard library
        // takes them, and would panic at others.
        if self.name == "getrandom" {
            return vec!["EPERM", "ENOSYS"];
        }
        let more = MORE
            .iter()
            .filter(|(names, _)| names.contains(&self.name.as_str()))
            .flat_map(|(_, errors)| errors.iter());
        ANY.iter().chain(more).copied().collect()
    }

    /// Whether the C library or the allocator may end the program when this fails.
    fn may_kill(&self) -> bool {
        self.is_early || MEMORY.contains(&self.name.as_str())
    }
}

/// The hook's calls when nothing fails.
fn calls_of(bundle: &mut Bundle) -> Vec<Call> {
    tracer::record(bundle);
    let shown = bundle.shown();
    assert!(shown.starts_with(BOILERPLATE), "{shown}");
    let (mut counts, mut is_early) = (BTreeMap::<String, usize>::new(), true);
    let mut calls = Vec::new();
    for line in tracer::recorded(bundle) {
        let name = line.split('(').next().unwrap().to_owned();
        let nth = counts.entry(name.clone()).or_default();
        *nth += 1;
        is_early &= !line.contains("\"/proc/self/fd\"");
        // The runtime's own call, and the one that cannot fail.
        if !["execve", "exit_group"].contains(&name.as_str()) {
            calls.push(Call {
                nth: *nth,
                is_early,
                is_of_stdin: line.starts_with("read(0,"),
                name,
            });
        }
    }
    assert!(
        calls.len() > 50 && !is_early,
        "strace saw {} calls",
        calls.len()
    );
    calls
}

/// The hook's exit status as the runtime tells it; `None`: it tells none, or a signal.
fn exit_status(ran: &Ran) -> Option<u8> {
    let marks = ["exit status ", "(exit code: "];
    let number = marks
        .iter()
        .find_map(|mark| ran.stderr.split(mark).nth(1))?;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// What a container may be when its hook's call answered `error`.
fn check(call: &Call, fault: &str, asks: bool, ran: &Ran) {
    let fault = format!("{} number {}: {fault}: {}", call.name, call.nth, ran.stderr);
    if asks && ran.started {
        assert_eq!(ran.stdout, whole_file(), "{fault}");
    } else if asks {
        assert_eq!(ran.stdout, "", "{fault}");
        let code = exit_status(ran);
        let documented = code.is_some_and(|code| (1..=5).contains(&code));
        assert!(documented || call.may_kill(), "{fault}");
        let says_why = ran.stderr.contains("oci-hostaliases-hook: container");
        let is_silent = !ran.stderr.contains("runc run failed") || call.may_kill();
        assert!(says_why || is_silent, "{fault}");
    } else if ran.started {
        let whole = [BOILERPLATE, IMAGE_HOSTS].contains(&ran.stdout.as_str());
        assert!(whole, "{fault}: {}", ran.stdout);
    } else {
        assert!(call.may_kill() || call.is_of_stdin, "{fault}");
    }
}

fn bundle_that(asks: bool, home: &std::path::Path, place: Place) -> Bundle {
    let (runtime, stage) = place;
    let mut bundle = Bundle::new(home, runtime, stage);
    if asks {
        bundle.annotate(HOST_ALIASES, ALIASES);
    }
    bundle
}

type Place = (&'static str, &'static str);
const RUNC_PRESTART: Place = ("runc", "prestart");

/// Each call in turn, with each of its errors.
fn sweep(test: &str, asks: bool, place: Place) {
    world(test, |home| {
        let mut bundle = bundle_that(asks, home, place);
        let calls = calls_of(&mut bundle);
        let (mut started, mut refused) = (0, 0);
        let mut host = Host::look();
        for (nth, call) in calls.iter().enumerate() {
            for error in call.errors() {
                let inject = format!("{}:error={error}:when={}", call.name, call.nth);
                tracer::trace(&mut bundle, &format!("-o /dev/null -e inject={inject}"));
                let ran = bundle.run();
                check(call, error, asks, &ran);
                let count = if ran.started {
                    &mut started
                } else {
                    &mut refused
                };
                *count += 1;
            }
            if nth % 16 == 0 {
                host.assert_unchanged();
                host = Host::look();
            }
        }
        host.assert_unchanged();
        println!(
            "{} calls: started {started}, refused {refused}",
            calls.len()
        );
        assert!(started > 0);
    });
}

/// A killed hook is a failed one: whatever it had done, the container does not start.
fn killed(test: &str, place: Place) {
    world(test, |home| {
        let mut bundle = bundle_that(true, home, place);
        let calls = calls_of(&mut bundle);
        let host = Host::look();
        let mut kills = 0;
        for call in &calls {
            let inject = format!("{}:signal=KILL:when={}", call.name, call.nth);
            let trace = tracer::trace_of(&bundle);
            tracer::trace(
                &mut bundle,
                &format!("-o {} -e inject={inject}", trace.display()),
            );
            let ran = bundle.run();
            // How often a table is read depends on the machine: the last calls may not come this time.
            let is_killed = fs::read_to_string(&trace)
                .unwrap()
                .contains("+++ killed by SIGKILL");
            assert_eq!(ran.started, !is_killed, "{inject}: {}", ran.stderr);
            let expected = if is_killed {
                String::new()
            } else {
                whole_file()
            };
            assert_eq!(ran.stdout, expected, "{inject}");
            kills += usize::from(is_killed);
        }
        host.assert_unchanged();
        println!("{} calls: killed at {kills}", calls.len());
        assert!(kills > 40);
    });
}

#[test]
fn each_call_fails() {
    sweep("faults::each_call_fails", true, RUNC_PRESTART);
}

#[test]
fn each_call_fails_and_nothing_was_asked() {
    let test = "faults::each_call_fails_and_nothing_was_asked";
    sweep(test, false, RUNC_PRESTART);
}

#[test]
fn each_call_fails_inside() {
    let test = "faults::each_call_fails_inside";
    sweep(test, true, ("crun", "createContainer"));
}

#[test]
fn killed_at_each_call() {
    killed("faults::killed_at_each_call", RUNC_PRESTART);
}

#[test]
fn killed_at_each_call_inside() {
    let test = "faults::killed_at_each_call_inside";
    killed(test, ("crun", "createContainer"));
}
