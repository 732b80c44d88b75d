//! Reading `/proc/<pid>/mountinfo` (proc(5)), line by line and as bytes: what stands in it is named by
//! the node's users, who may choose names that are no UTF-8, and of any length.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// As much of a line as is looked at. What is used of it stands in front of the file system's own
/// options, which may be longer.
const LINE_MAX: u64 = 64 * 1024;
/// As much as most tables need.
const READ_AHEAD: usize = 32 * 1024;

/// One line of a mountinfo table, as far as we use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MountLine<'a> {
    /// The mount's number, unique while it exists.
    pub id: u64,
    /// The device of the file system, `major:minor`: ours has one for each container.
    pub device: &'a [u8],
    /// Where it is mounted, with spaces and the like as octal escapes.
    pub mount_point: &'a [u8],
    /// Whether it is mounted read-only.
    pub is_read_only: bool,
    /// Whether mounts on it appear elsewhere too (`shared:` among the optional fields).
    pub is_shared: bool,
    /// The file system's type.
    pub filesystem: &'a [u8],
    /// What is mounted; the file system's own choice. Ours says `oci-hostaliases`.
    pub source: &'a [u8],
}

impl<'a> MountLine<'a> {
    /// Reads `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`.
    pub fn read(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ');
        let id = number(fields.next()?)?;
        let device = fields.nth(1)?;
        let mount_point = fields.nth(1)?;
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

/// Gives each line to `each` until that breaks off. Of a line that is too long, its beginning. Memory
/// is bounded whatever the table has.
///
/// # Errors
///
/// The table cannot be read.
pub fn each_line(
    table: &mut dyn Read,
    each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut table = BufReader::with_capacity(READ_AHEAD, table);
    let mut line = Vec::new();
    loop {
        line.clear();
        table.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)?;
        match line.pop() {
            None => return Ok(()),
            Some(b'\n') => {}
            Some(_) => {
                table.skip_until(b'\n')?;
            }
        }
        if each(&line).is_break() {
            return Ok(());
        }
    }
}

/// Gives the line of the mount with this number to `found`, once; whether there is one.
///
/// # Errors
///
/// The table cannot be read.
pub fn find(
    table: &mut dyn Read,
    id: u64,
    found: &mut dyn FnMut(&MountLine<'_>),
) -> io::Result<bool> {
    let start = format!("{id} ");
    let mut is_there = false;
    each_line(table, &mut |line| match line
        .strip_prefix(start.as_bytes())
        .and_then(|_| MountLine::read(line))
    {
        None => ControlFlow::Continue(()),
        Some(line) => {
            found(&line);
            is_there = true;
            ControlFlow::Break(())
        }
    })?;
    Ok(is_there)
}
