//! The agent's service: with it an engine runs the hook by NRI, without it no more.

use std::path::Path;
use std::process::Command;

use crate::register::error::RegisterError;

/// The unit that the packages bring.
const UNIT: &str = "oci-hostaliases-agent.service";
/// There while systemd is the init system (sd_booted(3)).
const SYSTEMD: &str = "/run/systemd/system";

/// What is done with the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// It runs from now on, and after each boot.
    Enable,
    /// It runs no more.
    Disable,
}

impl Service {
    fn arguments(self) -> [&'static str; 3] {
        let verb = match self {
            Self::Enable => "enable",
            Self::Disable => "disable",
        };
        [verb, "--now", UNIT]
    }

    /// As one would type it.
    pub(crate) fn command(self) -> String {
        format!("systemctl {}", self.arguments().join(" "))
    }

    /// Does it.
    ///
    /// # Errors
    ///
    /// There is no systemd, or it failed: its message.
    pub(crate) fn carry_out(self) -> Result<(), RegisterError> {
        let output = Command::new("systemctl")
            .args(self.arguments())
            .output()
            .map_err(|source| RegisterError::Systemctl {
                command: self.command(),
                said: source.to_string(),
            })?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(RegisterError::Systemctl {
            command: self.command(),
            said: said.trim().replace('\n', ", "),
        })
    }
}

/// Whether systemd runs the services of this node.
pub(crate) fn has_systemd() -> bool {
    Path::new(SYSTEMD).is_dir()
}
