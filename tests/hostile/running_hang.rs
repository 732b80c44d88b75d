//! `refresh` and `list` where a container would keep them waiting: the others get their turn.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::bundle::Bundle;
use crate::running::{Running, compiled, list, refresh, sleeping};
use crate::world;

/// A program that has said that it is ready, killed when it is dropped.
struct Ready(Child);

impl Ready {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = [0; 6];
        let ready = child.stdout.as_mut().unwrap().read_exact(&mut said);
        assert!(ready.is_ok(), "{command:?} is not ready");
        Self(child)
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether this does not end by itself within a second. It is killed then.
fn waits(command: &mut Command) -> bool {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let waits = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    waits
}

fn with_c(test: &str, body: impl FnOnce(&Path)) {
    if crate::needs::met(test, &[("gcc", "gcc"), ("python3", "python3")]) {
        world(test, body);
    }
}

/// Refreshes where `stuck` is passed over and `other` is not.
fn passed_over(bundle: &Bundle, other: &Running, lacking: &[&str]) {
    let (stdout, stderr, status) = refresh(lacking, bundle);
    assert!(
        stdout.ends_with("1 refreshed, 0 up to date, 1 not possible\n"),
        "{stdout}{stderr}"
    );
    assert!(
        stderr.contains("container stuck (process ")
            && stderr.ends_with("does not answer: skipped\n"),
        "{stderr}"
    );
    assert_eq!(status, 1);
    assert!(other.hosts().contains("registry.corp"));
}

/// `/etc` of a container is a FUSE file system that takes each request and answers none: not even a signal
/// ends who waits for it.
#[test]
fn file_system_that_does_not_answer() {
    with_c("running_hang::file_system_that_does_not_answer", |home| {
        let program = compiled(home, "stuck_fuse", include_str!("stuck_fuse.c"));
        for lacking in [&[][..], &["openat2"]] {
            let etc = home.join("etc");
            fs::create_dir_all(&etc).unwrap();
            let mut server = Command::new(&program);
            let server = Ready::start(server.arg(&etc));
            let mut bundle = sleeping(home);
            let other_bundle = bundle.config.clone();
            bundle.bind(&etc, "/etc");
            let stuck = Running::start(&bundle, "stuck");
            bundle.config = other_bundle;
            let other = Running::start(&bundle, "other");
            let pid = stuck.pid();
            Command::new("kill")
                .args(["-USR1", &server.0.id().to_string()])
                .status()
                .unwrap();
            assert!(waits(
                Command::new("stat").arg(format!("/proc/{pid}/root/etc/hosts"))
            ));
            bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
            // A kernel before 5.6 knows no way that does not wait.
            let trace = format!("inject={}:error=ENOSYS", lacking.join(","));
            let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace];
            if lacking.is_empty() {
                passed_over(&bundle, &other, &[]);
                let (listed, stderr, _) = list(&[]);
                assert!(listed.contains("other"), "{listed}{stderr}");
                assert!(stderr.contains("stuck"), "{stderr}");
            } else {
                // strace itself waits for its tracees, which do not end before the server does.
                let hosts_d = bundle.hosts_d();
                let mut traced = Command::new(strace[0])
                    .args(&strace[1..])
                    .arg(env!("CARGO_BIN_EXE_oci-hostaliases"))
                    .args(["refresh", "--hosts-d"])
                    .arg(hosts_d)
                    .spawn()
                    .unwrap();
                let has_it = (0..200).any(|_| {
                    std::thread::sleep(Duration::from_millis(100));
                    other.hosts().contains("registry.corp")
                });
                assert!(has_it);
                drop(server);
                traced.wait().unwrap();
                Command::new("umount").arg("-l").arg(&etc).status().unwrap();
                continue;
            }
            // With the server all who wait end.
            drop(server);
            Command::new("umount").arg("-l").arg(&etc).status().unwrap();
        }
    });
}

/// A container writes to its file from memory that never comes, and so holds the file's lock in the kernel.
#[test]
fn file_whose_lock_is_held() {
    with_c("running_hang::file_whose_lock_is_held", |home| {
        let bundle = sleeping(home);
        let stuck = Running::start(&bundle, "stuck");
        let other = Running::start(&bundle, "other");
        let file = format!("/proc/{}/root/etc/hosts", stuck.pid());
        let holder = compiled(home, "hold_lock", include_str!("hold_lock.c"));
        let holder = Ready::start(Command::new(holder).arg(&file));
        let naive = "import sys; open(sys.argv[1], 'r+b', 0).write(b'#')";
        assert!(waits(Command::new("python3").args(["-c", naive, &file])));
        bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
        passed_over(&bundle, &other, &[]);
        let (listed, stderr, _) = list(&[]);
        assert!(
            listed.contains("stuck") && stderr.is_empty(),
            "{listed}{stderr}"
        );
        drop(holder);
    });
}

/// A container holds a lease on its file: the kernel breaks it after 45 seconds, for which refresh does not wait.
#[test]
fn lease() {
    with_c("running_hang::lease", |home| {
        let bundle = sleeping(home);
        let leased = Running::start(&bundle, "leased");
        let other = Running::start(&bundle, "other");
        let file = format!("/proc/{}/root/etc/hosts", leased.pid());
        let take = "import fcntl, os, signal, sys\n\
            signal.signal(signal.SIGIO, signal.SIG_IGN)\n\
            fd = os.open(sys.argv[1], os.O_RDWR)\n\
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)\n\
            print('ready', flush=True)\n\
            while True: signal.pause()";
        let holder = Ready::start(Command::new("python3").args(["-c", take, &file]));
        assert!(waits(Command::new("cat").arg(&file)));
        let (listed, stderr, _) = list(&[]);
        assert!(
            listed.contains("leased") && stderr.is_empty(),
            "{listed}{stderr}"
        );
        bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
        let (stdout, stderr, status) = refresh(&[], &bundle);
        assert!(
            stdout.ends_with("1 refreshed, 0 up to date, 1 not possible\n"),
            "{stdout}{stderr}"
        );
        assert!(
            stderr.ends_with("Resource temporarily unavailable (os error 11)\n"),
            "{stderr}"
        );
        assert_eq!(status, 1);
        assert!(other.hosts().contains("registry.corp"));
        drop(holder);
        assert_eq!(refresh(&[], &bundle).2, 0);
        assert!(leased.hosts().contains("registry.corp"));
    });
}
