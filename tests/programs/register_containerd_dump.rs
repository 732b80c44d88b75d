//! `register containerd` seen by containerd itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::containerd_node::{CONFIGURATIONS, Node, assert_done, data};
use crate::skipped::skipped;

/// What containerd itself reads from the file, before and after: only register's two keys of the chosen runtimes
/// may differ. Keys that are absent where the other side has their zero value are the same: a `runtimes` table
/// replaces containerd 1.x's built-in one, with its empty `options`.
#[test]
fn containerd_sees_no_other_difference() {
    if Command::new("containerd")
        .arg("--version")
        .output()
        .is_err()
    {
        skipped("containerd is not installed");
        return;
    }
    let mut compared = 0;
    for name in CONFIGURATIONS {
        let node = Node::new(name, Some(&fs::read_to_string(data(name)).unwrap()));
        // A containerd of another time does not read every version.
        let Some(before) = dump(&node.config) else {
            continue;
        };
        let own: toml::Table = node.text().parse().unwrap();
        if own
            .get("version")
            .is_some_and(|version| version.as_integer() > before["version"].as_integer())
        {
            // 1.6 says nothing about a newer version, and ignores its tables.
            continue;
        }
        assert_done(&node.register(&["--all-runtimes"]));
        let mut after = dump(&node.config).expect("containerd does not read it any more");
        let plugins = after["plugins"].as_table_mut().unwrap();
        let mut runtimes = 0;
        for plugin in ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"] {
            let tables = plugins
                .get_mut(plugin)
                .and_then(|plugin| plugin.get_mut("containerd"))
                .and_then(|containerd| containerd.get_mut("runtimes"))
                .and_then(toml::Value::as_table_mut);
            for (runtime, table) in tables.into_iter().flatten() {
                let table = table.as_table_mut().unwrap();
                let former = before["plugins"][plugin]["containerd"]["runtimes"].get(runtime);
                let former = former.and_then(toml::Value::as_table).unwrap();
                // Defined in an imported file, and so not registered.
                if table["base_runtime_spec"].as_str() == Some("") {
                    continue;
                }
                runtimes += 1;
                assert_eq!(
                    table["base_runtime_spec"].as_str(),
                    node.base_spec().to_str()
                );
                let mut patterns = former["pod_annotations"].as_array().unwrap().clone();
                patterns.push("oci-hostaliases.io/*".into());
                assert_eq!(table["pod_annotations"], toml::Value::Array(patterns));
                for key in ["base_runtime_spec", "pod_annotations"] {
                    table.insert(key.to_owned(), former[key].clone());
                }
            }
        }
        assert!(runtimes > 0, "{name}: registered nowhere");
        assert_eq!(
            without_zeros(after.into()),
            without_zeros(before.into()),
            "{name}"
        );
        compared += 1;
    }
    assert!(compared >= 3, "compared {compared} files only");
}

fn dump(config: &Path) -> Option<toml::Table> {
    let mut command = Command::new("containerd");
    let output = command
        .arg("-c")
        .arg(config)
        .args(["config", "dump"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| text.parse().unwrap())
}

fn without_zeros(value: toml::Value) -> Option<toml::Value> {
    match value {
        toml::Value::Table(table) => {
            let kept = table
                .into_iter()
                // 1.7 takes an empty mode for this one.
                .filter(|(key, value)| {
                    key != "sandbox_mode" || value.as_str() != Some("podsandbox")
                })
                .filter_map(|(key, value)| Some((key, without_zeros(value)?)));
            let kept: toml::Table = kept.collect();
            (!kept.is_empty()).then_some(toml::Value::Table(kept))
        }
        toml::Value::Array(items) => (!items.is_empty()).then_some(toml::Value::Array(items)),
        toml::Value::String(text) => (!text.is_empty()).then_some(toml::Value::String(text)),
        toml::Value::Boolean(false) | toml::Value::Integer(0) => None,
        other => Some(other),
    }
}
