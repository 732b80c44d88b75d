//! Pods of a real containerd, driven over its CRI socket as a kubelet drives it, with runc and with crun.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../support/case_table.rs"]
mod case_table;
#[path = "../support/containerd_daemon.rs"]
mod containerd_daemon;
mod cri_client;
mod cri_messages;
mod doctor;
#[path = "../support/hook_program.rs"]
mod hook_program;
#[path = "../support/image_archive.rs"]
mod image_archive;
#[path = "../support/needs.rs"]
mod needs;
#[path = "../support/newer_engines.rs"]
mod newer_engines;
#[path = "../support/node_log.rs"]
mod node_log;
mod pods;
mod registered_containerd;
mod registration;
mod removal;
#[path = "../support/skipped.rs"]
mod skipped;
#[path = "../support/throwaway.rs"]
mod throwaway;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use case_table::{Case, try_all};
use containerd_daemon::Containerd;
use node_log::NodeLog;
use pods::{ContainerSpec, Node, Pod, PodSpec};

#[test]
fn pods_with_runc() {
    pods_with("runc", "pods_with_runc", &[]);
}

#[test]
fn pods_with_crun() {
    pods_with("crun", "pods_with_crun", &[]);
}

#[test]
fn pods_of_containerd_2_with_runc() {
    pods_of_containerd_2("runc", "pods_of_containerd_2_with_runc");
}

#[test]
fn pods_of_containerd_2_with_crun() {
    pods_of_containerd_2("crun", "pods_of_containerd_2_with_crun");
}

fn pods_of_containerd_2(runtime: &'static str, test: &str) {
    if let Some(bin) = newer_engines::bin(test) {
        pods_with(runtime, test, &[&bin]);
    }
}

const PROGRAMS: [needs::Program; 8] = [
    ("containerd", "containerd"),
    ("ctr", "containerd"),
    ("containerd-shim-runc-v2", "containerd"),
    ("runc", "runc"),
    ("crun", "crun"),
    ("busybox", "busybox-static"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("/usr/lib/cni/host-local", "containernetworking-plugins"),
];

const CASES: [Case<Node>; 17] = [
    (
        "entries of the annotation, in both address families",
        annotated,
    ),
    (
        "no annotation: the kubelet's file without entries",
        not_annotated,
    ),
    (
        "two containers in a Pod, each with a file of its own",
        two_containers,
    ),
    (
        "the node's network: the node's file under the kubelet's header",
        host_network,
    ),
    (
        "the kubelet's file, entries asked for: extended, never written to",
        kubelet_file_extended,
    ),
    (
        "the kubelet's file, nothing asked for: left alone",
        kubelet_file_left,
    ),
    (
        "a read-only root filesystem: the file is there and writable",
        read_only_rootfs,
    ),
    ("the user's own file: left alone", own_file_left),
    ("manage: \"false\": left alone", not_to_be_managed),
    ("a domain and addresses by annotation", domain_and_addresses),
    (
        "the administrator's entries, also behind the kubelet's file",
        administrators_entries,
    ),
    (
        "the administrator's entries in a Pod that runs already, by refresh",
        refreshed,
    ),
    (
        "a tmpfs of its own with safe flags, root's, 0644",
        mount_of_its_own,
    ),
    (
        "a bad annotation: the reason reaches the CRI client",
        bad_annotation,
    ),
    (
        "config.json and ulimit -n but for the hook as without us",
        nothing_else_changes,
    ),
    ("doctor says that this containerd works", doctor::works),
    (
        "after unregister the hook runs until a restart, and doctor says that",
        doctor::after_unregister,
    ),
];

fn pods_with(runtime: &'static str, test: &str, programs: &[&Path]) {
    if !needs::met(test, &PROGRAMS) {
        return;
    }
    throwaway::world_of(test, programs, |home| {
        fs::write("/etc/hosts", NODE_HOSTS).expect("the world's /etc/hosts");
        let containerd = Containerd::start(home, &hook_program::install(home));
        let node = Node::new(containerd, NodeLog::listen(), home, runtime);
        try_all(&node, &CASES, Node::remove_pods);
    });
}

const NODE_HOSTS: &str = "127.0.0.1\tlocalhost\n192.0.2.250\tnode-1.example node-1\n";

const KEY: &str = "oci-hostaliases.io/host-aliases";
const ALIASES: (&str, &str) = (
    KEY,
    r#"[{"ip":"10.1.2.3","hostnames":["foo.remote","bar.remote"]}]"#,
);
const ENTRIES: &str = "\n# Entries added by HostAliases.\n10.1.2.3\tfoo.remote\tbar.remote\n";

const BOILERPLATE: &str = "# Kubernetes-managed hosts file.\n\
    127.0.0.1\tlocalhost\n\
    ::1\tlocalhost ip6-localhost ip6-loopback\n\
    fe00::0\tip6-localnet\n\
    fe00::0\tip6-mcastprefix\n\
    fe00::1\tip6-allnodes\n\
    fe00::2\tip6-allrouters\n";

/// What a kubelet wrote for a Pod. It differs from what the hook would write, so that the two cannot be confused.
const KUBELET_HOSTS: &str = "# Kubernetes-managed hosts file.\n\
    127.0.0.1\tlocalhost\n\
    10.200.0.5\tby-the-kubelet.sub.default.svc.cluster.local\tby-the-kubelet\n";

/// The boilerplate and the Pod's lines, with the addresses that the CRI reports.
fn managed(pod: &Pod) -> String {
    let [v4, v6] = pod.addresses.as_slice() else {
        panic!("two addresses expected: {:?}", pod.addresses)
    };
    assert!(v4.starts_with("192.0.2."), "{v4}");
    assert!(v6.starts_with("2001:db8:77::"), "{v6}");
    format!("{BOILERPLATE}{v4}\tweb-0\n{v6}\tweb-0\n")
}

fn annotated(node: &Node) {
    let pod = node.pod(&PodSpec {
        annotations: &[ALIASES],
        ..PodSpec::default()
    });
    let text = node.output(&pod, &ContainerSpec::default());
    assert_eq!(text, managed(&pod) + ENTRIES);
}

fn not_annotated(node: &Node) {
    let pod = node.pod(&PodSpec::default());
    let text = node.output(&pod, &ContainerSpec::default());
    assert_eq!(text, managed(&pod));
}

fn two_containers(node: &Node) {
    let pod = node.pod(&PodSpec {
        annotations: &[ALIASES],
        ..PodSpec::default()
    });
    let script = "echo '10.8.8.8\tmine' >>/etc/hosts; cat /etc/hosts";
    let first = node.output(
        &pod,
        &ContainerSpec {
            name: "first",
            script,
            ..ContainerSpec::default()
        },
    );
    let second = node.output(
        &pod,
        &ContainerSpec {
            name: "second",
            ..ContainerSpec::default()
        },
    );
    assert_eq!(first, managed(&pod) + ENTRIES + "10.8.8.8\tmine\n");
    assert_eq!(second, managed(&pod) + ENTRIES);
}

fn host_network(node: &Node) {
    let header = "# Kubernetes-managed hosts file (host network).\n";
    let pod = node.pod(&PodSpec {
        annotations: &[ALIASES],
        host_network: true,
        ..PodSpec::default()
    });
    let text = node.output(&pod, &ContainerSpec::default());
    assert_eq!(text, format!("{header}{NODE_HOSTS}{ENTRIES}"));

    let pod = node.pod(&PodSpec {
        host_network: true,
        ..PodSpec::default()
    });
    let text = node.output(&pod, &ContainerSpec::default());
    assert_eq!(text, format!("{header}{NODE_HOSTS}"));
}

/// The kubelet's file where it keeps it, mounted as it asks for it.
fn with_kubelet_file(node: &Node, pod: &Pod) -> String {
    let file = node
        .home
        .join("kubelet/pods")
        .join(&pod.uid)
        .join("etc-hosts");
    fs::create_dir_all(file.parent().expect("a directory")).expect("the kubelet's directory");
    fs::write(&file, KUBELET_HOSTS).expect("the kubelet's file");
    let text = node.output(
        pod,
        &ContainerSpec {
            hosts_mount: Some(&file),
            ..ContainerSpec::default()
        },
    );
    assert_eq!(
        fs::read_to_string(&file).expect("the kubelet's file"),
        KUBELET_HOSTS
    );
    text
}

fn kubelet_file_extended(node: &Node) {
    let pod = node.pod(&PodSpec {
        annotations: &[ALIASES],
        ..PodSpec::default()
    });
    assert_eq!(
        with_kubelet_file(node, &pod),
        format!("{KUBELET_HOSTS}{ENTRIES}")
    );
}

fn kubelet_file_left(node: &Node) {
    let pod = node.pod(&PodSpec::default());
    assert_eq!(with_kubelet_file(node, &pod), KUBELET_HOSTS);
}

fn read_only_rootfs(node: &Node) {
    let pod = node.pod(&PodSpec {
        annotations: &[ALIASES],
        ..PodSpec::default()
    });
    let script = "cat /etc/hosts; : >>/etc/hosts && echo writable; touch /etc/other 2>/dev/null || echo read-only";
    let text = node.output(
        &pod,
        &ContainerSpec {
            script,
            read_only: true,
            ..ContainerSpec::default()
        },
    );
    assert_eq!(text, managed(&pod) + ENTRIES + "writable\nread-only\n");
}

fn own_file_left(node: &Node) {
    let own = "10.9.9.9\tthe-users-own\n";
    let file = node.home.join("own-hosts");
    fs::write(&file, own).expect("the user's file");
    // 28: a daemon's warning. Nothing is said of a container that asked for nothing.
    for (annotations, record) in [(&[ALIASES][..], "<28>oci-hostaliases-hook["), (&[], "")] {
        let pod = node.pod(&PodSpec {
            annotations,
            ..PodSpec::default()
        });
        let text = node.output(
            &pod,
            &ContainerSpec {
                hosts_mount: Some(&file),
                ..ContainerSpec::default()
            },
        );
        assert_eq!(text, own);
        let records = node.log.records();
        assert!(
            records.starts_with(record) && records.is_empty() == record.is_empty(),
            "the log: {records}"
        );
    }
    assert_eq!(fs::read_to_string(&file).expect("the user's file"), own);
}

fn not_to_be_managed(node: &Node) {
    let annotations = &[("oci-hostaliases.io/manage", "false")];
    let pod = node.pod(&PodSpec {
        annotations,
        ..PodSpec::default()
    });
    // containerd's copy of the node's file.
    assert_eq!(node.output(&pod, &ContainerSpec::default()), NODE_HOSTS);
}

fn domain_and_addresses(node: &Node) {
    let annotations = &[
        (
            "oci-hostaliases.io/domain",
            "nginx.default.svc.cluster.local",
        ),
        ("oci-hostaliases.io/pod-ips", "10.200.0.5,fd00::5"),
    ];
    let pod = node.pod(&PodSpec {
        annotations,
        ..PodSpec::default()
    });
    assert_eq!(
        node.output(&pod, &ContainerSpec::default()),
        format!(
            "{BOILERPLATE}10.200.0.5\tweb-0.nginx.default.svc.cluster.local\tweb-0\n\
             fd00::5\tweb-0.nginx.default.svc.cluster.local\tweb-0\n"
        )
    );
}

fn administrators_entries(node: &Node) {
    let of_the_node = "/etc/oci-hostaliases/hosts.d/10-all.hosts";
    let of_the_namespace = "/etc/oci-hostaliases/hosts.d/default/10-some.hosts";
    let of_another = "/etc/oci-hostaliases/hosts.d/other/10-some.hosts";
    for (file, line) in [
        (of_the_node, "10.4.4.4 everywhere  # a comment\n"),
        (of_the_namespace, "10.5.5.5\tin-default\n"),
        (of_another, "10.6.6.6\tin-other\n"),
    ] {
        fs::create_dir_all(Path::new(file).parent().expect("a directory")).expect("hosts.d");
        fs::write(file, line).expect("hosts.d");
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).expect("hosts.d");
    }
    let asking = node.pod(&PodSpec {
        annotations: &[ALIASES],
        ..PodSpec::default()
    });
    let silent = node.pod(&PodSpec::default());
    let texts = [
        node.output(&asking, &ContainerSpec::default()),
        with_kubelet_file(node, &silent),
    ];
    fs::remove_dir_all("/etc/oci-hostaliases").expect("hosts.d");

    let sections = "\n# Entries added by oci-hostaliases from /etc/oci-hostaliases/hosts.d/default/10-some.hosts.\n\
        10.5.5.5\tin-default\n\
        \n# Entries added by oci-hostaliases from /etc/oci-hostaliases/hosts.d/10-all.hosts.\n\
        10.4.4.4\teverywhere\n";
    assert_eq!(texts[0], managed(&asking) + ENTRIES + sections);
    assert_eq!(texts[1], format!("{KUBELET_HOSTS}{sections}"));
}

/// The README's three steps: one file copied, `refresh`, and the running Pod knows the name.
fn refreshed(node: &Node) {
    let pod = node.pod(&PodSpec::default());
    let waiting = ContainerSpec {
        script: "n=0; until grep -q registry.corp /etc/hosts || [ $n = 300 ]; do sleep 0.1; n=$((n+1)); done; cat /etc/hosts",
        ..ContainerSpec::default()
    };
    let id = node.start(&pod, &waiting).expect("a container");
    let file = "/etc/oci-hostaliases/hosts.d/corp.hosts";
    fs::create_dir_all(Path::new(file).parent().expect("a directory")).expect("hosts.d");
    fs::write(file, "10.0.0.1  registry.corp\n").expect("hosts.d");
    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).expect("hosts.d");
    let listed = tool(&["list"]);
    let refresh = tool(&["refresh"]);
    let text = node.finish(&pod, &waiting, &id).output;
    fs::remove_dir_all("/etc/oci-hostaliases").expect("hosts.d");

    assert_eq!(
        refresh,
        format!(
            "refreshed: pod default/web-0, container main {id}\n1 refreshed, 0 up to date, 0 not possible\n"
        )
    );
    assert!(
        listed.contains(&format!("  default    web-0  main       {id}\n")),
        "{listed}"
    );
    let section =
        format!("\n# Entries added by oci-hostaliases from {file}.\n10.0.0.1\tregistry.corp\n");
    assert_eq!(text, managed(&pod) + &section);
}

fn mount_of_its_own(node: &Node) {
    let pod = node.pod(&PodSpec {
        annotations: &[ALIASES],
        ..PodSpec::default()
    });
    let script =
        "stat -c '%a %u:%g' /etc/hosts; grep ' /etc/hosts ' /proc/self/mountinfo | tail -n1";
    let text = node.output(
        &pod,
        &ContainerSpec {
            script,
            ..ContainerSpec::default()
        },
    );
    let (mode, mount) = text.trim_end().split_once('\n').expect("two lines");
    assert_eq!(mode, "644 0:0");
    let (mount, filesystem) = mount.split_once(" - ").expect("a line of mountinfo");
    assert!(
        filesystem.starts_with("tmpfs oci-hostaliases "),
        "{filesystem}"
    );
    assert!(filesystem.contains("size=1024k"), "{filesystem}");
    for flag in ["rw", "nosuid", "nodev", "noexec"] {
        assert!(
            mount.split([' ', ',']).any(|word| word == flag),
            "{flag} in {mount}"
        );
    }
}

fn bad_annotation(node: &Node) {
    let annotations = &[(KEY, r#"[{"ip":"010.0.0.5","hostnames":["foo.remote"]}]"#)];
    let pod = node.pod(&PodSpec {
        annotations,
        ..PodSpec::default()
    });
    let refused = node
        .start(&pod, &ContainerSpec::default())
        .expect_err("a container that must not start");
    let reason = r#"oci-hostaliases.io/host-aliases[0].ip: Invalid value: "010.0.0.5": must not have leading 0s"#;
    // runc passes the hook's last words on; crun knows nothing of a hook but its exit status.
    let expected = if node.runtime == "runc" {
        reason
    } else {
        "(exit code: 5)"
    };
    let message = refused.message.replace("\\\"", "\"");
    assert!(
        message.contains(expected),
        "gRPC {}: {message}",
        refused.code
    );
    let records = node.log.records();
    assert!(records.contains(reason), "the log: {records}");
}

fn nothing_else_changes(node: &Node) {
    let script = "ulimit -n";
    let pod = node.pod(&PodSpec {
        annotations: &[ALIASES],
        ..PodSpec::default()
    });
    let plain = node.pod(&PodSpec {
        annotations: &[ALIASES],
        plain: true,
        ..PodSpec::default()
    });
    let spec = ContainerSpec {
        script,
        ..ContainerSpec::default()
    };
    let (ours, theirs) = (node.run(&pod, &spec), node.run(&plain, &spec));
    assert_eq!(ours.output, theirs.output, "ulimit -n");

    let (mut ours, theirs): (Value, Value) = (ours.config_json, theirs.config_json);
    let fields = ours.as_object_mut().expect("config.json");
    assert!(
        fields
            .remove("hooks")
            .is_some_and(|hooks| hooks["prestart"].is_array())
    );
    let annotations = fields["annotations"].as_object_mut().expect("annotations");
    assert_eq!(annotations.remove(ALIASES.0), Some(ALIASES.1.into()));
    assert_eq!(ours, theirs);
}

/// What the command-line tool prints; it must succeed.
fn tool(arguments: &[&str]) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_oci-hostaliases"));
    let output = command.args(arguments).output().expect("oci-hostaliases");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
