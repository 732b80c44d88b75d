//! A container's start with the hook by NRI beside one with the registered hook, in turns: they take the same time.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::agent::Agent;
use crate::containerd_daemon::Containerd;
use crate::node_log::NodeLog;
use crate::nri_containerd;
use crate::pods::{ContainerSpec, Node, Pod, PodSpec};
use crate::{hook_program, needs, world};

fn rounds() -> usize {
    match std::env::var_os("OCI_HOSTALIASES_TEST_LONG") {
        Some(_) => 100,
        None => 15,
    }
}

/// `runc` without a registration, `runc-plain` with one.
fn configure(home: &Path) {
    nri_containerd::configure(home);
    let config = home.join("config.toml");
    let text = fs::read_to_string(&config).expect("configuration");
    let runc = needs::find("runc").expect("runc").display().to_string();
    let without_hooks = home.join("runc-without-hooks").display().to_string();
    fs::write(&config, text.replace(&without_hooks, &runc)).expect("configuration");
    hook_program::register(
        "containerd",
        &home.join("oci-hostaliases-hook").display().to_string(),
        &[
            "--config",
            &config.display().to_string(),
            "--base-spec",
            &home.join("base-spec.json").display().to_string(),
            "--runtime",
            "runc-plain",
        ],
    );
}

fn start(node: &Node, pod: &Pod, nth: usize) -> Duration {
    let name = format!("main-{nth}");
    let spec = ContainerSpec {
        name: &name,
        script: "grep -c foo.remote /etc/hosts",
        ..ContainerSpec::default()
    };
    let began = Instant::now();
    let id = node.start(pod, &spec).expect("a container");
    let took = began.elapsed();
    assert_eq!(node.finish(pod, &spec, &id).output, "1\n");
    took
}

#[test]
fn by_nri_and_registered() {
    world("start_time::by_nri_and_registered", |home| {
        configure(home);
        let containerd = Containerd::start_configured(home);
        let node = Node::new(containerd, NodeLog::listen(), home, "runc");
        let _agent = Agent::start(home);
        let pod = |plain| {
            node.pod(&PodSpec {
                annotations: &[("oci-hostaliases.io/host-aliases", "10.1.2.3 foo.remote")],
                plain,
                ..PodSpec::default()
            })
        };
        let pods = [pod(false), pod(true)];
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..rounds() {
            for turn in 0..2 {
                let which = (round + turn) % 2;
                times[which].push(start(&node, &pods[which], round));
            }
        }
        for taken in &mut times {
            taken.sort_unstable();
        }
        let [nri, registered] = times.map(|taken| taken[taken.len() / 2]);
        println!(
            "{} starts each: by NRI {nri:?}, registered {registered:?}",
            rounds()
        );
        // A machine that does other work scatters more than that.
        assert!(nri < registered + Duration::from_millis(50));
        node.remove_pods();
    });
}
