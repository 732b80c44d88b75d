//! Objects of the API: what of one is used, what is left out, and which files it becomes.

use std::path::Path;

use oci_hostaliases::kubernetes::set::{AliasSet, Kind, SetName};
use oci_hostaliases::kubernetes::set_file;
use serde_json::{Value, json};

fn named(kind: Kind, namespace: Option<&str>, name: &str) -> SetName {
    SetName {
        kind,
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
    }
}

fn of_namespace(spec: &Value) -> AliasSet {
    let name = named(Kind::HostAliasSet, Some("shop"), "payment");
    AliasSet::read(name, spec).unwrap()
}

fn of_cluster(spec: &Value) -> AliasSet {
    let name = named(Kind::ClusterHostAliasSet, None, "corp");
    AliasSet::read(name, spec).unwrap()
}

fn refusals(set: &AliasSet) -> Vec<String> {
    set.refusals.iter().map(ToString::to_string).collect()
}

#[test]
fn entries_become_lines_of_hosts_5() {
    let set = of_namespace(&json!({"hostAliases": [
        {"ip": "10.0.7.21", "hostnames": ["api.payment.corp", "payment"]},
        {"ip": "2001:DB8:0:0::A", "hostnames": ["six"]},
        {"ip": "10.0.7.21", "hostnames": ["again"]},
    ]}));
    assert_eq!(
        set_file::text(&set).as_deref(),
        Some(
            "# Written by oci-hostaliases-agent from HostAliasSet shop/payment. Change the object instead.\n\
             10.0.7.21\tapi.payment.corp payment\n\
             2001:DB8:0:0::A\tsix\n\
             10.0.7.21\tagain\n"
        )
    );
    assert_eq!(set.left_out, 0);
}

#[test]
fn a_bad_entry_is_left_out_and_the_others_stay() {
    for (entry, expected) in [
        (
            json!({"ip": "010.0.0.1", "hostnames": ["a"]}),
            r#"spec.hostAliases[0].ip: Invalid value: "010.0.0.1": must not have leading 0s"#,
        ),
        (
            json!({"ip": "::ffff:1.2.3.4", "hostnames": ["a"]}),
            r#"spec.hostAliases[0].ip: Invalid value: "::ffff:1.2.3.4": must not be an IPv4-mapped IPv6 address"#,
        ),
        (
            json!({"ip": "fe80::1%eth0", "hostnames": ["a"]}),
            r#"spec.hostAliases[0].ip: Invalid value: "fe80::1%eth0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#,
        ),
        (
            json!({"hostnames": ["a"]}),
            r#"spec.hostAliases[0].ip: Invalid value: "": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#,
        ),
        (
            json!({"ip": "10.0.0.1", "hostnames": ["a\n10.6.6.6\tbank.example"]}),
            r#"spec.hostAliases[0].hostnames[0]: Invalid value: "a\n10.6.6.6\tbank.example": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#,
        ),
        (
            json!({"ip": "10.0.0.1"}),
            "spec.hostAliases[0].hostnames: Required value: at least one name",
        ),
        (
            json!({"ip": "10.0.0.1", "hostnames": vec!["a"; 65]}),
            "spec.hostAliases[0].hostnames: Invalid value: 65 names: must have at most 64",
        ),
        (
            json!({"ip": "10.0.0.1", "hostnames": "a"}),
            r#"spec.hostAliases[0].hostnames: Invalid value: "a": must be a list of strings"#,
        ),
        (
            json!({"ip": "10.0.0.1", "hostnames": ["a"], "port": 80}),
            "spec.hostAliases[0].port: Unknown field",
        ),
        (
            json!("10.0.0.1 a"),
            r#"spec.hostAliases[0]: Invalid value: "10.0.0.1 a": must be an object with "ip" and "hostnames""#,
        ),
    ] {
        let good = json!({"ip": "10.0.0.2", "hostnames": ["good"]});
        let set = of_namespace(&json!({"hostAliases": [entry, good]}));
        assert_eq!(refusals(&set), [expected]);
        assert_eq!(set.left_out, 1, "{expected}");
        assert_eq!(
            set_file::text(&set).as_deref(),
            Some(
                "# Written by oci-hostaliases-agent from HostAliasSet shop/payment. Change the object instead.\n\
                 10.0.0.2\tgood\n"
            ),
            "{expected}"
        );
    }
}

#[test]
fn entries_behind_the_thousandth_are_left_out() {
    let entry = json!({"ip": "10.0.0.1", "hostnames": ["a"]});
    let set = of_namespace(&json!({"hostAliases": vec![entry; 1002]}));
    assert_eq!((set.aliases.len(), set.left_out), (1000, 2));
    assert_eq!(
        refusals(&set),
        [
            r#"spec.hostAliases[1000]: Invalid value: "10.0.0.1": after the first 1000 entries"#,
            r#"spec.hostAliases[1001]: Invalid value: "10.0.0.1": after the first 1000 entries"#,
        ]
    );
}

#[test]
fn what_is_no_list_has_no_entries() {
    for (spec, left_out) in [
        (json!({}), 0),
        (json!(null), 0),
        (json!({"hostAliases": null}), 0),
        (json!({"hostAliases": []}), 0),
        (json!({"hostAliases": "10.0.0.1 a"}), 1),
        (json!([1]), 0),
    ] {
        let set = of_namespace(&spec);
        assert_eq!(set_file::text(&set), None, "{spec}");
        assert_eq!(set.left_out, left_out, "{spec}");
    }
}

#[test]
fn namespaces_of_a_clusters_set() {
    for (field, expected, refused) in [
        (json!(null), None, ""),
        (json!([]), Some(vec![]), ""),
        (json!(["web", "shop", "web"]), Some(vec!["shop", "web"]), ""),
        // A few must not become all.
        (
            json!("shop"),
            Some(vec![]),
            r#"spec.namespaces: Invalid value: "shop": must be a list of strings"#,
        ),
        (
            json!(["..", "shop"]),
            Some(vec!["shop"]),
            r#"spec.namespaces[0]: Invalid value: "..": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"#,
        ),
        (
            json!([7]),
            Some(vec![]),
            "spec.namespaces[0]: Invalid value: 7: must be a string",
        ),
    ] {
        let set = of_cluster(&json!({"namespaces": field}));
        let expected: Option<Vec<String>> =
            expected.map(|names| names.into_iter().map(str::to_owned).collect());
        assert_eq!(set.namespaces, expected, "{field}");
        assert_eq!(refusals(&set).join("\n"), refused);
    }
}

#[test]
fn the_files_of_an_object() {
    let payment = of_namespace(&json!({}));
    let paths = |set: &AliasSet| -> Vec<String> {
        let paths = set_file::paths(set).unwrap();
        paths
            .iter()
            .map(|path| path.display().to_string())
            .collect()
    };
    assert_eq!(paths(&payment), ["shop/payment+hostaliasset.hosts"]);
    let everywhere = of_cluster(&json!({}));
    assert_eq!(paths(&everywhere), ["+corp+clusterhostaliasset.hosts"]);
    let two = of_cluster(&json!({"namespaces": ["web", "shop"]}));
    assert_eq!(
        paths(&two),
        [
            "shop/~corp+clusterhostaliasset.hosts",
            "web/~corp+clusterhostaliasset.hosts"
        ]
    );
    assert_eq!(paths(&of_cluster(&json!({"namespaces": []}))), [""; 0]);
}

/// The bytes of the names are the order in a Pod's file.
#[test]
fn files_sort_as_their_objects_do() {
    let names = ["a", "a-b", "a.b", "a0", "ab", "b"];
    let mut files: Vec<_> = names
        .iter()
        .flat_map(|name| {
            let set = AliasSet::read(named(Kind::HostAliasSet, Some("n"), name), &json!({}));
            set_file::paths(&set.unwrap()).unwrap()
        })
        .collect();
    let in_order = files.clone();
    files.sort();
    assert_eq!(files, in_order);

    // A directory of a namespace, then the one above, each as the hook reads it.
    let mut namespace = [
        "~a+clusterhostaliasset.hosts",
        "zz+hostaliasset.hosts",
        "own.hosts",
    ];
    namespace.sort_unstable();
    assert_eq!(
        namespace,
        [
            "own.hosts",
            "zz+hostaliasset.hosts",
            "~a+clusterhostaliasset.hosts"
        ]
    );
    let mut node = [
        "00-first.hosts",
        "+zz+clusterhostaliasset.hosts",
        "corp.hosts",
    ];
    node.sort_unstable();
    assert_eq!(
        node,
        [
            "+zz+clusterhostaliasset.hosts",
            "00-first.hosts",
            "corp.hosts"
        ]
    );
}

#[test]
fn whose_file_a_name_is() {
    for (path, kind) in [
        ("shop/payment+hostaliasset.hosts", Some(Kind::HostAliasSet)),
        ("shop/a.b-c+hostaliasset.hosts", Some(Kind::HostAliasSet)),
        (
            "+corp+clusterhostaliasset.hosts",
            Some(Kind::ClusterHostAliasSet),
        ),
        (
            "shop/~corp+clusterhostaliasset.hosts",
            Some(Kind::ClusterHostAliasSet),
        ),
        ("corp.hosts", None),
        ("shop/payment.hosts", None),
        ("payment+hostaliasset.hosts", None),
        ("corp+clusterhostaliasset.hosts", None),
        ("~corp+clusterhostaliasset.hosts", None),
        ("shop/corp+clusterhostaliasset.hosts", None),
        ("shop/+corp+clusterhostaliasset.hosts", None),
        ("shop/+hostaliasset.hosts", None),
        ("shop/UP+hostaliasset.hosts", None),
        ("Shop/payment+hostaliasset.hosts", None),
        ("../payment+hostaliasset.hosts", None),
        ("a/b/payment+hostaliasset.hosts", None),
        ("shop/.payment+hostaliasset.hosts.7.tmp", None),
    ] {
        assert_eq!(set_file::kind_of(Path::new(path)), kind, "{path}");
    }
}

#[test]
fn a_name_that_is_no_part_of_a_path_is_refused() {
    for (name, expected) in [
        (
            named(Kind::HostAliasSet, None, "a"),
            "HostAliasSet a: it has no namespace",
        ),
        (
            named(Kind::HostAliasSet, Some(".."), "a"),
            r#"HostAliasSet ../a: ".." is not the name of a namespace"#,
        ),
        (
            named(Kind::ClusterHostAliasSet, None, "../a"),
            r#"ClusterHostAliasSet ../a: "../a" is not a name"#,
        ),
        (
            named(Kind::ClusterHostAliasSet, None, ""),
            r#"ClusterHostAliasSet : "" is not a name"#,
        ),
    ] {
        assert_eq!(AliasSet::read(name, &json!({})).unwrap_err(), expected);
    }
    let longest = "a".repeat(215);
    let set = |name: &str| {
        AliasSet::read(named(Kind::ClusterHostAliasSet, None, name), &json!({})).unwrap()
    };
    let [path] = set_file::paths(&set(&longest)).unwrap().try_into().unwrap();
    // With what a file has in front of and behind its name while it is written.
    assert_eq!(
        path.display().to_string().len() + ".".len() + ".4194304.tmp".len(),
        255
    );
    assert_eq!(
        set_file::paths(&set(&format!("{longest}a"))).unwrap_err(),
        "its name has 216 bytes; 215 fit into a file's name"
    );
}
