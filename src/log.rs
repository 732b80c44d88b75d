//! Records for the node's log. They go to journald's own socket if it exists, so that you can find a record by its
//! container (`journalctl CONTAINER_ID=…`), otherwise to `/dev/log`, which every syslog daemon has.
//!
//! crun discards a hook's stderr, and no engine shows that of a hook that succeeded. So administrators find in the
//! log what the hook did.

use std::cell::OnceCell;
use std::os::unix::net::UnixDatagram;

use rustix::net::{SendFlags, send};

use crate::facts::container::Identity;

/// journald's socket for records with fields (systemd.io/JOURNAL_NATIVE_PROTOCOL).
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
    /// A container did not get what it requested, or something should be corrected.
    Warning = 4,
    /// What was done.
    Info = 6,
}

/// The node's log. It connects for the first record, because mostly there is none, or by [`Log::connect`] before
/// the hook leaves the host's namespaces.
#[derive(Debug, Default)]
pub(crate) struct Log(OnceCell<Option<Connection>>);

/// A connection to a log daemon.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: UnixDatagram,
    takes_fields: bool,
}

impl Log {
    /// Connects. A node without a log daemon is not an error.
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

    /// Sends one record. The message itself names its container.
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
        // A log daemon that does not read must not delay the start of a container, and there is no other place to
        // report that.
        let _ = send(&connection.socket, record.as_bytes(), SendFlags::DONTWAIT);
    }
}

/// `message` on one line. Control characters are escaped, so that a tenant's text cannot look like another record
/// or control a terminal. It is cut to a length that is always accepted.
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

/// Control characters, including C1, and characters that end a line or change the writing direction.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
