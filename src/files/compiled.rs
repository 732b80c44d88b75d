//! The compiled file: the sections of directories of `hosts.d` that have many files, ready to be copied.
//!
//! A look at each file is much cheaper than reading it and taking its lines apart. So the file says of
//! which directory and which files its sections were made, by all that statx(2) tells of them, and the hook uses
//! it only while every one of them is as it was. [`crate::files::compile`] keeps it. Whatever is wrong with it is
//! no error: the hook reads the files themselves.
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

/// Where it is.
pub(super) const PATH: &str = "/run/oci-hostaliases/hosts.d.compiled";
/// Largest file, in bytes.
pub(super) const MAX: u64 = 16 * 1024 * 1024;
/// Fewer files are read themselves: a node that has no more needs no look at the compiled file.
const FILES_MIN: usize = 32;
/// What the file begins with. Another version of the program may make other sections of the same lines.
pub const HEADER: &[u8] = concat!(
    "oci-hostaliases ",
    env!("CARGO_PKG_VERSION"),
    " hosts.d 1\n"
)
.as_bytes();

/// Where a directory's parts are in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What was left out of its files, a line each.
    pub left_out: Range<usize>,
    /// The sections.
    pub sections: Range<usize>,
}

/// What a directory and its files of these names are now: it is another one as soon as one of them is changed,
/// replaced, added or removed, a tick of the kernel's clock after the last change. `None` for a directory with few
/// files, and where the file system dates changes by whole seconds.
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

/// What statx(2) tells: ten numbers.
type Status = [u8; 80];

/// The status of a file in the directory; of the directory itself where there is no name.
fn status(directory: &OwnedFd, name: &CStr) -> Option<Status> {
    // Not what a server said some seconds ago.
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

/// What was left out of the directory with this key, and its sections.
pub(super) fn read(key: &[u8]) -> Option<(Vec<String>, Vec<u8>)> {
    let mut file = admin_file::read_admin_file(PATH.as_ref(), MAX).ok()??;
    let Block { left_out, sections } = find(&file, key)?;
    let left_out = String::from_utf8_lossy(file.get(left_out)?);
    let left_out = left_out.lines().map(str::to_owned).collect();
    file.truncate(sections.end);
    file.drain(..sections.start);
    Some((left_out, file))
}

/// Where the directory with this key is in `file`. `None` when it is not there, or the file is not one.
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
