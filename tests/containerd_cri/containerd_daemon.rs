//! A containerd of the test's own, with its CRI plugin, CNI network and handlers.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cri_client::CriClient;
use crate::cri_messages::{StatusRequest, StatusResponse};
use crate::{hook_program, image_archive};

/// Each runtime as a handler with the hook and, as `<runtime>-plain`, without.
pub(crate) const RUNTIMES: [&str; 2] = ["runc", "crun"];
const START_LIMIT: Duration = Duration::from_secs(60);

/// Dies with the throw-away world that it is started in, and is killed before if the test ends well.
pub(crate) struct Containerd {
    /// `None`: one that this test did not start.
    daemon: Option<Child>,
    home: PathBuf,
    pub(crate) cri: CriClient,
}

impl Containerd {
    /// Started in `home`, with the hook registered for the handlers named as in [`RUNTIMES`].
    pub(crate) fn start(home: &Path, hook: &str) -> Self {
        let version = Command::new("containerd")
            .arg("--version")
            .output()
            .expect("containerd");
        println!("{}", String::from_utf8_lossy(&version.stdout));
        let path = |name: &str| home.join(name).display().to_string();
        fs::write(home.join("config.toml"), configuration(home)).expect("configuration");
        let (config, base_spec) = (path("config.toml"), path("base-spec.json"));
        let files = ["--config", &config, "--base-spec", &base_spec];
        let runtimes = RUNTIMES.map(|runtime| ["--runtime", runtime]).concat();
        hook_program::register("containerd", hook, &[&files[..], &runtimes].concat());
        // 1.x would replace the whole table of the CRI plugin by a drop-in's.
        assert_eq!(
            home.join("conf.d/oci-hostaliases.toml").exists(),
            String::from_utf8_lossy(&version.stdout).contains("containerd/v2 ")
        );
        fs::create_dir_all(home.join("cni")).expect("CNI directory");
        fs::write(home.join("cni/10-test.conflist"), network(home).to_string())
            .expect("CNI network");

        let (daemon, cri) = spawn(home);
        let started = Self {
            daemon: Some(daemon),
            home: home.to_owned(),
            cri,
        };
        started.import(&image_archive::busybox(home));
        started
    }

    /// The one that listens in `home`.
    pub(crate) fn attach(home: &Path) -> Self {
        let cri = CriClient::connect(&socket(home)).expect("containerd's socket");
        let attached = Self {
            daemon: None,
            home: home.to_owned(),
            cri,
        };
        if !home.join("busybox.tar").exists() {
            attached.import(&image_archive::busybox(home));
        }
        attached
    }

    pub(crate) fn restart(&mut self) {
        self.end();
        let (daemon, cri) = spawn(&self.home);
        (self.daemon, self.cri) = (Some(daemon), cri);
    }

    fn end(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }

    fn import(&self, archive: &Path) {
        let output = Command::new("ctr")
            .arg("--address")
            .arg(socket(&self.home))
            .args(["--namespace", "k8s.io", "images", "import"])
            .arg(archive)
            .output()
            .expect("ctr");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
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

fn socket(home: &Path) -> PathBuf {
    home.join("containerd.sock")
}

/// What containerd complained of; its many words on each step are of no help.
fn print_log(home: &Path) {
    let log = fs::read_to_string(home.join("containerd.log")).unwrap_or_default();
    for line in log
        .lines()
        .filter(|line| !line.contains(" level=info ") && !line.contains("shim disconnected"))
    {
        println!("containerd: {line}");
    }
}

/// Ready is when the CRI says that runtime and network are.
fn wait_until_ready(home: &Path, daemon: &mut Child) -> CriClient {
    let end = Instant::now() + START_LIMIT;
    loop {
        if let Ok(client) = CriClient::connect(&socket(home)) {
            let answer: Result<StatusResponse, _> = client.call("Status", &StatusRequest {});
            let conditions = answer
                .ok()
                .and_then(|a| a.status)
                .map(|s| s.conditions)
                .unwrap_or_default();
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

/// An administrator's configuration without the hook.
fn configuration(home: &Path) -> String {
    let home = home.display();
    let mut text = format!(
        r#"version = 2
imports = ["{home}/conf.d/*.toml"]
root = "{home}/root"
state = "{home}/state"
[grpc]
  address = "{home}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{image}"
  # A machine without CAP_SYS_RESOURCE cannot lower an oom_score_adj.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{home}/cni"
"#,
        image = image_archive::IMAGE
    );
    for runtime in RUNTIMES {
        let binary = crate::needs::find(runtime).expect("a runtime");
        for handler in [runtime.to_owned(), format!("{runtime}-plain")] {
            let table =
                format!(r#"plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{handler}"#);
            text += &format!("[{table}]\n  runtime_type = \"io.containerd.runc.v2\"\n");
            text += &format!("  [{table}.options]\n    BinaryName = {binary:?}\n");
        }
    }
    text
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
