//! Containers that run and that `refresh` and `list` come to.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::bundle::Bundle;

/// A container that runs until it is dropped.
pub(crate) struct Running(String);

impl Running {
    pub(crate) fn start(bundle: &Bundle, id: &str) -> Self {
        bundle.write();
        let log = bundle.directory().with_file_name("runc.log");
        let status = Command::new("runc")
            .arg("--log")
            .arg(&log)
            .args(["run", "--detach", "--bundle"])
            .arg(bundle.directory())
            .arg(id)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        let log = fs::read_to_string(log).unwrap_or_default();
        assert!(status.success(), "{id} does not run: {log}");
        Self(id.to_owned())
    }

    /// What a shell in the container says.
    pub(crate) fn sh(&self, script: &str) -> String {
        let output = Command::new("runc")
            .args(["exec", &self.0, "/bin/sh", "-c", script])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn hosts(&self) -> String {
        self.sh("cat /etc/hosts")
    }

    /// The number of its process on the host.
    pub(crate) fn pid(&self) -> String {
        let state = Command::new("runc")
            .args(["state", &self.0])
            .output()
            .unwrap();
        let state: serde_json::Value = serde_json::from_slice(&state.stdout).unwrap();
        state["pid"].to_string()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("runc")
            .args(["delete", "--force", &self.0])
            .status();
    }
}

/// What a run of the tool printed, and its exit status (-1 for a signal).
pub(crate) type Said = (String, String, i32);

pub(crate) fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = output.status.code().unwrap_or(-1);
    (text(&output.stdout), text(&output.stderr), status)
}

/// The tool, behind another program such as prlimit.
pub(crate) fn tool(behind: &[&str], arguments: &[&str]) -> Command {
    let mut words = behind.to_vec();
    words.push(env!("CARGO_BIN_EXE_oci-hostaliases"));
    words.extend(arguments);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    command
}

pub(crate) fn list(behind: &[&str]) -> Said {
    said(&tool(behind, &["list"]).output().unwrap())
}

pub(crate) fn refresh(behind: &[&str], bundle: &Bundle) -> Said {
    let hosts_d = bundle.hosts_d().display().to_string();
    said(
        &tool(behind, &["refresh", "--hosts-d", &hosts_d])
            .output()
            .unwrap(),
    )
}

/// No more address space than this for the tool and each of its processes.
pub(crate) fn memory(mib: u32) -> [String; 2] {
    [
        "prlimit".to_owned(),
        format!("--as={}", u64::from(mib) << 20),
    ]
}

/// How many system calls the tool makes with all its processes, and what it said.
pub(crate) fn counted(home: &Path, run: impl FnOnce(&[&str]) -> Said) -> (usize, Said) {
    let trace = home.join("calls");
    let said = run(&["strace", "-f", "-qq", "-o", trace.to_str().unwrap()]);
    let calls = fs::read(trace).unwrap();
    (calls.iter().filter(|byte| **byte == b'\n').count(), said)
}

/// A container of a bundle that sleeps, and that asked for nothing but the file.
pub(crate) fn sleeping(home: &Path) -> Bundle {
    let mut bundle = Bundle::new(home, "runc", "prestart");
    bundle.annotate(crate::HOST_ALIASES, crate::ALIASES);
    bundle.set_script("exec sleep 600");
    bundle
}

/// Makes a program of C source.
pub(crate) fn compiled(home: &Path, name: &str, source: &str) -> PathBuf {
    let (written, program) = (home.join(format!("{name}.c")), home.join(name));
    fs::write(&written, source).unwrap();
    let status = Command::new("gcc")
        .args(["-Wall", "-static", "-pthread", "-o"])
        .args([&program, &written])
        .status()
        .unwrap();
    assert!(status.success(), "gcc {}", written.display());
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}
