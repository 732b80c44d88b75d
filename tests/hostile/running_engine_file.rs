//! The engine's file behind a container's, which `refresh` reads as root by a path that a tenant chose.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bundle::Bundle;
use crate::running::{Running, refresh, sleeping};
use crate::{ALIASES_SECTION, world};

const ENGINES: &str = "10.200.0.5\tweb-0\n";
const SECRET: &str = "10.0.0.1 secret-of-the-node\n";

/// A volume of the tenant's with a file called as an engine's is: its directory, and the file.
fn of_the_tenant(home: &Path, bundle: &mut Bundle) -> (PathBuf, PathBuf) {
    let volume = home.join("volume");
    let source = volume.join("userdata/hosts");
    fs::create_dir_all(source.parent().unwrap()).unwrap();
    fs::write(&source, ENGINES).unwrap();
    bundle.bind(&source, "/etc/hosts");
    (volume, source)
}

fn shell(script: &str) {
    let status = Command::new("sh").args(["-ec", script]).status().unwrap();
    assert!(status.success(), "{script}");
}

/// Whatever the tenant puts in the file's place or on the way to it: the container keeps what it has, its
/// other part is brought up to date, nothing is read, and no device or FIFO is opened.
#[test]
fn nothing_but_the_file_of_the_start_is_read() {
    each_way(
        "running_engine_file::nothing_but_the_file_of_the_start_is_read",
        &[],
    );
}

/// Linux before 5.6 follows magic links too.
#[test]
fn the_same_without_openat2() {
    each_way(
        "running_engine_file::the_same_without_openat2",
        &["-e", "inject=openat2:error=ENOSYS"],
    );
}

fn each_way(test: &str, more: &[&str]) {
    world(test, |home| {
        let secret = home.join("secret/hosts");
        fs::create_dir_all(secret.parent().unwrap()).unwrap();
        fs::write(&secret, SECRET).unwrap();
        let directory = secret.parent().unwrap().display();
        let ways = [
            (
                "another file",
                format!("mv hosts gone; echo '{SECRET}' >hosts"),
            ),
            (
                "a symlink",
                format!("mv hosts gone; ln -s {} hosts", secret.display()),
            ),
            (
                "a hard link",
                format!("mv hosts gone; ln {} hosts", secret.display()),
            ),
            (
                "a symlink through procfs",
                format!(
                    "mv hosts gone; ln -s /proc/1/root{} hosts",
                    secret.display()
                ),
            ),
            (
                "a symlink to itself",
                "mv hosts gone; ln -s hosts hosts".to_owned(),
            ),
            ("a FIFO", "mv hosts gone; mkfifo hosts".to_owned()),
            ("a device", "mv hosts gone; mknod hosts c 1 5".to_owned()),
            ("a directory", "mv hosts gone; mkdir hosts".to_owned()),
            ("nothing", "mv hosts gone".to_owned()),
            (
                "a symlink on the way",
                format!("cd ..; mv userdata away; ln -s {directory} userdata"),
            ),
            (
                "a mount",
                format!("mount --bind {} hosts", secret.display()),
            ),
            ("a mount on the way", format!("mount --bind {directory} .")),
        ];
        for (way, script) in ways {
            let mut bundle = sleeping(home);
            let (volume, source) = of_the_tenant(home, &mut bundle);
            let container = Running::start(&bundle, "case");
            shell(&format!(
                "cd {}; {script}",
                source.parent().unwrap().display()
            ));
            let corp = bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
            let trace = home.join("trace");
            let strace = [
                "strace",
                "-f",
                "-qq",
                "-o",
                trace.to_str().unwrap(),
                "-e",
                "trace=open,openat,openat2",
            ];
            let (stdout, stderr, status) = refresh(&[&strace, more].concat(), &bundle);
            assert_eq!(
                container.hosts(),
                format!(
                    "{ENGINES}{ALIASES_SECTION}\n# Entries added by oci-hostaliases from {corp}.\n10.0.0.1\tregistry.corp\n"
                ),
                "{way}: {stdout}{stderr}"
            );
            assert_eq!(status, 1, "{way}: {stdout}{stderr}");
            assert!(
                stdout.ends_with("0 refreshed, 0 up to date, 1 not possible\n"),
                "{way}: {stdout}"
            );
            assert!(
                stderr.contains(&source.display().to_string()),
                "{way}: {stderr}"
            );
            assert!(!stderr.contains("secret"), "{way}: {stderr}");
            let opened: Vec<_> = fs::read_to_string(&trace)
                .unwrap()
                .lines()
                .filter(|line| line.contains(source.to_str().unwrap()))
                .map(|line| line.contains("O_PATH"))
                .collect();
            assert!(
                !opened.is_empty() && opened.iter().all(|by_path| *by_path),
                "{way}"
            );
            drop(container);
            shell(&format!(
                "umount {0}/hosts {0} 2>/dev/null || true",
                source.parent().unwrap().display()
            ));
            fs::remove_dir_all(volume).unwrap();
        }
    });
}

/// The kernel takes away what is mounted on a file that is removed, in every namespace: then the container has its
/// engine's file as it was, and there is nothing to bring up to date.
#[test]
fn a_file_that_is_removed_takes_the_hooks_file_along() {
    world(
        "running_engine_file::a_file_that_is_removed_takes_the_hooks_file_along",
        |home| {
            let mut bundle = sleeping(home);
            let (_, source) = of_the_tenant(home, &mut bundle);
            let container = Running::start(&bundle, "case");
            fs::remove_file(&source).unwrap();
            fs::write(&source, SECRET).unwrap();
            let (stdout, _, status) = refresh(&[], &bundle);
            assert_eq!(
                (stdout.as_str(), status),
                ("0 refreshed, 0 up to date, 0 not possible\n", 0)
            );
            assert_eq!(container.hosts(), ENGINES);
        },
    );
}

/// A file that comes back under the number of the one that the container was started with has another birth.
#[test]
fn a_number_that_is_given_again_is_another_file() {
    world(
        "running_engine_file::a_number_that_is_given_again_is_another_file",
        |home| {
            let mut bundle = sleeping(home);
            let (_, source) = of_the_tenant(home, &mut bundle);
            let container = Running::start(&bundle, "case");
            // As if the number were free: what the hook recorded gets another time of birth.
            let file = format!("/proc/{}/root/etc/hosts", container.pid());
            let mut bytes = vec![0; 65536];
            let length =
                rustix::fs::getxattr(&file, "trusted.oci-hostaliases", bytes.as_mut_slice())
                    .unwrap();
            let mut stamp: serde_json::Value = serde_json::from_slice(&bytes[..length]).unwrap();
            // Major, minor, number, and the time of birth in seconds and nanoseconds.
            let born = &mut stamp["engine"]["file"][3];
            assert_ne!(*born, 0, "no file system here that says it");
            *born = 1_000_000_000.into();
            let stamp = serde_json::to_vec(&stamp).unwrap();
            let flags = rustix::fs::XattrFlags::empty();
            rustix::fs::setxattr(&file, "trusted.oci-hostaliases", &stamp, flags).unwrap();
            fs::write(&source, SECRET).unwrap();
            let (_, stderr, status) = refresh(&[], &bundle);
            assert!(
                stderr.contains("is no longer the file that the container started with"),
                "{stderr}"
            );
            assert_eq!(status, 1);
            assert_eq!(container.hosts(), format!("{ENGINES}{ALIASES_SECTION}"));
        },
    );
}

/// While the container runs its mount keeps the number of the file in use, also when the file is removed.
#[test]
fn the_number_of_the_file_stays_in_use() {
    world(
        "running_engine_file::the_number_of_the_file_stays_in_use",
        |home| {
            use std::os::unix::fs::MetadataExt;
            let mut bundle = sleeping(home);
            let (volume, source) = of_the_tenant(home, &mut bundle);
            let number = fs::metadata(&source).unwrap().ino();
            let container = Running::start(&bundle, "case");
            fs::remove_file(&source).unwrap();
            for nth in 0..2000 {
                let path = volume.join(format!("{nth}"));
                fs::write(&path, "x").unwrap();
                assert_ne!(fs::metadata(&path).unwrap().ino(), number);
            }
            drop(container);
        },
    );
}

/// A symlink that changes while `refresh` looks.
#[test]
fn a_path_that_changes_all_the_time() {
    world(
        "running_engine_file::a_path_that_changes_all_the_time",
        |home| {
            let mut bundle = sleeping(home);
            let (_, source) = of_the_tenant(home, &mut bundle);
            let container = Running::start(&bundle, "case");
            let secret = home.join("secret");
            fs::write(&secret, SECRET).unwrap();
            let kept = source.with_file_name("kept");
            fs::rename(&source, &kept).unwrap();
            symlink(&secret, source.with_file_name("to-secret")).unwrap();
            let script = format!(
                "cd {}; while :; do ln -f kept next; mv -f next hosts; cp -P to-secret next; mv -f next hosts; done",
                source.parent().unwrap().display()
            );
            let mut swapper = Command::new("sh").args(["-c", &script]).spawn().unwrap();
            let (mut taken, mut refused) = (0, 0);
            for round in 0..60 {
                let text = format!("10.200.0.5\tweb-{round}\n");
                fs::write(&kept, &text).unwrap();
                let (_, stderr, _) = refresh(&[], &bundle);
                let hosts = container.hosts();
                assert!(!hosts.contains("secret"), "{hosts}");
                if hosts.starts_with(&text) {
                    taken += 1
                } else {
                    refused += 1
                }
                assert!(!stderr.contains("secret-of"), "{stderr}");
            }
            swapper.kill().unwrap();
            swapper.wait().unwrap();
            println!("taken {taken} times, refused {refused} times");
            assert!(taken > 0 && refused > 0, "{taken} {refused}");
        },
    );
}
