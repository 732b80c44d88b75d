//! How containerd itself reads a configuration and its imports: `containerd config dump`.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::Table;

use crate::engines::bounded_run::{self, find_program};
use crate::engines::containerd::daemons::Daemon;
use crate::engines::error::EngineError;

const NAME: &str = "containerd";

/// The program of this daemon, or the one in PATH. `None` if there is no containerd to ask. After an upgrade it is
/// the new program, which runs after the next restart.
pub(crate) fn program(daemon: Option<&Daemon>) -> Option<PathBuf> {
    let of_daemon = daemon.and_then(|daemon| daemon.program.clone());
    of_daemon
        .filter(|program| program.is_file())
        .or_else(|| find_program(NAME))
}

/// The configuration as containerd reads it, including its defaults. The command does not talk to a daemon.
pub(crate) fn dump(program: &Path, config: &Path) -> Result<Table, EngineError> {
    let mut command = Command::new(program);
    // k3s has one binary for all its programs, which acts by the name that it is called with.
    command.arg0(NAME);
    command.arg("--config").arg(config).args(["config", "dump"]);
    let output = bounded_run::run(&mut command).map_err(|source| EngineError::Call {
        what: format!("run {} config dump", program.display()),
        source,
    })?;
    if !output.status.success() {
        let words = output.stderr.trim_start_matches("containerd: ");
        return Err(EngineError::RefusedByContainerd(words.to_owned()));
    }
    output.stdout.parse().map_err(|error| {
        let shown = format!("the output of {} config dump", program.display());
        EngineError::not_toml(shown, &error)
    })
}
