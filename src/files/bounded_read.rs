//! Reading to the end of what somebody else decides the length of.

use std::os::fd::AsFd;

use rustix::buffer::spare_capacity;
use rustix::io::{Errno, read};

/// How much more room is made at least when there are more bytes than expected.
const MIN_GROWTH: usize = 4096;

/// Reads to the end, or, when there are more than `limit` bytes, a little further than that: the
/// caller refuses what is longer than his limit. There is room for one byte more than `expected`,
/// so what has the expected length takes two calls.
///
/// # Errors
///
/// A read fails.
pub fn read_to_end(fd: impl AsFd, expected: usize, limit: u64) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::with_capacity(expected + 1);
    while bytes.len() as u64 <= limit {
        if bytes.len() == bytes.capacity() {
            bytes.reserve(bytes.len().max(MIN_GROWTH));
        }
        match read(&fd, spare_capacity(&mut bytes)) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(bytes)
}
