//! The test's own containerd 2.x, with NRI on and nothing of this project in its configuration.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cri_client::CriClient;
use crate::cri_messages::{StatusRequest, StatusResponse};
use crate::image_archive;

const START_LIMIT: Duration = Duration::from_secs(60);

/// Has a handler for each runtime, and `<runtime>-plain`, whose runtime passes over hooks as Kata's and gVisor's do.
pub(crate) struct Containerd {
    daemon: Child,
    home: PathBuf,
    pub(crate) cri: CriClient,
}

impl Containerd {
    /// Started in `home`.
    pub(crate) fn start(home: &Path) -> Self {
        configure(home);
        Self::start_registered(home)
    }

    /// The same with the configuration that is there.
    pub(crate) fn start_registered(home: &Path) -> Self {
        let (daemon, cri) = spawn(home);
        let started = Self {
            daemon,
            home: home.to_owned(),
            cri,
        };
        started.import(&image_archive::busybox(home));
        started
    }

    /// Another daemon with what the first one left.
    pub(crate) fn restart(&mut self) {
        self.end();
        (self.daemon, self.cri) = spawn(&self.home);
    }

    fn end(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }

    fn import(&self, archive: &Path) {
        let output = Command::new("ctr")
            .arg("--address")
            .arg(self.home.join("containerd.sock"))
            .args(["--namespace", "k8s.io", "images", "import"])
            .arg(archive)
            .output()
            .expect("ctr");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            print_log(&self.home);
        }
    }
}

/// Writes an administrator's configuration without the hook.
pub(crate) fn configure(home: &Path) {
    fs::write(home.join("config.toml"), configuration(home)).expect("configuration");
    fs::create_dir_all(home.join("cni")).expect("CNI directory");
    let network = network(home).to_string();
    fs::write(home.join("cni/10-test.conflist"), network).expect("CNI network");
}

fn spawn(home: &Path) -> (Child, CriClient) {
    let log = File::options()
        .append(true)
        .create(true)
        .open(home.join("containerd.log"))
        .expect("log");
    let mut daemon = Command::new("containerd")
        .arg("--config")
        .arg(home.join("config.toml"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("dup"))
        .stderr(log)
        .spawn()
        .expect("containerd");
    let cri = wait_until_ready(home, &mut daemon);
    (daemon, cri)
}

fn print_log(home: &Path) {
    let log = fs::read_to_string(home.join("containerd.log")).unwrap_or_default();
    let is_wanted = |line: &&str| !line.contains(" level=info ") || line.contains("nri");
    for line in log.lines().filter(is_wanted) {
        println!("containerd: {line}");
    }
}

/// Ready is when the CRI says that runtime and network are.
fn wait_until_ready(home: &Path, daemon: &mut Child) -> CriClient {
    let end = Instant::now() + START_LIMIT;
    loop {
        if let Ok(client) = CriClient::connect(&home.join("containerd.sock")) {
            let answer: Result<StatusResponse, _> = client.call("Status", &StatusRequest {});
            let status = answer.ok().and_then(|answer| answer.status);
            let conditions = status.map(|status| status.conditions).unwrap_or_default();
            if !conditions.is_empty() && conditions.iter().all(|c| c.status) {
                return client;
            }
        }
        let ended = daemon.try_wait().expect("wait");
        if ended.is_some() || Instant::now() > end {
            print_log(home);
            panic!("containerd did not get ready; exit: {ended:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The socket on which it takes plugins.
pub(crate) fn nri_socket(home: &Path) -> PathBuf {
    home.join("nri.sock")
}

fn configuration(home: &Path) -> String {
    let shown = home.display();
    let mut text = format!(
        r#"version = 2
root = "{shown}/root"
state = "{shown}/state"
[grpc]
  address = "{shown}/containerd.sock"
[plugins."io.containerd.nri.v1.nri"]
  disable = false
  socket_path = "{shown}/nri.sock"
  plugin_path = "{shown}/nri-plugins"
  plugin_config_path = "{shown}/nri-config"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{image}"
  # A machine without CAP_SYS_RESOURCE cannot lower an oom_score_adj.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{shown}/cni"
"#,
        image = image_archive::IMAGE
    );
    for runtime in ["runc", "crun"] {
        let program = crate::needs::find(runtime).expect("a runtime");
        let without_hooks = without_hooks(home, runtime, &program);
        for (handler, program) in [
            (runtime.to_owned(), program),
            (format!("{runtime}-plain"), without_hooks),
        ] {
            let table =
                format!(r#"plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{handler}"#);
            text += &format!("[{table}]\n  runtime_type = \"io.containerd.runc.v2\"\n");
            text += &format!("  [{table}.options]\n    BinaryName = {program:?}\n");
        }
    }
    text
}

/// A runtime that takes the hooks out of each bundle.
fn without_hooks(home: &Path, runtime: &str, program: &Path) -> PathBuf {
    let script = home.join(format!("{runtime}-without-hooks"));
    let text = format!(
        r#"#!/bin/sh
before=
for argument; do
    if [ "$before" = --bundle ] && [ -e "$argument/config.json" ]; then
        jq 'del(.hooks)' "$argument/config.json" >"$argument/config.json.new"
        mv "$argument/config.json.new" "$argument/config.json"
    fi
    before=$argument
done
exec {} "$@"
"#,
        program.display()
    );
    fs::write(&script, text).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("executable");
    script
}

/// Dual stack, with a default route in both families as a cluster's networks have. The addresses are
/// those reserved for documentation; nothing is ever routed.
fn network(home: &Path) -> Value {
    json!({
        "cniVersion": "0.4.0",
        "name": "test",
        "plugins": [{
            "type": "bridge", "bridge": "hostaliases0", "isDefaultGateway": true, "ipMasq": false,
            "ipam": {
                "type": "host-local", "dataDir": home.join("cni-addresses"),
                "ranges": [[{"subnet": "192.0.2.0/24"}], [{"subnet": "2001:db8:77::/64"}]],
            },
        }],
    })
}
