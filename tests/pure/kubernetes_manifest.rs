//! Objects in a manifest, as `render --with` takes them.

use std::path::Path;

use oci_hostaliases::facts::node_entries::NodeEntries;
use oci_hostaliases::kubernetes::manifest::Sets;

const MANIFEST: &str = r#"
apiVersion: oci-hostaliases.io/v1alpha1
kind: ClusterHostAliasSet
metadata: {name: all}
spec: {hostAliases: [{ip: 10.0.0.1, hostnames: [all]}]}
---
apiVersion: oci-hostaliases.io/v1alpha1
kind: ClusterHostAliasSet
metadata: {name: some}
spec: {namespaces: [shop], hostAliases: [{ip: 10.0.0.2, hostnames: [some]}]}
---
apiVersion: v1
kind: List
items:
- apiVersion: oci-hostaliases.io/v1alpha1
  kind: HostAliasSet
  metadata: {name: payment, namespace: shop}
  spec: {hostAliases: [{ip: 10.0.0.3, hostnames: [payment]}, {ip: 10.0.0.256, hostnames: [bad]}]}
- apiVersion: oci-hostaliases.io/v1alpha1
  kind: HostAliasSet
  metadata: {name: mine}
  spec: {hostAliases: [{ip: 10.0.0.4, hostnames: [mine]}]}
---
"#;

fn of(namespace: &str) -> (Vec<String>, Vec<String>) {
    let mut entries = NodeEntries::default();
    let hosts_d = Path::new("/hosts.d");
    // What an administrator has on the node.
    for path in ["/hosts.d/shop/own.hosts", "/hosts.d/00.hosts"] {
        entries.files.push((path.into(), Vec::new()));
    }
    Sets::read(MANIFEST)
        .unwrap()
        .add_to(&mut entries, hosts_d, namespace);
    let show = |(path, aliases): &(std::path::PathBuf, Vec<_>)| {
        format!("{} {}", path.display(), aliases.len())
    };
    (
        entries.files.iter().map(show).collect(),
        entries.left_out.iter().map(ToString::to_string).collect(),
    )
}

#[test]
fn a_pod_has_its_namespaces_then_the_clusters_then_the_nodes() {
    let (files, left_out) = of("shop");
    assert_eq!(
        files,
        [
            "/hosts.d/shop/own.hosts 0",
            "/hosts.d/shop/payment+hostaliasset.hosts 1",
            "/hosts.d/shop/~some+clusterhostaliasset.hosts 1",
            "/hosts.d/+all+clusterhostaliasset.hosts 1",
            "/hosts.d/00.hosts 0",
        ]
    );
    assert_eq!(
        left_out,
        [
            r#"HostAliasSet shop/payment: spec.hostAliases[1].ip: Invalid value: "10.0.0.256": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#
        ]
    );
}

#[test]
fn without_a_namespace_kubectl_takes_default() {
    let (files, left_out) = of("default");
    assert_eq!(
        files[..2],
        [
            "/hosts.d/default/mine+hostaliasset.hosts 1",
            "/hosts.d/shop/own.hosts 0",
        ]
    );
    assert_eq!(left_out, [""; 0]);
}

#[test]
fn what_is_no_manifest_of_these_is_refused() {
    for (text, expected) in [
        (
            "apiVersion: v1\nkind: Pod\n",
            "kind Pod of v1 is neither HostAliasSet nor ClusterHostAliasSet of oci-hostaliases.io",
        ),
        (
            "apiVersion: oci-hostaliases.iox/v1\nkind: HostAliasSet\n",
            "kind HostAliasSet of oci-hostaliases.iox/v1 is neither HostAliasSet nor ClusterHostAliasSet of oci-hostaliases.io",
        ),
        (
            "7\n",
            r#"kind "" of "" is neither HostAliasSet nor ClusterHostAliasSet of oci-hostaliases.io"#,
        ),
        (
            "apiVersion: oci-hostaliases.io/v1alpha1\nkind: HostAliasSet\nmetadata: {name: ../a}\n",
            r#"HostAliasSet default/../a: "../a" is not a name"#,
        ),
    ] {
        assert_eq!(Sets::read(text).unwrap_err(), expected);
    }
    assert!(Sets::read("{").is_err());
    assert!(Sets::read("").is_ok());
}
