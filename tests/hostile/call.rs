//! The hook called as a runtime calls it, on a process that stands for a container's.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::bundle::Bundle;
use crate::elf::{Elf, PT_INTERP};

/// Longer than anything here takes on a busy machine: what takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// A process that waits in namespaces of its own, once `script` has run there; killed when dropped.
pub(crate) struct Waiting(Child);

impl Waiting {
    pub(crate) fn start(script: &str) -> Self {
        let mut process = Command::new("unshare")
            .args(["--mount", "--net", "sh", "-ec"])
            .arg(format!("{script}\necho ready; exec sleep 600"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        let stdout = process.stdout.as_mut().unwrap();
        stdout.read_exact(&mut ready).expect("the script failed");
        Self(process)
    }

    /// With the rootfs as runtimes prepare it: a private mount point, and procfs in it.
    pub(crate) fn with_rootfs(rootfs: &Path) -> Self {
        let rootfs = rootfs.display();
        Self::start(&format!(
            "mount --bind {rootfs} {rootfs}; mount --make-private {rootfs}; mount -t proc proc {rootfs}/proc"
        ))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// The mount table as this process has it.
    pub(crate) fn mounts(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/mountinfo", self.pid())).unwrap()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The state that a runtime writes to the hook's stdin at prestart.
pub(crate) fn state(bundle: &Bundle, pid: u32) -> String {
    json!({
        "ociVersion": "1.0.2", "id": "case", "status": "creating", "pid": pid, "bundle": bundle.directory(),
        "annotations": bundle.config["annotations"],
    })
    .to_string()
}

/// How the hook ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

/// Runs `hook` (with what goes before it, a tracer perhaps) to its end, which must come.
pub(crate) fn call(command: &[String], state: &str) -> Ended {
    let mut hook = Command::new(&command[0])
        .args(&command[1..])
        .args(["prestart", "--config", "/nonexistent"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = hook.stdin.take().unwrap();
    stdin.write_all(state.as_bytes()).unwrap();
    drop(stdin);
    let status = end_of(&mut hook);
    let mut stderr = String::new();
    hook.stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    Ended { status, stderr }
}

fn end_of(process: &mut Child) -> ExitStatus {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > end {
            let where_ = std::fs::read_to_string(format!("/proc/{}/stack", process.id()));
            let _ = process.kill();
            panic!("the hook hangs: {where_:?}");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The hook that a bundle runs.
pub(crate) fn hook_of(bundle: &Bundle) -> String {
    let hook = bundle.directory().with_file_name("oci-hostaliases-hook");
    hook.display().to_string()
}

/// The hooks that run in this world.
pub(crate) fn hooks() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .map(|process| process.path())
        .filter(|process| {
            let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
            // Cut to 15 bytes by the kernel.
            name == "oci-hostaliases\n"
        })
        .map(|process| process.file_name().unwrap().to_string_lossy().into_owned())
        .collect()
}

/// Whether the hook under test is static, as it is released. When not, what asks says that it is skipped.
pub(crate) fn is_static(hook: &str) -> bool {
    let is_static = Elf::read(hook).of_kind(PT_INTERP).next().is_none();
    if !is_static {
        crate::skipped::skipped(&format!(
            "a part: {hook} is not static, as what make build builds is"
        ));
    }
    is_static
}
