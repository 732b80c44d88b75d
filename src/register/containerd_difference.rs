//! What a registration changes in the configuration as containerd itself reads it.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use crate::engines::containerd::tables::{BASE_RUNTIME_SPEC, Dialect, POD_ANNOTATIONS};

/// What differs between two outputs of `containerd config dump` beside the two keys of these runtimes, as a diff;
/// `None` if there is none.
pub(crate) fn other_difference(
    before: &Table,
    after: &Table,
    runtimes: &[String],
) -> Option<String> {
    let rest = |dump: &Table| {
        let mut dump = dump.clone();
        // The loader was given other paths.
        dump.remove("imports");
        for runtime in runtimes {
            for plugin in [Dialect::Two.plugin(), Dialect::Three.plugin()] {
                let keys = ["plugins", plugin, "containerd", "runtimes", runtime];
                if let Some(table) = inner(&mut dump, &keys) {
                    table.remove(BASE_RUNTIME_SPEC);
                    table.remove(POD_ANNOTATIONS);
                }
            }
        }
        let mut lines = BTreeMap::new();
        flatten("", &Value::Table(dump), &mut lines);
        lines
    };
    let (before, after) = (rest(before), rest(after));
    let is_other = |key: &&String| before.get(*key) != after.get(*key);
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).filter(is_other).collect();
    let mut diff = String::new();
    for key in keys {
        for (sign, side) in [('-', &before), ('+', &after)] {
            if let Some(value) = side.get(key) {
                diff += &format!("{sign}{key} = {value}\n");
            }
        }
    }
    (!diff.is_empty()).then_some(diff)
}

/// Each value by its whole key. Keys that are absent where the other side has their zero value are the same
/// to containerd: a `runtimes` table replaces containerd 1.x's built-in one, with its empty `options`.
fn flatten(key: &str, value: &Value, lines: &mut BTreeMap<String, String>) {
    let is_zero = match value {
        Value::Table(table) => {
            for (name, value) in table {
                let name = toml_edit::Key::new(name);
                flatten(
                    &format!("{key}{}{name}", if key.is_empty() { "" } else { "." }),
                    value,
                    lines,
                );
            }
            true
        }
        Value::Array(items) => items.is_empty(),
        // 1.7 takes an empty mode for this one.
        Value::String(text) => {
            text.is_empty() || (key.ends_with(".sandbox_mode") && text == "podsandbox")
        }
        Value::Boolean(is) => !is,
        Value::Integer(number) => *number == 0,
        _ => false,
    };
    if !is_zero {
        // As JSON, which is TOML for these.
        let text = serde_json::to_string(value).unwrap_or_default();
        lines.insert(key.to_owned(), text);
    }
}

fn inner<'t>(mut table: &'t mut Table, keys: &[&str]) -> Option<&'t mut Table> {
    for key in keys {
        table = table.get_mut(*key)?.as_table_mut()?;
    }
    Some(table)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::other_difference;

    const BEFORE: &str = "imports = [\"/a\"]\n[plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.runc]\n\
        runtime_type = \"r\"\nbase_runtime_spec = \"\"\npod_annotations = []\n\
        options = { BinaryName = \"\", SystemdCgroup = true }\n";

    #[test]
    fn only_the_two_keys_may_differ() {
        for (from, to, runtimes, expected) in [
            ("", "", &["runc"][..], None),
            ("imports = [\"/a\"]\n", "", &["runc"], None),
            ("BinaryName = \"\", ", "", &["runc"], None),
            ("spec = \"\"", "spec = \"/x\"", &["runc"], None),
            ("annotations = []", "annotations = [\"x\"]", &["runc"], None),
            (
                "spec = \"\"",
                "spec = \"/x\"",
                &[],
                Some(".runc.base_runtime_spec = \"/x\"\n"),
            ),
            (
                "Cgroup = true",
                "Cgroup = false",
                &["runc"],
                Some(".options.SystemdCgroup = true\n"),
            ),
            (
                "type = \"r\"",
                "type = \"q\"",
                &["runc"],
                Some(".runc.runtime_type = \"q\"\n"),
            ),
            (
                "runtimes.runc]",
                "runtimes.crun]",
                &["runc"],
                Some(".runtimes.crun.runtime_type"),
            ),
        ] {
            let after = BEFORE.replacen(from, to, 1);
            let runtimes: Vec<String> = runtimes.iter().map(|&it| it.to_owned()).collect();
            let found =
                other_difference(&BEFORE.parse().unwrap(), &after.parse().unwrap(), &runtimes);
            match (&found, expected) {
                (Some(found), Some(expected)) => assert!(found.contains(expected), "{found}"),
                _ => assert_eq!(found.as_deref(), expected, "{from} {to}"),
            }
        }
    }
}
