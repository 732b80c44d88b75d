//! What an engine's configuration says about NRI.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::engines::containerd::tables::strings;
use crate::files::agent_state::NRI_SOCKET;

/// The name under which the agent is a plugin.
const PLUGIN: &str = "oci-hostaliases";
/// containerd's plugin for plugins.
const CONTAINERD_PLUGIN: &str = "io.containerd.nri.v1.nri";
/// The file for an administrator's changes.
const CRIO_FILE: &str = "/etc/crio/crio.conf.d/90-nri.conf";

/// What an engine's configuration says about NRI.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct NriConfig {
    /// The file that it was read from, if there is one.
    pub(super) file: Option<PathBuf>,
    /// How NRI is turned on.
    pub(super) turn_on: String,
    /// How hooks are allowed.
    pub(super) allow_hooks: String,
    /// Where it listens for plugins.
    pub(super) socket: PathBuf,
    /// Whether it is off; `None`: the file does not say, and the version decides.
    pub(super) is_off: Option<bool>,
    /// Whether the default validator refuses containers that get a hook.
    pub(super) rejects_hooks: bool,
    /// Whether containers are refused while the agent is not connected.
    pub(super) requires_us: bool,
}

/// Reads containerd's configuration, preferably the output of `containerd config dump`.
pub(super) fn of_containerd(file: &Path, table: &Table) -> NriConfig {
    let plugin = table
        .get("plugins")
        .and_then(|plugins| plugins.get(CONTAINERD_PLUGIN));
    let validator = plugin.and_then(|plugin| plugin.get("default_validator"));
    let validator = validator.filter(|it| it.get("enable").and_then(Value::as_bool) == Some(true));
    let rejects = validator.and_then(|it| it.get("reject_oci_hook_adjustment"));
    let required = strings(validator.and_then(|it| it.get("required_plugins")));
    let socket = plugin.and_then(|plugin| plugin.get("socket_path"));
    let socket = socket.and_then(Value::as_str).unwrap_or(NRI_SOCKET);
    let shown = file.display();
    NriConfig {
        file: Some(file.to_owned()),
        turn_on: format!("set disable = false in [plugins.\"{CONTAINERD_PLUGIN}\"] of {shown}"),
        allow_hooks: format!("set reject_oci_hook_adjustment = false in {shown}"),
        socket: socket.into(),
        is_off: plugin
            .and_then(|plugin| plugin.get("disable"))
            .and_then(Value::as_bool),
        rejects_hooks: rejects.and_then(Value::as_bool) == Some(true),
        requires_us: required.iter().any(|name| name == PLUGIN),
    }
}

/// Reads CRI-O's table `crio.nri`.
pub(super) fn of_crio(nri: &Table) -> NriConfig {
    let flag = |table: &Table, key: &str| table.get(key).and_then(Value::as_bool);
    let validator = nri.get("default_validator").and_then(Value::as_table);
    let validator = validator.filter(|it| flag(it, "nri_enable_default_validator") == Some(true));
    let rejects = validator.and_then(|it| flag(it, "nri_validator_reject_oci_hook_adjustment"));
    let required = strings(validator.and_then(|it| it.get("nri_validator_required_plugins")));
    let socket = nri.get("nri_listen").and_then(Value::as_str);
    NriConfig {
        file: None,
        turn_on: format!("set enable_nri = true in [crio.nri], in {CRIO_FILE} for instance,"),
        allow_hooks:
            "set nri_validator_reject_oci_hook_adjustment = false in [crio.nri.default_validator]"
                .to_owned(),
        socket: socket.unwrap_or(NRI_SOCKET).into(),
        is_off: flag(nri, "enable_nri").map(|is_on| !is_on),
        rejects_hooks: rejects == Some(true),
        requires_us: required.iter().any(|name| name == PLUGIN),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use super::{NriConfig, of_containerd, of_crio};

    pub(in crate::doctor) const VALIDATOR: &str = r#"
[plugins."io.containerd.nri.v1.nri"]
disable = false
socket_path = "/run/other.sock"
[plugins."io.containerd.nri.v1.nri".default_validator]
enable = true
reject_oci_hook_adjustment = true
required_plugins = ["10-other", "oci-hostaliases"]
"#;

    pub(in crate::doctor) fn read(text: &str) -> NriConfig {
        of_containerd(Path::new("/etc/c.toml"), &text.parse().unwrap_or_default())
    }

    #[test]
    fn what_containerd_says() {
        let config = NriConfig {
            file: Some("/etc/c.toml".into()),
            turn_on: "set disable = false in [plugins.\"io.containerd.nri.v1.nri\"] of /etc/c.toml"
                .into(),
            allow_hooks: "set reject_oci_hook_adjustment = false in /etc/c.toml".into(),
            socket: "/run/other.sock".into(),
            is_off: Some(false),
            rejects_hooks: true,
            requires_us: true,
        };
        assert_eq!(read(VALIDATOR), config);
        // A validator that is off refuses nothing.
        let off = VALIDATOR.replace("enable = true", "enable = false");
        assert!(!read(&off).rejects_hooks && !read(&off).requires_us);
        assert_eq!(read("").is_off, None);
        let crio = "enable_nri = false\nnri_listen = \"/run/other.sock\"\n[default_validator]\n\
            nri_enable_default_validator = true\nnri_validator_reject_oci_hook_adjustment = true\n\
            nri_validator_required_plugins = [\"oci-hostaliases\"]\n";
        let crio = of_crio(&crio.parse().unwrap_or_default());
        assert_eq!(
            (crio.is_off, crio.rejects_hooks, crio.requires_us),
            (Some(true), true, true)
        );
        assert_eq!(crio.socket, Path::new("/run/other.sock"));
        assert_eq!(read("").socket, Path::new("/var/run/nri/nri.sock"));
    }
}
