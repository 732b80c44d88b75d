//! Every row of the plan table with the hook that NRI brings, and with the mount where hooks are passed over.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::agent::{self, Agent};
use crate::case_table::{Case, try_all};
use crate::containerd_daemon::Containerd;
use crate::node_log::NodeLog;
use crate::pods::{ContainerSpec, Node, Pod, PodSpec};
use crate::{HOSTS_D, NODE_HOSTS, world};

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
const KUBELET_HOSTS: &str = "# Kubernetes-managed hosts file.\n\
    127.0.0.1\tlocalhost\n\
    10.244.0.9\tweb-0.web.default.svc.cluster.local\tweb-0\n";

#[test]
fn hook_with_runc() {
    by_hook("runc", "plan_by_nri::hook_with_runc");
}

#[test]
fn hook_with_crun() {
    by_hook("crun", "plan_by_nri::hook_with_crun");
}

#[test]
fn mount_with_runc() {
    by_mount("runc", "plan_by_nri::mount_with_runc");
}

#[test]
fn mount_with_crun() {
    by_mount("crun", "plan_by_nri::mount_with_crun");
}

/// A case and whether its containers have the handler whose runtime passes over hooks.
struct Engine {
    node: Node,
    passes_over_hooks: bool,
    agent: Agent,
}

fn by_hook(runtime: &'static str, test: &str) {
    world(test, |home| {
        let node = Node::new(Containerd::start(home), NodeLog::listen(), home, runtime);
        let engine = Engine {
            node,
            passes_over_hooks: false,
            agent: Agent::start(home),
        };
        try_all(&engine, &CASES, clean_up);
        try_all(&engine, &HOOK_CASES, clean_up);
    });
}

fn by_mount(runtime: &'static str, test: &str) {
    world(test, |home| {
        let config = "[agent]\nmount-handlers = [\"runc-plain\", \"crun-plain\"]\n";
        fs::write("/etc/oci-hostaliases/config.toml", config).expect("config.toml");
        let node = Node::new(Containerd::start(home), NodeLog::listen(), home, runtime);
        let engine = Engine {
            node,
            passes_over_hooks: true,
            agent: Agent::start(home),
        };
        try_all(&engine, &CASES, clean_up);
        try_all(&engine, &MOUNT_CASES, clean_up);
    });
}

fn clean_up(engine: &Engine) {
    engine.node.remove_pods();
    for name in ["corp.hosts", "default/shop.hosts"] {
        let _ = fs::remove_file(Path::new(HOSTS_D).join(name));
    }
    let _ = fs::remove_dir(Path::new(HOSTS_D).join("default"));
    wait_for_entries(0);
}

/// Until the agent has read `hosts.d` as it is.
fn wait_for_entries(count: usize) {
    let end = Instant::now() + Duration::from_secs(5);
    while agent::metric("oci_hostaliases_entries ") != count as f64 {
        assert!(Instant::now() < end, "hosts.d is not followed");
        std::thread::sleep(Duration::from_millis(5));
    }
}

const CASES: [Case<Engine>; 9] = [
    (
        "entries of the Pod's annotation, which the engine keeps to itself",
        annotated,
    ),
    (
        "no annotation: the kubelet's file without entries",
        not_annotated,
    ),
    (
        "the node's network: the node's file under the kubelet's header",
        host_network,
    ),
    (
        "the kubelet's file: extended when something is asked for, else left",
        kubelet_file,
    ),
    ("the user's own file: left alone", own_file),
    ("manage: \"false\": left alone", not_to_be_managed),
    ("a domain and addresses by annotation", domain_and_addresses),
    (
        "the administrator's entries, also behind the kubelet's file",
        administrators_entries,
    ),
    (
        "bad annotations: the container is refused with the field's name",
        bad_annotations,
    ),
];

const HOOK_CASES: [Case<Engine>; 5] = [
    (
        "256 KiB of annotations of others: the container gets its file",
        others_annotations,
    ),
    (
        "what hosts.d says now is in a running container within a second",
        refreshed,
    ),
    (
        "what the engine writes to its file reaches the container",
        engine_file_followed,
    ),
    ("with on-error warn a bad annotation stops nothing", warned),
    ("no hook at its path: the container starts", without_hook),
];

const MOUNT_CASES: [Case<Engine>; 2] = [
    (
        "the mount is read-only, and its file is gone with the container",
        mount_is_read_only,
    ),
    (
        "what hosts.d says now is in a running container within a second",
        mount_refreshed,
    ),
];

fn pod(engine: &Engine, annotations: &[(&str, &str)]) -> Pod {
    engine.node.pod(&PodSpec {
        annotations,
        plain: engine.passes_over_hooks,
        ..PodSpec::default()
    })
}

fn output(engine: &Engine, annotations: &[(&str, &str)]) -> (Pod, String) {
    let pod = pod(engine, annotations);
    let text = engine.node.output(&pod, &ContainerSpec::default());
    (pod, text)
}

fn managed(pod: &Pod) -> String {
    let [v4, v6] = pod.addresses.as_slice() else {
        panic!("two addresses expected: {:?}", pod.addresses)
    };
    format!("{BOILERPLATE}{v4}\tweb-0\n{v6}\tweb-0\n")
}

fn annotated(engine: &Engine) {
    let (pod, text) = output(engine, &[ALIASES]);
    assert_eq!(text, managed(&pod) + ENTRIES);
}

fn not_annotated(engine: &Engine) {
    let (pod, text) = output(engine, &[]);
    assert_eq!(text, managed(&pod));
}

fn host_network(engine: &Engine) {
    let pod = engine.node.pod(&PodSpec {
        annotations: &[ALIASES],
        host_network: true,
        plain: engine.passes_over_hooks,
    });
    let text = engine.node.output(&pod, &ContainerSpec::default());
    let header = "# Kubernetes-managed hosts file (host network).\n";
    assert_eq!(text, format!("{header}{NODE_HOSTS}{ENTRIES}"));
}

/// The kubelet's file where it keeps it.
fn kubelet_file_of(engine: &Engine, pod: &Pod) -> std::path::PathBuf {
    let directory = engine.node.home.join("kubelet/pods").join(&pod.uid);
    fs::create_dir_all(&directory).expect("the kubelet's directory");
    let file = directory.join("etc-hosts");
    fs::write(&file, KUBELET_HOSTS).expect("the kubelet's file");
    file
}

fn with_mount(engine: &Engine, pod: &Pod, file: &Path) -> String {
    let spec = ContainerSpec {
        hosts_mount: Some(file),
        ..ContainerSpec::default()
    };
    engine.node.output(pod, &spec)
}

fn kubelet_file(engine: &Engine) {
    for (annotations, behind) in [(&[ALIASES][..], ENTRIES), (&[], "")] {
        let pod = pod(engine, annotations);
        let file = kubelet_file_of(engine, &pod);
        let text = with_mount(engine, &pod, &file);
        assert_eq!(text, format!("{KUBELET_HOSTS}{behind}"));
        let kept = fs::read_to_string(&file).expect("the kubelet's file");
        assert_eq!(kept, KUBELET_HOSTS);
    }
}

fn own_file(engine: &Engine) {
    let own = "10.9.9.9\tthe-users-own\n";
    let file = engine.node.home.join("own-hosts");
    fs::write(&file, own).expect("the user's file");
    // As a Pod's author may write it, also so that it looks like the kubelet's.
    let roundabout = engine.node.home.join("pods/../own-hosts");
    fs::create_dir_all(engine.node.home.join("pods/etc-hosts")).expect("a directory");
    let disguised = engine.node.home.join("pods/etc-hosts/../../own-hosts");
    for annotations in [&[ALIASES][..], &[]] {
        for path in [&file, &roundabout, &disguised] {
            let pod = pod(engine, annotations);
            assert_eq!(with_mount(engine, &pod, path), own, "{}", path.display());
        }
    }
    engine
        .agent
        .wait_for("is the user's own volume on /etc/hosts: the requested entries are not added");
}

fn not_to_be_managed(engine: &Engine) {
    let annotations = [ALIASES, ("oci-hostaliases.io/manage", "false")];
    let (_, text) = output(engine, &annotations);
    // containerd's copy of the node's file.
    assert_eq!(text, NODE_HOSTS);
}

fn domain_and_addresses(engine: &Engine) {
    let annotations = [
        ("oci-hostaliases.io/domain", "web.default.svc.cluster.local"),
        ("oci-hostaliases.io/pod-ips", "10.200.0.5,fd00::5"),
    ];
    let (_, text) = output(engine, &annotations);
    let name = "web-0.web.default.svc.cluster.local\tweb-0";
    assert_eq!(
        text,
        format!("{BOILERPLATE}10.200.0.5\t{name}\nfd00::5\t{name}\n")
    );
}

fn administrators_entries(engine: &Engine) {
    fs::create_dir(format!("{HOSTS_D}/default")).expect("a namespace");
    fs::write(
        format!("{HOSTS_D}/default/shop.hosts"),
        "10.0.0.2 shop.corp\n",
    )
    .expect("a file");
    fs::write(format!("{HOSTS_D}/corp.hosts"), "10.0.0.1 registry.corp\n").expect("a file");
    wait_for_entries(2);
    let sections = format!(
        "\n# Entries added by oci-hostaliases from {HOSTS_D}/default/shop.hosts.\n10.0.0.2\tshop.corp\n\
         \n# Entries added by oci-hostaliases from {HOSTS_D}/corp.hosts.\n10.0.0.1\tregistry.corp\n"
    );
    let (first, text) = output(engine, &[]);
    assert_eq!(text, managed(&first) + &sections);
    let pod = pod(engine, &[]);
    let file = kubelet_file_of(engine, &pod);
    let text = with_mount(engine, &pod, &file);
    assert_eq!(text, format!("{KUBELET_HOSTS}{sections}"));
}

fn bad_annotations(engine: &Engine) {
    let long = format!("10.0.0.1 {}", "a".repeat(254));
    let huge = "10.0.0.1 a\n".repeat(24 * 1024);
    for (annotation, said) in [
        (
            (KEY, r#"[{"ip":"010.0.0.5","hostnames":["a"]}]"#),
            r#"oci-hostaliases.io/host-aliases[0].ip: Invalid value: "010.0.0.5": must not have leading 0s"#,
        ),
        (
            (KEY, r#"[{"ip":"10.0.0.5","hostames":["a"]}]"#),
            "oci-hostaliases.io/host-aliases[0].hostames: Unknown field",
        ),
        (
            (KEY, "[{"),
            "oci-hostaliases.io/host-aliases: Invalid value:",
        ),
        ((KEY, "10.0.0.1 Six_Corp"), "a lowercase RFC 1123 subdomain"),
        ((KEY, &long), "must be no more than 253"),
        (
            (KEY, &huge),
            "oci-hostaliases.io/: Too long: may not be more than 262144 bytes",
        ),
        (
            ("oci-hostaliases.io/host-alias", "10.0.0.1 a"),
            "did you mean oci-hostaliases.io/host-aliases?",
        ),
        (
            ("oci-hostaliases.io/pod-ips", "10.0.0.300"),
            "oci-hostaliases.io/pod-ips[0]: Invalid value",
        ),
        (
            ("oci-hostaliases.io/domain", "web.default_svc"),
            "oci-hostaliases.io/domain: Invalid value",
        ),
        (
            (KEY, "10.0.0.1 a\u{1b}[2Jb"),
            "oci-hostaliases.io/host-aliases",
        ),
        ((KEY, "10.0.0.1"), "oci-hostaliases.io/host-aliases"),
        (
            (KEY, r#"[{"ip":"10.0.0.5","hostnames":"a"}]"#),
            "oci-hostaliases.io/host-aliases[0].hostnames: Invalid value",
        ),
    ] {
        let pod = pod(engine, &[annotation]);
        let refused = engine.node.start(&pod, &ContainerSpec::default());
        let refused = refused.expect_err("a refused container");
        let message = refused.message;
        assert_eq!(
            refused.code, "2",
            "gRPC's Unknown, as for a hook that fails"
        );
        assert!(message.contains(said), "{said:?} is not in {message:?}");
    }
}

fn others_annotations(engine: &Engine) {
    let long = "x".repeat(128 * 1024);
    let others = [("example.org/a", &*long), ("example.org/b", &long), ALIASES];
    let (pod, text) = output(engine, &others);
    assert_eq!(text, managed(&pod) + ENTRIES);
}

/// What a container prints that waits for this text in its file.
fn wait_in_container(text: &str) -> String {
    format!("until grep -q {text} /etc/hosts; do usleep 10000; done; cat /etc/hosts")
}

fn refreshed(engine: &Engine) {
    let pod = pod(engine, &[]);
    let script = wait_in_container("registry.corp");
    let spec = ContainerSpec {
        script: &script,
        ..ContainerSpec::default()
    };
    let id = engine.node.start(&pod, &spec).expect("a container");
    std::thread::sleep(Duration::from_millis(700));
    let began = Instant::now();
    fs::write(format!("{HOSTS_D}/corp.hosts"), "10.0.0.1 registry.corp\n").expect("a file");
    let run = engine.node.finish(&pod, &spec, &id);
    let took = began.elapsed();
    let section = format!(
        "\n# Entries added by oci-hostaliases from {HOSTS_D}/corp.hosts.\n10.0.0.1\tregistry.corp\n"
    );
    assert_eq!(run.output, managed(&pod) + &section);
    println!("a change of hosts.d took {took:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
}

fn engine_file_followed(engine: &Engine) {
    let pod = pod(engine, &[ALIASES]);
    let file = kubelet_file_of(engine, &pod);
    let script = wait_in_container("10.244.0.77");
    let spec = ContainerSpec {
        script: &script,
        hosts_mount: Some(&file),
        ..ContainerSpec::default()
    };
    let id = engine.node.start(&pod, &spec).expect("a container");
    std::thread::sleep(Duration::from_millis(1500));
    let began = Instant::now();
    let rewritten = format!("{KUBELET_HOSTS}10.244.0.77\tweb-1\n");
    fs::write(&file, &rewritten).expect("the kubelet's file");
    let run = engine.node.finish(&pod, &spec, &id);
    println!("a change of the engine's file took {:?}", began.elapsed());
    assert_eq!(run.output, format!("{rewritten}{ENTRIES}"));
}

fn warned(engine: &Engine) {
    let config = Path::new("/etc/oci-hostaliases/config.toml");
    fs::write(config, "on-error = \"warn\"\n").expect("config.toml");
    std::thread::sleep(Duration::from_millis(600));
    let (_, text) = output(engine, &[(KEY, "10.0.0.1")]);
    fs::remove_file(config).expect("config.toml");
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(text, NODE_HOSTS);
    engine.agent.wait_for("; it starts with its engine's file");
}

fn without_hook(engine: &Engine) {
    let hook = engine.node.home.join("oci-hostaliases-hook");
    let away = engine.node.home.join("away");
    fs::rename(&hook, &away).expect("the hook");
    let (_, text) = output(engine, &[ALIASES]);
    fs::rename(&away, &hook).expect("the hook");
    assert_eq!(text, NODE_HOSTS);
    engine.agent.wait_for("it starts without the hook");
}

fn mount_is_read_only(engine: &Engine) {
    let pod = pod(engine, &[ALIASES]);
    let script = "echo '10.8.8.8 mine' 2>/dev/null >>/etc/hosts || echo read-only";
    let spec = ContainerSpec {
        script,
        ..ContainerSpec::default()
    };
    assert_eq!(engine.node.output(&pod, &spec), "read-only\n");
    let files = || {
        fs::read_dir("/run/oci-hostaliases/files")
            .expect("files")
            .count()
    };
    assert_eq!(files(), 1);
    engine.node.remove_pods();
    let end = Instant::now() + Duration::from_secs(5);
    while files() > 0 {
        assert!(Instant::now() < end, "the file stays");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn mount_refreshed(engine: &Engine) {
    refreshed(engine);
}
