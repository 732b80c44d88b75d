//! A Podman with storage, network and hooks of the test's own, as root or as a user of the test's own.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::image_archive::{self, IMAGE};
use crate::node_log::NodeLog;
use crate::{hook_program, needs};

#[derive(Clone, Copy)]
pub(crate) enum User {
    Root,
    /// Made in the world's /etc/passwd; the machine never hears of it.
    Rootless,
}

/// The throw-away user's id, and the first of the ids that it may map.
const USER_ID: u32 = 61_234;
const FIRST_SUBID: u32 = 700_000;

/// Directories of hooks.d files, below the world's home.
pub(crate) const NO_HOOK: &str = "hooks-none";
pub(crate) const ANNOTATED: &str = "hooks-annotated";
pub(crate) const ALWAYS: &str = "hooks-always";

pub(crate) struct Podman {
    pub(crate) home: PathBuf,
    pub(crate) runtime: &'static str,
    pub(crate) user: User,
    pub(crate) log: NodeLog,
    pub(crate) hook: String,
    version: (u32, u32),
}

impl Podman {
    pub(crate) fn set_up(home: &Path, runtime: &'static str, user: User) -> Self {
        let podman = Self {
            home: home.to_owned(),
            runtime,
            user,
            log: NodeLog::listen(),
            hook: hook_program::install(home),
            version: version(),
        };
        let networks = home.join("networks");
        fs::create_dir_all(&networks).expect("networks");
        let (mut text, network) = (configuration(), networks.join("podman.conflist"));
        if podman.version < (5, 0) {
            text += &cni(&networks);
            fs::write(network, cni_network(home).to_string()).expect("CNI network");
            let second = networks.join("second.conflist");
            fs::write(second, second_cni_network(home).to_string()).expect("CNI network");
        } else {
            text += &netavark(&networks);
            fs::write(
                network.with_extension("json"),
                netavark_network().to_string(),
            )
            .expect("netavark network");
            let second = networks.join("second.json");
            fs::write(second, second_netavark_network().to_string()).expect("netavark network");
        }
        fs::write(home.join("containers.conf"), text).expect("configuration");

        fs::create_dir_all(home.join(NO_HOOK)).expect("an empty hooks directory");
        for (directory, more) in [(ANNOTATED, &[][..]), (ALWAYS, &["--all"])] {
            let directory = home.join(directory);
            fs::create_dir_all(&directory).expect("hooks directory");
            let directory = directory.display().to_string();
            hook_program::register(
                "podman",
                &podman.hook,
                &[&["--dir", &directory], more].concat(),
            );
        }

        if matches!(user, User::Rootless) {
            add_user(home);
        }
        let archive = image_archive::busybox(home);
        podman.output(
            NO_HOOK,
            &["load", "--input", &archive.display().to_string()],
        );
        podman
    }

    /// Runs `podman`, with the hooks of a directory below the home; none named: with Podman's default.
    pub(crate) fn command(&self, hooks: Option<&str>, arguments: &[&str]) -> Output {
        let storage = self.home.join("user");
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").expect("PATH"));
        // Generous; a hook or an engine that hangs must not hang the test.
        let mut command = Command::new("timeout");
        command.args(["--signal", "KILL", "60"]);
        if matches!(self.user, User::Rootless) {
            let id = USER_ID.to_string();
            command.args([
                "setpriv",
                "--reuid",
                &id,
                "--regid",
                &id,
                "--clear-groups",
                "--inh-caps=-all",
            ]);
        }
        command
            .arg("podman")
            .arg("--runtime")
            .arg(needs::find(self.runtime).expect("the runtime"));
        // vfs, since not every kernel lets users mount overlays on a tmpfs.
        let driver = if matches!(self.user, User::Root) {
            "overlay"
        } else {
            "vfs"
        };
        command.args(["--storage-driver", driver]);
        for (option, name) in [
            ("--root", "storage"),
            ("--runroot", "runroot"),
            ("--tmpdir", "tmp"),
        ] {
            command.arg(option).arg(storage.join(name));
        }
        if let Some(hooks) = hooks {
            command.arg("--hooks-dir").arg(self.home.join(hooks));
        }
        command
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            // Which 5.x only asks for to be told that they are known to be old.
            .env("PODMAN_IGNORE_CGROUPSV1_WARNING", "1")
            .env("HOME", &storage)
            .env("XDG_RUNTIME_DIR", &storage)
            .env("CONTAINERS_CONF", self.home.join("containers.conf"))
            .current_dir("/")
            .stdin(Stdio::null())
            .output()
            .expect("podman")
    }

    /// What a successful `podman` printed.
    pub(crate) fn output(&self, hooks: &str, arguments: &[&str]) -> String {
        succeeded(arguments, &self.command(Some(hooks), arguments))
    }

    /// Whether Podman's file is complete when the hook runs. Since 4.6 it is still empty then, but for
    /// members of a Pod, which share the file of the infra container.
    pub(crate) fn fills_its_file_first(&self) -> bool {
        self.version < (4, 6)
    }

    /// A rootless Podman's node, as far as the hook can see it, is a mount namespace of the user's.
    pub(crate) fn check_user_mounts(&self) {
        if matches!(self.user, User::Rootless) {
            let table = self.output(NO_HOOK, &["unshare", "cat", "/proc/self/mountinfo"]);
            assert!(!table.contains(" - tmpfs oci-hostaliases "), "{table}");
        }
    }

    /// A container called web on web-0, that shows its file; `more` are options of `run`.
    pub(crate) fn run<'a>(&self, more: &[&'a str]) -> Vec<&'a str> {
        self.run_script(more, "cat /etc/hosts")
    }

    pub(crate) fn run_script<'a>(&self, more: &[&'a str], script: &'a str) -> Vec<&'a str> {
        // The same addresses each time, so that Podman writes the same file each time.
        let addresses: &[&str] = match self.user {
            User::Root if !more.contains(&"host") => {
                &["--ip", "192.0.2.50", "--ip6", "2001:db8:77::50"]
            }
            _ => &[],
        };
        let run = [
            "run",
            "--rm",
            "--replace",
            "--name",
            "web",
            "--hostname",
            "web-0",
        ];
        [&run, addresses, more, &[IMAGE, "sh", "-c", script]].concat()
    }
}

pub(crate) fn succeeded(arguments: &[&str], output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "podman {arguments:?}: {}: {error}",
        output.status
    );
    assert!(!hook_program::is_seen_on_the_node());
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn add_user(home: &Path) {
    let append = |file: &str, line: String| {
        let text = fs::read_to_string(file).unwrap_or_default();
        fs::write(file, text + &line).expect(file);
    };
    let storage = home.join("user");
    append(
        "/etc/passwd",
        format!(
            "hostaliases:x:{USER_ID}:{USER_ID}::{}:/bin/sh\n",
            storage.display()
        ),
    );
    append("/etc/group", format!("hostaliases:x:{USER_ID}:\n"));
    append("/etc/subuid", format!("hostaliases:{FIRST_SUBID}:65536\n"));
    append("/etc/subgid", format!("hostaliases:{FIRST_SUBID}:65536\n"));
    fs::create_dir_all(&storage).expect("the user's home");
    for directory in [&storage, &home.join("networks")] {
        chown(directory, Some(USER_ID), Some(USER_ID)).expect("the user's directory");
    }
    // slirp4netns opens it as the user; the world's /dev is an overlay.
    let tun = Command::new("chmod")
        .args(["666", "/dev/net/tun"])
        .status()
        .expect("chmod");
    assert!(tun.success(), "/dev/net/tun");
}

fn version() -> (u32, u32) {
    let output = Command::new("podman")
        .arg("--version")
        .output()
        .expect("podman");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    println!("{text}");
    let mut numbers = text
        .trim()
        .rsplit(' ')
        .next()
        .expect("a version")
        .split('.')
        .map(str::parse);
    let mut number = || numbers.next().expect("a number").expect("a number");
    (number(), number())
}

/// Hard limits can only be kept or lowered on a machine without CAP_SYS_RESOURCE.
fn configuration() -> String {
    format!(
        r#"[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
infra_image = "{IMAGE}"
# Its addresses would be new each time.
network_cmd_options = ["enable_ipv6=false"]
"#
    )
}

fn cni(networks: &Path) -> String {
    format!(
        r#"[network]
network_backend = "cni"
network_config_dir = "{}"
cni_plugin_dirs = ["/usr/lib/cni"]
"#,
        networks.display()
    )
}

/// Programs of a newer Podman are taken from PATH, beside it.
fn netavark(networks: &Path) -> String {
    let conmon = needs::find("conmon").expect("conmon");
    let netavark = needs::find("netavark").expect("netavark");
    format!(
        r#"conmon_path = [{conmon:?}]
helper_binaries_dir = [{:?}, "/usr/lib/podman", "/usr/bin"]
[network]
network_backend = "netavark"
network_config_dir = "{}"
firewall_driver = "none"
default_rootless_network_cmd = "slirp4netns"
"#,
        netavark.parent().expect("a directory"),
        networks.display()
    )
}

/// In place of the network that Podman would make, which needs iptables.
fn cni_network(home: &Path) -> Value {
    json!({
        "cniVersion": "0.4.0",
        "name": "podman",
        "plugins": [{
            "type": "bridge", "bridge": "hostaliases1", "isDefaultGateway": true, "ipMasq": false,
            "capabilities": {"ips": true},
            "ipam": {
                "type": "host-local", "dataDir": home.join("cni-addresses"),
                "ranges": [[{"subnet": "192.0.2.0/24"}], [{"subnet": "2001:db8:77::/64"}]],
            },
        }],
    })
}

/// One that containers are connected to while they run.
fn second_cni_network(home: &Path) -> Value {
    json!({
        "cniVersion": "0.4.0",
        "name": "second",
        "plugins": [{
            "type": "bridge", "bridge": "hostaliases2", "ipMasq": false,
            "ipam": {
                "type": "host-local", "dataDir": home.join("cni-addresses"),
                "ranges": [[{"subnet": "198.51.100.0/24"}]],
            },
        }],
    })
}

fn second_netavark_network() -> Value {
    json!({
        "name": "second", "id": "1".repeat(64), "driver": "bridge", "network_interface": "hostaliases2",
        "created": "2020-01-01T00:00:00Z", "ipv6_enabled": false, "internal": false, "dns_enabled": false,
        "subnets": [{"subnet": "198.51.100.0/24", "gateway": "198.51.100.1"}],
        "ipam_options": {"driver": "host-local"},
    })
}

fn netavark_network() -> Value {
    json!({
        "name": "podman", "id": "0".repeat(64), "driver": "bridge", "network_interface": "hostaliases1",
        "created": "2020-01-01T00:00:00Z", "ipv6_enabled": true, "internal": false, "dns_enabled": false,
        "subnets": [
            {"subnet": "192.0.2.0/24", "gateway": "192.0.2.1"},
            {"subnet": "2001:db8:77::/64", "gateway": "2001:db8:77::1"},
        ],
        "ipam_options": {"driver": "host-local"},
    })
}
