//! Reads files that only the administrator may write, and the node's own files.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, Stat, fstat};

use crate::error::Error;
use crate::files::bounded_read::read_to_end;

/// The owner that the kernel shows for files whose owner is not mapped in the current user namespace.
const OVERFLOW_UID: u32 = 65534;

/// Reads a regular file whole; one with more than `limit` bytes is refused.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    read_into(&mut bytes, path, limit)?;
    Ok(bytes)
}

/// The same into an existing buffer, replacing its content.
pub(crate) fn read_into(bytes: &mut Vec<u8>, path: &Path, limit: u64) -> Result<(), Error> {
    let file = open(path)?;
    let status = status_of(&file, path)?;
    read_open(bytes, &file, &status, path, limit)
}

/// Reads a file that affects every container of the node; `None` if it does not exist. It is an error if root does
/// not own it or other users may write to it. Errors that an administrator can correct are errors of the node's
/// configuration.
pub(crate) fn read_admin_file(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let Some((file, status)) = open_checked(path)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    match read_open(&mut bytes, &file, &status, path, limit) {
        Err(Error::TooLarge { limit, .. }) => Err(too_large(path, limit)),
        read => read.map(|()| Some(bytes)),
    }
}

/// Opens such a file of at most `limit` bytes, for reading parts of it. Its length in bytes comes with it.
pub(crate) fn open_admin_file(path: &Path, limit: u64) -> Result<Option<(File, u64)>, Error> {
    let Some((file, status)) = open_checked(path)? else {
        return Ok(None);
    };
    match status.st_size as u64 {
        length if length > limit => Err(too_large(path, limit)),
        length => Ok(Some((file, length))),
    }
}

fn open_checked(path: &Path) -> Result<Option<(File, Stat)>, Error> {
    let file = match open(path) {
        Ok(file) => file,
        Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let status = check_owner(&file, path)?;
    if !is_file(&status) {
        return Err(configuration(path, "not a regular file".to_owned()));
    }
    Ok(Some((file, status)))
}

fn too_large(path: &Path, limit: u64) -> Error {
    configuration(path, format!("more than {limit} bytes"))
}

fn configuration(path: &Path, situation: String) -> Error {
    Error::Configuration {
        path: path.to_owned(),
        situation,
    }
}

/// Checks that root owns an open file or directory and that only root can write to it. Returns its status, for
/// [`read_open`].
pub(crate) fn check_owner(file: &File, path: &Path) -> Result<Stat, Error> {
    let status = status_of(file, path)?;
    match owner_trouble(status.st_uid, status.st_mode) {
        None => Ok(status),
        Some(trouble) => Err(configuration(path, trouble.to_string())),
    }
}

/// Why users other than root can change a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OwnerTrouble {
    /// The owner's user ID.
    #[error("belongs to user {0}, not to root")]
    Owner(u32),
    /// Its permission bits.
    #[error("users other than root can write to it (mode {0:04o})")]
    Mode(u32),
}

/// Whether others than root may change a file or directory of this owner and mode.
pub(crate) fn owner_trouble(uid: u32, mode: u32) -> Option<OwnerTrouble> {
    if !is_root(uid) {
        Some(OwnerTrouble::Owner(uid))
    } else if mode & 0o022 != 0 {
        Some(OwnerTrouble::Mode(mode & 0o7777))
    } else {
        None
    }
}

/// Whether this is the host's root. In a user namespace (rootless Podman, `createContainer`) the host's root is not
/// mapped and appears as the overflow user.
fn is_root(uid: u32) -> bool {
    uid == 0 || (uid == OVERFLOW_UID && !in_initial_user_namespace())
}

fn in_initial_user_namespace() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

fn open(path: &Path) -> Result<File, Error> {
    // A FIFO in the file's place must not block the start of a container. The standard library would make two calls
    // with musl.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    rustix::fs::open(path, flags, Mode::empty())
        .map(File::from)
        .map_err(|errno| Error::file("open", path, errno))
}

/// The status of an open file.
pub(crate) fn status_of(file: &File, path: &Path) -> Result<Stat, Error> {
    fstat(file).map_err(|errno| Error::file("stat", path, errno))
}

fn is_file(status: &Stat) -> bool {
    FileType::from_raw_mode(status.st_mode) == FileType::RegularFile
}

/// Reads a whole open file with this status into an existing buffer.
pub(crate) fn read_open(
    bytes: &mut Vec<u8>,
    file: &File,
    status: &Stat,
    path: &Path,
    limit: u64,
) -> Result<(), Error> {
    if !is_file(status) {
        return Err(Error::file(
            "read",
            path,
            std::io::Error::other("not a regular file"),
        ));
    }
    read_to_end(bytes, file, Some(status.st_size as u64), limit)
        .map_err(|errno| Error::file("read", path, errno))?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(())
}
