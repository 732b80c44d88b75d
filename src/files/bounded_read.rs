//! Reading to the end of what somebody else decides the length of.

use std::os::fd::AsFd;

use rustix::buffer::spare_capacity;
use rustix::io::{Errno, read};

/// How much more room is made at least when there are more bytes than expected.
const MIN_GROWTH: usize = 4096;

/// Reads to the end into `bytes`, in the place of what is there; or, when there are more than `limit` bytes, a
/// little further than that: the caller refuses what is longer than his limit.
///
/// `length` is what the kernel says a regular file has, `None` for a pipe. A file that has it takes one call:
/// there is room for one byte more, so that fewer than asked for have come, and those are all.
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
