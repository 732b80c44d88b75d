//! What real kubelets wrote, 1.20.2 and 1.36.2, comes out of `render` byte for byte.
//!
//! No record has a value that the newest API server refuses: those are in `render_manifest.rs`.

use crate::tool::tool;
use serde_json::{Value, json};

const LEFT_ALONE: &str = "oci-hostaliases: leave: every container has a volume of its own on \
    /etc/hosts: the requested entries are not added\n";

fn records() -> Vec<Value> {
    include_str!("../data/kubelet-recorded.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The manifest that the record was made with, as far as it matters.
fn manifest(record: &Value) -> Value {
    let mut spec = record["spec"].clone();
    let mut container = json!({"name": "main", "image": "busybox"});
    if record["case"] == "ownmount" {
        // The records leave the containers out.
        container["volumeMounts"] = json!([{"name": "own", "mountPath": "/etc/hosts"}]);
    }
    spec["containers"] = json!([container]);
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": record["pod_name"], "namespace": record["namespace"]},
        "spec": spec,
    })
}

/// What `render` must print, and say.
fn expected<'a>(record: &'a Value, records: &'a [Value]) -> (&'a str, &'static str) {
    if let Some(text) = record["etc_hosts"].as_str() {
        return (text, warning(record));
    }
    if record["case"] == "ownmount" {
        return ("", LEFT_ALONE);
    }
    // Kubelets before 1.32 gave no file to a Pod on the host's network that had no address yet.
    // Ours is the newer kubelet's.
    assert_eq!(record["kubelet"], "1.20.2");
    let newer = records
        .iter()
        .find(|newer| newer["kubelet"] == "1.36.2" && newer["case"] == record["case"]);
    (newer.unwrap()["etc_hosts"].as_str().unwrap(), "")
}

/// One Pod has 200 names for an address, on one line as the kubelet writes it.
fn warning(record: &Value) -> &'static str {
    if record["case"] == "alias-wide" {
        "oci-hostaliases: the line of 10.9.9.9 has 899 bytes, of which musl reads 511: write several entries with that address\n"
    } else {
        ""
    }
}

#[test]
fn records_come_out_byte_for_byte() {
    let directory = tempfile::tempdir().unwrap();
    let records = records();
    assert_eq!(records.len(), 36);
    for record in &records {
        let mut arguments = vec![
            "render",
            "-f",
            "-",
            "--cluster-domain",
            record["cluster_domain"].as_str().unwrap(),
        ];
        for address in record["pod_ips"].as_array().unwrap() {
            arguments.extend(["--pod-ip", address.as_str().unwrap()]);
        }
        if let Some(node_hosts) = record["node_hosts"].as_str() {
            std::fs::write(directory.path().join("node-hosts"), node_hosts).unwrap();
            arguments.extend(["--node-hosts", "node-hosts"]);
        }
        let (stdout, stderr) = expected(record, &records);
        let manifest = manifest(record);
        for text in [
            serde_json::to_string(&manifest).unwrap(),
            serde_norway::to_string(&manifest).unwrap(),
        ] {
            let ran = tool(directory.path(), &arguments, text.as_bytes());
            assert_eq!(
                ran,
                (0, stdout.to_owned(), stderr.to_owned()),
                "{} {}",
                record["kubelet"],
                record["case"]
            );
        }
    }
}

/// The same Pods as `kubectl get pod -o json` shows them: the addresses are in their status.
#[test]
fn addresses_of_the_status_do_as_well() {
    let directory = tempfile::tempdir().unwrap();
    for record in records() {
        let (Some(text), None) = (record["etc_hosts"].as_str(), record["node_hosts"].as_str())
        else {
            continue;
        };
        let addresses = record["pod_ips"].as_array().unwrap();
        let mut manifest = manifest(&record);
        manifest["status"] = json!({
            "podIPs": addresses.iter().map(|ip| json!({"ip": ip})).collect::<Vec<_>>(),
        });
        let manifest = serde_json::to_string_pretty(&manifest).unwrap();
        let ran = tool(
            directory.path(),
            &["render", "-f", "-"],
            manifest.as_bytes(),
        );
        assert_eq!(
            ran,
            (0, text.to_owned(), warning(&record).to_owned()),
            "{}",
            record["case"]
        );
    }
}
