//! What the API server refuses, what it takes, and what becomes of what it should have refused.

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::cluster;

/// Entries that the API server refuses, and what it says of the field.
const REFUSED: &[(&str, &str)] = &[
    (
        r#"{"ip":"010.0.0.1","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":"10.0.0.01","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":"::ffff:010.0.0.1","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":"10.0.0.256","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":"10.0.0","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":"10.0.0.0/8","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":" 10.0.0.1","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (r#"{"ip":"","hostnames":["a"]}"#, "spec.hostAliases.ip"),
    (
        r#"{"ip":"localhost","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":"fe80::1%eth0","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":"2001:db8::00001","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":"1:2:3:4:5:6:7:8:9","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":"::ffff:1.2.3.4","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":"::FFFF:1.2.3.4","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":"::ffff:102:304","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":"0:0:0:0:0:ffff:1.2.3.4","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":"0000:0000::ffff:102:304","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":"0:0:0:0:0:ffff::","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":"0:0:0:0:0:ffff::1","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (
        r#"{"ip":"0:0:0:0:0:ffff:1::","hostnames":["a"]}"#,
        "spec.hostAliases.ip",
    ),
    (r#"{"ip":7,"hostnames":["a"]}"#, "spec.hostAliases.ip"),
    (r#"{"hostnames":["a"]}"#, "spec.hostAliases.ip"),
    (r#"{"ip":"10.0.0.1"}"#, "spec.hostAliases.hostnames"),
    (
        r#"{"ip":"10.0.0.1","hostnames":[]}"#,
        "spec.hostAliases.hostnames",
    ),
    (
        r#"{"ip":"10.0.0.1","hostnames":"a"}"#,
        "spec.hostAliases.hostnames",
    ),
    (
        r#"{"ip":"10.0.0.1","hostnames":["ok","Six_Corp"]}"#,
        "spec.hostAliases.hostnames",
    ),
    (
        r#"{"ip":"10.0.0.1","hostnames":["a."]}"#,
        "spec.hostAliases.hostnames",
    ),
    (
        r#"{"ip":"10.0.0.1","hostnames":["*.a"]}"#,
        "spec.hostAliases.hostnames",
    ),
    (
        r#"{"ip":"10.0.0.1","hostnames":["a\n10.6.6.6\tbank.example"]}"#,
        "spec.hostAliases.hostnames",
    ),
    (
        r#"{"ip":"10.0.0.1","hostnames":["a b"]}"#,
        "spec.hostAliases.hostnames",
    ),
    (
        r#"{"ip":"10.0.0.1","hostnames":["a#b"]}"#,
        "spec.hostAliases.hostnames",
    ),
    (
        r#"{"ip":"10.0.0.1","hostnames":[""]}"#,
        "spec.hostAliases.hostnames",
    ),
];

/// Addresses that it takes, as a Pod's `hostAliases` does.
const TAKEN: &[&str] = &[
    "10.0.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "127.0.0.1",
    "::",
    "::1",
    "2001:db8::a",
    "2001:DB8:0:0::A",
    "2001:db8::0010",
    "0001:0002:0003:0004:0005:0006:0007:0008",
    "::1.2.3.4",
    "64:ff9b::10.0.0.1",
    "::ffff:1:2:3",
    "::ffff:0:102:304",
    "0:ffff:1::",
    "fe80::1",
    "ff02::1",
];

fn set(entries: &[Value]) -> String {
    json!({
        "apiVersion": "oci-hostaliases.io/v1alpha1",
        "kind": "HostAliasSet",
        "metadata": {"name": "test", "namespace": "shop"},
        "spec": {"hostAliases": entries},
    })
    .to_string()
}

#[test]
fn the_api_server_refuses_bad_entries() {
    cluster("schema::the_api_server_refuses_bad_entries", |plane, _| {
        let create = ["create", "--validate=false", "-f", "-"];
        let good = json!({"ip": "10.0.0.2", "hostnames": ["good"]});
        for (entry, field) in REFUSED {
            let entry: Value = serde_json::from_str(entry).unwrap();
            let (is_done, text) =
                plane.try_kubectl("admin", &create, &set(&[good.clone(), entry.clone()]));
            assert!(!is_done, "{entry} is taken: {text}");
            println!("{text}");
            // 1.20 does not say which; later versions do.
            let text = text.replace("[1]", "").replace("[0]", "");
            assert!(text.contains(field), "no {field} in: {text}");
        }
        let many = |count, names| {
            set(&vec![
                json!({"ip": "10.0.0.1", "hostnames": vec!["a"; names]});
                count
            ])
        };
        let long_name = json!({"ip": "10.0.0.1", "hostnames": ["a".repeat(254)]});
        for (object, field) in [
            (many(1001, 1), "spec.hostAliases"),
            (many(1, 65), "spec.hostAliases.hostnames"),
            (set(&[long_name]), "spec.hostAliases.hostnames"),
            (
                set(&[]).replace(
                    r#""name":"test""#,
                    &format!(r#""name":"{}""#, "a".repeat(201)),
                ),
                "metadata.name",
            ),
        ] {
            let (is_done, text) = plane.try_kubectl("admin", &create, &object);
            assert!(!is_done, "taken: {text}");
            assert!(text.contains(field), "no {field} in: {text}");
        }
        for namespaces in [
            json!([]),
            json!(["Shop"]),
            json!(["shop", "shop"]),
            json!("shop"),
            json!([""]),
        ] {
            let object = json!({
                "apiVersion": "oci-hostaliases.io/v1alpha1",
                "kind": "ClusterHostAliasSet",
                "metadata": {"name": "test"},
                "spec": {"hostAliases": [good], "namespaces": namespaces},
            });
            let (is_done, text) = plane.try_kubectl("admin", &create, &object.to_string());
            assert!(
                !is_done && text.contains("spec.namespaces"),
                "{namespaces}: {text}"
            );
        }
    });
}

#[test]
fn the_api_server_takes_what_a_pod_may_have() {
    cluster(
        "schema::the_api_server_takes_what_a_pod_may_have",
        |plane, home| {
            let entries: Vec<_> = TAKEN
                .iter()
                .map(|ip| json!({"ip": ip, "hostnames": ["a", "1.2.3.4", "a".repeat(64)]}))
                .collect();
            let agent = Agent::start(plane, home);
            plane.apply(&set(&entries));
            agent.wait_for_metric("oci_hostaliases_kubernetes_entries", TAKEN.len() as f64);
            agent.wait_for_metric("oci_hostaliases_kubernetes_left_out", 0.0);
            // More than `kubectl apply` can note in an annotation.
            plane.kubectl("admin", &["delete", "has", "--all", "--namespace=shop"], "");
            let large = set(&vec![
                json!({"ip": "10.0.0.1", "hostnames": vec!["a"; 64]});
                1000
            ]);
            plane.kubectl("admin", &["create", "-f", "-"], &large);
            agent.wait_for_metric("oci_hostaliases_kubernetes_entries", 1000.0);
        },
    );
}

/// A CRD whose schema was taken away: all is let through.
#[test]
fn what_was_let_through_is_left_out_entry_by_entry() {
    cluster(
        "schema::what_was_let_through_is_left_out_entry_by_entry",
        |plane, home| {
            let patch = json!([{
                "op": "replace",
                "path": "/spec/versions/0/schema/openAPIV3Schema",
                "value": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            }]);
            let crd = "crd/hostaliassets.oci-hostaliases.io";
            plane.kubectl(
                "admin",
                &["patch", crd, "--type=json", "--patch", &patch.to_string()],
                "",
            );
            let good = json!({"ip": "10.0.0.2", "hostnames": ["good"]});
            let bad = REFUSED
                .iter()
                .map(|(entry, _)| serde_json::from_str(entry).unwrap());
            let entries: Vec<Value> = bad.chain([good]).collect();
            // The API server takes up the new schema a moment later.
            let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
            while !plane
                .try_kubectl(
                    "admin",
                    &["apply", "--validate=false", "-f", "-"],
                    &set(&entries),
                )
                .0
            {
                assert!(std::time::Instant::now() < end, "still refused");
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            let no_list = r#"{"apiVersion":"oci-hostaliases.io/v1alpha1","kind":"HostAliasSet",
            "metadata":{"name":"no-list","namespace":"shop"},"spec":"10.0.0.1 a"}"#;
            plane.kubectl("admin", &["create", "--validate=false", "-f", "-"], no_list);

            let agent = Agent::start(plane, home);
            agent.wait_for_files(&[(
            "shop/test+hostaliasset.hosts",
            "# Written by oci-hostaliases-agent from HostAliasSet shop/test. Change the object instead.\n\
             10.0.0.2\tgood\n",
        )]);
            agent.wait_for_metric("oci_hostaliases_kubernetes_left_out", REFUSED.len() as f64);
            agent.wait_for_metric("oci_hostaliases_kubernetes_objects", 2.0);
            let log = agent.log();
            let expected = r#"HostAliasSet shop/test: left out: spec.hostAliases[0].ip: Invalid value: "010.0.0.1": must not have leading 0s; "#;
            assert_eq!(log.matches(expected).count(), 1, "{log}");
        },
    );
}

#[test]
fn people_see_what_there_is() {
    cluster("schema::people_see_what_there_is", |plane, _| {
        plane.apply(crate::files::PAYMENT);
        plane.apply(crate::files::CORP);
        let columns = |kind: &str| -> Vec<Vec<String>> {
            let table = plane.kubectl("admin", &["get", kind, "--namespace=shop"], "");
            table
                .lines()
                .map(|line| line.split_whitespace().map(str::to_owned).collect())
                .collect()
        };
        let has = columns("has");
        assert_eq!(has[0], ["NAME", "FIRST", "ADDRESS", "AGE"]);
        assert_eq!(has[1][..2], ["payment", "10.0.7.21"]);
        let chas = columns("chas");
        assert_eq!(chas[0], ["NAME", "FIRST", "ADDRESS", "NAMESPACES", "AGE"]);
        assert_eq!(chas[1][..2], ["corp", "10.0.0.1"]);
        plane.apply(&crate::files::CORP.replace("spec:", "spec:\n  namespaces: [shop, web]"));
        assert_eq!(
            columns("chas")[1][..3],
            ["corp", "10.0.0.1", r#"["shop","web"]"#]
        );
        let wide = plane.kubectl(
            "admin",
            &["get", "has", "--namespace=shop", "--output=wide"],
            "",
        );
        assert!(
            wide.contains(r#"{"hostnames":["api.payment.corp","payment"],"ip":"10.0.7.21"}"#),
            "{wide}"
        );
        let explained = plane.kubectl("admin", &["explain", "has.spec.hostAliases"], "");
        assert!(
            explained.contains("Entries for /etc/hosts, as in a Pod's spec.hostAliases."),
            "{explained}"
        );
    });
}
