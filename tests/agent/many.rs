//! Many containers: none has half a file, whatever happens to the agent; and what the agent costs.
//!
//! Thirty, or with `OCI_HOSTALIASES_TEST_LONG` two hundred and fifty.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::agent::{self, Agent};
use crate::containerd_daemon::Containerd;
use crate::node_log::NodeLog;
use crate::pods::{ContainerSpec, Node, Pod, PodSpec};
use crate::{HOSTS_D, NODE_HOSTS, world};

const SCRIPT: &str = "trap exit TERM; sleep 600 & wait";

fn count() -> usize {
    match std::env::var_os("OCI_HOSTALIASES_TEST_LONG") {
        Some(_) => 250,
        None => 30,
    }
}

/// Starts so many containers in one Pod.
fn start(node: &Node, pod: &Pod, count: usize) {
    for nth in 0..count {
        let name = format!("main-{nth}");
        let spec = ContainerSpec {
            name: &name,
            script: SCRIPT,
            ..ContainerSpec::default()
        };
        node.start(pod, &spec).expect("a container");
    }
}

/// What each container sees, by its first process: nothing but the world's processes is in `/proc`.
fn files() -> BTreeMap<u32, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let command = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if command.starts_with("/bin/sh\0-c\0trap") && command.contains("sleep 600") {
            let text = fs::read_to_string(entry.path().join("root/etc/hosts"));
            files.insert(pid, text.unwrap_or_default());
        }
    }
    files
}

/// The runtime has answered before the container's process is what it will be.
fn wait_for_all() -> BTreeMap<u32, String> {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let seen = files();
        if seen.len() == count() {
            return seen;
        }
        assert!(Instant::now() < end, "{} of {}", seen.len(), count());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn section(entries: &str) -> String {
    format!("\n# Entries added by oci-hostaliases from {HOSTS_D}/corp.hosts.\n{entries}")
}

fn switches(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("tasks");
    let count = |task: fs::DirEntry| {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|count| count.trim().parse::<u64>().ok())
            .unwrap_or_default()
    };
    tasks.flatten().map(count).sum()
}

#[test]
fn cost() {
    world("many::cost", |home| {
        let node = Node::new(Containerd::start(home), NodeLog::listen(), home, "crun");
        let agent = Agent::start(home);
        let pod = node.pod(&PodSpec::default());
        start(&node, &pod, count());
        wait_for_all();

        // The longest of three, each to the last of the files.
        for nth in 1..=3 {
            std::thread::sleep(Duration::from_millis(1500));
            let entries = format!("10.0.0.{nth}\tregistry.corp\n");
            let began = Instant::now();
            fs::write(format!("{HOSTS_D}/corp.hosts"), &entries).expect("a file");
            let wanted = section(&entries);
            while !files().values().all(|text| text.ends_with(&wanted)) {
                assert!(
                    began.elapsed() < Duration::from_secs(20),
                    "{}",
                    agent.said()
                );
                std::thread::sleep(Duration::from_millis(20));
            }
            println!(
                "{} files followed hosts.d in {:?}",
                count(),
                began.elapsed()
            );
        }
        let answers = agent::metric("oci_hostaliases_nri_answer_seconds_count ");
        let under = |bound: &str| {
            agent::metric(&format!(
                r#"oci_hostaliases_nri_answer_seconds_bucket{{le="{bound}"}} "#
            ))
        };
        println!(
            "of {answers} answers {} within 0.5 ms, {} within 1 ms",
            under("0.0005"),
            under("0.001")
        );
        assert!(
            under("0.001") * 2.0 > answers,
            "more than half within a millisecond"
        );
        assert_eq!(under("0.05"), answers, "all within 50 ms");

        std::thread::sleep(Duration::from_secs(2));
        let before = switches(agent.pid());
        std::thread::sleep(Duration::from_secs(5));
        assert_eq!(
            switches(agent.pid()) - before,
            0,
            "wake-ups while nothing happens"
        );
        let resident: u64 = agent.status("VmRSS:").parse().expect("a number");
        println!(
            "resident: {resident} kB, threads: {}",
            agent.status("Threads:")
        );
        assert!(resident <= 8 * 1024, "{resident} kB");
        node.remove_pods();
    });
}

#[test]
fn agent_killed_again_and_again() {
    world("many::agent_killed_again_and_again", |home| {
        let entries = "10.0.0.1\tregistry.corp\n";
        fs::write(format!("{HOSTS_D}/corp.hosts"), entries).expect("a file");
        let node = Node::new(Containerd::start(home), NodeLog::listen(), home, "runc");
        let pod = node.pod(&PodSpec::default());
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let killer = scope.spawn(|| kill_again_and_again(home, &done));
            start(&node, &pod, count());
            done.store(true, Ordering::Relaxed);
            println!(
                "the agent was killed {} times",
                killer.join().expect("the killer")
            );
        });
        let [v4, v6] = pod.addresses.as_slice() else {
            panic!("two addresses expected")
        };
        let whole = |text: &str, entries: &str| {
            text.starts_with("# Kubernetes-managed hosts file.\n")
                && text.ends_with(&format!("{v4}\tweb-0\n{v6}\tweb-0\n{}", section(entries)))
        };
        let seen = wait_for_all();
        let with = seen.values().filter(|text| whole(text, entries)).count();
        let without = seen.values().filter(|text| *text == NODE_HOSTS).count();
        println!("{with} have their file, {without} the engine's");
        assert_eq!(with + without, count(), "none has anything else: {seen:#?}");

        let agent = Agent::start(home);
        let end = Instant::now() + Duration::from_secs(5);
        while agent::metric("oci_hostaliases_nri_started_without ") != without as f64 {
            assert!(Instant::now() < end, "{}", agent.said());
        }
        let entries = "10.0.0.2\tregistry.corp\n";
        fs::write(format!("{HOSTS_D}/corp.hosts"), entries).expect("a file");
        let end = Instant::now() + Duration::from_secs(20);
        while files().values().filter(|text| whole(text, entries)).count() != with {
            assert!(Instant::now() < end, "{}", agent.said());
            std::thread::sleep(Duration::from_millis(50));
        }
        node.remove_pods();
    });
}

/// Lives a little longer each time, so that it dies in each state.
fn kill_again_and_again(home: &Path, done: &AtomicBool) -> u32 {
    let mut times = 0;
    while !done.load(Ordering::Relaxed) {
        let mut agent = Agent::start_alone(home);
        std::thread::sleep(Duration::from_millis(u64::from(times % 12) * 40));
        agent.signal("KILL");
        agent.wait();
        times += 1;
    }
    times
}
