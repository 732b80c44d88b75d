//! Reads to the end, with a limit.

use std::os::fd::AsFd;

use rustix::buffer::spare_capacity;
use rustix::io::{Errno, read};

/// How much the buffer grows at least if there are more bytes than expected.
const MIN_GROWTH: usize = 4096;

/// Reads to the end into `bytes`, replacing its content. If there are more than `limit` bytes, it reads a little
/// more than that, and the caller refuses the file.
///
/// `length` is the size of a regular file, `None` for a pipe. A file of that size takes one call: the buffer has
/// room for one more byte, so a short read shows the end.
///
/// # Errors
///
/// A read fails.
pub fn read_to_end(
    bytes: &mut Vec<u8>,
    fd: impl AsFd,
    length: Option<u64>,
    limit: u64,
) -> Result<(), Errno> {
    bytes.clear();
    let expected = length.unwrap_or_default().min(limit);
    bytes.reserve(usize::try_from(expected).unwrap_or_default() + 1);
    while bytes.len() as u64 <= limit {
        if bytes.len() == bytes.capacity() {
            bytes.reserve(bytes.len().max(MIN_GROWTH));
        }
        match read(&fd, spare_capacity(bytes)) {
            Ok(0) => break,
            Ok(_) if Some(bytes.len() as u64) == length && bytes.len() < bytes.capacity() => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
