//! Why a connection to an engine ends.

use std::io;

/// Why a connection is closed.
#[derive(Debug, thiserror::Error)]
pub enum NriError {
    /// The engine closed it, which it does when it stops.
    #[error("the engine closed the connection")]
    Closed,
    /// A call failed.
    #[error("{call}")]
    Io {
        /// `read`, `write`
        call: &'static str,
        /// The kernel's error.
        source: io::Error,
    },
    /// The message is longer than any message of NRI.
    #[error("a message of {length} bytes, more than {limit}: this is not an NRI socket")]
    TooLong {
        /// The length in the header.
        length: u64,
        /// The limit of ttRPC.
        limit: usize,
    },
    /// The bytes are not a message.
    #[error("{what} cannot be read: this is not an NRI socket, or one of an unknown version")]
    NotAMessage {
        /// The expected message.
        what: &'static str,
        /// What is wrong with it.
        source: prost::DecodeError,
    },
    /// The engine refused the plugin.
    #[error("the engine refused the plugin: {0}")]
    Refused(String),
    /// The plugin does not work with this engine.
    #[error("{0}: its NRI cannot be used: every container that gets a hook through it fails")]
    Unsuitable(String),
}

impl NriError {
    /// A failed read. If the stream ends in the middle of a message, the connection has ended too.
    pub(crate) fn read(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Io {
                call: "read",
                source,
            },
        }
    }

    /// A failed write.
    pub(crate) fn write(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Io {
                call: "write",
                source,
            },
        }
    }
}
