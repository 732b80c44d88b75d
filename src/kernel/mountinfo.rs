//! Reads `/proc/<pid>/mountinfo` (proc(5)) line by line as bytes: the node's users choose the names in it, which
//! can have any length and need not be UTF-8.

use std::ffi::OsString;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The longest line that is read. The fields that are used come before the file system's own
/// options, which may be longer.
const LINE_MAX: usize = 64 * 1024;
/// Enough for most tables.
const READ_AHEAD: usize = 32 * 1024;

/// The used fields of one line of a mountinfo table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MountLine<'a> {
    /// The mount's number, unique while it exists.
    pub id: u64,
    /// The device of the file system, `major:minor`. The hook's tmpfs has one for each container.
    pub device: &'a [u8],
    /// Which directory or file of the file system is mounted, with escapes like `mount_point`.
    pub(crate) root: &'a [u8],
    /// Where it is mounted, with spaces and the like as octal escapes.
    pub mount_point: &'a [u8],
    /// Whether it is mounted read-only.
    pub is_read_only: bool,
    /// Whether mounts on it appear elsewhere too (`shared:` among the optional fields).
    pub is_shared: bool,
    /// The file system's type.
    pub filesystem: &'a [u8],
    /// The source of the mount. The hook's tmpfs has `oci-hostaliases`.
    pub source: &'a [u8],
}

impl<'a> MountLine<'a> {
    /// Reads `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`.
    pub fn read(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ');
        let id = number(fields.next()?)?;
        let device = fields.nth(1)?;
        let root = fields.next()?;
        let mount_point = fields.next()?;
        let options = fields.next().filter(|options| options != b"-")?;
        let is_read_only = options
            .split(|byte| *byte == b',')
            .any(|option| option == b"ro");
        let mut is_shared = false;
        loop {
            match fields.next()? {
                b"-" => break,
                optional => is_shared |= optional.starts_with(b"shared:"),
            }
        }
        Some(Self {
            id,
            device,
            root,
            mount_point,
            is_read_only,
            is_shared,
            filesystem: fields.next()?,
            source: fields.next()?,
        })
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A path as mountinfo writes it, with its octal escapes (`\040` for a space) undone.
pub fn unescape(path: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        let escape = after
            .get(..3)
            .filter(|digits| *first == b'\\' && digits.iter().all(u8::is_ascii_digit));
        let octal = escape.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            bytes.push(byte);
            rest = after.get(3..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Passes each line to `each` until that breaks. Of a line that is too long, it passes the beginning, so memory is
/// bounded. A line without its end, from a truncated table, is skipped.
///
/// # Errors
///
/// The table cannot be read.
pub fn each_line(
    mut table: impl Read,
    each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut chunk = vec![0; READ_AHEAD];
    let mut line = Vec::new();
    loop {
        let length = match table.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            length => length?,
        };
        for byte in chunk.iter().take(length) {
            if *byte != b'\n' {
                if line.len() < LINE_MAX {
                    line.push(*byte);
                }
            } else if each(&line).is_break() {
                return Ok(());
            } else {
                line.clear();
            }
        }
    }
}

/// The line of the mount with this number.
///
/// # Errors
///
/// The table cannot be read.
pub fn find(table: impl Read, id: u64) -> io::Result<Option<Vec<u8>>> {
    let start = format!("{id} ");
    let mut found = None;
    each_line(table, &mut |line| {
        if line.starts_with(start.as_bytes()) {
            found = Some(line.to_vec());
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
