//! The hook with too few resources: descriptors, memory, room in its file system, a reader of stderr.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use crate::bundle::{Bundle, Host};
use crate::{ALIASES, HOST_ALIASES, call, tracer, whole_file, world};

fn asking(home: &std::path::Path) -> Bundle {
    let mut bundle = Bundle::new(home, "runc", "prestart");
    bundle.annotate(HOST_ALIASES, ALIASES);
    bundle
}

/// Under each limit the container starts with its whole file or does not start. Under the first it does
/// not, under the last it does.
fn under_limits(test: &str, limits: &[&str]) {
    world(test, |home| {
        let mut bundle = asking(home);
        let host = Host::look();
        let mut outcomes = Vec::new();
        for limit in limits {
            tracer::put_before_hook(&mut bundle, &format!("prlimit {limit}"));
            let ran = bundle.run();
            let expected = if ran.started {
                whole_file()
            } else {
                String::new()
            };
            assert_eq!(ran.stdout, expected, "{limit}: {}", ran.stderr);
            outcomes.push(ran.started);
        }
        host.assert_unchanged();
        println!("{limits:?}: {outcomes:?}");
        assert_eq!((outcomes[0], outcomes.last()), (false, Some(&true)));
    });
}

#[test]
fn descriptors() {
    let limits: Vec<_> = (3..=17).map(|n| format!("--nofile={n}")).collect();
    let limits: Vec<_> = limits.iter().map(String::as_str).collect();
    under_limits("limits::descriptors", &limits);
}

#[test]
fn memory() {
    let limits: Vec<_> = [1, 2, 3, 4, 5, 6, 8, 12, 16, 64]
        .iter()
        .map(|mib| format!("--as={}", mib << 20))
        .collect();
    let limits: Vec<_> = limits.iter().map(String::as_str).collect();
    under_limits("limits::memory", &limits);
}

/// A file that would be longer: SIGXFSZ, before anything is mounted.
#[test]
fn file_size() {
    let limits = ["--fsize=0", "--fsize=100", "--fsize=65536"];
    under_limits("limits::file_size", &limits);
}

/// The file system is full half-way through the text.
#[test]
fn full_file_system() {
    world("limits::full_file_system", |home| {
        let mut bundle = asking(home);
        let aliases: Vec<_> = (0..1000)
            .map(|n| format!("10.0.0.1 host-{n}.example.com"))
            .collect();
        bundle.annotate(HOST_ALIASES, &aliases.join("\n"));
        fs::write(bundle.config_toml(), "size-limit = \"4KiB\"\n").unwrap();
        let host = Host::look();
        let ran = bundle.run();
        host.assert_unchanged();
        assert!(!ran.started);
        assert!(ran.stderr.contains("exit status 4"), "{}", ran.stderr);
    });
}

/// Nothing reads the last message; the exit status still says why.
#[test]
fn nobody_reads_stderr() {
    world("limits::nobody_reads_stderr", |home| {
        let mut bundle = asking(home);
        bundle.annotate("oci-hostaliases.io/unknown", "x");
        bundle.write();
        let (reader, closed) = UnixStream::pair().unwrap();
        drop(reader);
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        for stderr in [Stdio::from(full), Stdio::from(OwnedFd::from(closed))] {
            let state_file = home.join("state");
            fs::write(&state_file, call::state(&bundle, 4_000_000)).unwrap();
            let status = Command::new(call::hook_of(&bundle))
                .args(["prestart", "--config", "/nonexistent"])
                .stdin(fs::File::open(&state_file).unwrap())
                .stderr(stderr)
                .status()
                .unwrap();
            assert_eq!(status.code(), Some(5), "{status}");
        }
    });
}
