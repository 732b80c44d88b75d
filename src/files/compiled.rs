//! The compiled file: the finished sections of directories of `hosts.d` with many files.
//!
//! The status of each file is much cheaper than reading and parsing it. So the file records the statx(2) values of
//! the directory and the files of its sections, and the hook uses it only while all of them are unchanged. The hook
//! does not list the directory: a file that is added, removed or renamed changes the directory's status.
//! `crate::files::compile` keeps the file up to date. If anything is wrong with it, that is not an error: the hook
//! reads the files themselves.
//!
//! ```text
//! header, length of the index
//! index: for each directory the length of its path, and of its three parts; its path
//! parts: for each directory what it was made from, what was left out (lines), sections
//! ```
//!
//! Each length has eight bytes in the processor's order.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, StatxFlags, statx};

use crate::files::admin_file;

/// Its path.
pub(super) const PATH: &str = "/run/oci-hostaliases/hosts.d.compiled";
/// Largest file, in bytes.
pub(super) const MAX: u64 = 16 * 1024 * 1024;
/// The beginning of the file. Another version of the program may make other sections from the same lines.
pub const HEADER: &[u8] = concat!(
    "oci-hostaliases ",
    env!("CARGO_PKG_VERSION"),
    " hosts.d 2\n"
)
.as_bytes();
const LENGTH: usize = size_of::<u64>();

/// The places of a directory's parts in the file, by their offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// What they were made from: the statuses of the directory and of its files.
    pub sources: Range<u64>,
    /// What was left out of its files, one line each.
    pub left_out: Range<u64>,
    /// The sections.
    pub sections: Range<u64>,
}

/// The open file, with its index.
#[derive(Debug)]
pub(super) struct CompiledFile {
    file: File,
    length: u64,
    index: Vec<u8>,
}

impl CompiledFile {
    /// Opens it; `None` if there is none that can be used.
    pub(super) fn open() -> Option<Self> {
        let (mut file, length) = admin_file::open_admin_file(PATH.as_ref(), MAX).ok()??;
        let mut start = [0; HEADER.len() + LENGTH];
        file.read_exact(&mut start).ok()?;
        let index = index_place(&start)?;
        let mut compiled = Self {
            file,
            length,
            index: Vec::new(),
        };
        compiled.index = compiled.read(index)?;
        Some(compiled)
    }

    /// What was left out of this directory, and its sections. `None` if they are not there, or no longer up to date.
    pub(super) fn sections(
        &self,
        directory: &OwnedFd,
        path: &Path,
    ) -> Option<(Vec<String>, Vec<u8>)> {
        let parts = find(&self.index, path)?;
        let sources = self.read(parts.sources)?;
        if !is_current(&sources, |name| status(directory, name)) {
            return None;
        }
        let left_out = self.read(parts.left_out)?;
        let left_out = String::from_utf8_lossy(&left_out);
        let left_out = left_out.lines().map(str::to_owned).collect();
        Some((left_out, self.read(parts.sections)?))
    }

    fn read(&self, place: Range<u64>) -> Option<Vec<u8>> {
        if place.is_empty() {
            return Some(Vec::new());
        }
        // Memory only for what the file has.
        let length = (place.end <= self.length).then(|| place.end - place.start)?;
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(place.start)).ok()?;
        file.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// The place of the index, by the file's beginning. `None` if it is not a compiled file of this version.
pub fn index_place(file: &[u8]) -> Option<Range<u64>> {
    let (length, _) = file.strip_prefix(HEADER)?.split_first_chunk()?;
    let start = (HEADER.len() + LENGTH) as u64;
    Some(start..start.checked_add(u64::from_ne_bytes(*length))?)
}

/// The parts of the directory with this path, by the index. `None` if it has none, or `index` is no index.
pub fn find(index: &[u8], path: &Path) -> Option<Parts> {
    let mut directories = directories(index);
    directories
        .find_map(|(own, parts)| (own.as_bytes() == path.as_os_str().as_bytes()).then_some(parts))
}

/// Each directory of the index, as far as it is one.
pub(super) fn directories(index: &[u8]) -> impl Iterator<Item = (&OsStr, Parts)> {
    let mut start = (HEADER.len() + LENGTH + index.len()) as u64;
    let mut rest = index;
    std::iter::from_fn(move || {
        let mut lengths = [0; 4];
        for length in &mut lengths {
            let (bytes, behind) = rest.split_first_chunk()?;
            (*length, rest) = (u64::from_ne_bytes(*bytes), behind);
        }
        let [path, sources, left_out, sections] = lengths;
        let (path, behind) = rest.split_at_checked(usize::try_from(path).ok()?)?;
        let mut next = |length| {
            let end = start.checked_add(length)?;
            Some(std::mem::replace(&mut start, end)..end)
        };
        let parts = Parts {
            sources: next(sources)?,
            left_out: next(left_out)?,
            sections: next(sections)?,
        };
        rest = behind;
        Some((OsStr::from_bytes(path), parts))
    })
}

/// Ten values of statx(2): the device's two numbers, inode number, size, mode, owner, and the times of the last write
/// and the last change, in seconds and nanoseconds.
pub type Status = [u64; 10];

/// Whether the sections made from these sources are up to date: each name has the status that it had. A status
/// differs as soon as a file is changed or replaced, or one is added to or removed from the directory, at least a
/// tick of the kernel's clock after the last change.
pub fn is_current(sources: &[u8], status: impl Fn(&CStr) -> Option<Status>) -> bool {
    let mut rest = sources;
    while !rest.is_empty() {
        let Ok(name) = CStr::from_bytes_until_nul(rest) else {
            return false;
        };
        let behind = rest.get(name.to_bytes_with_nul().len()..);
        let recorded = behind.and_then(|behind| behind.split_at_checked(size_of::<Status>()));
        let (Some((recorded, others)), Some(status)) = (recorded, status(name)) else {
            return false;
        };
        // Not by `==`, for which musl compares byte by byte.
        let differs =
            recorded
                .chunks_exact(LENGTH)
                .zip(status)
                .fold(0, |differs, (recorded, number)| {
                    let recorded = recorded.first_chunk().copied().unwrap_or_default();
                    differs | (u64::from_ne_bytes(recorded) ^ number)
                });
        if differs != 0 {
            return false;
        }
        rest = others;
    }
    !sources.is_empty()
}

/// The status of a file in the directory, or of the directory itself for an empty name. `None` if there is none, and
/// if the file system's timestamps have whole seconds.
pub(super) fn status(directory: &OwnedFd, name: &CStr) -> Option<Status> {
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
    (status.stx_ctime.tv_nsec != 0).then_some(numbers)
}
