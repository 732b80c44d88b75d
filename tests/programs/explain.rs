//! `explain`: the plan, the reason, and the origin of each line.

use std::path::Path;

use crate::on_disk::{bundle, write};
use crate::skipped::skipped;
use crate::tool::tool;
use serde_json::json;

fn data() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data"))
}

#[track_caller]
fn assert_explains(directory: &Path, arguments: &[&str], manifest: &str, text: &str) {
    let arguments = [&["explain"], arguments].concat();
    let (status, stdout, stderr) = tool(directory, &arguments, manifest.as_bytes());
    assert_eq!(stdout, text);
    assert_eq!((status, stderr.as_str()), (0, ""));
}

#[test]
fn documentation_example() {
    assert_explains(
        data(),
        &["-f", "hostaliases-pod.yaml", "--pod-ip", "10.200.0.5"],
        "",
        "\
plan: manage
reason: no container has a volume of its own on /etc/hosts
pod: default/hostaliases-pod
network: the Pod's own
hostname: hostaliases-pod (metadata.name)

LINE  ORIGIN                         TEXT
   1  kubelet's boilerplate          # Kubernetes-managed hosts file.
   2  kubelet's boilerplate          127.0.0.1\tlocalhost
   3  kubelet's boilerplate          ::1\tlocalhost ip6-localhost ip6-loopback
   4  kubelet's boilerplate          fe00::0\tip6-localnet
   5  kubelet's boilerplate          fe00::0\tip6-mcastprefix
   6  kubelet's boilerplate          fe00::1\tip6-allnodes
   7  kubelet's boilerplate          fe00::2\tip6-allrouters
   8  address of the Pod (--pod-ip)  10.200.0.5\thostaliases-pod
   9  heading of spec.hostAliases
  10  heading of spec.hostAliases    # Entries added by HostAliases.
  11  spec.hostAliases[0]            127.0.0.1\tfoo.local\tbar.local
  12  spec.hostAliases[1]            10.1.2.3\tfoo.remote\tbar.remote
",
    );
}

#[test]
fn a_pod_with_everything() {
    let manifest = "\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
  annotations:
    oci-hostaliases.io/host-aliases: |
      # the old database
      10.9.9.9 db

      10.9.9.10 cache
spec:
  hostname: custom
  subdomain: sub
  hostAliases:
  - ip: 10.1.2.3
    hostnames: [a, b]
  containers:
  - name: main
  - name: own
    volumeMounts:
    - {name: v, mountPath: /data}
    - {name: v, mountPath: /etc/hosts}
status:
  podIPs:
  - ip: 10.0.0.5
  - ip: fd00::5
";
    assert_explains(
        data(),
        &["-f", "-"],
        manifest,
        "\
plan: manage
reason: not every container has a volume of its own on /etc/hosts
pod: shop/web
network: the Pod's own
hostname: custom (spec.hostname)
domain: sub.shop.svc.cluster.local (spec.subdomain)
note: container own is left alone: it has a volume of its own on /etc/hosts

LINE  ORIGIN                                      TEXT
   1  kubelet's boilerplate                       # Kubernetes-managed hosts file.
   2  kubelet's boilerplate                       127.0.0.1\tlocalhost
   3  kubelet's boilerplate                       ::1\tlocalhost ip6-localhost ip6-loopback
   4  kubelet's boilerplate                       fe00::0\tip6-localnet
   5  kubelet's boilerplate                       fe00::0\tip6-mcastprefix
   6  kubelet's boilerplate                       fe00::1\tip6-allnodes
   7  kubelet's boilerplate                       fe00::2\tip6-allrouters
   8  address of the Pod (status.podIPs)          10.0.0.5\tcustom.sub.shop.svc.cluster.local\tcustom
   9  address of the Pod (status.podIPs)          fd00::5\tcustom.sub.shop.svc.cluster.local\tcustom
  10  heading of spec.hostAliases
  11  heading of spec.hostAliases                 # Entries added by HostAliases.
  12  spec.hostAliases[0]                         10.1.2.3\ta\tb
  13  heading of oci-hostaliases.io/host-aliases
  14  heading of oci-hostaliases.io/host-aliases  # Entries added by HostAliases.
  15  oci-hostaliases.io/host-aliases line 2      10.9.9.9\tdb
  16  oci-hostaliases.io/host-aliases line 4      10.9.9.10\tcache
",
    );
}

#[test]
fn on_the_hosts_network() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "node", b"192.0.2.1 node\n\n# \x1b[31mred");
    assert_explains(
        directory.path(),
        &["-f", "-", "--node-hosts", "node"],
        "apiVersion: v1\nkind: Pod\nmetadata: {generateName: web-}\nspec: {hostNetwork: true, hostAliases: [{ip: 10.1.2.3}]}\n",
        "\
plan: manage
reason: no container has a volume of its own on /etc/hosts
pod: default/(not named yet)
network: the host's (spec.hostNetwork)

LINE  ORIGIN                       TEXT
   1  kubelet's boilerplate        # Kubernetes-managed hosts file (host network).
   2  the node's hosts file node   192.0.2.1 node
   3  the node's hosts file node
   4  the node's hosts file node   # \\u{1b}[31mred
   5  heading of spec.hostAliases  # Entries added by HostAliases.
   6  spec.hostAliases[0]          10.1.2.3\t
",
    );
}

#[test]
fn left_alone() {
    for (spec, annotations, text) in [
        (
            "containers: [{name: a, volumeMounts: [{mountPath: /etc/hosts}]}], hostAliases: [{ip: 10.1.2.3}]",
            "{}",
            "plan: leave\nreason: every container has a volume of its own on /etc/hosts: the requested entries are not added\npod: default/web\n",
        ),
        (
            "",
            "{oci-hostaliases.io/manage: \"false\"}",
            "plan: leave\nreason: annotation oci-hostaliases.io/manage is \"false\"\npod: default/web\n",
        ),
    ] {
        let manifest = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, annotations: {annotations}}}\nspec: {{{spec}}}\n"
        );
        assert_explains(data(), &["-f", "-"], &manifest, text);
    }
}

#[test]
fn a_bundle_of_cri_o() {
    let directory = bundle(&json!({
        "root": {"path": "rootfs"},
        "process": {"env": ["HOSTNAME=web"]},
        "linux": {"namespaces": [{"type": "network", "path": "/absent"}]},
        "annotations": {
            "io.kubernetes.cri-o.IP.0": "10.0.0.7",
            "oci-hostaliases.io/domain": "example.org",
            "oci-hostaliases.io/host-aliases": "[{\"ip\":\"10.1.2.3\",\"hostnames\":[\"a\"]}]",
        },
    }));
    assert_explains(
        directory.path(),
        &["--bundle", "bundle", "--hosts-d", "hosts.d"],
        "",
        "\
plan: manage
reason: nothing is mounted on /etc/hosts
bundle: bundle
network: the Pod's own
hostname: web (HOSTNAME of process.env)
domain: example.org (annotation oci-hostaliases.io/domain)

LINE  ORIGIN                                                    TEXT
   1  kubelet's boilerplate                                     # Kubernetes-managed hosts file.
   2  kubelet's boilerplate                                     127.0.0.1\tlocalhost
   3  kubelet's boilerplate                                     ::1\tlocalhost ip6-localhost ip6-loopback
   4  kubelet's boilerplate                                     fe00::0\tip6-localnet
   5  kubelet's boilerplate                                     fe00::0\tip6-mcastprefix
   6  kubelet's boilerplate                                     fe00::1\tip6-allnodes
   7  kubelet's boilerplate                                     fe00::2\tip6-allrouters
   8  address of the Pod (annotation io.kubernetes.cri-o.IP.N)  10.0.0.7\tweb.example.org\tweb
   9  heading of oci-hostaliases.io/host-aliases
  10  heading of oci-hostaliases.io/host-aliases                # Entries added by HostAliases.
  11  oci-hostaliases.io/host-aliases[0]                        10.1.2.3\ta
",
    );
}

#[test]
fn an_engines_file_that_is_extended() {
    let directory = bundle(&json!({
        "root": {"path": "rootfs"},
        "mounts": [{"destination": "/etc/hosts", "source": "containers/ab/hosts"}],
        "annotations": {"oci-hostaliases.io/host-aliases": "10.1.2.3 a"},
    }));
    let engine = b"127.0.0.1\tlocalhost\n172.17.0.2\t\xff\n";
    write(directory.path(), "bundle/containers/ab/hosts", engine);
    assert_explains(
        directory.path(),
        &["--bundle", "bundle", "--hosts-d", "hosts.d"],
        "",
        "\
plan: extend
reason: containers/ab/hosts was made by Docker
bundle: bundle

LINE  ORIGIN                                      TEXT
   1  the engine's file containers/ab/hosts       127.0.0.1\tlocalhost
   2  the engine's file containers/ab/hosts       172.17.0.2\t\u{fffd}
   3  heading of oci-hostaliases.io/host-aliases
   4  heading of oci-hostaliases.io/host-aliases  # Entries added by HostAliases.
   5  oci-hostaliases.io/host-aliases line 1      10.1.2.3\ta
",
    );
}

#[test]
fn entries_of_the_node() {
    if !nix::unistd::geteuid().is_root() {
        return skipped("entries of the node: only root's files are read in hosts.d: not root");
    }
    let directory = bundle(&json!({
        "root": {"path": "rootfs"},
        "mounts": [{"destination": "/etc/hosts", "source": "pods/ab/etc-hosts"}],
    }));
    write(
        directory.path(),
        "hosts.d/node.hosts",
        b"\n10.9.0.1 registry\n",
    );
    write(
        directory.path(),
        "bundle/pods/ab/etc-hosts",
        b"127.0.0.1\tlocalhost\n",
    );
    assert_explains(
        directory.path(),
        &["--bundle", "bundle", "--hosts-d", "hosts.d"],
        "",
        "\
plan: extend
reason: pods/ab/etc-hosts was made by the kubelet
bundle: bundle

LINE  ORIGIN                               TEXT
   1  the engine's file pods/ab/etc-hosts  127.0.0.1\tlocalhost
   2  heading of hosts.d/node.hosts
   3  heading of hosts.d/node.hosts        # Entries added by oci-hostaliases from hosts.d/node.hosts.
   4  hosts.d/node.hosts:2                 10.9.0.1\tregistry
",
    );
}

#[test]
fn what_is_refused_is_refused_as_by_render() {
    for arguments in [
        &["-f", "absent.yaml"][..],
        &["-f", "-", "--pod-ip", "10.0.0.5"],
        &["--bundle", "absent"],
    ] {
        let manifest = b"apiVersion: v1\nkind: Pod\nmetadata: {name: Web}\n";
        let explained = tool(data(), &[&["explain"], arguments].concat(), manifest);
        let rendered = tool(data(), &[&["render"], arguments].concat(), manifest);
        assert_ne!(explained.0, 0);
        assert_eq!(explained, rendered);
    }
}
