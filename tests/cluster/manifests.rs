//! The manifests: the API server's own validation, the chart beside kustomize, and uninstalling.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::agent::Agent;
use crate::control_plane::output;
use crate::files::{CORP, CORP_FILE};
use crate::{bin, cluster, packaging, skipped};

/// The objects of a rendering, by kind, namespace and name.
fn objects(text: &str) -> BTreeMap<String, Value> {
    use serde::Deserialize as _;
    let documents = serde_norway::Deserializer::from_str(text);
    let mut objects = BTreeMap::new();
    for document in documents {
        let object = Value::deserialize(document).unwrap();
        if object.is_null() {
            continue;
        }
        let metadata = &object["metadata"];
        let key = format!(
            "{} {} {}",
            object["kind"], metadata["namespace"], metadata["name"]
        );
        assert!(objects.insert(key.clone(), object).is_none(), "{key} twice");
    }
    objects
}

fn helm(arguments: &[&str]) -> Option<String> {
    let helm = bin().join("helm");
    if !helm.is_file() {
        skipped::skipped("manifests: no helm in target/kubernetes/bin: make test-cluster");
        return None;
    }
    let chart = packaging("chart");
    Some(output(
        Command::new(helm)
            .args(["template", "test", &chart])
            .args(arguments),
    ))
}

#[test]
fn the_chart_renders_what_kustomize_does() {
    let Some(rendered) = helm(&[]) else { return };
    let kustomized =
        output(Command::new(bin().join("kubectl")).args(["kustomize", &packaging("")]));
    let (rendered, kustomized) = (objects(&rendered), objects(&kustomized));
    assert_eq!(
        rendered.keys().collect::<Vec<_>>(),
        kustomized.keys().collect::<Vec<_>>()
    );
    for (name, object) in &rendered {
        assert_eq!(object, &kustomized[name], "{name}");
    }
    assert_eq!(rendered.len(), 10);

    let rendered = objects(&helm(&["--set", "podMonitor=true"]).unwrap());
    let monitor =
        output(Command::new(bin().join("kubectl")).args(["kustomize", &packaging("pod-monitor")]));
    for (name, object) in objects(&monitor) {
        assert_eq!(rendered[&name], object);
    }
}

#[test]
fn the_charts_values_are_used() {
    let Some(text) = helm(&[
        "--set",
        "namespace=hosts,image.repository=registry.example/oci-hostaliases,image.tag=1",
        "--set",
        "registration=none,listen=127.0.0.1:9200,priorityClass=important",
        "--set",
        "nodeSelector.pool=web,networkPolicy=false,tolerations=null,resources.limits.memory=32Mi",
    ]) else {
        return;
    };
    let objects = objects(&text);
    assert!(!objects.keys().any(|key| key.contains("NetworkPolicy")));
    let spec =
        &objects[r#""DaemonSet" "hosts" "oci-hostaliases-agent""#]["spec"]["template"]["spec"];
    let container = &spec["containers"][0];
    assert_eq!(container["image"], "registry.example/oci-hostaliases:1");
    assert_eq!(
        spec["initContainers"][0]["image"],
        "registry.example/oci-hostaliases:1"
    );
    assert_eq!(container["args"][1], "--listen=127.0.0.1:9200");
    assert_eq!(container["ports"][0]["containerPort"], 9200);
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/healthz");
    assert_eq!(container["resources"]["limits"]["memory"], "32Mi");
    assert_eq!(spec["priorityClassName"], "important");
    assert_eq!(spec["nodeSelector"]["pool"], "web");
    assert!(spec.get("tolerations").is_none());
}

/// What docs/cluster.md has for those who do not use the chart.
#[test]
fn a_registration_changes_two_fields() {
    let daemonset = |text: &str| {
        let name = r#""DaemonSet" "oci-hostaliases" "oci-hostaliases-agent""#;
        objects(text).remove(name).expect("a DaemonSet")
    };
    for registration in ["containerd", "none", "remove"] {
        let value = format!("registration={registration}");
        let Some(rendered) = helm(&["--set", &value]) else {
            return;
        };
        let kustomized =
            output(Command::new(bin().join("kubectl")).args(["kustomize", &packaging("")]));
        let (rendered, mut patched) = (daemonset(&rendered), daemonset(&kustomized));
        for (pointer, from, to) in [
            (
                "/spec/template/spec/initContainers/0/args/1",
                "--registration=nri",
                &*format!("--registration={registration}"),
            ),
            (
                "/spec/template/spec/containers/0/readinessProbe/httpGet/path",
                "/readyz",
                "/healthz",
            ),
        ] {
            let field = patched.pointer_mut(pointer).expect("a field");
            assert_eq!(*field, from);
            *field = to.into();
        }
        assert_eq!(rendered, patched, "{registration}");
    }
    let helm = bin().join("helm");
    let refused = Command::new(helm)
        .args(["template", "test", &packaging("chart")])
        .args(["--set", "registration=crio"])
        .output()
        .expect("helm");
    let said = String::from_utf8_lossy(&refused.stderr);
    let why = r#"registration: "crio": must be nri, containerd, none or remove"#;
    assert!(!refused.status.success() && said.contains(why), "{said}");
}

#[test]
fn the_api_server_takes_the_manifests_and_gives_them_back() {
    cluster(
        "manifests::the_api_server_takes_the_manifests_and_gives_them_back",
        |plane, home| {
            let path = packaging("");
            let applied = plane.kubectl("admin", &["apply", "--dry-run=server", "-k", &path], "");
            assert_eq!(applied.lines().count(), 10, "{applied}");
            // Applied once in the beginning: a second time changes nothing.
            assert!(
                applied
                    .lines()
                    .all(|line| line.ends_with(" unchanged (server dry run)")),
                "{applied}"
            );
            if let Some(rendered) = helm(&[]) {
                let file = home.join("chart.yaml");
                std::fs::write(&file, rendered).expect("chart");
                let file = file.display().to_string();
                let applied =
                    plane.kubectl("admin", &["apply", "--dry-run=server", "-f", &file], "");
                assert_eq!(applied.lines().count(), 10, "{applied}");
            }

            let agent = Agent::start(plane, home);
            plane.apply(CORP);
            agent.wait_for_files(&[CORP_FILE]);
            // Nothing stays on the API server, nor what the agent wrote while it still runs.
            plane.kubectl("admin", &["delete", "-k", &path], "");
            agent.wait_for_files(&[]);
            for kind in ["crd", "clusterrole", "clusterrolebinding", "namespace"] {
                let left = plane.kubectl("admin", &["get", kind, "--output=name"], "");
                assert!(!left.contains("oci-hostaliases"), "{left}");
            }
        },
    );
}
