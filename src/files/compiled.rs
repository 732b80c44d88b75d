//! The compiled file: the finished sections of directories of `hosts.d` with many files.
//!
//! The status of each file is much cheaper than reading and parsing it. So the file records the statx(2) values of
//! the directory and the files of its sections, and the hook uses it only while all of them are unchanged.
//! `crate::files::compile` keeps it up to date. If anything is wrong with it, that is not an error: the hook
//! reads the files themselves.
//!
//! ```text
//! header, then for each directory: key, what was left out (lines), sections
//! ```
//!
//! The last three each begin with their length, eight bytes in the processor's order.

use std::ffi::CStr;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, StatxFlags, statx};

use crate::files::admin_file;
use crate::files::hosts_d::each;

/// Its path.
pub(super) const PATH: &str = "/run/oci-hostaliases/hosts.d.compiled";
/// Largest file, in bytes.
pub(super) const MAX: u64 = 16 * 1024 * 1024;
/// With fewer files, the hook does not use the compiled file.
const FILES_MIN: usize = 32;
/// The beginning of the file. Another version of the program may make other sections from the same lines.
pub const HEADER: &[u8] = concat!(
    "oci-hostaliases ",
    env!("CARGO_PKG_VERSION"),
    " hosts.d 1\n"
)
.as_bytes();

/// The places of a directory's parts in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What was left out of its files, one line each.
    pub left_out: Range<usize>,
    /// The sections.
    pub sections: Range<usize>,
}

/// The state of a directory and its files of these names. It differs as soon as one of them is changed, replaced,
/// added or removed at least a tick of the kernel's clock after the last change. `None` for a directory with few
/// files, and if the file system's timestamps have whole seconds.
pub(super) fn key(directory: &OwnedFd, path: &Path, names: &[u8]) -> Option<Vec<u8>> {
    let count = each(names).count();
    if count < FILES_MIN {
        return None;
    }
    let path = path.as_os_str().as_bytes();
    let mut key =
        Vec::with_capacity(path.len() + names.len() + (count + 1) * size_of::<Status>() + 2);
    key.extend_from_slice(path);
    key.push(0);
    for name in std::iter::once(c"").chain(each(names)) {
        key.extend_from_slice(name.to_bytes_with_nul());
        key.extend_from_slice(&status(directory, name)?);
    }
    Some(key)
}

/// The values of statx(2): ten numbers.
type Status = [u8; 80];

/// The status of a file in the directory, or of the directory itself for an empty name.
fn status(directory: &OwnedFd, name: &CStr) -> Option<Status> {
    // Not a cached value of a server.
    let flags = AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_FORCE_SYNC;
    let status = statx(directory, name, flags, StatxFlags::BASIC_STATS).ok()?;
    let numbers = [
        status.stx_dev_major.into(),
        status.stx_dev_minor.into(),
        status.stx_ino,
        status.stx_size,
        status.stx_mode.into(),
        status.stx_uid.into(),
        status.stx_mtime.tv_sec as u64,
        status.stx_mtime.tv_nsec.into(),
        status.stx_ctime.tv_sec as u64,
        status.stx_ctime.tv_nsec.into(),
    ];
    let mut bytes = [0; size_of::<Status>()];
    for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&u64::to_ne_bytes(number));
    }
    (status.stx_ctime.tv_nsec != 0).then_some(bytes)
}

/// The entries that were left out of the directory with this key, and its sections.
pub(super) fn read(key: &[u8]) -> Option<(Vec<String>, Vec<u8>)> {
    let mut file = admin_file::read_admin_file(PATH.as_ref(), MAX).ok()??;
    let Block { left_out, sections } = find(&file, key)?;
    let left_out = String::from_utf8_lossy(file.get(left_out)?);
    let left_out = left_out.lines().map(str::to_owned).collect();
    file.truncate(sections.end);
    file.drain(..sections.start);
    Some((left_out, file))
}

/// The place of the directory with this key in `file`. `None` if it is not there, or `file` is not a compiled file.
pub fn find(file: &[u8], key: &[u8]) -> Option<Block> {
    let mut end = file.starts_with(HEADER).then_some(HEADER.len())?;
    loop {
        let own = piece(file, end)?;
        let left_out = piece(file, own.end)?;
        let sections = piece(file, left_out.end)?;
        if file.get(own) == Some(key) {
            return Some(Block { left_out, sections });
        }
        end = sections.end;
    }
}

fn piece(file: &[u8], at: usize) -> Option<Range<usize>> {
    let (length, rest) = file.get(at..)?.split_first_chunk()?;
    let length = usize::try_from(u64::from_ne_bytes(*length)).ok()?;
    let start = file.len() - rest.len();
    (length <= rest.len()).then(|| start..start + length)
}
