//! containerd 1.7, whose NRI tells no addresses and is off unless its configuration turns it on.

use crate::agent::{self, Agent};
use crate::containerd_daemon::Containerd;
use crate::node_log::NodeLog;
use crate::pods::{ContainerSpec, Node, PodSpec};
use crate::{NODE_HOSTS, world_of_1_7};

const ALIASES: (&str, &str) = ("oci-hostaliases.io/host-aliases", "10.1.2.3 foo.remote");

#[test]
fn the_hook_finds_the_addresses() {
    world_of_1_7("older_nri::the_hook_finds_the_addresses", |home| {
        let node = Node::new(Containerd::start(home), NodeLog::listen(), home, "runc");
        let agent = Agent::start(home);
        agent.wait_for("connected to containerd 1.7.");
        let pod = node.pod(&PodSpec {
            annotations: &[ALIASES],
            ..PodSpec::default()
        });
        let run = node.run(&pod, &ContainerSpec::default());
        let [v4, v6] = pod.addresses.as_slice() else {
            panic!("two addresses expected: {:?}", pod.addresses)
        };
        let lines = format!(
            "{v4}\tweb-0\n{v6}\tweb-0\n\n# Entries added by HostAliases.\n10.1.2.3\tfoo.remote\n"
        );
        assert!(run.output.ends_with(&lines), "{}", run.output);
        let arguments = run.config_json["hooks"]["prestart"][0]["args"].to_string();
        assert!(!arguments.contains("--pod-ips"), "{arguments}");

        // Refused with the hook's text, and told of when the agent was away.
        let bad = node.pod(&PodSpec {
            annotations: &[(ALIASES.0, "010.1.2.3 foo.remote")],
            ..PodSpec::default()
        });
        let refused = node.start(&bad, &ContainerSpec::default());
        let message = refused.expect_err("a refused container").message;
        assert!(message.contains("must not have leading 0s"), "{message}");
        drop(agent);
        let spec = ContainerSpec {
            name: "without",
            script: "cat /etc/hosts; trap exit TERM; sleep 600 & wait",
            ..ContainerSpec::default()
        };
        node.start(&pod, &spec).expect("a container");
        let agent = Agent::start(home);
        agent.wait_for("it started without the agent");
        assert_eq!(agent::metric("oci_hostaliases_nri_started_without "), 1.0);
        node.remove_pods();
        let pod = node.pod(&PodSpec {
            annotations: &[ALIASES, ("oci-hostaliases.io/manage", "false")],
            ..PodSpec::default()
        });
        assert_eq!(node.output(&pod, &ContainerSpec::default()), NODE_HOSTS);
        node.remove_pods();
    });
}
