//! What a containerd configuration says of its CRI plugin's runtimes, as containerd reads it.
//!
//! `register` refuses what it cannot edit; here everything counts that containerd takes, inline
//! tables and k3s's generated files as well.

use std::path::PathBuf;

use toml::{Table, Value};

/// The runtime table's key for the spec that containers start from.
pub const BASE_RUNTIME_SPEC: &str = "base_runtime_spec";
/// The runtime table's key for the Pod annotations that reach config.json.
pub const POD_ANNOTATIONS: &str = "pod_annotations";
/// The runtime table's key for the shim.
pub const RUNTIME_TYPE: &str = "runtime_type";
/// The handler that containerd has without any configuration.
pub const BUILT_IN_RUNTIME: &str = "runc";

/// The table names of a version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `version = 2`: containerd 1.3 to 1.7; 2.x still reads it.
    Two,
    /// `version = 3` and `4`: containerd 2.x. (4 moved the server's own keys, not the CRI's.)
    Three,
}

impl Dialect {
    /// The plugin whose table holds the runtimes.
    #[must_use]
    pub fn plugin(self) -> &'static str {
        match self {
            Self::Two => "io.containerd.grpc.v1.cri",
            Self::Three => "io.containerd.cri.v1.runtime",
        }
    }

    /// The plugin that held, or will hold, the runtimes in the other dialect.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Two => Self::Three,
            Self::Three => Self::Two,
        }
    }
}

/// A runtime handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// Its name.
    pub name: String,
    /// The spec from which its containers are made.
    pub base_spec: Option<PathBuf>,
    /// The patterns of the annotations that reach them.
    pub pod_annotations: Vec<String>,
    /// Its shim.
    pub runtime_type: String,
    /// The OCI runtime that the shim runs, where it is named.
    pub binary: Option<String>,
}

/// The CRI plugin's part of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cri {
    /// Whether the plugin is turned off.
    pub is_disabled: bool,
    /// The handler of containers that ask for none.
    pub default_handler: String,
    /// The handlers.
    pub handlers: Vec<Handler>,
}

/// Which of its tables containerd reads in a file of this version.
#[must_use]
pub fn dialect(table: &Table) -> Dialect {
    match table.get("version").and_then(Value::as_integer) {
        Some(3..) => Dialect::Three,
        _ => Dialect::Two,
    }
}

/// The strings of a list; empty when it is none.
#[must_use]
pub fn strings(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

/// Reads the tables.
#[must_use]
pub fn read(table: &Table) -> Cri {
    let plugin = dialect(table).plugin();
    let containerd = table
        .get("plugins")
        .and_then(|plugins| plugins.get(plugin)?.get("containerd"));
    let text = |value: Option<&Value>| {
        let text = value.and_then(Value::as_str).unwrap_or_default();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let handlers = containerd
        .and_then(|containerd| containerd.get("runtimes")?.as_table())
        .into_iter()
        .flatten()
        .map(|(name, handler)| Handler {
            name: name.clone(),
            base_spec: text(handler.get(BASE_RUNTIME_SPEC)).map(PathBuf::from),
            pod_annotations: strings(handler.get(POD_ANNOTATIONS)),
            runtime_type: text(handler.get(RUNTIME_TYPE)).unwrap_or_default(),
            binary: text(handler.get("options").and_then(|it| it.get("BinaryName"))),
        })
        .collect();
    let disabled = strings(table.get("disabled_plugins"));
    Cri {
        is_disabled: disabled
            .iter()
            .any(|name| name == "cri" || name == Dialect::Two.plugin() || name == plugin),
        default_handler: text(containerd.and_then(|it| it.get("default_runtime_name")))
            .unwrap_or_else(|| BUILT_IN_RUNTIME.to_owned()),
        handlers,
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
