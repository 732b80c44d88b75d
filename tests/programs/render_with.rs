//! `render --with`: what a Pod would get of a cluster's objects.

use std::fs;

use crate::tool::tool;

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: shop}
spec: {containers: [{name: web}], hostAliases: [{ip: 10.0.0.9, hostnames: [own]}]}
status: {podIPs: [{ip: 10.0.0.5}]}
";
/// As `kubectl get has,chas -A -o yaml` prints them.
const SETS: &str = "\
apiVersion: v1
kind: List
items:
- apiVersion: oci-hostaliases.io/v1alpha1
  kind: ClusterHostAliasSet
  metadata: {name: corp}
  spec: {hostAliases: [{ip: 10.0.0.1, hostnames: [registry.corp]}]}
- apiVersion: oci-hostaliases.io/v1alpha1
  kind: HostAliasSet
  metadata: {name: payment, namespace: shop}
  spec: {hostAliases: [{ip: 10.0.7.21, hostnames: [payment.corp]}, {ip: 010.0.0.1, hostnames: [bad]}]}
- apiVersion: oci-hostaliases.io/v1alpha1
  kind: HostAliasSet
  metadata: {name: other, namespace: web}
  spec: {hostAliases: [{ip: 10.0.7.22, hostnames: [other.corp]}]}
";

#[test]
fn the_namespaces_then_the_clusters() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("sets.yaml"), SETS).unwrap();
    let arguments = ["render", "-f", "-", "--with", "sets.yaml"];
    let (status, stdout, stderr) = tool(directory.path(), &arguments, POD.as_bytes());
    assert_eq!(
        (status, stdout.as_str()),
        (
            0,
            "# Kubernetes-managed hosts file.\n\
             127.0.0.1\tlocalhost\n\
             ::1\tlocalhost ip6-localhost ip6-loopback\n\
             fe00::0\tip6-localnet\n\
             fe00::0\tip6-mcastprefix\n\
             fe00::1\tip6-allnodes\n\
             fe00::2\tip6-allrouters\n\
             10.0.0.5\tweb-0\n\
             \n\
             # Entries added by HostAliases.\n\
             10.0.0.9\town\n\
             \n\
             # Entries added by oci-hostaliases from /etc/oci-hostaliases/hosts.d/shop/payment+hostaliasset.hosts.\n\
             10.0.7.21\tpayment.corp\n\
             \n\
             # Entries added by oci-hostaliases from /etc/oci-hostaliases/hosts.d/+corp+clusterhostaliasset.hosts.\n\
             10.0.0.1\tregistry.corp\n"
        )
    );
    let left_out = r#"left out: HostAliasSet shop/payment: spec.hostAliases[1].ip: Invalid value: "010.0.0.1": must not have leading 0s"#;
    assert!(stderr.contains(left_out), "{stderr}");
}

#[test]
fn what_is_no_object_of_these_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("pod.yaml"), POD).unwrap();
    for (file, status, expected) in [
        (
            "pod.yaml",
            5,
            "oci-hostaliases: pod.yaml: kind Pod of v1 is neither HostAliasSet nor ClusterHostAliasSet of oci-hostaliases.io\n",
        ),
        (
            "absent.yaml",
            1,
            "oci-hostaliases: open absent.yaml: No such file or directory (os error 2)\n",
        ),
    ] {
        let arguments = ["render", "-f", "-", "--with", file];
        let ran = tool(directory.path(), &arguments, POD.as_bytes());
        assert_eq!(ran, (status, String::new(), expected.to_owned()));
    }
}
