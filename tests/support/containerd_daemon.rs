//! A containerd of the test's own, with its CRI plugin and a CNI network.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cri_client::CriClient;
use crate::cri_messages::{StatusRequest, StatusResponse};
use crate::image_archive;

const START_LIMIT: Duration = Duration::from_secs(60);

/// Dies with the throw-away world that it is started in, and is killed before if the test ends well.
pub(crate) struct Containerd {
    /// `None`: one that this test did not start.
    daemon: Option<Child>,
    home: PathBuf,
    pub(crate) cri: CriClient,
}

impl Containerd {
    /// Started in `home` with the configuration that is there.
    pub(crate) fn start_configured(home: &Path) -> Self {
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
    #[allow(
        dead_code,
        reason = "only one of the two test programs leaves a containerd to another process"
    )]
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

    /// Another daemon with what the first one left.
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

/// containerd's complaints, and all lines on NRI.
fn print_log(home: &Path) {
    let log = fs::read_to_string(home.join("containerd.log")).unwrap_or_default();
    let is_wanted = |line: &&str| {
        (!line.contains(" level=info ") && !line.contains("shim disconnected"))
            || line.contains("nri")
    };
    for line in log.lines().filter(is_wanted) {
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

/// Writes an administrator's configuration without the hook. `first` comes before the tables.
pub(crate) fn configure(home: &Path, first: &str, tables: &str) {
    let shown = home.display();
    let text = format!(
        r#"version = 2
{first}
root = "{shown}/root"
state = "{shown}/state"
[grpc]
  address = "{shown}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{image}"
  # A machine without CAP_SYS_RESOURCE cannot lower an oom_score_adj.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{shown}/cni"
{tables}"#,
        image = image_archive::IMAGE
    );
    fs::write(home.join("config.toml"), text).expect("configuration");
    fs::create_dir_all(home.join("cni")).expect("CNI directory");
    let network = network(home).to_string();
    fs::write(home.join("cni/10-test.conflist"), network).expect("CNI network");
}

/// The tables of a handler whose runtime is this program.
pub(crate) fn handler(name: &str, program: &Path) -> String {
    let table = format!(r#"plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{name}"#);
    format!(
        "[{table}]\n  runtime_type = \"io.containerd.runc.v2\"\n  [{table}.options]\n    BinaryName = {program:?}\n"
    )
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
