//! What the entries of a node cost: the real hook, with `hosts.d` of 0, 10 and 1,000 files of ten
//! entries, the variants taking turns. The container has a volume of its own on `/etc/hosts`, so
//! the hook reads everything, decides to leave it alone and ends: what is timed is the reading.
//!
//! Run by `make bench`, as root: files of `hosts.d` must be root's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 300;
const FILES: [usize; 3] = [0, 10, 1000];

fn main() {
    let hook =
        std::env::var_os("OCI_HOSTALIASES_HOOK").expect("make bench sets OCI_HOSTALIASES_HOOK");
    let work = tempfile::tempdir().unwrap();
    let state = bundle(work.path());
    let variants = FILES.map(|count| hosts_d(work.path(), count));

    let mut times = variants.each_ref().map(|_| Vec::with_capacity(RUNS));
    for _ in 0..RUNS {
        for (hosts_d, times) in variants.iter().zip(&mut times) {
            times.push(run(hook.as_ref(), hosts_d, &state));
        }
    }

    println!("{RUNS} runs of each, taking turns; a run is the hook's whole process");
    println!(
        "{:>8}  {:>10}  {:>10}  {:>10}  {:>8}",
        "files", "min", "median", "p95", "ratio"
    );
    let mut base = None;
    for (count, times) in FILES.iter().zip(&mut times) {
        times.sort_unstable();
        let [min, median, p95] =
            [0, RUNS / 2, RUNS * 95 / 100].map(|nth| times[nth].as_secs_f64() * 1e3);
        let ratio = median / *base.get_or_insert(median);
        println!("{count:>8}  {min:>7.3} ms  {median:>7.3} ms  {p95:>7.3} ms  {ratio:>8.2}");
    }
}

/// A bundle whose container is left alone; the path of its state.
fn bundle(work: &Path) -> PathBuf {
    let config = r#"{"ociVersion":"1.0.2","root":{"path":"rootfs"},
        "mounts":[{"destination":"/etc/hosts","type":"bind","source":"/srv/my-hosts"}]}"#;
    fs::write(work.join("config.json"), config).unwrap();
    let state = format!(
        r#"{{"ociVersion":"1.0.2","id":"bench","status":"creating","pid":1,"bundle":"{}"}}"#,
        work.display()
    );
    let path = work.join("state.json");
    fs::write(&path, state).unwrap();
    path
}

/// A directory with this many files of ten entries; none at all for no files.
fn hosts_d(work: &Path, files: usize) -> PathBuf {
    let directory = work.join(format!("hosts.d-{files}"));
    if files > 0 {
        fs::create_dir(&directory).unwrap();
    }
    for file in 0..files {
        let lines: String = (0..10)
            .map(|line| {
                format!(
                    "10.{}.{}.{line}  host-{line}.team-{file}.corp.example host-{line}\n",
                    file / 250,
                    file % 250
                )
            })
            .collect();
        fs::write(directory.join(format!("{file:04}.hosts")), lines).unwrap();
    }
    directory
}

fn run(hook: &Path, hosts_d: &Path, state: &Path) -> Duration {
    let stdin = File::open(state).unwrap();
    let start = Instant::now();
    let status = Command::new(hook)
        .args(["prestart", "--config", "/nonexistent", "--hosts-d"])
        .arg(hosts_d)
        .stdin(stdin)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    let time = start.elapsed();
    assert!(status.success(), "the hook ends with {status}");
    time
}
