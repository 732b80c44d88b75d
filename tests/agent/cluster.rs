//! A node of a cluster whose objects come while containers run.

use std::fs;

use crate::agent::Agent;
use crate::containerd_daemon::Containerd;
use crate::node_log::NodeLog;
use crate::pods::{ContainerSpec, Node, PodSpec};
use crate::{HOSTS_D, world};

/// An API server that does not answer: the files of `hosts.d` stay in use.
const KUBECONFIG: &str = r#"{
    "apiVersion": "v1", "kind": "Config", "current-context": "test",
    "clusters": [{"name": "test", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "test", "user": {}}],
    "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]
}"#;
const KUBELET_HOSTS: &str = "# Kubernetes-managed hosts file.\n\
    127.0.0.1\tlocalhost\n\
    10.244.0.9\tweb-0\n";

#[test]
fn a_pod_that_started_before_there_was_an_entry_gets_it() {
    let test = "cluster::a_pod_that_started_before_there_was_an_entry_gets_it";
    world(test, |home| {
        let kubeconfig = home.join("kubeconfig");
        fs::write(&kubeconfig, KUBECONFIG).expect("kubeconfig");
        let kubeconfig = kubeconfig.to_str().expect("UTF-8");
        let node = Node::new(Containerd::start(home), NodeLog::listen(), home, "runc");
        let agent = Agent::start_with(home, &["--kubernetes", "--kubeconfig", kubeconfig]);
        agent.wait_for("connected to ");

        let pod = node.pod(&PodSpec::default());
        let directory = home.join("kubelet/pods").join(&pod.uid);
        fs::create_dir_all(&directory).expect("the kubelet's directory");
        let file = directory.join("etc-hosts");
        fs::write(&file, KUBELET_HOSTS).expect("the kubelet's file");
        let spec = ContainerSpec {
            script: "cat /etc/hosts; until grep -q registry.corp /etc/hosts; do usleep 10000; done; cat /etc/hosts",
            hosts_mount: Some(&file),
            ..ContainerSpec::default()
        };
        let id = node.start(&pod, &spec).expect("a container");
        std::thread::sleep(std::time::Duration::from_millis(500));
        fs::write(format!("{HOSTS_D}/corp.hosts"), "10.0.0.1 registry.corp\n").expect("a file");
        let run = node.finish(&pod, &spec, &id);
        let section = format!(
            "\n# Entries added by oci-hostaliases from {HOSTS_D}/corp.hosts.\n10.0.0.1\tregistry.corp\n"
        );
        assert_eq!(
            run.output,
            format!("{KUBELET_HOSTS}{KUBELET_HOSTS}{section}")
        );
    });
}
