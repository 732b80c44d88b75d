//! Reading `/proc/<pid>/mountinfo` (proc(5)). Pure.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// One line of a mountinfo table, as far as we use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MountLine<'a> {
    /// The mount's number, unique while it exists.
    pub id: u64,
    /// The device of the file system, `major:minor`: ours has one for each container.
    pub device: &'a str,
    /// Where it is mounted, with spaces and the like as octal escapes.
    pub mount_point: &'a str,
    /// Whether it is mounted read-only.
    pub is_read_only: bool,
    /// Whether mounts on it appear elsewhere too (`shared:` among the optional fields).
    pub is_shared: bool,
    /// The file system's type.
    pub filesystem: &'a str,
    /// What is mounted; the file system's own choice. Ours says `oci-hostaliases`.
    pub source: &'a str,
}

impl<'a> MountLine<'a> {
    /// Reads `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`.
    pub fn read(line: &'a str) -> Option<Self> {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut fields = mount.split(' ');
        let id = fields.next()?.parse().ok()?;
        let device = fields.nth(1)?;
        let mount_point = fields.nth(1)?;
        let is_read_only = fields.next()?.split(',').any(|option| option == "ro");
        let is_shared = fields.any(|optional| optional.starts_with("shared:"));
        let mut fields = filesystem.split(' ');
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

/// A path as mountinfo writes it, with its octal escapes (`\040` for a space) undone.
pub fn unescape(path: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
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

/// The line of the mount with this number.
pub fn find(table: &str, id: u64) -> Option<MountLine<'_>> {
    let number = id.to_string();
    table
        .lines()
        .filter(|line| line.split(' ').next() == Some(number.as_str()))
        .find_map(MountLine::read)
}
