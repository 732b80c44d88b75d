//! Records for the node's log: journald's own socket where there is one, so that a record can be found by
//! its container (`journalctl CONTAINER_ID=…`), else `/dev/log`, which every syslog daemon offers.
//!
//! crun throws a hook's stderr away and nobody reads that of a hook that succeeded, so the log is
//! where an administrator finds what we did.

use std::cell::OnceCell;
use std::os::unix::net::UnixDatagram;

use rustix::net::{SendFlags, send};

use crate::facts::container::Identity;

/// Where journald takes records of fields (systemd.io/JOURNAL_NATIVE_PROTOCOL).
const JOURNAL: &str = "/run/systemd/journal/socket";
const DEV_LOG: &str = "/dev/log";
const IDENTIFIER: &str = "oci-hostaliases-hook";
/// LOG_DAEMON of syslog(3), shifted as RFC 3164 wants it.
const FACILITY_DAEMON: u8 = 3 << 3;
/// Longest message, in bytes: twenty refused fields with all their text.
const MESSAGE_MAX: usize = 16 * 1024;

/// How serious a record is, as syslog(3) numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Severity {
    /// A container was not started.
    Error = 3,
    /// Somebody did not get what he asked for, or something should be mended.
    Warning = 4,
    /// What was done.
    Info = 6,
}

/// The way to the node's log. Connected when there is something to say, since mostly there is
/// not; and by [`Log::connect`] before the host is left behind.
#[derive(Debug, Default)]
pub(crate) struct Log(OnceCell<Option<Connection>>);

/// A connection to a log daemon.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: UnixDatagram,
    takes_fields: bool,
}

impl Log {
    /// Connects. A node without a log daemon is no error: there is nobody to tell.
    pub(crate) fn connect(&self) -> Option<&Connection> {
        let connection = self.0.get_or_init(|| {
            let socket = UnixDatagram::unbound().ok()?;
            let takes_fields = socket.connect(JOURNAL).is_ok();
            if !takes_fields {
                socket.connect(DEV_LOG).ok()?;
            }
            Some(Connection {
                socket,
                takes_fields,
            })
        });
        connection.as_ref()
    }

    /// Sends one record. The message names the container that it is about itself.
    pub(crate) fn record(&self, severity: Severity, about: Option<&Identity>, message: &str) {
        let Some(connection) = self.connect() else {
            return;
        };
        let message = printable(message);
        let severity = severity as u8;
        let record = if connection.takes_fields {
            let mut record = format!(
                "MESSAGE={message}\nPRIORITY={severity}\nSYSLOG_FACILITY={}\nSYSLOG_IDENTIFIER={IDENTIFIER}\n",
                FACILITY_DAEMON >> 3
            );
            if let Some(about) = about {
                for (field, value) in [
                    ("CONTAINER_ID", Some(&about.id)),
                    ("CONTAINER_NAME", about.container.as_ref()),
                    ("POD", about.pod.as_ref()),
                    ("NAMESPACE", about.namespace.as_ref()),
                ] {
                    if let Some(value) = value {
                        record += field;
                        record.push('=');
                        record += &printable(value);
                        record.push('\n');
                    }
                }
            }
            record
        } else {
            let priority = FACILITY_DAEMON | severity;
            let process = std::process::id();
            format!("<{priority}>{IDENTIFIER}[{process}]: {message}")
        };
        // A daemon that does not read must not hold up the start of a container, and there is
        // no other place to say that this failed.
        let _ = send(&connection.socket, record.as_bytes(), SendFlags::DONTWAIT);
    }
}

/// `message` on one line, with control characters escaped so that nothing a tenant wrote can look
/// like another record or talk to a terminal, and cut to a length that is always taken.
pub fn printable(message: &str) -> String {
    let mut line = String::with_capacity(message.len());
    for c in message.chars() {
        if line.len() >= MESSAGE_MAX {
            line.push('…');
            break;
        }
        if is_unprintable(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// Control characters, C1 ones too, and what ends a line or changes the direction of writing.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
