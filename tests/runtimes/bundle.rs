//! A bundle made of busybox, run by a real runtime with the real hook in its `config.json`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::{needs, seccomp_filter};

/// What the image brings along.
pub(crate) const IMAGE_HOSTS: &str = "192.0.2.1\tfrom-the-image\n";

/// A bundle on disk, written when it is run.
pub(crate) struct Bundle {
    pub(crate) runtime: &'static str,
    pub(crate) stage: &'static str,
    pub(crate) rootfs: PathBuf,
    pub(crate) config: Value,
    directory: PathBuf,
}

/// How a container ended.
pub(crate) struct Ran {
    runtime: &'static str,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) started: bool,
}

impl Bundle {
    /// A container that shows its `/etc/hosts`, with the hook at `stage`.
    pub(crate) fn new(home: &Path, runtime: &'static str, stage: &'static str) -> Self {
        let directory = home.join("bundle");
        let _ = fs::remove_dir_all(&directory);
        let rootfs = directory.join("rootfs");
        for name in ["bin", "etc", "proc", "sys", "dev", "tmp"] {
            fs::create_dir_all(rootfs.join(name)).unwrap();
        }
        fs::copy(needs::find("busybox").unwrap(), rootfs.join("bin/busybox")).unwrap();
        for applet in ["sh", "cat", "stat", "dd", "wc", "grep", "sleep", "id"] {
            symlink("busybox", rootfs.join("bin").join(applet)).unwrap();
        }
        fs::write(rootfs.join("etc/hosts"), IMAGE_HOSTS).unwrap();
        fs::write(
            rootfs.join("etc/passwd"),
            "root:x:0:0:of the image:/:/bin/sh\n",
        )
        .unwrap();

        // Where a user namespace's root can reach it at the stage createContainer.
        let hook = home.join("oci-hostaliases-hook");
        let built = std::env::var_os("OCI_HOSTALIASES_HOOK")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_oci-hostaliases-hook").into());
        fs::copy(&built, &hook)
            .unwrap_or_else(|error| panic!("{}: {error}", built.to_string_lossy()));

        let config = json!({
            "ociVersion": "1.0.2",
            "root": {"path": "rootfs", "readonly": false},
            "process": {
                "user": {"uid": 0, "gid": 0},
                "cwd": "/",
                "args": ["/bin/cat", "/etc/hosts"],
                "env": ["PATH=/bin"],
                "capabilities": {
                    "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]
                },
                "noNewPrivileges": true,
            },
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
            ],
            "annotations": {},
            "linux": {
                "namespaces": [
                    {"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"}
                ],
            },
        });
        let mut bundle = Self {
            runtime,
            stage,
            rootfs,
            config,
            directory,
        };
        bundle.set_hooks(&[stage], &on_a_kernel_without_calls(hook));
        bundle
    }

    /// Registers `hook` at these stages, and nothing else.
    pub(crate) fn set_hooks(&mut self, stages: &[&str], hook: &Path) {
        let mut hooks = json!({});
        for stage in stages {
            let mut args = vec!["oci-hostaliases-hook".to_owned(), (*stage).to_owned()];
            args.push("--config".to_owned());
            args.push(self.config_toml().display().to_string());
            args.push("--hosts-d".to_owned());
            args.push(self.hosts_d().display().to_string());
            hooks[*stage] = json!([{"path": hook, "args": args, "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}]);
        }
        self.config["hooks"] = hooks;
    }

    pub(crate) fn annotate(&mut self, key: &str, value: &str) {
        self.config["annotations"][key] = json!(value);
    }

    /// Takes all annotations away: the container asks for nothing.
    pub(crate) fn ask_for_nothing(&mut self) {
        self.config["annotations"] = json!({});
    }

    /// The container's process: a line for sh.
    pub(crate) fn set_script(&mut self, script: &str) {
        self.config["process"]["args"] = json!(["/bin/sh", "-c", script]);
    }

    pub(crate) fn bind(&mut self, source: &Path, destination: &str) {
        let mount = json!({"destination": destination, "type": "bind", "source": source, "options": ["rbind", "rprivate", "rw"]});
        self.config["mounts"].as_array_mut().unwrap().push(mount);
    }

    /// The way the container comes by the namespace: `None` is the runtime's own.
    pub(crate) fn set_namespace(&mut self, kind: &str, namespace: Option<Value>) {
        let namespaces = self.config["linux"]["namespaces"].as_array_mut().unwrap();
        namespaces.retain(|namespace| namespace["type"] != kind);
        namespaces.extend(namespace);
    }

    /// The hook's configuration; there is none unless a test writes it.
    pub(crate) fn config_toml(&self) -> PathBuf {
        self.directory.join("config.toml")
    }

    /// The entries of the node; there are none unless a test writes them.
    pub(crate) fn hosts_d(&self) -> PathBuf {
        self.directory.join("hosts.d")
    }

    /// Writes a file of `hosts.d`; its path.
    pub(crate) fn entries(&self, name: &str, text: &str) -> String {
        let path = self.hosts_d().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Gives the container a user namespace whose root is 100000 on the host.
    pub(crate) fn add_user_namespace(&mut self) {
        let mappings = json!([{"containerID": 0, "hostID": 100_000, "size": 65536}]);
        self.config["linux"]["uidMappings"] = mappings.clone();
        self.config["linux"]["gidMappings"] = mappings;
        self.set_namespace("user", Some(json!({"type": "user"})));
        let chown = Command::new("chown")
            .args(["-R", "-h", "100000:100000"])
            .arg(&self.rootfs)
            .status();
        assert!(chown.unwrap().success());
    }

    /// Whether the runtime is a crun that is older.
    pub(crate) fn is_crun_before(&self, major: u32, minor: u32) -> bool {
        let output = Command::new(self.runtime)
            .arg("--version")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let Some(version) = text
            .lines()
            .find_map(|line| line.strip_prefix("crun version "))
        else {
            return false;
        };
        let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
        let version: (u32, u32) = (numbers.next().unwrap(), numbers.next().unwrap());
        version < (major, minor)
    }

    /// Writes `config.json`.
    pub(crate) fn write(&self) {
        fs::write(
            self.directory.join("config.json"),
            serde_json::to_vec(&self.config).unwrap(),
        )
        .unwrap();
    }

    /// Runs the container to its end.
    pub(crate) fn run(&self) -> Ran {
        self.write();
        let output = Command::new(self.runtime)
            .args(["run", "--bundle"])
            .arg(&self.directory)
            .arg("case")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Ran::new(self.runtime, &output)
    }

    /// Runs the container and gives its `/etc/hosts`, which is what it shows unless a test says
    /// otherwise.
    pub(crate) fn shown(&self) -> String {
        let ran = self.run();
        assert!(
            ran.started,
            "{} did not start it: {}",
            self.runtime, ran.stderr
        );
        ran.stdout
    }
}

/// The hook where `OCI_HOSTALIASES_KERNEL_LACKS` names system calls that answer ENOSYS to it.
fn on_a_kernel_without_calls(hook: PathBuf) -> PathBuf {
    let Ok(lacking) = std::env::var("OCI_HOSTALIASES_KERNEL_LACKS") else {
        return hook;
    };
    let filter = seccomp_filter::build(
        hook.parent().unwrap(),
        &lacking,
        "SECCOMP_RET_ERRNO | ENOSYS",
        "SECCOMP_RET_ALLOW",
    );
    let wrapper = hook.with_file_name("hook-on-an-old-kernel");
    let (filter, hook) = (filter.display(), hook.display());
    fs::write(
        &wrapper,
        format!("#!/bin/sh\nexec {filter} {hook} \"$@\"\n"),
    )
    .unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    wrapper
}

impl Ran {
    fn new(runtime: &'static str, output: &Output) -> Self {
        Self {
            runtime,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            started: output.status.success(),
        }
    }

    /// The container was not started, since the hook ended with `status` after it had said `why`; each
    /// runtime shows that in its own way.
    pub(crate) fn assert_refused(&self, status: u8, why: &str) {
        let (statuses, why) = match self.runtime {
            "runc" => (
                vec![format!("exit status {status}")],
                why.replace('"', r#"\""#),
            ),
            // It throws a hook's stderr away.
            "crun" => (vec![format!("(exit code: {status})")], String::new()),
            // In other words at createContainer.
            "youki" => (
                vec![
                    format!("non-zero exit code: {status}\n"),
                    format!("NonZeroExitCode({status})"),
                ],
                why.to_owned(),
            ),
            other => panic!("nobody said how {other} shows the end of a hook"),
        };
        assert!(!self.started);
        let status_shown = statuses.iter().any(|shown| self.stderr.contains(shown));
        assert!(status_shown, "{}", self.stderr);
        assert!(self.stderr.contains(&why), "{}", self.stderr);
    }
}

/// What the world's host has: its mounts, its files where a hook could leave some, and the
/// namespaces that some process or mount keeps alive.
pub(crate) struct Host {
    mounts: BTreeSet<String>,
    files: BTreeSet<PathBuf>,
    namespaces: BTreeSet<PathBuf>,
}

impl Host {
    pub(crate) fn look() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mut files = BTreeSet::new();
        for directory in ["/run", "/etc", "/dev", "/var/lib"] {
            list(Path::new(directory), &mut files);
        }
        let mut namespaces = BTreeSet::new();
        for process in fs::read_dir("/proc").unwrap().flatten() {
            for namespace in fs::read_dir(process.path().join("ns"))
                .into_iter()
                .flatten()
                .flatten()
            {
                namespaces.extend(fs::read_link(namespace.path()));
            }
        }
        Self {
            mounts: mounts.lines().map(str::to_owned).collect(),
            files,
            namespaces,
        }
    }

    /// Nothing new is there. A runtime that killed a container does not wait for its processes to
    /// be gone, so we do.
    pub(crate) fn assert_unchanged(&self) {
        let mut new = self.new_now();
        for _ in 0..100 {
            if new.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
            new = self.new_now();
        }
        assert_eq!(new, Vec::<String>::new(), "new on the host");
    }

    fn new_now(&self) -> Vec<String> {
        let now = Self::look();
        let mounts = now.mounts.difference(&self.mounts).cloned();
        let files = now
            .files
            .difference(&self.files)
            .map(|path| path.display().to_string());
        let namespaces = now
            .namespaces
            .difference(&self.namespaces)
            .map(|path| path.display().to_string());
        mounts.chain(files).chain(namespaces).collect()
    }
}

/// Everything below `directory` but what the runtimes themselves keep, what a test puts into its
/// home, and the overlays that hold the world's changes.
fn list(directory: &Path, files: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let runtimes_own = [
            "/run/runc",
            "/run/crun",
            "/run/youki",
            "/run/world",
            "/run/.overlay",
        ];
        if runtimes_own.iter().any(|own| path == Path::new(own)) {
            continue;
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(&path, files);
        }
        files.insert(path);
    }
}
