//! What the hook has given up by the time it reads, seen from outside; and a hostile environment.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use caps::{CapSet, Capability, CapsHashSet};
use serde_json::json;

use crate::bundle::Bundle;
use crate::{ALIASES, HOST_ALIASES, call, needs, whole_file, world};

/// What SECURITY.md names.
const KEPT: [Capability; 5] = [
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_SYS_CHROOT,
    Capability::CAP_SYS_PTRACE,
    Capability::CAP_SYS_ADMIN,
];

/// A hook that waits for its state: everything before has been done.
pub(crate) struct Reading(Child);

impl Reading {
    /// `before` is what starts it: with more capabilities, open descriptors.
    pub(crate) fn start(before: &str, bundle: &Bundle) -> Self {
        let hook = call::hook_of(bundle);
        let child = Command::new("sh")
            .args([
                "-c",
                &format!("{before} {hook} prestart --config /nonexistent"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let reading = Self(child);
        for _ in 0..1000 {
            // 0 is read(2) on x86-64 and 63 elsewhere; its first argument is stdin.
            let call = reading.read("syscall");
            if ["0 0x0 ", "63 0x0 "]
                .iter()
                .any(|read| call.starts_with(read))
                && reading.read("comm").starts_with("oci-hostaliases")
            {
                return reading;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the hook does not read: {}", reading.read("syscall"));
    }

    /// One of its files in procfs.
    pub(crate) fn file(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.0.id())
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    pub(crate) fn status(&self, field: &str) -> String {
        let status = self.read("status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{field}:")));
        line.expect(field).trim().to_owned()
    }

    fn capabilities(&self, set: CapSet) -> CapsHashSet {
        let pid = self.0.id().try_into().unwrap();
        caps::read(Some(pid), set).unwrap()
    }

    pub(crate) fn descriptors(&self) -> BTreeSet<String> {
        fs::read_dir(self.file("fd"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn given_up_before_the_first_byte() {
    world("privileges::given_up_before_the_first_byte", |home| {
        let bundle = Bundle::new(home, "runc", "prestart");
        let more =
            "exec setpriv --inh-caps=+net_raw,+sys_module --ambient-caps=+net_raw,+sys_module";
        let files = "exec 3</etc/passwd 4</ 5</proc 9>/dev/null;";
        for before in ["exec".to_owned(), format!("{files} {more}")] {
            let hook = Reading::start(&before, &bundle);
            for (set, expected) in [
                (CapSet::Effective, &KEPT[..]),
                (CapSet::Permitted, &KEPT),
                (CapSet::Inheritable, &[]),
            ] {
                let expected = expected.iter().copied().collect();
                assert_eq!(hook.capabilities(set), expected, "{set:?}, {before}");
            }
            assert_eq!(hook.status("CapAmb"), format!("{:016x}", 0), "{before}");
            assert_eq!(hook.status("NoNewPrivs"), "1");
            assert_eq!(hook.status("Threads"), "1");
            assert_eq!(
                hook.descriptors(),
                ["0", "1", "2"].map(str::to_owned).into(),
                "{before}"
            );
        }
    });
}

/// A runtime without all capabilities, as in a container of its own: the hook does not need the missing ones here.
#[test]
fn fewer_to_begin_with() {
    world("privileges::fewer_to_begin_with", |home| {
        let bundle = Bundle::new(home, "runc", "prestart");
        let fewer = "exec setpriv --bounding-set=-all,+sys_admin,+chown,+kill";
        let hook = Reading::start(fewer, &bundle);
        for set in [CapSet::Effective, CapSet::Permitted] {
            let expected = [Capability::CAP_SYS_ADMIN, Capability::CAP_CHOWN].into();
            assert_eq!(hook.capabilities(set), expected, "{set:?}");
        }
    });
}

/// A library that says that it was loaded; `None` for a hook that is not static (a debug build).
fn preloaded(home: &Path, hook: &str) -> Option<String> {
    if !call::is_static(hook) {
        return None;
    }
    let (source, library) = (home.join("evil.c"), home.join("evil.so"));
    let marker = home.join("evil-was-here");
    let text = format!(
        "#include <fcntl.h>\n__attribute__((constructor)) static void evil(void) {{ open(\"{}\", O_CREAT | O_WRONLY, 0600); }}\n",
        marker.display()
    );
    fs::write(&source, text).unwrap();
    let compiled = Command::new("gcc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status();
    assert!(compiled.unwrap().success());
    Some(library.display().to_string())
}

/// CVE-2025-23266: runc before 1.3 gives a hook of the stage createContainer the container's environment.
#[test]
fn hostile_environment() {
    world("privileges::hostile_environment", |home| {
        if !needs::met("privileges::hostile_environment", &[("gcc", "gcc")]) {
            return;
        }
        for stage in ["prestart", "createRuntime", "createContainer"] {
            let mut bundle = Bundle::new(home, "runc", stage);
            bundle.annotate(HOST_ALIASES, ALIASES);
            let mut environment = vec![
                "PATH=/nowhere".to_owned(),
                "HOME=/nowhere".into(),
                "TMPDIR=/nowhere".into(),
                "RUST_LOG=trace".into(),
                "RUST_BACKTRACE=full".into(),
                "RUST_MIN_STACK=1".into(),
                "LC_ALL=tr_TR.UTF-8".into(),
                "LANG=tr_TR.UTF-8".into(),
                "TZ=:/etc/passwd".into(),
                "LOCPATH=/nowhere".into(),
                "GCONV_PATH=/nowhere".into(),
                "MALLOC_PERTURB_=165".into(),
                "GLIBC_TUNABLES=glibc.malloc.check=3:glibc.malloc.perturb=165".into(),
                "OCI_HOSTALIASES_CONFIG=/nowhere".into(),
                "PATHRS_DEBUG=1".into(),
                "=".into(),
                "NO_EQUALS".into(),
                format!("LONG={}", "x".repeat(100_000)),
            ];
            if let Some(library) = preloaded(home, &call::hook_of(&bundle)) {
                environment.push(format!("LD_PRELOAD={library}"));
                environment.push(format!("LD_AUDIT={library}"));
                environment.push(format!("LD_LIBRARY_PATH={}", home.display()));
            }
            // Given to the hook, and to the container, whose environment it may get.
            for inherited in [false, true] {
                if inherited {
                    bundle.config["hooks"][stage][0]
                        .as_object_mut()
                        .unwrap()
                        .remove("env");
                    let mut of_container = environment.clone();
                    of_container.retain(|entry| entry.len() < 1000 && entry.contains("=/"));
                    bundle.config["process"]["env"] = json!(of_container);
                } else {
                    bundle.config["hooks"][stage][0]["env"] = json!(environment);
                }
                assert_eq!(bundle.shown(), whole_file(), "{stage}");
            }
            assert!(!home.join("evil-was-here").exists(), "{stage}");
        }
    });
}
