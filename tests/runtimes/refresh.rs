//! `refresh` and `list` on containers that run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::json;

use crate::bundle::{Bundle, Host};
use crate::{
    ALIASES_SECTION, BOILERPLATE, each_runtime_and_stage, runtimes, section, stages, world,
};

/// A container that runs until it is dropped.
pub(crate) struct Running<'a> {
    runtime: &'static str,
    id: String,
    bundle: &'a Bundle,
}

impl<'a> Running<'a> {
    pub(crate) fn start(bundle: &'a Bundle, id: &str) -> Self {
        bundle.write();
        let status = Command::new(bundle.runtime)
            .args(["run", "--detach", "--bundle"])
            .arg(bundle.directory())
            .arg(id)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{id} does not run");
        Self {
            runtime: bundle.runtime,
            id: id.to_owned(),
            bundle,
        }
    }

    /// Its process, as the runtime names it.
    pub(crate) fn pid(&self) -> u64 {
        let state = Command::new(self.runtime)
            .args(["state", &self.id])
            .output()
            .unwrap();
        let state: serde_json::Value = serde_json::from_slice(&state.stdout).unwrap();
        state["pid"].as_u64().unwrap()
    }

    /// What a shell in the container says.
    pub(crate) fn sh(&self, script: &str) -> String {
        let output = Command::new(self.runtime)
            .args(["exec", &self.id, "/bin/sh", "-c", script])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn hosts(&self) -> String {
        self.sh("cat /etc/hosts")
    }

    pub(crate) fn refresh(&self) -> Output {
        cli(&[
            "refresh",
            "--hosts-d",
            self.bundle.hosts_d().to_str().unwrap(),
        ])
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = Command::new(self.runtime)
            .args(["delete", "--force", &self.id])
            .status();
    }
}

pub(crate) fn cli(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_oci-hostaliases"))
        .args(arguments)
        .output()
        .unwrap()
}

/// What a run of the tool printed, and its exit status.
pub(crate) fn said(output: &Output) -> (String, String, i32) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        text(&output.stdout),
        text(&output.stderr),
        output.status.code().unwrap(),
    )
}

#[test]
fn the_way_there_and_back() {
    each_runtime_and_stage("refresh::the_way_there_and_back", |bundle| {
        let _ = fs::remove_dir_all(bundle.hosts_d());
        bundle.annotate("io.kubernetes.cri.sandbox-name", "web-0");
        bundle.annotate("io.kubernetes.cri.sandbox-namespace", "shop");
        bundle.annotate("io.kubernetes.cri.container-name", "main");
        bundle.set_script("exec sleep 600");
        let container = Running::start(bundle, "case");
        let started = container.hosts();
        assert_eq!(started, format!("{BOILERPLATE}{ALIASES_SECTION}"));
        let up_to_date = (
            "0 refreshed, 1 up to date, 0 not possible\n".to_owned(),
            String::new(),
            0,
        );
        assert_eq!(said(&container.refresh()), up_to_date);

        let corp = bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
        let shop = bundle.entries("shop/x.hosts", "10.0.0.2 db.corp db\n");
        bundle.entries("other/x.hosts", "10.9.9.9 not-for-this-namespace.corp\n");
        let hosts_d = bundle.hosts_d().display().to_string();
        assert_eq!(
            said(&cli(&["refresh", "--dry-run", "--hosts-d", &hosts_d])),
            (
                "would refresh: pod shop/web-0, container main case\n1 to be refreshed, 0 up to date, 0 not possible\n".to_owned(),
                String::new(),
                0
            )
        );
        assert_eq!(container.hosts(), started, "a dry run changes nothing");
        let refreshed = (
            "refreshed: pod shop/web-0, container main case\n1 refreshed, 0 up to date, 0 not possible\n".to_owned(),
            String::new(),
            0,
        );
        assert_eq!(said(&container.refresh()), refreshed);
        let both = [
            section(&shop, "10.0.0.2\tdb.corp\tdb\n"),
            section(&corp, "10.0.0.1\tregistry.corp\n"),
        ]
        .concat();
        assert_eq!(container.hosts(), format!("{started}{both}"));
        assert_eq!(said(&container.refresh()), up_to_date);

        // What the container puts behind them is its own and stays.
        container.sh("echo '192.0.2.7 mine' >>/etc/hosts");
        fs::remove_file(&shop).unwrap();
        assert_eq!(said(&container.refresh()), refreshed);
        let corp_only = section(&corp, "10.0.0.1\tregistry.corp\n");
        assert_eq!(
            container.hosts(),
            format!("{started}{corp_only}192.0.2.7 mine\n")
        );
        bundle.entries(
            "corp.hosts",
            "10.0.0.1 registry.corp\n10.0.0.3 mirror.corp\n",
        );
        assert_eq!(said(&container.refresh()), refreshed);
        let corp_longer = section(&corp, "10.0.0.1\tregistry.corp\n10.0.0.3\tmirror.corp\n");
        assert_eq!(
            container.hosts(),
            format!("{started}{corp_longer}192.0.2.7 mine\n")
        );
        fs::remove_file(&corp).unwrap();
        assert_eq!(said(&container.refresh()), refreshed);
        assert_eq!(container.hosts(), format!("{started}192.0.2.7 mine\n"));

        // A change before them cannot be separated from the hook's text: it stays, and is reported.
        container.sh("sed -i 's/foo.local/changed/' /etc/hosts 2>/dev/null; cat /etc/hosts >/tmp/h; { echo '# edited'; cat /tmp/h; } >/etc/hosts");
        bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
        let edited = container.hosts();
        assert_eq!(
            said(&container.refresh()),
            (
                "0 refreshed, 0 up to date, 0 not possible, 1 changed by the container\n".to_owned(),
                "oci-hostaliases: pod shop/web-0, container main case: the container changed the file itself: it stays as it is until the next start\n"
                    .to_owned(),
                // What a container does must not make the service fail.
                0
            )
        );
        assert_eq!(container.hosts(), edited);
    });
}

#[test]
fn wrong_lines_are_told() {
    world("refresh::wrong_lines_are_told", |home| {
        let mut bundle = Bundle::new(home, runtimes()[0], stages()[0]);
        bundle.set_script("exec sleep 600");
        let container = Running::start(&bundle, "case");
        let path = bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n10.0.2 short\n");
        let (stdout, stderr, status) = said(&container.refresh());
        assert_eq!(
            stdout,
            "refreshed: container case\n1 refreshed, 0 up to date, 0 not possible\n"
        );
        let start = format!(
            "oci-hostaliases: left out: {path}:2: \"10.0.2\": not an IP address that resolvers read"
        );
        assert!(stderr.starts_with(&start), "{stderr}");
        assert_eq!(status, 4);
    });
}

#[test]
fn read_only_stays_read_only() {
    each_runtime_and_stage("refresh::read_only_stays_read_only", |bundle| {
        fs::write(bundle.config_toml(), "read-only = true\n").unwrap();
        let _ = fs::remove_dir_all(bundle.hosts_d());
        bundle.set_script("exec sleep 600");
        let container = Running::start(bundle, "case");
        let corp = bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
        assert_eq!(said(&container.refresh()).1, "");
        assert_eq!(
            container.sh("cat /etc/hosts; echo x >>/etc/hosts || grep -o ' /etc/hosts r[ow],nosuid,nodev,noexec' /proc/self/mountinfo"),
            format!("{BOILERPLATE}{ALIASES_SECTION}{} /etc/hosts ro,nosuid,nodev,noexec\n", section(&corp, "10.0.0.1\tregistry.corp\n"))
        );
    });
}

#[test]
fn user_namespace() {
    each_runtime_and_stage("refresh::user_namespace", |bundle| {
        let _ = fs::remove_dir_all(bundle.hosts_d());
        bundle.add_user_namespace();
        bundle.set_script("exec sleep 600");
        let container = Running::start(bundle, "case");
        let started = container.hosts();
        let corp = bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
        let (_, stderr, status) = said(&container.refresh());
        if bundle.stage == "createContainer" {
            // The hook was in the user namespace itself, where it cannot write a stamp.
            assert_eq!(
                stderr,
                "oci-hostaliases: 1 file without the hook's mark cannot be refreshed (see oci-hostaliases list): made in a \
                 user namespace, or by another program; the containers get the new entries at their next start\n"
            );
            // Any user can make such a file: it is no failure.
            assert_eq!((container.hosts(), status), (started, 0));
            assert!(said(&cli(&["list"])).0.ends_with("case  (not marked)\n"));
        } else {
            assert_eq!((stderr.as_str(), status), ("", 0));
            assert_eq!(
                container.hosts(),
                format!("{started}{}", section(&corp, "10.0.0.1\tregistry.corp\n"))
            );
            // youki's exec does not enter the container's user namespace.
            let root = if bundle.runtime == "youki" {
                "100000:100000"
            } else {
                "0:0"
            };
            assert_eq!(
                container.sh("stat -c '%u:%g %a' /etc/hosts"),
                format!("{root} 644\n")
            );
        }
    });
}

/// A reader in the container finds the old or the new text, whatever moment it looks. The one that
/// reads while the kernel copies the new text over the old may find the beginning of one and the
/// end of the other, which no file system call can prevent; nothing else, and never an empty file.
#[test]
fn no_reader_sees_half_a_file() {
    world("refresh::no_reader_sees_half_a_file", |home| {
        let mut bundle = Bundle::new(home, runtimes()[0], stages()[0]);
        let seen = home.join("seen");
        fs::create_dir_all(&seen).unwrap();
        bundle.bind(&seen, "/tmp");
        bundle.set_script("n=0; while :; do cat /etc/hosts >/tmp/$n; n=$((n+1)); done");
        let container = Running::start(&bundle, "case");
        let mut texts = vec![BOILERPLATE.to_owned()];
        for round in 0..40 {
            let lines: String = (0..(round * 7) % 23)
                .map(|nth| format!("10.0.{round}.{nth}\tname-{nth}.corp\n"))
                .collect();
            let path = bundle.entries("corp.hosts", &lines);
            let section = if lines.is_empty() {
                String::new()
            } else {
                section(&path, &lines)
            };
            texts.push(format!("{BOILERPLATE}{section}"));
            assert_eq!(said(&container.refresh()).2, 0);
        }
        drop(container);
        let mut captures: Vec<_> = fs::read_dir(&seen)
            .unwrap()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        captures.sort_by_key(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .parse::<u32>()
                .unwrap()
        });
        // The container was killed while it wrote this one.
        captures.pop();
        let (mut whole, mut mixed) = (BTreeSet::new(), 0);
        for capture in &captures {
            let text = fs::read_to_string(capture).unwrap();
            // Empty lines behind the text say nothing; while they are cut off the kernel may show zeros instead.
            let text = format!("{}\n", text.trim_end_matches(['\n', '\0']));
            if texts.contains(&text) {
                whole.insert(text);
            } else {
                assert!(
                    texts
                        .windows(2)
                        .any(|pair| is_mix(&text, &pair[0], &pair[1])),
                    "{text}"
                );
                mixed += 1;
            }
        }
        println!(
            "read {} times: {} different texts, {mixed} times while it was copied",
            captures.len(),
            whole.len()
        );
        assert!(whole.len() > 10, "{} texts seen only", whole.len());
        assert!(
            mixed * 20 < captures.len(),
            "{mixed} of {} are mixed",
            captures.len()
        );
    });
}

/// Whether `text` has at each place what one of the two has there, filled up with empty lines.
fn is_mix(text: &str, old: &str, new: &str) -> bool {
    let length = old.len().max(new.len());
    let filled = |text: &str| {
        [
            text.as_bytes(),
            &vec![b'\n'; length.saturating_sub(text.len())],
        ]
        .concat()
    };
    let (text, old, new) = (filled(text), filled(old), filled(new));
    text.len() == length && (0..length).all(|at| text[at] == old[at] || text[at] == new[at])
}

#[test]
fn two_hundred_containers() {
    world("refresh::two_hundred_containers", |home| {
        let mut bundle = Bundle::new(home, runtimes()[0], stages()[0]);
        bundle.set_script("exec sleep 600");
        let before = Host::look();
        let mut containers: Vec<Running> = (0..200)
            .map(|nth| Running::start(&bundle, &format!("case-{nth}")))
            .collect();
        let corp = bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
        let (stdout, stderr, status) = said(&containers[0].refresh());
        assert_eq!((stderr.as_str(), status), ("", 0));
        assert!(
            stdout.ends_with("200 refreshed, 0 up to date, 0 not possible\n"),
            "{stdout}"
        );
        for container in [&containers[0], &containers[99], &containers[199]] {
            assert_eq!(
                container.hosts(),
                format!(
                    "{BOILERPLATE}{}",
                    section(&corp, "10.0.0.1\tregistry.corp\n")
                )
            );
        }
        let (listed, ..) = said(&cli(&["list"]));
        assert_eq!(listed.lines().count(), 201);
        containers.clear();
        before.assert_unchanged();
    });
}

#[test]
fn listed() {
    each_runtime_and_stage("refresh::listed", |bundle| {
        assert_eq!(
            said(&cli(&["list"])),
            (
                "PID  NAMESPACE  POD  CONTAINER  ID\n".to_owned(),
                String::new(),
                0
            )
        );
        assert_eq!(
            said(&cli(&["list", "--json"])),
            ("[]\n".to_owned(), String::new(), 0)
        );
        bundle.annotate("io.kubernetes.cri.sandbox-name", "web-0");
        bundle.annotate("io.kubernetes.cri.sandbox-namespace", "shop");
        bundle.annotate("io.kubernetes.cri.container-name", "main");
        // A process of the container's in a mount namespace of its own is no second container, and a tmpfs with the
        // name of the hook's is not the hook's file.
        bundle.set_script("exec sleep 600");
        let container = Running::start(bundle, "case");
        let (json, _, _) = said(&cli(&["list", "--json"]));
        let listed: serde_json::Value = serde_json::from_str(&json).unwrap();
        let pid = &listed[0]["pid"];
        assert_eq!(
            listed,
            json!([{
                "pid": pid, "id": "case", "container": "main", "pod": "web-0", "namespace": "shop",
                "path": "/etc/hosts", "readOnly": false, "marked": true,
            }])
        );
        let process = format!("/proc/{pid}/root/bin/busybox");
        assert!(
            Path::new(&process).exists(),
            "the process is the container's"
        );
        let (table, _, _) = said(&cli(&["list"]));
        let rows: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(rows[1], [&pid.to_string(), "shop", "web-0", "main", "case"]);
        drop(container);
        assert_eq!(said(&cli(&["list", "--json"])).0, "[]\n");
    });
}
