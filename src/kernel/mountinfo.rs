//! Reading `/proc/<pid>/mountinfo` (proc(5)). Pure.

/// One line of a mountinfo table, as far as we use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MountLine<'a> {
    /// The mount's number, unique while it exists.
    pub id: u64,
    /// Where it is mounted, with spaces and the like as octal escapes.
    pub mount_point: &'a str,
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
        let mount_point = fields.nth(3)?;
        let is_shared = fields
            .skip(1)
            .any(|optional| optional.starts_with("shared:"));
        let mut fields = filesystem.split(' ');
        Some(Self {
            id,
            mount_point,
            is_shared,
            filesystem: fields.next()?,
            source: fields.next()?,
        })
    }
}

/// The line of the mount with this number.
pub fn find(table: &str, id: u64) -> Option<MountLine<'_>> {
    let number = id.to_string();
    table
        .lines()
        .filter(|line| line.split(' ').next() == Some(number.as_str()))
        .find_map(MountLine::read)
}
