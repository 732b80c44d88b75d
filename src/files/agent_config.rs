//! The agent's part of `config.toml`: its table `[agent]`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::Error;
use crate::files::admin_file;
use crate::files::config::FILE_MAX;

/// The agent's settings. Options of its command line override them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AgentConfig {
    /// `mount-handlers`: the runtime handlers whose containers get a mount, since their runtime does not run hooks
    /// on the host.
    pub mount_handlers: BTreeSet<String>,
    /// `listen`: where health and metrics are served.
    pub listen: Option<SocketAddr>,
    /// `hook`: the hook that containers get.
    pub hook: Option<PathBuf>,
    /// `nri-socket`: the engine's socket.
    pub nri_socket: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    agent: AgentConfig,
}

impl AgentConfig {
    /// Reads the table of the file at `path`; the defaults if the file does not exist.
    ///
    /// # Errors
    ///
    /// The file cannot be read, users other than root can write to it, or the table has an unknown key or value.
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        let Some(bytes) = admin_file::read_admin_file(path, FILE_MAX)? else {
            return Ok(Self::default());
        };
        Self::read(&String::from_utf8_lossy(&bytes)).map_err(|situation| Error::Configuration {
            path: path.to_owned(),
            situation,
        })
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    ///
    /// What is wrong, with the line.
    pub fn read(text: &str) -> Result<Self, String> {
        toml::from_str::<Document>(text)
            .map(|document| document.agent)
            .map_err(|error| {
                let start = error.span().map_or(0, |span| span.start);
                let before = text.get(..start).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                format!("line {line}: {}", error.message().trim_end())
            })
    }
}
