//! The agent of the world's one node, and the files that it writes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::control_plane::ControlPlane;

pub(crate) const HOSTS_D: &str = "/etc/oci-hostaliases/hosts.d";
const METRICS: &str = "127.0.0.1:9117";
/// Long enough for a machine under load.
const LIMIT: Duration = Duration::from_secs(30);

/// Killed when this is dropped.
pub(crate) struct Agent {
    process: Child,
    log: PathBuf,
}

impl Agent {
    /// Starts it, as the service account of the manifests.
    pub(crate) fn start(plane: &ControlPlane, home: &Path) -> Self {
        Self::start_with(&plane.kubeconfig("agent"), home)
    }

    /// The same with this kubeconfig.
    pub(crate) fn start_with(kubeconfig: &Path, home: &Path) -> Self {
        let log = home.join("agent.log");
        let file = File::create(&log).expect("log");
        let process = Command::new(env!("CARGO_BIN_EXE_oci-hostaliases-agent"))
            .args(["--kubernetes", "--listen", METRICS, "--kubeconfig"])
            .arg(kubeconfig)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("dup"))
            .stderr(file)
            .spawn()
            .expect("agent");
        Self { process, log }
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("log")
    }

    /// Waits until it has logged this.
    pub(crate) fn wait_for_log(&self, words: &str) {
        let end = Instant::now() + LIMIT;
        while !self.log().contains(words) {
            assert!(Instant::now() < end, "no {words:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("VmRSS");
        line.trim()
            .trim_end_matches(" kB")
            .parse()
            .expect("a number")
    }

    /// The value of one of its metrics.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let page = page("/metrics")?;
        let mut lines = page.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(metric, _)| *metric == name)?.1.parse().ok()
    }

    /// Waits until a metric has this value.
    pub(crate) fn wait_for_metric(&self, name: &str, value: f64) {
        let end = Instant::now() + LIMIT;
        while self.metric(name) != Some(value) {
            assert!(
                Instant::now() < end,
                "{name} is {:?} and not {value}:\n{}",
                self.metric(name),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it has read everything and watches both kinds.
    pub(crate) fn wait_until_in_sync(&self) {
        self.wait_for_metric("oci_hostaliases_kubernetes_in_sync", 1.0);
    }

    /// Waits until `hosts.d` has these files and no others.
    pub(crate) fn wait_for_files(&self, expected: &[(&str, &str)]) {
        let expected: BTreeMap<String, String> = expected
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        let end = Instant::now() + LIMIT;
        loop {
            let found = files();
            if found == expected {
                return;
            }
            if Instant::now() > end {
                println!("{}", self.log());
                assert_eq!(found, expected);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// All files in `hosts.d`, by their path in there.
pub(crate) fn files() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut directories = vec![PathBuf::from(HOSTS_D)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let name = path.strip_prefix(HOSTS_D).expect("below hosts.d");
                found.insert(name.display().to_string(), text);
            }
        }
    }
    found
}

fn page(path: &str) -> Option<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(METRICS).ok()?;
    stream
        .write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())
        .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}
