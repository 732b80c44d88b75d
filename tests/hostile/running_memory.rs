//! `refresh` and `list` where a container, or any user of the node, would have them eat its memory or time.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use crate::running::{Running, counted, list, memory, refresh, sleeping};
use crate::{whole_file, world};

/// What `refresh` may have in these tests; it is twice of what it needs for ordinary containers.
const MIB: u32 = 64;

fn limits() -> Vec<String> {
    memory(MIB).to_vec()
}

/// Programs in front of the tool, as words.
fn words(behind: &[String]) -> Vec<&str> {
    behind.iter().map(String::as_str).collect()
}

/// The file is 3 GiB long and holds one page: no limit of the tmpfs is in the way.
#[test]
fn sparse_file() {
    world("running_memory::sparse_file", |home| {
        let bundle = sleeping(home);
        let sparse = Running::start(&bundle, "sparse");
        let other = Running::start(&bundle, "other");
        sparse.sh("dd if=/dev/null of=/etc/hosts bs=1M seek=3072");
        assert_eq!(sparse.sh("stat -c %s /etc/hosts"), "3221225472\n");
        // Who reads it whole needs more than there is.
        let file = format!("/proc/{}/root/etc/hosts", sparse.pid());
        let naive = "import sys; len(open(sys.argv[1], 'rb').read())";
        if let Ok(naive) = Command::new("prlimit")
            .args([
                &format!("--as={}", 1u64 << 30),
                "python3",
                "-c",
                naive,
                &file,
            ])
            .stderr(Stdio::null())
            .status()
        {
            assert!(!naive.success(), "1 GiB is enough to read it");
        }
        bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
        let limits = limits();
        let (stdout, stderr, status) = refresh(&words(&limits), &bundle);
        assert!(
            stdout.ends_with("1 refreshed, 0 up to date, 1 not possible\n"),
            "{stdout}{stderr}"
        );
        assert!(
            stderr.ends_with("/root/etc/hosts: more than 1048576 bytes\n"),
            "{stderr}"
        );
        assert_eq!(status, 1);
        assert!(other.hosts().contains("registry.corp"));
        let (calls, _) = counted(home, |strace| refresh(strace, &bundle));
        println!("{calls} system calls");
        assert!(calls < 5000, "{calls} system calls");
    });
}

/// A user makes a mount table of hundreds of megabytes, with names as long as paths can be.
#[test]
fn long_mount_table() {
    world("running_memory::long_mount_table", |home| {
        let bundle = sleeping(home);
        let container = Running::start(&bundle, "case");
        // Control characters in names are four bytes each in the table; each mount has the path twice.
        let script = r#"set -e
            mount -t tmpfs long /mnt; cd /mnt
            name=$(printf '\\%.0s' $(seq 250))
            for n in $(seq 15); do mkdir "$name"; cd "$name"; done
            mkdir d
            for n in $(seq 3000); do mount --bind . d; done
            echo ready; exec sleep 600"#;
        let mut user = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
            ])
            .args([
                "unshare",
                "--user",
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                script,
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        user.stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut ready)
            .unwrap();
        let table = fs::read(format!("/proc/{}/mountinfo", user.id())).unwrap();
        println!("a table of {} MiB", table.len() >> 20);
        assert!(table.len() > 64 << 20, "{}", table.len());
        drop(table);
        let limits = limits();
        let (stdout, stderr, status) = list(&words(&limits));
        user.kill().unwrap();
        user.wait().unwrap();
        assert_eq!((status, stdout.lines().count()), (0, 2), "{stdout}{stderr}");
        assert!(stdout.contains("case"), "{stdout}");
        assert!(
            stderr.ends_with("/mountinfo: File too large (os error 27)\n"),
            "{stderr}"
        );
        drop(container);
    });
}

/// Thousands of mounts that are named like ours, one over the other and side by side: the work grows with
/// the table, not with its square, and no forged one is a failure of `refresh`.
#[test]
fn forged_mounts() {
    world("running_memory::forged_mounts", |home| {
        let bundle = sleeping(home);
        let container = Running::start(&bundle, "case");
        bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
        let (before, _) = counted(home, list);
        let script = r#"set -e
            mount -t tmpfs -o size=1M oci-hostaliases /mnt
            cd /mnt; : >hosts
            for n in $(seq 500); do : >f$n; mount --bind hosts f$n; done
            for n in $(seq 2000); do mount --bind hosts f1; done
            echo ready; exec sleep 600"#;
        let mut user = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
            ])
            .args([
                "unshare",
                "--user",
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                script,
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        user.stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut ready)
            .unwrap();
        let (after, (stdout, ..)) = counted(home, list);
        let (told, stderr, status) = refresh(&[], &bundle);
        user.kill().unwrap();
        user.wait().unwrap();
        println!("{before} system calls without them, {after} with them");
        assert!(after < before + 1000, "{before} {after}");
        assert_eq!(stdout.matches("(not marked)").count(), 1, "{stdout}");
        assert!(
            told.ends_with("1 refreshed, 0 up to date, 0 not possible\n"),
            "{told}"
        );
        assert!(
            stderr
                .starts_with("oci-hostaliases: 1 file without the hook's mark cannot be refreshed"),
            "{stderr}"
        );
        assert_eq!(status, 0);
        drop(container);
    });
}

/// A mount point of the node, and one of a container, that are no UTF-8.
#[test]
fn names_that_are_no_text() {
    world("running_memory::names_that_are_no_text", |home| {
        let status = Command::new("sh")
            .args([
                "-c",
                "d=$(printf '/run/world/\\377\\376'); mkdir \"$d\" && mount -t tmpfs t \"$d\"",
            ])
            .status()
            .unwrap();
        assert!(status.success());
        let table = fs::read("/proc/self/mountinfo").unwrap();
        assert!(
            String::from_utf8(table).is_err(),
            "who reads it as text falls"
        );
        let mut bundle = sleeping(home);
        // The hook reads the table before 6.15, and where /etc lies on a tmpfs.
        bundle.config["mounts"]
            .as_array_mut()
            .unwrap()
            .push(serde_json::json!(
                {"destination": "/etc", "type": "tmpfs", "source": "tmpfs"}
            ));
        crate::tracer::trace(
            &mut bundle,
            "-o /dev/null -e inject=open_tree:error=EINVAL:when=1",
        );
        let container = Running::start(&bundle, "case");
        assert_eq!(container.hosts(), whole_file());
        bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
        let (stdout, stderr, status) = refresh(&[], &bundle);
        assert_eq!((stderr.as_str(), status), ("", 0));
        assert!(stdout.ends_with("1 refreshed, 0 up to date, 0 not possible\n"));
        let json = crate::running::said(
            &crate::running::tool(&[], &["list", "--json"])
                .output()
                .unwrap(),
        );
        assert!(json.0.contains("\"case\""), "{json:?}");
    });
}
