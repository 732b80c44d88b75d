//! The agent as a process of the test's.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::nri_containerd::nri_socket;

const LIMIT: Duration = Duration::from_secs(20);
/// In the world's own network.
const ADDRESS: &str = "127.0.0.1:9099";

pub(crate) struct Agent {
    process: Child,
    log: PathBuf,
}

impl Agent {
    /// Started, and connected to an engine.
    pub(crate) fn start(home: &Path) -> Self {
        let agent = Self::start_alone(home);
        agent.wait_for("connected to ");
        agent
    }

    /// Started, whether there is an engine or not.
    pub(crate) fn start_alone(home: &Path) -> Self {
        Self::start_with(home, &[])
    }

    /// The same with more arguments.
    pub(crate) fn start_with(home: &Path, arguments: &[&str]) -> Self {
        let log = home.join("agent.log");
        fs::write(&log, "").expect("log");
        let stderr = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("log");
        let process = command(home)
            .args(["--listen", ADDRESS])
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(stderr)
            .spawn()
            .expect("the agent");
        Self { process, log }
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it has said this.
    pub(crate) fn wait_for(&self, text: &str) {
        let end = Instant::now() + LIMIT;
        while !self.said().contains(text) {
            assert!(Instant::now() < end, "not said: {text:?}\n{}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Forgets what it has said.
    pub(crate) fn forget(&self) {
        File::options()
            .write(true)
            .open(&self.log)
            .and_then(|log| log.set_len(0))
            .expect("log");
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill").success());
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.process.try_wait().expect("wait") {
                return status;
            }
            assert!(Instant::now() < end, "it still runs\n{}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kilobytes of memory that it has, by `VmRSS`.
    pub(crate) fn status(&self, field: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.expect("status");
        let line = status.lines().find(|line| line.starts_with(field));
        let value = line.and_then(|line| line.split_whitespace().nth(1));
        value.expect("a field").to_owned()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            println!("agent: {}", self.said());
        }
    }
}

/// The agent's command line for the engine and the hook in `home`.
pub(crate) fn command(home: &Path) -> Command {
    let built = std::env::var_os("OCI_HOSTALIASES_AGENT");
    let built = built.unwrap_or(env!("CARGO_BIN_EXE_oci-hostaliases-agent").into());
    let mut command = Command::new(built);
    command
        .arg("--nri-socket")
        .arg(nri_socket(home))
        .arg("--hook")
        .arg(home.join("oci-hostaliases-hook"));
    command
}

/// The status and the body of a page.
pub(crate) fn page(path: &str) -> (String, String) {
    let end = Instant::now() + LIMIT;
    let mut stream = loop {
        match TcpStream::connect(ADDRESS) {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    write!(stream, "GET {path} HTTP/1.1\r\nHost: node\r\n\r\n").expect("a request");
    let mut answer = BufReader::new(stream);
    let mut status = String::new();
    answer.read_line(&mut status).expect("a status line");
    let mut rest = String::new();
    answer.read_to_string(&mut rest).expect("an answer");
    let (_, body) = rest.split_once("\r\n\r\n").expect("a head and a body");
    (status.trim_end().to_owned(), body.to_owned())
}

/// The value of a metric, by its line's start.
pub(crate) fn metric(name: &str) -> f64 {
    let (_, text) = page("/metrics");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
    value.trim().parse().expect("a number")
}
