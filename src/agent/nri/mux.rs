//! NRI's multiplexer: two logical connections over one socket.
//!
//! A frame has the connection's number and a length, both 32 bits, big-endian, and that many bytes of the
//! connection. Frames and messages do not coincide: Go's buffered writer splits a message when its buffer is full.
//! Source: `pkg/net/multiplex` of containerd/nri.

use std::io::{Read, Write};

use crate::agent::nri::error::NriError;

/// The connection on which the engine calls the plugin.
pub const PLUGIN: u32 = 1;
/// The connection on which the plugin calls the engine.
pub(crate) const RUNTIME: u32 = 2;

const HEADER: usize = 8;
/// A whole message of ttRPC with its header.
const PAYLOAD_MAX: usize = 10 + super::ttrpc::MESSAGE_MAX;
/// The most bytes in one frame. The other side reads a whole frame into its buffer of 4 KiB, and fails if it does
/// not fit.
const CHUNK: usize = 4096;

/// Reads one frame: the connection's number and its bytes. `None` if the stream ends between two frames.
///
/// # Errors
///
/// The stream ends within a frame, or a frame is too long. Memory is allocated for the received bytes, not for the
/// announced length.
pub fn read_frame(stream: &mut impl Read) -> Result<Option<(u32, Vec<u8>)>, NriError> {
    let mut header = [0; HEADER];
    let mut filled = 0;
    while let Some(rest @ [_, ..]) = header.get_mut(filled..) {
        match stream.read(rest) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(NriError::Closed),
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(NriError::read(error)),
        }
    }
    let [c0, c1, c2, c3, l0, l1, l2, l3] = header;
    let connection = u32::from_be_bytes([c0, c1, c2, c3]);
    let length = u64::from(u32::from_be_bytes([l0, l1, l2, l3]));
    if length > PAYLOAD_MAX as u64 {
        return Err(NriError::TooLong {
            length,
            limit: PAYLOAD_MAX,
        });
    }
    let mut payload = Vec::new();
    let read = stream.by_ref().take(length).read_to_end(&mut payload);
    if (read.map_err(NriError::read)? as u64) < length {
        return Err(NriError::Closed);
    }
    Ok(Some((connection, payload)))
}

/// Writes the bytes to a connection, in as many frames as it takes.
///
/// # Errors
///
/// The socket cannot be written to.
pub fn write(stream: &mut impl Write, connection: u32, bytes: &[u8]) -> Result<(), NriError> {
    for chunk in bytes.chunks(CHUNK) {
        let length = u32::try_from(chunk.len()).unwrap_or_default();
        let frame = [
            &connection.to_be_bytes()[..],
            &length.to_be_bytes()[..],
            chunk,
        ]
        .concat();
        stream.write_all(&frame).map_err(NriError::write)?;
    }
    Ok(())
}
