//! The agent's messages: lines on stderr, with the severity that journald reads.

use std::io::Write as _;

use crate::log::{Severity, printable};

/// Writes one record. `JOURNAL_STREAM` is set where stderr is journald's (systemd.exec(5)).
pub(super) fn say(severity: Severity, message: &str) {
    let message = printable(message);
    let mut stderr = std::io::stderr().lock();
    let _ = match std::env::var_os("JOURNAL_STREAM") {
        Some(_) => writeln!(stderr, "<{}>{message}", severity as u8),
        None => writeln!(stderr, "oci-hostaliases-agent: {message}"),
    };
}
