//! Who may do what.

use crate::cluster;
use crate::control_plane::ControlPlane;
use crate::files::{CORP, PAYMENT};

/// What a service account may do beyond what every service account may: the lines of `kubectl auth can-i --list`
/// that one without any role does not have.
fn rights(plane: &ControlPlane, user: &str) -> Vec<String> {
    let list = |user: &str| -> Vec<String> {
        let text = plane.kubectl(
            user,
            &["auth", "can-i", "--list", "--namespace", "shop"],
            "",
        );
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        text.lines().map(words).collect()
    };
    let everyones = list("other");
    let mut own = list(user);
    own.retain(|line| !everyones.contains(line));
    own.sort();
    own
}

#[test]
fn the_agent_reads_two_kinds_and_nothing_else() {
    cluster(
        "access::the_agent_reads_two_kinds_and_nothing_else",
        |plane, _| {
            assert_eq!(
                rights(plane, "agent"),
                [
                    "clusterhostaliassets.oci-hostaliases.io [] [] [get list watch]",
                    "hostaliassets.oci-hostaliases.io [] [] [get list watch]",
                ]
            );
            for arguments in [
                ["get", "configmaps", "--all-namespaces"],
                ["get", "secrets", "--all-namespaces"],
                ["get", "pods", "--all-namespaces"],
                ["get", "nodes", "--output=name"],
            ] {
                let (is_done, text) = plane.try_kubectl("agent", &arguments, "");
                assert!(
                    !is_done && text.contains("Forbidden"),
                    "{arguments:?}: {text}"
                );
            }
            for manifest in [CORP, PAYMENT] {
                let (is_done, text) = plane.try_kubectl("agent", &["create", "-f", "-"], manifest);
                assert!(!is_done && text.contains("Forbidden"), "{text}");
            }
        },
    );
}

#[test]
fn a_tenant_writes_in_his_own_namespace_only() {
    cluster(
        "access::a_tenant_writes_in_his_own_namespace_only",
        |plane, _| {
            let bind = |role: &str, user: &str| {
                let (role, user) = (format!("--clusterrole={role}"), format!("--user={user}"));
                let binding = [
                    "create",
                    "rolebinding",
                    "test",
                    "--namespace=shop",
                    &role,
                    &user,
                ];
                plane.kubectl("admin", &binding, "");
            };
            bind("edit", "tenant");
            // The controller has to aggregate it first.
            let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
            while !plane
                .try_kubectl("tenant", &["apply", "-f", "-"], PAYMENT)
                .0
            {
                assert!(std::time::Instant::now() < end, "edit has not got the role");
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            let text = plane.kubectl(
                "tenant",
                &["get", "has", "--namespace=shop", "--output=name"],
                "",
            );
            assert_eq!(text, "hostaliasset.oci-hostaliases.io/payment\n");

            for manifest in [CORP, &PAYMENT.replace("namespace: shop", "namespace: web")] {
                let (is_done, text) = plane.try_kubectl("tenant", &["create", "-f", "-"], manifest);
                assert!(!is_done && text.contains("Forbidden"), "{text}");
            }
            let of_cluster = plane.try_kubectl("tenant", &["get", "chas"], "");
            assert!(
                !of_cluster.0 && of_cluster.1.contains("Forbidden"),
                "{}",
                of_cluster.1
            );

            let view = [
                "create",
                "rolebinding",
                "view",
                "--namespace=shop",
                "--clusterrole=view",
                "--user=reader",
            ];
            plane.kubectl("admin", &view, "");
            let can = |verb: &str| {
                let question = [
                    "auth",
                    "can-i",
                    verb,
                    "hostaliassets.oci-hostaliases.io",
                    "--namespace=shop",
                ];
                plane
                    .try_kubectl("reader", &question, "")
                    .1
                    .trim()
                    .to_owned()
            };
            let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
            while can("list") != "yes" {
                assert!(std::time::Instant::now() < end, "view has not got the role");
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            assert_eq!(can("update"), "no");
        },
    );
}
