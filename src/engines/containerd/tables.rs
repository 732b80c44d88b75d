//! The runtimes of the CRI plugin in a containerd configuration, as containerd reads it.
//!
//! `register` refuses what it cannot edit. This module reads everything that containerd reads, including inline
//! tables and k3s's generated files.

use std::path::PathBuf;

use toml::{Table, Value};

/// The runtime table's key for the spec that containers start from.
pub(crate) const BASE_RUNTIME_SPEC: &str = "base_runtime_spec";
/// The runtime table's key for the Pod annotations that reach config.json.
pub(crate) const POD_ANNOTATIONS: &str = "pod_annotations";
/// The pattern with which containerd passes this project's annotations on: `*` does not match `/`.
pub(crate) const ANNOTATION_PATTERN: &str = "oci-hostaliases.io/*";
/// The runtime table's key for the shim.
pub(crate) const RUNTIME_TYPE: &str = "runtime_type";
/// containerd's built-in handler.
pub(crate) const BUILT_IN_RUNTIME: &str = "runc";
/// Its shim.
pub(crate) const RUNC_SHIM: &str = "io.containerd.runc.v2";

/// The table names of a version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `version = 2`: containerd 1.3 to 1.7; 2.x still reads it.
    Two,
    /// `version = 3` and `4`: containerd 2.x. (4 moved the server's own keys, not the CRI's.)
    Three,
}

impl Dialect {
    /// The plugin whose table holds the runtimes.
    pub(crate) fn plugin(self) -> &'static str {
        match self {
            Self::Two => "io.containerd.grpc.v1.cri",
            Self::Three => "io.containerd.cri.v1.runtime",
        }
    }
}

/// A runtime handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handler {
    pub(crate) name: String,
    /// The spec from which its containers are created.
    pub(crate) base_spec: Option<PathBuf>,
    /// The patterns of the annotations that reach them.
    pub(crate) pod_annotations: Vec<String>,
    pub(crate) runtime_type: String,
    /// The OCI runtime that the shim runs, if it is named.
    pub(crate) binary: Option<String>,
}

impl Handler {
    /// containerd's built-in handler.
    pub(crate) fn built_in() -> Self {
        Self {
            name: BUILT_IN_RUNTIME.to_owned(),
            base_spec: None,
            pod_annotations: Vec::new(),
            runtime_type: RUNC_SHIM.to_owned(),
            binary: None,
        }
    }
}

/// The CRI plugin's part of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cri {
    /// Whether the plugin is turned off.
    pub(crate) is_disabled: bool,
    /// The default handler.
    pub(crate) default_handler: String,
    pub(crate) handlers: Vec<Handler>,
}

/// The tables that containerd reads in a file of this version.
pub(crate) fn dialect(table: &Table) -> Dialect {
    match table.get("version").and_then(Value::as_integer) {
        Some(3..) => Dialect::Three,
        _ => Dialect::Two,
    }
}

/// The strings of a list; empty if the value is not a list.
pub(crate) fn strings(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

/// The entry of `disabled_plugins` that turns the CRI plugin off.
pub(crate) fn disabling(disabled: &[String], dialect: Dialect) -> Option<&String> {
    let names = ["cri", Dialect::Two.plugin(), dialect.plugin()];
    disabled.iter().find(|name| names.contains(&name.as_str()))
}

/// `default_runtime_name`, if it is set and not empty.
pub(crate) fn default_runtime_name(table: &Table, dialect: Dialect) -> Option<String> {
    text(containerd(table, dialect)?.get("default_runtime_name"))
}

/// The tables of the runtimes, by their names.
pub(crate) fn runtimes(table: &Table, dialect: Dialect) -> impl Iterator<Item = (&String, &Value)> {
    let runtimes = containerd(table, dialect).and_then(|it| it.get("runtimes")?.as_table());
    runtimes.into_iter().flatten()
}

fn containerd(table: &Table, dialect: Dialect) -> Option<&Value> {
    let plugins = table.get("plugins")?;
    plugins.get(dialect.plugin())?.get("containerd")
}

fn text(value: Option<&Value>) -> Option<String> {
    let text = value.and_then(Value::as_str).unwrap_or_default();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Reads the tables.
pub(crate) fn read(table: &Table) -> Cri {
    let dialect = dialect(table);
    let handlers = runtimes(table, dialect).map(|(name, handler)| Handler {
        name: name.clone(),
        base_spec: text(handler.get(BASE_RUNTIME_SPEC)).map(PathBuf::from),
        pod_annotations: strings(handler.get(POD_ANNOTATIONS)),
        runtime_type: text(handler.get(RUNTIME_TYPE)).unwrap_or_default(),
        binary: text(handler.get("options").and_then(|it| it.get("BinaryName"))),
    });
    let disabled = strings(table.get("disabled_plugins"));
    Cri {
        is_disabled: disabling(&disabled, dialect).is_some(),
        default_handler: default_runtime_name(table, dialect)
            .unwrap_or_else(|| BUILT_IN_RUNTIME.to_owned()),
        handlers: handlers.collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::read;

    #[test]
    fn each_version_has_its_table_however_it_is_written() {
        for text in [
            "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.kata]\n\
             base_runtime_spec = \"/s\"\nruntime_type = \"io.containerd.kata.v2\"\n\
             options.BinaryName = \"/b\"\n",
            "version = 3\nplugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.kata = \
             { base_runtime_spec = \"/s\", runtime_type = \"io.containerd.kata.v2\", options = \
             { BinaryName = \"/b\" } }\n",
        ] {
            let cri = read(&text.parse().unwrap());
            assert!(!cri.is_disabled);
            assert_eq!(cri.default_handler, "runc");
            let kata = &cri.handlers[0];
            assert_eq!(kata.name, "kata");
            assert_eq!(kata.base_spec.as_deref(), Some("/s".as_ref()));
            assert_eq!(kata.runtime_type, "io.containerd.kata.v2");
            assert_eq!(kata.binary.as_deref(), Some("/b"));
        }
        let other = "version = 3\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
                     [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n";
        let cri = read(&other.parse().unwrap());
        assert!(cri.is_disabled && cri.handlers.is_empty());
    }
}
