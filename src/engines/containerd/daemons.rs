//! The running containerd daemons of this node, and the configuration that each of them reads.
//!
//! k3s, RKE2, k0s and microk8s start their own containerd. Its process has the same name, and its command line
//! names another file.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::engines::containerd::CONFIG_PATH;
use crate::engines::processes;

const NAME: &str = "containerd";
/// containerd's options with a value, without their dashes.
const WITH_VALUE: [&str; 8] = [
    "config",
    "c",
    "log-level",
    "l",
    "address",
    "a",
    "root",
    "state",
];

/// A running daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Daemon {
    pub(crate) pid: i32,
    /// The path of its configuration as it sees it. In a container, that is not the node's file.
    pub(crate) config: PathBuf,
    /// Whether it sees other files than this process, as in a container (kind).
    pub(crate) is_in_container: bool,
    /// When it started; `None` if that is not known.
    pub(crate) started: Option<SystemTime>,
    /// Its program; `None` without permission to look.
    pub(crate) program: Option<PathBuf>,
    /// The systemd unit that it belongs to.
    pub(crate) unit: Option<String>,
}

impl Daemon {
    /// Whether its configuration is this file of the node.
    pub(crate) fn reads(&self, config: &Path) -> bool {
        let same = || Some(self.config.canonicalize().ok()? == config.canonicalize().ok()?);
        !self.is_in_container && (self.config == config || same().unwrap_or(false))
    }
}

/// The daemons below `proc`, those in containers included.
pub(crate) fn running(proc: &Path) -> Vec<Daemon> {
    let processes = processes::named(proc, NAME).into_iter();
    let daemons = processes.filter_map(|process| {
        let named = config_of(&process.arguments)?;
        let config = named.unwrap_or_else(|| CONFIG_PATH.into());
        Some(Daemon {
            pid: process.pid,
            // An absolute path replaces the directory.
            config: process.directory.unwrap_or_default().join(config),
            is_in_container: process.is_in_container,
            started: process.started,
            program: process.program,
            unit: process.unit,
        })
    });
    daemons.collect()
}

/// The configuration that a command line names; `Some(None)` for the default. `None` if the command line is not a
/// daemon's: `containerd config dump`, and the `containerd publish` of each shim.
fn config_of(arguments: &[String]) -> Option<Option<PathBuf>> {
    let mut config = None;
    let mut words = arguments.iter().skip(1);
    while let Some(word) = words.next() {
        let option = word.strip_prefix('-')?;
        let option = option.strip_prefix('-').unwrap_or(option);
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (option, None),
        };
        if ["version", "v", "help", "h"].contains(&name) {
            return None;
        }
        let has_value = WITH_VALUE.contains(&name);
        let value = value.or_else(|| has_value.then(|| words.next())?.map(String::as_str));
        if ["config", "c"].contains(&name) {
            config = Some(PathBuf::from(value.unwrap_or_default()));
        }
    }
    Some(config)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::config_of;

    #[test]
    fn the_command_line_names_the_configuration() {
        for (words, expected) in [
            ("containerd", Some(None)),
            ("containerd -c /a.toml", Some(Some("/a.toml"))),
            ("containerd -l debug -c /a.toml", Some(Some("/a.toml"))),
            (
                "containerd --config /a.toml --root /r",
                Some(Some("/a.toml")),
            ),
            (
                "containerd --root=/r --config=/a.toml",
                Some(Some("/a.toml")),
            ),
            ("containerd -config=/a.toml", Some(Some("/a.toml"))),
            ("containerd --c /a.toml", Some(Some("/a.toml"))),
            // The last one wins, as in containerd.
            (
                "containerd -c /a.toml --config /b.toml",
                Some(Some("/b.toml")),
            ),
            ("containerd --config", Some(Some(""))),
            ("containerd --address /c -a /d --state config", Some(None)),
            ("containerd config dump", None),
            ("containerd --config /a.toml config dump", None),
            ("containerd --address /s publish --topic /t", None),
            ("containerd --version", None),
            ("containerd -h", None),
        ] {
            let arguments: Vec<String> = words.split(' ').map(str::to_owned).collect();
            let expected = expected.map(|path: Option<&str>| path.map(PathBuf::from));
            assert_eq!(config_of(&arguments), expected, "{words:?}");
        }
    }
}
