//! `render --bundle`: the file that the hook would give to a bundle's container.

use crate::on_disk::{bundle, write};
use crate::skipped::skipped;
use crate::tool::tool;
use serde_json::{Value, json};
use tempfile::TempDir;

const BOILERPLATE: &str = "\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
";
const ALIASES: &str = "[{\"ip\":\"10.1.2.3\",\"hostnames\":[\"foo.remote\",\"bar.remote\"]}]";
const SECTION: &str = "\n# Entries added by HostAliases.\n10.1.2.3\tfoo.remote\tbar.remote\n";

/// Runs `render` on the bundle with its own `hosts.d`, not the machine's.
fn render(directory: &TempDir, options: &[&str]) -> (i32, String, String) {
    let fixed = ["render", "--bundle", "bundle", "--hosts-d", "hosts.d"];
    tool(directory.path(), &[&fixed, options].concat(), b"")
}

/// A container on a network of its own, with these members of `config.json` put in.
fn config(members: Value) -> Value {
    let mut config = json!({
        "root": {"path": "rootfs"},
        "hostname": "web",
        "linux": {"namespaces": [{"type": "network"}, {"type": "mount"}]},
    });
    for (key, value) in members.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

fn hosts_mount(source: &str) -> Value {
    json!([
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/etc//hosts", "type": "bind", "source": source},
    ])
}

fn said(lines: &[&str]) -> String {
    lines
        .iter()
        .map(|line| format!("oci-hostaliases: {line}\n"))
        .collect()
}

#[test]
fn managed() {
    let containerd =
        hosts_mount("/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/ab/hosts");
    let address = ["--pod-ip", "10.0.0.5"];
    for (members, options, lines) in [
        (json!({}), &address[..], "10.0.0.5\tweb\n"),
        (json!({"mounts": containerd}), &address, "10.0.0.5\tweb\n"),
        (
            json!({"mounts": hosts_mount("/etc/hosts"), "annotations": {"io.container.manager": "cri-o"}}),
            &address,
            "10.0.0.5\tweb\n",
        ),
        (
            json!({"annotations": {"oci-hostaliases.io/host-aliases": ALIASES}}),
            &address,
            &format!("10.0.0.5\tweb\n{SECTION}"),
        ),
        // The host name: option, config.json, environment.
        (
            json!({"hostname": null, "process": {"env": ["PATH=/", "HOSTNAME=old", "HOSTNAME=env"]}}),
            &address,
            "10.0.0.5\tenv\n",
        ),
        (
            json!({"process": {"env": ["HOSTNAME=env"]}}),
            &address,
            "10.0.0.5\tweb\n",
        ),
        (
            json!({}),
            &["--pod-ip", "10.0.0.5", "--hostname", "db"],
            "10.0.0.5\tdb\n",
        ),
        // The domain: option, annotation. setHostnameAsFQDN makes the host name the whole name.
        (
            json!({"annotations": {"oci-hostaliases.io/domain": "example.org"}}),
            &address,
            "10.0.0.5\tweb.example.org\tweb\n",
        ),
        (
            json!({"hostname": "web.example.org", "annotations": {"oci-hostaliases.io/domain": "example.org"}}),
            &address,
            "10.0.0.5\tweb.example.org\tweb\n",
        ),
        (
            json!({"annotations": {"oci-hostaliases.io/domain": "example.org"}}),
            &["--pod-ip", "10.0.0.5", "--domain", "example.net"],
            "10.0.0.5\tweb.example.net\tweb\n",
        ),
        // The addresses: option, annotation, CRI-O.
        (
            json!({"annotations": {"io.kubernetes.cri-o.IP.0": "10.0.0.7", "io.kubernetes.cri-o.IP.1": "fd00::7"}}),
            &[],
            "10.0.0.7\tweb\nfd00::7\tweb\n",
        ),
        (
            json!({"annotations": {"io.kubernetes.cri-o.IP.0": "10.0.0.7", "oci-hostaliases.io/pod-ips": "10.0.0.6"}}),
            &[],
            "10.0.0.6\tweb\n",
        ),
        (
            json!({"annotations": {"oci-hostaliases.io/pod-ips": "10.0.0.6"}}),
            &address,
            "10.0.0.5\tweb\n",
        ),
        // A network that the container joins: not this process's, as far as it can be seen.
        (
            json!({"linux": {"namespaces": [{"type": "network", "path": "/absent"}]}}),
            &address,
            "10.0.0.5\tweb\n",
        ),
    ] {
        let directory = bundle(&config(members.clone()));
        let text = format!("{BOILERPLATE}{lines}");
        assert_eq!(
            render(&directory, options),
            (0, text, String::new()),
            "{members}"
        );
    }
}

#[test]
fn on_the_hosts_network() {
    let ours = format!("/proc/{}/ns/net", std::process::id());
    for namespaces in [
        json!([{"type": "mount"}]),
        json!(null),
        json!([{"type": "network", "path": ours}]),
    ] {
        let directory = bundle(&config(json!({
            "linux": {"namespaces": namespaces},
            "annotations": {"oci-hostaliases.io/host-aliases": ALIASES},
        })));
        write(directory.path(), "node", b"192.0.2.1 node\n");
        let text =
            format!("# Kubernetes-managed hosts file (host network).\n192.0.2.1 node\n{SECTION}");
        let ran = render(&directory, &["--node-hosts", "node"]);
        assert_eq!(ran, (0, text, String::new()), "{namespaces}");
        let ran = render(&directory, &["--node-hosts", "absent"]);
        let stderr = said(&[
            "the container uses the host's network, and the node's hosts file cannot be read: \
            open absent: No such file or directory (os error 2)",
        ]);
        assert_eq!(ran, (4, String::new(), stderr), "{namespaces}");
    }
}

#[test]
fn what_is_missing_is_said() {
    for (members, notes) in [
        (json!({}), "the Pod's address is not known: give --pod-ip"),
        (
            json!({"hostname": ""}),
            "the host name is not known: no line for the Pod's addresses: give --hostname",
        ),
        (
            json!({"hostname": "Web_1"}),
            "host name \"Web_1\" is not a lowercase RFC 1123 subdomain: no line for the Pod's addresses: give --hostname",
        ),
    ] {
        let directory = bundle(&config(members));
        let ran = render(&directory, &[]);
        assert_eq!(ran, (0, BOILERPLATE.to_owned(), said(&[notes])));
    }
}

#[test]
fn left_alone() {
    let aliases = json!({"oci-hostaliases.io/host-aliases": ALIASES});
    let kubelet = "/var/lib/kubelet/pods/12ab/etc-hosts";
    for (members, reason) in [
        (
            json!({"annotations": {"io.kubernetes.cri.container-type": "sandbox"}}),
            "the container is its Pod's sandbox".to_owned(),
        ),
        (
            json!({"annotations": {"oci-hostaliases.io/manage": "false", "oci-hostaliases.io/pod-ips": "x"}}),
            "annotation oci-hostaliases.io/manage is \"false\"".to_owned(),
        ),
        (
            json!({"mounts": hosts_mount(kubelet)}),
            format!("{kubelet} was made by the kubelet and no entries are requested"),
        ),
        (
            json!({"mounts": hosts_mount(kubelet), "annotations": {"oci-hostaliases.io/domain": "example.org"}}),
            format!("{kubelet} was made by the kubelet and there are no entries for it: it stays unchanged"),
        ),
        (
            json!({"mounts": hosts_mount("/srv/hosts")}),
            "/srv/hosts is the user's own volume on /etc/hosts".to_owned(),
        ),
        (
            json!({"mounts": hosts_mount("/srv/hosts"), "annotations": aliases}),
            "/srv/hosts is the user's own volume on /etc/hosts: the requested entries are not added".to_owned(),
        ),
    ] {
        let ran = render(&bundle(&config(members)), &[]);
        assert_eq!(ran, (0, String::new(), said(&[&format!("leave: {reason}")])));
    }
}

#[test]
fn an_engines_file_is_extended() {
    let directory = bundle(&config(json!({
        "mounts": hosts_mount("containers/ab/hosts"),
        "annotations": {"oci-hostaliases.io/host-aliases": ALIASES},
    })));
    let ran = render(&directory, &[]);
    let stderr = said(&[
        "the engine's file that config.json mounts on /etc/hosts cannot be read: \
        open bundle/containers/ab/hosts: No such file or directory (os error 2)",
    ]);
    assert_eq!(ran, (1, String::new(), stderr));

    // Podman from 4.6 on fills its file only after `create`.
    write(directory.path(), "bundle/containers/ab/hosts", b"");
    let ran = render(&directory, &["--pod-ip", "10.0.0.5"]);
    let stderr = said(&[
        "manage: containers/ab/hosts was made by Docker, but it is still empty: \
        the engine's own later entries (--add-host) are hidden until oci-hostaliases refresh runs",
    ]);
    assert_eq!(
        ran,
        (0, format!("{BOILERPLATE}10.0.0.5\tweb\n{SECTION}"), stderr)
    );

    // Without a final newline there is no empty line before the section, as under the kubelet.
    for engine in [
        "127.0.0.1 localhost\n172.17.0.2 web\n",
        "127.0.0.1 localhost",
    ] {
        write(
            directory.path(),
            "bundle/containers/ab/hosts",
            engine.as_bytes(),
        );
        let text = format!("{engine}{SECTION}");
        assert_eq!(render(&directory, &[]), (0, text, String::new()));
    }
}

#[test]
fn refused_annotations() {
    let directory = bundle(&config(json!({"annotations": {
        "oci-hostaliases.io/host-aliases": "[{\"ip\":\"010.0.0.5\",\"hostames\":[]}]",
        "oci-hostaliases.io/pod-ips": "10.0.0.5, 10.0.0.6",
    }})));
    let stderr = said(&[
        "bundle/config.json: oci-hostaliases.io/host-aliases[0].hostames: Unknown field",
        "bundle/config.json: oci-hostaliases.io/host-aliases[0].ip: Invalid value: \"010.0.0.5\": must not have leading 0s",
        "bundle/config.json: oci-hostaliases.io/pod-ips[1]: Invalid value: \" 10.0.0.6\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
    ]);
    assert_eq!(render(&directory, &[]), (5, String::new(), stderr));
}

#[test]
fn bundles_that_cannot_be_read() {
    let directory = bundle(&json!({}));
    let stderr = said(&["bundle/config.json: root.path: Required value"]);
    assert_eq!(render(&directory, &[]), (1, String::new(), stderr));

    write(directory.path(), "bundle/config.json", b"{");
    let stderr = said(&[
        "bundle/config.json: not a config.json: EOF while parsing an object at line 1 column 1",
    ]);
    assert_eq!(render(&directory, &[]), (1, String::new(), stderr));

    let ran = tool(directory.path(), &["render", "--bundle", "absent"], b"");
    let stderr = said(&["open absent/config.json: No such file or directory (os error 2)"]);
    assert_eq!(ran, (1, String::new(), stderr));
}

#[test]
fn entries_of_the_node_and_the_namespace() {
    if !nix::unistd::geteuid().is_root() {
        return skipped("entries of the node: only root's files are read in hosts.d: not root");
    }
    let annotations = json!({
        "io.kubernetes.cri.sandbox-namespace": "shop",
        "oci-hostaliases.io/host-aliases": ALIASES,
    });
    let directory = bundle(&config(json!({"annotations": annotations})));
    write(
        directory.path(),
        "hosts.d/node.hosts",
        b"10.9.0.1 registry\nx y\n",
    );
    write(directory.path(), "hosts.d/shop/db.hosts", b"10.9.0.2 db\n");
    let sections = format!(
        "{SECTION}\n# Entries added by oci-hostaliases from hosts.d/shop/db.hosts.\n10.9.0.2\tdb\n\
         \n# Entries added by oci-hostaliases from hosts.d/node.hosts.\n10.9.0.1\tregistry\n"
    );
    let stderr =
        said(&["left out: hosts.d/node.hosts:2: \"x\": not an IP address that resolvers read"]);
    let ran = render(&directory, &["--pod-ip", "10.0.0.5"]);
    let text = format!("{BOILERPLATE}10.0.0.5\tweb\n{sections}");
    assert_eq!(ran, (0, text.clone(), stderr.clone()));

    // For a manifest only when they are asked for: it renders the same on every machine.
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "annotations": {"oci-hostaliases.io/host-aliases": ALIASES}},
    })
    .to_string();
    let arguments = [
        "render",
        "-f",
        "-",
        "--pod-ip",
        "10.0.0.5",
        "--hosts-d",
        "hosts.d",
    ];
    let ran = tool(directory.path(), &arguments, pod.as_bytes());
    assert_eq!(ran, (0, text, stderr));
}
