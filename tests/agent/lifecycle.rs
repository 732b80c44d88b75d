//! What happens when the agent is not there, dies, hangs or is started twice, and when the engine restarts.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::agent::{self, Agent};
use crate::containerd_daemon::Containerd;
use crate::node_log::NodeLog;
use crate::nri_containerd;
use crate::pods::{ContainerSpec, Node, Pod, PodSpec};
use crate::{HOSTS_D, NODE_HOSTS, hook_program, throwaway, world};

const ALIASES: (&str, &str) = ("oci-hostaliases.io/host-aliases", "10.1.2.3 foo.remote");
const ENTRIES: &str = "\n# Entries added by HostAliases.\n10.1.2.3\tfoo.remote\n";
const LASTS: ContainerSpec<'_> = ContainerSpec {
    name: "lasts",
    script: "trap exit TERM; sleep 600 & wait",
    hosts_mount: None,
    read_only: false,
};

fn asking(node: &Node) -> Pod {
    node.pod(&PodSpec {
        annotations: &[ALIASES],
        ..PodSpec::default()
    })
}

fn output(node: &Node) -> String {
    node.output(&asking(node), &ContainerSpec::default())
}

#[test]
fn agent_gone_hung_and_back() {
    world("lifecycle::agent_gone_hung_and_back", |home| {
        let node = Node::new(Containerd::start(home), NodeLog::listen(), home, "runc");
        assert_eq!(output(&node), NODE_HOSTS, "no agent");

        let mut agent = Agent::start(home);
        assert!(output(&node).ends_with(ENTRIES), "an agent");
        agent.signal("KILL");
        assert_eq!(agent.wait().code(), None);
        assert_eq!(output(&node), NODE_HOSTS, "a killed agent");
        // Two that run on: one asked for something, one would be left alone.
        let left = [ALIASES, ("oci-hostaliases.io/manage", "false")];
        for annotations in [&[ALIASES][..], &left] {
            let pod = node.pod(&PodSpec {
                annotations,
                ..PodSpec::default()
            });
            node.start(&pod, &LASTS).expect("a container");
        }

        let mut agent = Agent::start(home);
        agent.wait_for("it started without the agent");
        assert_eq!(
            agent.said().matches("it started without the agent").count(),
            1
        );
        assert_eq!(agent::metric("oci_hostaliases_nri_started_without "), 1.0);
        assert!(output(&node).ends_with(ENTRIES), "an agent again");

        // NRI waits for two seconds and goes on without.
        agent.signal("STOP");
        let began = Instant::now();
        assert_eq!(output(&node), NODE_HOSTS, "an agent that hangs");
        assert!(began.elapsed() < Duration::from_secs(6));
        agent.signal("CONT");
        agent.wait_for("the engine closed the connection");
        let end = Instant::now() + Duration::from_secs(10);
        while !output(&node).ends_with(ENTRIES) {
            assert!(Instant::now() < end, "it does not come back");
        }

        agent.signal("TERM");
        assert_eq!(agent.wait().code(), Some(0), "{}", agent.said());
        assert_eq!(output(&node), NODE_HOSTS, "an agent that has ended");
        assert!(!Path::new("/run/oci-hostaliases/agent.lock").exists());
        node.remove_pods();
    });
}

#[test]
fn engine_restarts() {
    world("lifecycle::engine_restarts", |home| {
        let agent = Agent::start_alone(home);
        agent.wait_for("waiting for an engine");
        assert_eq!(
            agent::page("/healthz"),
            ("HTTP/1.1 200 OK".into(), "ok\n".into())
        );
        let (status, said) = agent::page("/readyz");
        assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
        assert_eq!(said, "no engine is connected by NRI\n");
        assert_eq!(agent::page("/").0, "HTTP/1.1 404 Not Found");

        let mut node = Node::new(Containerd::start(home), NodeLog::listen(), home, "runc");
        agent.wait_for("connected to containerd 2.");
        assert_eq!(agent::page("/readyz").0, "HTTP/1.1 200 OK");
        assert!(output(&node).ends_with(ENTRIES));
        node.remove_pods();
        agent.forget();
        node.restart_containerd();
        agent.wait_for("connected to containerd 2.");
        assert!(
            output(&node).ends_with(ENTRIES),
            "after a restart of the engine"
        );
        node.remove_pods();
    });
}

#[test]
fn a_second_agent_does_not_start() {
    world("lifecycle::a_second_agent_does_not_start", |home| {
        let first = Agent::start_alone(home);
        first.wait_for("waiting for an engine");
        let second = agent::command(home).output().expect("the agent");
        assert_eq!(second.status.code(), Some(3));
        assert_eq!(
            String::from_utf8_lossy(&second.stderr),
            format!(
                "oci-hostaliases-agent: /run/oci-hostaliases/agent.lock: process {} is already the agent of \
                 this node: stop it first, or do not start this one\n",
                first.pid()
            )
        );
    });
}

/// More than one message of NRI's can have (4 MiB) is running when the agent connects.
#[test]
fn what_runs_is_told_in_parts() {
    world("lifecycle::what_runs_is_told_in_parts", |home| {
        const PODS: usize = 20;
        let node = Node::new(Containerd::start(home), NodeLog::listen(), home, "crun");
        let long = "x".repeat(250 * 1024);
        for _ in 0..PODS {
            let pod = node.pod(&PodSpec {
                annotations: &[("example.org/long", &long)],
                ..PodSpec::default()
            });
            node.start(&pod, &LASTS).expect("a container");
        }
        let agent = Agent::start(home);
        agent.wait_for("it started without the agent");
        let without = agent::metric("oci_hostaliases_nri_started_without ");
        assert_eq!(without, PODS as f64, "{}", agent.said());
        assert!(output(&node).ends_with(ENTRIES), "it stays connected");
        node.remove_pods();
    });
}

#[test]
fn a_configuration_that_is_wrong() {
    world("lifecycle::a_configuration_that_is_wrong", |home| {
        let config = "/etc/oci-hostaliases/config.toml";
        fs::write(config, "[agent]\nmount-handler = [\"kata\"]\n").expect("config.toml");
        let refused = agent::command(home).output().expect("the agent");
        assert_eq!(refused.status.code(), Some(4));
        let said = String::from_utf8_lossy(&refused.stderr);
        let begins =
            format!("oci-hostaliases-agent: {config}: line 2: unknown field `mount-handler`");
        assert!(said.starts_with(&begins), "{said}");
    });
}

/// Registered too, as an administrator has it who comes from there.
#[test]
fn nothing_twice() {
    world("lifecycle::nothing_twice", |home| {
        let hook = home.join("oci-hostaliases-hook");
        let base_spec = home.join("base-spec.json");
        let config = home.join("config.toml");
        nri_containerd::configure(home);
        hook_program::register(
            "containerd",
            &hook.display().to_string(),
            &[
                "--config",
                &config.display().to_string(),
                "--base-spec",
                &base_spec.display().to_string(),
                "--runtime",
                "runc",
            ],
        );
        let containerd = Containerd::start_configured(home);
        let node = Node::new(containerd, NodeLog::listen(), home, "runc");
        let _agent = Agent::start(home);
        let pod = asking(&node);
        let spec = ContainerSpec {
            script: "cat /etc/hosts; grep -c ' /etc/hosts .* oci-hostaliases ' /proc/self/mountinfo",
            ..ContainerSpec::default()
        };
        let run = node.run(&pod, &spec);
        assert!(
            run.output.ends_with(&format!("{ENTRIES}1\n")),
            "{}",
            run.output
        );
        let hooks = run.config_json["hooks"]["prestart"].as_array();
        assert_eq!(hooks.expect("hooks").len(), 1);
        let registered = r#"oci_hostaliases_nri_containers_total{outcome="registered"} "#;
        assert_eq!(agent::metric(registered), 1.0);
        node.remove_pods();
        assert!(
            throwaway::mounts()
                .iter()
                .all(|line| !line.contains(" tmpfs oci-hostaliases "))
        );
    });
}

#[test]
fn changes_of_hosts_d_while_it_comes_and_goes() {
    world(
        "lifecycle::changes_of_hosts_d_while_it_comes_and_goes",
        |home| {
            let agent = Agent::start_alone(home);
            let entries = |count: f64| {
                let end = Instant::now() + Duration::from_secs(3);
                while agent::metric("oci_hostaliases_entries ") != count {
                    assert!(
                        Instant::now() < end,
                        "not {count} entries\n{}",
                        agent.said()
                    );
                    std::thread::sleep(Duration::from_millis(5));
                }
            };
            entries(0.0);
            fs::create_dir(format!("{HOSTS_D}/shop")).expect("a namespace");
            fs::write(
                format!("{HOSTS_D}/shop/a.hosts"),
                "10.0.0.1 a\n10.0.0.2 b\n",
            )
            .expect("a file");
            entries(2.0);
            fs::rename(format!("{HOSTS_D}/shop"), format!("{HOSTS_D}/.shop")).expect("renamed");
            entries(0.0);
            fs::rename(format!("{HOSTS_D}/.shop"), format!("{HOSTS_D}/web")).expect("renamed");
            fs::write(format!("{HOSTS_D}/web/b.hosts"), "10.0.0.3 c\n").expect("a file");
            entries(3.0);
            fs::remove_dir_all("/etc/oci-hostaliases").expect("removed");
            entries(0.0);
            fs::create_dir_all(format!("{HOSTS_D}/web")).expect("made again");
            fs::write(format!("{HOSTS_D}/web/c.hosts"), "10.0.0.4 d\n").expect("a file");
            entries(1.0);
            fs::write(format!("{HOSTS_D}/x.hosts"), "010.0.0.4 x\n").expect("a file");
            agent.wait_for("left out: /etc/oci-hostaliases/hosts.d/x.hosts:1:");
        },
    );
}
