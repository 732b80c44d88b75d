//! Many containers at once, and hooks that are killed while they work.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::bundle::{Bundle, Host};
use crate::call::hooks;
use crate::{ALIASES, BOILERPLATE, HOST_ALIASES, is_long, whole_file, world};

/// Containers that are made at the same time; no more, so that a small machine is busy and not stuck.
const AT_ONCE: usize = 16;

struct Container {
    bundle: Bundle,
    id: String,
    expected: String,
}

/// `count` containers over one rootfs, as those of an image are, half of them with 1,000 entries.
fn containers(home: &Path, count: usize, pod: bool) -> Vec<Container> {
    let shared: PathBuf = Bundle::new(&home.join("image"), "runc", "prestart").rootfs;
    (0..count)
        .map(|nth| {
            let place = home.join(format!("container{nth}"));
            fs::create_dir_all(&place).unwrap();
            let runtime = ["runc", "crun"][nth / 2 % 2];
            let mut bundle = Bundle::new(&place, runtime, "prestart");
            bundle.config["root"]["path"] = shared.display().to_string().into();
            if pod {
                bundle.annotate("io.kubernetes.cri.sandbox-name", "web-0");
                bundle.annotate("io.kubernetes.cri.sandbox-namespace", "shop");
            }
            let expected = if nth % 2 == 0 {
                bundle.annotate(HOST_ALIASES, ALIASES);
                whole_file()
            } else {
                let lines = |separator: &str| -> String {
                    (0..1000)
                        .map(|n| {
                            format!("10.{}.{}.1{separator}c{nth}-host-{n}\n", nth % 250, n / 4)
                        })
                        .collect()
                };
                bundle.annotate(HOST_ALIASES, &lines(" "));
                format!(
                    "{BOILERPLATE}\n# Entries added by HostAliases.\n{}",
                    lines("\t")
                )
            };
            bundle.write();
            Container {
                bundle,
                id: format!("load{nth}"),
                expected,
            }
        })
        .collect()
}

/// Runs them all, [`AT_ONCE`] at a time, and gives those that did not start, with what was said.
fn run_all(containers: &[Container]) -> Vec<(String, String)> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(container) = containers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let output = Command::new(container.bundle.runtime)
                        .args(["run", "--bundle"])
                        .arg(container.bundle.directory())
                        .arg(&container.id)
                        .stdin(Stdio::null())
                        .output()
                        .unwrap();
                    let stdout = String::from_utf8_lossy(&output.stdout);
                    if output.status.success() {
                        assert_eq!(stdout, container.expected, "{}", container.id);
                    } else {
                        assert_eq!(stdout, "", "{}", container.id);
                        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
                        failed.lock().unwrap().push((container.id.clone(), stderr));
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

fn count() -> usize {
    if is_long() { 2000 } else { 200 }
}

#[test]
fn many_at_once() {
    world("load::many_at_once", |home| {
        let containers = containers(home, count(), false);
        let host = Host::look();
        assert_eq!(run_all(&containers), []);
        host.assert_unchanged();
    });
}

#[test]
fn containers_of_one_pod() {
    world("load::containers_of_one_pod", |home| {
        let containers = containers(home, AT_ONCE * 2, true);
        let host = Host::look();
        assert_eq!(run_all(&containers), []);
        host.assert_unchanged();
    });
}

/// A container does not start if its hook is killed. The others are not affected: a dead hook holds no lock.
#[test]
fn killed_at_random() {
    world("load::killed_at_random", |home| {
        let containers = containers(home, count() / 2, false);
        let host = Host::look();
        let (stop, kills) = (AtomicBool::new(false), AtomicUsize::new(0));
        let failed = std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut seen = BTreeSet::new();
                while !stop.load(Ordering::Relaxed) {
                    for hook in hooks() {
                        // Every other one.
                        if seen.insert(hook.clone()) && seen.len() % 2 == 0 {
                            let kill = Command::new("kill").args(["-KILL", &hook]).output();
                            if kill.unwrap().status.success() {
                                kills.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            let failed = run_all(&containers);
            stop.store(true, Ordering::Relaxed);
            failed
        });
        let kills = kills.into_inner();
        println!(
            "{kills} hooks killed, {} containers not started",
            failed.len()
        );
        assert!(failed.len() <= kills, "{failed:#?}");
        host.assert_unchanged();
        for runtime in ["runc", "crun"] {
            let listed = Command::new(runtime).args(["list", "-q"]).output().unwrap();
            assert_eq!(listed.stdout, b"", "{runtime} has containers left");
        }
        // The same ones start now.
        assert_eq!(run_all(&containers), []);
        host.assert_unchanged();
    });
}
