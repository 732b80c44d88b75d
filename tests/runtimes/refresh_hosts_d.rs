//! `refresh` keeps to the containers that were made from its `hosts.d`, and misses no change of that.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::XattrFlags;
use serde_json::{Value, json};

use crate::bundle::Bundle;
use crate::refresh::{Running, cli, said};
use crate::refresh_extended::extended;
use crate::{BOILERPLATE, each_runtime_and_stage, runtimes, section, stages, world};

const XATTR: &str = "trusted.oci-hostaliases";

fn refresh(hosts_d: &Path) -> (String, String, i32) {
    said(&cli(&["refresh", "--hosts-d", hosts_d.to_str().unwrap()]))
}

#[test]
fn containers_that_were_made_from_another_one_are_passed_over() {
    each_runtime_and_stage(
        "refresh_hosts_d::containers_that_were_made_from_another_one_are_passed_over",
        |bundle| {
            let _ = fs::remove_dir_all(bundle.hosts_d());
            bundle.ask_for_nothing();
            bundle.set_script("exec sleep 600");
            let corp = bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
            let container = Running::start(bundle, "case");
            let started = container.hosts();
            let corp = section(&corp, "10.0.0.1\tregistry.corp\n");
            assert_eq!(started, format!("{BOILERPLATE}{corp}"));

            let other = bundle.directory().join("other.d");
            fs::create_dir_all(&other).unwrap();
            fs::write(other.join("corp.hosts"), "10.9.9.9 not-for-this-one.corp\n").unwrap();
            let (mine, others) = (bundle.hosts_d(), other.display().to_string());
            let told = format!(
                "oci-hostaliases: 1 container skipped: made from {}, not from {others}\n",
                mine.display()
            );
            let nothing = "0 refreshed, 0 up to date, 0 not possible\n".to_owned();
            assert_eq!(refresh(&other), (nothing, told, 0));
            assert_eq!(container.hosts(), started);

            // The same directory under another name.
            let link = bundle.directory().join("link.d");
            let _ = fs::remove_file(&link);
            symlink("hosts.d", &link).unwrap();
            let up_to_date = "0 refreshed, 1 up to date, 0 not possible\n".to_owned();
            for name in [mine.join("."), mine.join("../hosts.d")] {
                assert_eq!(
                    refresh(&name).0.lines().last(),
                    Some(up_to_date.trim()),
                    "{name:?}"
                );
            }
            let (stdout, stderr, _) = refresh(&link);
            assert!(stderr.is_empty(), "{stdout}{stderr}");
        },
    );
}

/// A stamp of the version that did not record the directory: it was made from the default one.
#[test]
fn a_stamp_without_the_directory_is_the_defaults() {
    world(
        "refresh_hosts_d::a_stamp_without_the_directory_is_the_defaults",
        |home| {
            let mut bundle = Bundle::new(home, runtimes()[0], stages()[0]);
            bundle.set_script("exec sleep 600");
            let container = Running::start(&bundle, "case");
            let file = format!("/proc/{}/root/etc/hosts", container.pid());
            let mut bytes = vec![0; 65536];
            let length = rustix::fs::getxattr(&file, XATTR, bytes.as_mut_slice()).unwrap();
            let mut stamp: Value = serde_json::from_slice(&bytes[..length]).unwrap();
            assert_eq!(stamp["hostsD"], json!(bundle.hosts_d()));
            stamp.as_object_mut().unwrap().remove("hostsD");
            let stamp = serde_json::to_vec(&stamp).unwrap();
            rustix::fs::setxattr(&file, XATTR, &stamp, XattrFlags::empty()).unwrap();

            bundle.entries("corp.hosts", "10.9.9.9 not-for-this-one.corp\n");
            let told = format!(
                "oci-hostaliases: 1 container skipped: made from /etc/oci-hostaliases/hosts.d, not from {}\n",
                bundle.hosts_d().display()
            );
            assert_eq!(said(&container.refresh()).1, told);
            fs::create_dir_all("/etc/oci-hostaliases/hosts.d").unwrap();
            fs::write("/etc/oci-hostaliases/hosts.d/a.hosts", "10.0.0.1 a.corp\n").unwrap();
            assert_eq!(said(&cli(&["refresh"])).2, 0);
            let a = section("/etc/oci-hostaliases/hosts.d/a.hosts", "10.0.0.1\ta.corp\n");
            assert_eq!(container.hosts(), format!("{BOILERPLATE}{a}"));
        },
    );
}

/// A change while `refresh` runs is seen by this one, for the containers too that it has come to already: nothing else
/// may look again for a long time. Each container takes a tenth of a second here.
#[test]
fn a_change_at_any_moment_of_a_refresh_arrives() {
    world(
        "refresh_hosts_d::a_change_at_any_moment_of_a_refresh_arrives",
        |home| {
            let mut bundle = Bundle::new(home, runtimes()[0], stages()[0]);
            bundle.set_script("exec sleep 600");
            let containers: Vec<_> = (0..4)
                .map(|nth| Running::start(&bundle, &format!("case-{nth}")))
                .collect();
            let mut during = 0;
            for round in 0_u64..12 {
                bundle.entries("corp.hosts", &format!("10.0.0.1 round-{round:02}-one\n"));
                let slowly = "inject=getxattr:delay_exit=100000";
                let mut refresh = std::process::Command::new("strace")
                    .args(["-f", "-qq", "-o", "/dev/null", "-e", slowly])
                    .arg(env!("CARGO_BIN_EXE_oci-hostaliases"))
                    .args(["refresh", "--hosts-d"])
                    .arg(bundle.hosts_d())
                    .stdout(Stdio::null())
                    .spawn()
                    .unwrap();
                std::thread::sleep(Duration::from_millis(round * 100));
                // Of the same length, in place: only the times tell.
                bundle.entries("corp.hosts", &format!("10.0.0.1 round-{round:02}-two\n"));
                std::thread::sleep(Duration::from_millis(50));
                let ran_on = refresh.try_wait().unwrap().is_none();
                assert!(refresh.wait().unwrap().success());
                if ran_on {
                    during += 1;
                    for container in &containers {
                        let text = container.hosts();
                        let changed = format!("10.0.0.1\tround-{round:02}-two\n");
                        assert!(text.ends_with(&changed), "{round}: {text}");
                    }
                }
            }
            println!("{during} of 12 changes while it ran");
            assert!(during > 8);
        },
    );
}

/// Nothing was to be added when they started, so they have their engine's file and none of the hook's: `refresh` cannot
/// reach them, and says so.
#[test]
fn containers_with_their_engines_file_alone_are_counted() {
    each_runtime_and_stage(
        "refresh_hosts_d::containers_with_their_engines_file_alone_are_counted",
        |bundle| {
            extended(bundle, "10.200.0.5\tweb-0\n");
            bundle.ask_for_nothing();
            let container = Running::start(bundle, "case");
            assert_eq!(container.hosts(), "10.200.0.5\tweb-0\n");
            let nothing = "0 refreshed, 0 up to date, 0 not possible\n".to_owned();
            assert_eq!(
                said(&container.refresh()),
                (nothing.clone(), String::new(), 0)
            );
            bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
            let told = format!(
                "oci-hostaliases: 1 container with only the engine's file, because there was nothing to add when it \
                 started: entries of {} for such a container come with its next start, if the hook runs for it\n",
                bundle.hosts_d().display()
            );
            assert_eq!(said(&container.refresh()), (nothing, told, 0));
            assert_eq!(container.hosts(), "10.200.0.5\tweb-0\n");
        },
    );
}
