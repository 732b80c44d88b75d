//! `refresh` while it writes: against a container that would write too, other refreshes, and kills.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::running::{Running, compiled, list, refresh, said, sleeping, tool};
use crate::{ALIASES_SECTION, needs, whole_file, world};

/// Opens the file for writing as often as it can, and tells when that works.
const SPINNER: &str = r#"
#include <fcntl.h>
#include <unistd.h>
int main(void) {
    close(open("/tmp/spins", O_CREAT | O_WRONLY, 0644));
    for (;;)
        if (open("/etc/hosts", O_RDWR) >= 0) { close(open("/tmp/won", O_CREAT | O_WRONLY, 0644)); pause(); }
}
"#;

fn lines(first: usize, count: usize) -> String {
    (first..first + count)
        .map(|nth| format!("10.0.{}.{} name-{nth}.corp\n", nth / 250, nth % 250 + 1))
        .collect()
}

#[test]
fn read_only_stays_read_only() {
    let test = "running_write::read_only_stays_read_only";
    if !needs::met(test, &[("gcc", "gcc"), ("nsenter", "util-linux")]) {
        return;
    }
    world(test, |home| {
        let mut bundle = sleeping(home);
        fs::write(bundle.config_toml(), "read-only = true\n").unwrap();
        let spinner = compiled(home, "spinner", SPINNER);
        fs::copy(spinner, bundle.rootfs.join("bin/spinner")).unwrap();
        bundle.set_script("exec /bin/spinner");
        let seen = home.join("seen");
        fs::create_dir_all(&seen).unwrap();
        bundle.bind(&seen, "/tmp");
        let container = Running::start(&bundle, "case");
        while !seen.join("spins").exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        for round in 0..30 {
            bundle.entries("corp.hosts", &lines(round, 20));
            let (_, stderr, status) = refresh(&[], &bundle);
            assert_eq!((stderr.as_str(), status), ("", 0));
        }
        assert!(container.hosts().contains("name-29.corp"));
        // Killed at each step of the way.
        for call in [
            "open_tree",
            "unshare",
            "move_mount",
            "fsetxattr",
            "pwrite64",
        ] {
            bundle.entries("corp.hosts", &lines(call.len(), 30));
            let kill = format!("inject={call}:signal=KILL");
            refresh(
                &["strace", "-f", "-qq", "-o", "/dev/null", "-e", &kill],
                &bundle,
            );
        }
        assert_eq!(refresh(&[], &bundle).2, 0);
        assert!(
            !seen.join("won").exists(),
            "the container opened it for writing"
        );
        let options =
            container.sh("grep -o ' /etc/hosts r[ow],nosuid,nodev,noexec' /proc/self/mountinfo");
        assert_eq!(options, " /etc/hosts ro,nosuid,nodev,noexec\n");
        // It sees when the mount itself is writable.
        let naive = Command::new("nsenter")
            .args(["-m", "-t", &container.pid(), "/bin/busybox", "mount", "-o"])
            .args(["remount,bind,rw", "oci-hostaliases", "/etc/hosts"])
            .status();
        assert!(naive.unwrap().success());
        let won = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            seen.join("won").exists()
        });
        assert!(won);
    });
}

/// Without the newer calls it works too; before 5.2 the mount itself is writable for a moment.
#[test]
fn older_kernels() {
    world("running_write::older_kernels", |home| {
        let bundle = sleeping(home);
        fs::write(bundle.config_toml(), "read-only = true\n").unwrap();
        let container = Running::start(&bundle, "case");
        let kernels = [
            ("openat2:error=EINVAL:when=1", "before 5.12"),
            ("openat2:error=ENOSYS", "before 5.6"),
            (
                "open_tree,fsopen,fsmount,fsconfig,move_mount,openat2:error=ENOSYS",
                "4.18, but for statx",
            ),
            ("statx:poke_exit=@arg5=ff070000", "before 5.8"),
        ];
        for (round, (answer, kernel)) in kernels.into_iter().enumerate() {
            bundle.entries("corp.hosts", &lines(round, 10));
            let inject = format!("inject={answer}");
            let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject];
            let (_, stderr, status) = refresh(&strace, &bundle);
            assert_eq!((stderr.as_str(), status), ("", 0), "{kernel}");
            let last = format!("name-{}.corp\n", round + 9);
            assert!(container.hosts().ends_with(&last), "{kernel}");
            let options = container.sh("grep -o ' /etc/hosts r[ow]' /proc/self/mountinfo");
            assert_eq!(options, " /etc/hosts ro\n", "{kernel}");
        }
    });
}

/// The texts of the write that was killed, as they were kept.
fn kept() -> Option<(PathBuf, Vec<u8>, Vec<u8>)> {
    let mut entries = fs::read_dir("/run/oci-hostaliases").ok()?.flatten();
    let path = entries
        .find(|entry| entry.file_name().to_string_lossy().starts_with("writing-"))?
        .path();
    let bytes = fs::read(&path).unwrap();
    let length = (bytes.len() - 8) / 2;
    Some((
        path,
        bytes[..length].to_vec(),
        bytes[length..2 * length].to_vec(),
    ))
}

/// A kill inside a write of many pages leaves the beginning of the new text and the end of the old one. The
/// kernel decides where; here the worker is killed before its write, and the test writes as far as it says.
#[test]
fn killed_inside_a_write() {
    world("running_write::killed_inside_a_write", |home| {
        let bundle = sleeping(home);
        let container = Running::start(&bundle, "case");
        bundle.entries("corp.hosts", &lines(0, 1000));
        assert_eq!(refresh(&[], &bundle).2, 0);
        container.sh("echo '192.0.2.7 mine' >>/etc/hosts");
        let file = format!("/proc/{}/root/etc/hosts", container.pid());
        for (round, pages) in [0, 1, 3, 7, 100].into_iter().enumerate() {
            let count = if round % 2 == 0 { 1500 } else { 900 };
            bundle.entries("corp.hosts", &lines(round * 37 + 1, count));
            let kill = "inject=pwrite64:signal=KILL";
            let killed = refresh(
                &["strace", "-f", "-qq", "-o", "/dev/null", "-e", kill],
                &bundle,
            );
            assert_eq!(killed.2, 1, "{killed:?}");
            let (journal, _, new) = kept().expect("what was being written");
            let written = new.len().min(pages * 4096);
            let open = fs::OpenOptions::new().write(true).open(&file).unwrap();
            open.write_all_at(&new[..written], 0).unwrap();
            drop(open);
            if pages == 3 {
                // Without what was kept nothing can tell whose bytes these are.
                let aside = home.join("aside");
                fs::copy(&journal, &aside).unwrap();
                fs::remove_file(&journal).unwrap();
                let naive = tool(&[], &["refresh", "--dry-run", "--hosts-d"])
                    .arg(bundle.hosts_d())
                    .output()
                    .unwrap();
                assert!(said(&naive).1.contains("changed the file itself"));
                fs::copy(&aside, &journal).unwrap();
            }
            container.sh(&format!("echo '192.0.2.8 after-{round}' >>/etc/hosts"));
            // Something else is wanted by now.
            bundle.entries("corp.hosts", &lines(round, 800));
            let (_, stderr, status) = refresh(&[], &bundle);
            assert_eq!((stderr.as_str(), status), ("", 0), "{pages} pages");
            let after: String = (0..=round)
                .map(|nth| format!("192.0.2.8 after-{nth}\n"))
                .collect();
            let text = container.hosts();
            let section = lines(round, 800).replace(' ', "\t");
            let shown = text
                .lines()
                .filter(|line| !line.is_empty())
                .collect::<Vec<_>>()
                .join("\n");
            assert!(text.starts_with(&whole_file()), "{pages} pages");
            assert!(
                shown.ends_with(format!("{section}192.0.2.7 mine\n{after}").trim_end()),
                "{pages} pages: {shown}"
            );
            assert!(!Path::new("/run/oci-hostaliases").exists());
        }
    });
}

/// The same where the engine's part is written too: after each step of the way.
#[test]
fn killed_while_the_engines_part_is_written() {
    world(
        "running_write::killed_while_the_engines_part_is_written",
        |home| {
            let mut bundle = sleeping(home);
            let source = home.join("userdata/hosts");
            fs::create_dir_all(source.parent().unwrap()).unwrap();
            fs::write(&source, lines(0, 10)).unwrap();
            bundle.bind(&source, "/etc/hosts");
            let container = Running::start(&bundle, "case");
            container.sh("echo '192.0.2.7 mine' >>/etc/hosts");
            let calls = [
                "fsetxattr",
                "fallocate",
                "write:when=2",
                "pwrite64",
                "ftruncate",
            ];
            for (round, call) in calls.iter().cycle().take(20).enumerate() {
                // Longer and shorter by turns, each part by itself.
                let (engines, node) = (10 + 300 * (round % 3), 1 + 40 * (round % 4));
                fs::write(&source, lines(round, engines)).unwrap();
                let corp = bundle.entries("corp.hosts", &lines(round + 7, node));
                let kill = format!("inject={call}:signal=KILL")
                    .replace(":when=2:signal=KILL", ":signal=KILL:when=2");
                refresh(
                    &["strace", "-f", "-qq", "-o", "/dev/null", "-e", &kill],
                    &bundle,
                );
                if round % 2 == 0 {
                    // Both are others by now.
                    fs::write(&source, lines(round + 3, 50)).unwrap();
                    bundle.entries("corp.hosts", &lines(round + 9, 20));
                }
                let (_, stderr, status) = refresh(&[], &bundle);
                assert_eq!((stderr.as_str(), status), ("", 0), "{round}, {call}");
                let engines = fs::read_to_string(&source).unwrap();
                let node = fs::read_to_string(&corp).unwrap().replace(' ', "\t");
                let expected = format!(
                    "{engines}{ALIASES_SECTION}\n# Entries added by oci-hostaliases from {corp}.\n{node}192.0.2.7 mine\n"
                );
                // Empty lines of a write that was killed stay where the container's own part begins.
                let without_empty = |text: &str| text.replace("\n\n", "\n");
                let mut shown = container.hosts();
                while shown.contains("\n\n") {
                    shown = without_empty(&shown);
                }
                assert_eq!(shown, without_empty(&expected), "{round}, {call}");
            }
        },
    );
}

/// A container appends line after line: while the text becomes longer none is lost, and none is torn.
#[test]
fn appended_lines_stay() {
    world("running_write::appended_lines_stay", |home| {
        let mut bundle = sleeping(home);
        bundle.set_script(
            "n=0; while [ $n -lt 20000 ]; do echo \"192.0.2.1 line-$n\" >>/etc/hosts; n=$((n+1)); \
             [ $((n % 100)) != 0 ] || sleep 0.02; done; \
             echo end >>/etc/hosts; exec sleep 600",
        );
        let container = Running::start(&bundle, "case");
        let mut refreshed = 0;
        for round in 1.. {
            // Two answers are right: done, and that the container keeps writing.
            bundle.entries("corp.hosts", &lines(0, (round * 3).min(900)));
            let (stdout, stderr, _) = refresh(&[], &bundle);
            assert!(
                stderr.is_empty() || stderr.ends_with("the container keeps writing it\n"),
                "{stderr}"
            );
            refreshed += usize::from(stdout.starts_with("refreshed"));
            if container.sh("grep -c ^end /etc/hosts") == "1\n" || round > 500 {
                break;
            }
        }
        assert_eq!(refresh(&[], &bundle).2, 0);
        println!("{refreshed} times while it wrote");
        assert!(refreshed > 2);
        let text = container.hosts();
        let appended: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("192.0.2.1 "))
            .collect();
        let expected: Vec<_> = (0..20000)
            .map(|nth| format!("192.0.2.1 line-{nth}"))
            .collect();
        assert_eq!(appended.len(), expected.len());
        assert!(appended.iter().zip(&expected).all(|(a, b)| a == b));
    });
}

/// Two at once never make a file that looks edited; the lock is released when a process is killed.
#[test]
fn several_at_once() {
    world("running_write::several_at_once", |home| {
        let bundle = sleeping(home);
        let container = Running::start(&bundle, "case");
        for round in 0..6 {
            let started: Vec<_> = (0..6)
                .map(|nth| {
                    // Each finds something else there, and some are still at work for the one before.
                    bundle.entries("corp.hosts", &lines(round + nth * 50, 700 + nth % 2 * 200));
                    tool(&[], &["refresh", "--hosts-d"])
                        .arg(bundle.hosts_d())
                        .stdout(Stdio::piped())
                        .stderr(Stdio::piped())
                        .spawn()
                        .unwrap()
                })
                .collect();
            for child in started {
                let (stdout, stderr, status) = said(&child.wait_with_output().unwrap());
                assert_eq!((stderr.as_str(), status), ("", 0), "{stdout}");
            }
        }
        let kill = "inject=rmdir:signal=KILL";
        bundle.entries("corp.hosts", &lines(0, 5));
        let killed = refresh(&["strace", "-qq", "-o", "/dev/null", "-e", kill], &bundle);
        assert_ne!(killed.2, 0, "{killed:?}");
        // The stamp does not grow with refreshes that fail.
        let stamp = || stamp_length(&container);
        let mut lengths = Vec::new();
        for round in 0..5 {
            bundle.entries("corp.hosts", &lines(round, 9));
            let fail = "inject=fallocate:error=ENOSPC";
            let failed = refresh(
                &["strace", "-f", "-qq", "-o", "/dev/null", "-e", fail],
                &bundle,
            );
            assert_eq!(failed.2, 1, "{failed:?}");
            lengths.push(stamp());
        }
        assert!(lengths[4] < lengths[0] + 10, "{lengths:?}");
        assert_eq!(refresh(&[], &bundle).2, 0);
        assert!(container.hosts().contains("name-4.corp"));
    });
}

fn stamp_length(container: &Running) -> usize {
    let file = format!("/proc/{}/root/etc/hosts", container.pid());
    let mut value = vec![0; 65536];
    rustix::fs::getxattr(file, "trusted.oci-hostaliases", value.as_mut_slice()).unwrap()
}

/// Names that would clear the terminal or turn a line round, in every output.
#[test]
fn nothing_that_a_terminal_obeys() {
    world("running_write::nothing_that_a_terminal_obeys", |home| {
        let name = "a\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{2066}\u{200f}\r\nb";
        let mut bundle = sleeping(home);
        for key in ["sandbox-name", "sandbox-namespace", "container-name"] {
            bundle.annotate(&format!("io.kubernetes.cri.{key}"), name);
        }
        let container = Running::start(&bundle, "case");
        bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
        let json = said(&tool(&[], &["list", "--json"]).output().unwrap());
        let listed: serde_json::Value = serde_json::from_str(&json.0).unwrap();
        assert_eq!(listed[0]["pod"], name);
        let unprintable = |c: char| {
            c != '\n' && c.is_control()
                || ('\u{200e}'..='\u{200f}').contains(&c)
                || ('\u{2028}'..='\u{202e}').contains(&c)
                || ('\u{2066}'..='\u{2069}').contains(&c)
        };
        for (stdout, stderr, _) in [json, list(&[]), refresh(&[], &bundle)] {
            assert!(!stdout.is_empty());
            for text in [stdout, stderr] {
                assert!(!text.contains(unprintable), "{text:?}");
            }
        }
        drop(container);
    });
}
