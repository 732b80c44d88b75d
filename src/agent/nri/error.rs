//! Why a connection to an engine ends.

use std::io;

/// A situation in which a connection is given up.
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
        /// What the kernel answered.
        source: io::Error,
    },
    /// What came has a length that no message of NRI has.
    #[error("a message of {length} bytes, more than {limit}: this is no NRI socket")]
    TooLong {
        /// As the peer said it.
        length: u64,
        /// As much as ttRPC allows.
        limit: usize,
    },
    /// What came is no message.
    #[error("{what} cannot be read: this is no NRI socket, or one of a version that is not known")]
    NotAMessage {
        /// Which message it should be.
        what: &'static str,
        /// What is wrong with it.
        source: prost::DecodeError,
    },
    /// The engine does not take the plugin.
    #[error("the engine refused the plugin: {0}")]
    Refused(String),
    /// The plugin does not work with this engine.
    #[error("{0}: its NRI cannot be used, since it fails every container that gets a hook by it")]
    Unsuitable(String),
}

impl NriError {
    /// A read that failed; the end of the stream in the middle of something is its end too.
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

    /// A write that failed.
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
