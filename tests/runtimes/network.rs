//! Which addresses and which host name stand on the Pod's line.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::bundle::Bundle;
use crate::{ALIASES_SECTION, BOILERPLATE, each_runtime_and_stage};

/// Runs ip(8), which must succeed.
fn ip(arguments: &str) {
    let status = Command::new("ip")
        .args(arguments.split(' '))
        .status()
        .unwrap();
    assert!(status.success(), "ip {arguments}");
}

/// A network namespace `pod` with these ip(8) commands run in it, joined by the container.
fn join_network(bundle: &mut Bundle, commands: &[&str]) {
    let _ = Command::new("ip")
        .args(["netns", "delete", "pod"])
        .stderr(std::process::Stdio::null())
        .status();
    ip("netns add pod");
    for command in commands {
        ip(&format!("-n pod {command}"));
    }
    bundle.set_namespace(
        "network",
        Some(json!({"type": "network", "path": "/run/netns/pod"})),
    );
    bundle.config["hostname"] = json!("web-0");
}

fn leave_network() {
    ip("netns delete pod");
    // Made by ip(8) with the first namespace; the host is compared with what was there before.
    let _ = Command::new("umount").arg("/run/netns").status();
    let _ = fs::remove_dir("/run/netns");
}

const ETH0: [&str; 3] = [
    "link add eth0 type veth peer name peer0",
    "link set eth0 up",
    "link set peer0 up",
];

#[test]
fn addresses_of_the_default_routes_interface() {
    each_runtime_and_stage(
        "network::addresses_of_the_default_routes_interface",
        |bundle| {
            let ipv4 = [
                "addr add 10.200.0.5/24 dev eth0",
                "route add default via 10.200.0.1",
            ];
            let ipv6 = [
                "addr add fd00::5/64 dev eth0 nodad",
                "route add default via fd00::1",
            ];
            // Neither of these is the Pod's address: another interface, a narrower scope, a second one.
            let others = [
                "link add net1 type veth peer name peer1",
                "addr add 192.0.2.1/24 dev net1",
                "link set net1 up",
                "addr add 169.254.9.9/16 dev eth0 scope link",
                "addr add 10.200.0.6/24 dev eth0",
                "addr add fd00::6/64 dev eth0 nodad",
            ];
            let old = ["addr add fd00::4/64 dev eth0 nodad preferred_lft 0"];
            for (commands, lines) in [
                (vec![&ETH0[..], &ipv4], "10.200.0.5\tweb-0\n"),
                (vec![&ETH0, &ipv6], "fd00::5\tweb-0\n"),
                (
                    vec![&ETH0, &ipv6, &ipv4, &old],
                    "10.200.0.5\tweb-0\nfd00::5\tweb-0\n",
                ),
                (
                    vec![&ETH0, &ipv4, &ipv6, &others],
                    "10.200.0.5\tweb-0\nfd00::6\tweb-0\n",
                ),
                // A CNI plugin that sets the default route of one family only.
                (
                    vec![&ETH0, &ipv4, &ipv6[..1]],
                    "10.200.0.5\tweb-0\nfd00::5\tweb-0\n",
                ),
                (
                    vec![&ETH0, &ipv4[..1], &ipv6],
                    "10.200.0.5\tweb-0\nfd00::5\tweb-0\n",
                ),
                (
                    vec![&ETH0, &ipv4[..1], &["-6 route add default dev eth0"]],
                    "10.200.0.5\tweb-0\n",
                ),
                // No default route, no address.
                (vec![&ETH0, &ipv4[..1]], ""),
            ] {
                join_network(bundle, &commands.concat());
                assert_eq!(
                    bundle.shown(),
                    format!("{BOILERPLATE}{lines}{ALIASES_SECTION}"),
                    "{commands:?}"
                );
                leave_network();
            }
        },
    );
}

#[test]
fn addresses_by_annotation() {
    each_runtime_and_stage("network::addresses_by_annotation", |bundle| {
        join_network(bundle, &["link set lo up"]);
        bundle.annotate("io.kubernetes.cri-o.IP.0", "10.88.0.7");
        bundle.annotate("io.kubernetes.cri-o.IP.1", "fd77::7");
        assert_eq!(
            bundle.shown(),
            format!("{BOILERPLATE}10.88.0.7\tweb-0\nfd77::7\tweb-0\n{ALIASES_SECTION}")
        );
        bundle.annotate("oci-hostaliases.io/pod-ips", "fd00:0::5,10.200.0.5");
        bundle.annotate(
            "oci-hostaliases.io/domain",
            "nginx.default.svc.cluster.local",
        );
        assert_eq!(
            bundle.shown(),
            format!(
                "{BOILERPLATE}fd00:0::5\tweb-0.nginx.default.svc.cluster.local\tweb-0\n\
                 10.200.0.5\tweb-0.nginx.default.svc.cluster.local\tweb-0\n{ALIASES_SECTION}"
            )
        );
        leave_network();
    });
}

#[test]
fn host_name() {
    each_runtime_and_stage("network::host_name", |bundle| {
        join_network(bundle, &["link set lo up"]);
        bundle.annotate("oci-hostaliases.io/pod-ips", "10.200.0.5");
        let line = |line: &str| format!("{BOILERPLATE}{line}{ALIASES_SECTION}");

        bundle.config["process"]["env"] = json!(["PATH=/bin", "HOSTNAME=by-env"]);
        assert_eq!(
            bundle.shown(),
            line("10.200.0.5\tweb-0\n"),
            "hostname of config.json comes first"
        );

        bundle.config.as_object_mut().unwrap().remove("hostname");
        assert_eq!(
            bundle.shown(),
            line("10.200.0.5\tby-env\n"),
            "a UTS namespace made by the runtime has no name yet"
        );

        let sandbox = Command::new("unshare")
            .args([
                "--uts",
                "sh",
                "-c",
                "echo by-uts >/proc/sys/kernel/hostname; exec sleep 60",
            ])
            .spawn()
            .unwrap();
        let path = format!("/proc/{}/ns/uts", sandbox.id());
        let named = || {
            let name = Command::new("nsenter")
                .arg(format!("--uts={path}"))
                .args(["uname", "-n"])
                .output()
                .unwrap();
            name.stdout == b"by-uts\n"
        };
        let tries = (0..200).take_while(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            !named()
        });
        assert!(tries.count() < 200, "the sandbox has no name");
        bundle.set_namespace("uts", Some(json!({"type": "uts", "path": path})));
        assert_eq!(
            bundle.shown(),
            line("10.200.0.5\tby-uts\n"),
            "a joined UTS namespace has the Pod's name"
        );
        let mut sandbox = sandbox;
        sandbox.kill().unwrap();
        sandbox.wait().unwrap();

        bundle.set_namespace("uts", Some(json!({"type": "uts"})));
        bundle.config["process"]["env"] = json!(["PATH=/bin", "HOSTNAME=Not_A_Name\n10.0.0.1 x"]);
        assert_eq!(bundle.shown(), line(""), "no line with a name that is none");
        leave_network();
    });
}

#[test]
fn host_network() {
    each_runtime_and_stage("network::host_network", |bundle| {
        let node = "# the node's own\n127.0.0.1 localhost\n192.0.2.9 last-line-has-no-newline";
        let before = fs::read("/etc/hosts").unwrap();
        fs::write("/etc/hosts", node).unwrap();
        let expected =
            format!("# Kubernetes-managed hosts file (host network).\n{node}{ALIASES_SECTION}");

        bundle.set_namespace("network", None);
        assert_eq!(bundle.shown(), expected);
        if bundle.stage != "createContainer" {
            // containerd names a path for the host's network too: the namespace decides, not the path.
            bundle.set_namespace(
                "network",
                Some(json!({"type": "network", "path": "/proc/1/ns/net"})),
            );
            assert_eq!(bundle.shown(), expected);
        }
        bundle.ask_for_nothing();
        bundle.set_namespace("network", None);
        assert_eq!(
            bundle.shown(),
            format!("# Kubernetes-managed hosts file (host network).\n{node}")
        );
        fs::write("/etc/hosts", before).unwrap();
    });
}
