//! The Pod's own line: whose word counts for its addresses and its name, and what is said when one
//! of them is missing.

use crate::fixtures::{annotated, config_fixture, container};
use oci_hostaliases::facts::request::Request;
use oci_hostaliases::pod_line::{annotated_addresses, host_name, managed_file, needs_uts_name};
use serde_json::Value;

const POD_IPS: (&str, &str) = ("oci-hostaliases.io/pod-ips", "10.200.0.5,fd00::5");

/// The addresses that the annotations tell, and which annotation does.
fn addresses(config: Value) -> Option<(Vec<String>, &'static str)> {
    let container = container(&config);
    let request = Request::read(&container.annotations).unwrap();
    annotated_addresses(&container, &request)
}

#[test]
fn our_annotation_then_cri_os_then_the_network_namespace() {
    let told =
        |addresses: &[&str], by| Some((addresses.iter().map(ToString::to_string).collect(), by));
    for fixture in ["crio", "containerd-1.7", "podman", "runc-1.1.5-spec"] {
        assert_eq!(
            addresses(annotated(config_fixture(fixture), &[POD_IPS])),
            told(&["10.200.0.5", "fd00::5"], "oci-hostaliases.io/pod-ips"),
            "{fixture}"
        );
    }
    assert_eq!(
        addresses(config_fixture("crio")),
        told(&["10.88.77.5", "fd77::5"], "io.kubernetes.cri-o.IP.N")
    );
    for fixture in [
        "containerd-1.7",
        "containerd-2.1",
        "crio-host-network",
        "podman",
        "docker",
    ] {
        assert_eq!(addresses(config_fixture(fixture)), None, "{fixture}");
    }
}

#[test]
fn cri_os_addresses_are_counted_from_zero_without_a_gap() {
    let with = |pairs: &[(&str, &str)]| {
        addresses(annotated(config_fixture("runc-1.1.5-spec"), pairs))
            .map(|(addresses, _)| addresses)
    };
    assert_eq!(
        with(&[
            ("io.kubernetes.cri-o.IP.1", "fd77::5"),
            ("io.kubernetes.cri-o.IP.0", "10.88.77.5"),
            ("io.kubernetes.cri-o.IP.3", "10.88.77.6"),
        ]),
        Some(vec!["10.88.77.5".to_owned(), "fd77::5".to_owned()])
    );
    assert_eq!(with(&[("io.kubernetes.cri-o.IP.1", "fd77::5")]), None);
    // What a tenant may have put there is no address.
    assert_eq!(
        with(&[("io.kubernetes.cri-o.IP.0", "10.88.77.5\tbank.example")]),
        None
    );
}

#[test]
fn config_json_then_the_joined_uts_namespace_then_the_environment() {
    let ours = "hostname of config.json";
    for (fixture, needs_uts, with_uts, without_uts) in [
        // containerd sets no hostname and joins the sandbox's namespace.
        (
            "containerd-1.7",
            true,
            ("from-uts", "name of the UTS namespace"),
            ("web-0", "HOSTNAME of process.env"),
        ),
        ("crio", false, ("web-0", ours), ("web-0", ours)),
        (
            "podman",
            false,
            ("0d1cbd0b3b0b", ours),
            ("0d1cbd0b3b0b", ours),
        ),
        ("runc-1.1.5-spec", false, ("runc", ours), ("runc", ours)),
    ] {
        let container = container(&config_fixture(fixture));
        assert_eq!(needs_uts_name(&container), needs_uts, "{fixture}");
        assert_eq!(
            host_name(&container, Some("from-uts")),
            Some(with_uts),
            "{fixture}"
        );
        assert_eq!(host_name(&container, None), Some(without_uts), "{fixture}");
    }
    // The runtime sets a new namespace's name only after the hooks: what it has now is the host's.
    let mut config = config_fixture("runc-1.1.5-spec");
    config["hostname"] = Value::Null;
    let container = container(&config);
    assert!(!needs_uts_name(&container));
    assert_eq!(host_name(&container, None), None);
}

#[test]
fn what_is_missing_is_said() {
    let address = ["10.200.0.5".to_owned()];
    let said = |addresses: &[String], hostname| {
        let (file, missing) = managed_file(addresses, hostname, Some("shop.example"));
        let lines = String::from_utf8(file.bytes().to_vec()).unwrap();
        // Behind the seven lines of each file.
        let pod: Vec<String> = lines.lines().skip(7).map(str::to_owned).collect();
        (pod.join("|"), missing.map(|missing| missing.to_string()))
    };
    assert_eq!(
        said(&address, Some("web-0")),
        ("10.200.0.5\tweb-0.shop.example\tweb-0".to_owned(), None)
    );
    for (addresses, hostname, notice) in [
        (
            &address[..],
            None,
            "the host name is not known: no line for the Pod's addresses",
        ),
        (
            &address,
            Some("Web_0\n"),
            "host name \"Web_0\\n\" is not a lowercase RFC 1123 subdomain: no line for the Pod's addresses",
        ),
        (&[], Some("web-0"), "the Pod's address is not known"),
    ] {
        assert_eq!(
            said(addresses, hostname),
            (String::new(), Some(notice.to_owned()))
        );
    }
}
