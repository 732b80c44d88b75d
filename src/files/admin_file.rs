//! Reading what only the administrator may write, and the node's own files.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::error::Error;
use crate::files::bounded_read::read_to_end;

/// What the kernel shows as the owner of files whose owner has no number in our user namespace.
const OVERFLOW_UID: u32 = 65534;

/// Reads a regular file whole; one with more than `limit` bytes is refused.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    read_into(&mut bytes, path, limit)?;
    Ok(bytes)
}

/// The same into a buffer that is there, in the place of what is in it.
pub(crate) fn read_into(bytes: &mut Vec<u8>, path: &Path, limit: u64) -> Result<(), Error> {
    let file = open(path)?;
    let status = status_of(&file, path)?;
    read_open(bytes, &file, &status, path, limit)
}

/// Reads a file that decides what happens in every container of the node; `None` when there is
/// none, an error when it is not root's or others may write it. What an administrator can mend about the
/// file is an error of the node's configuration.
pub(crate) fn read_admin_file(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let file = match open(path) {
        Ok(file) => file,
        Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let status = check_owner(&file, path)?;
    let configuration = |situation| Error::Configuration {
        path: path.to_owned(),
        situation,
    };
    if !status.is_file() {
        return Err(configuration("not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    match read_open(&mut bytes, &file, &status, path, limit) {
        Err(Error::TooLarge { limit, .. }) => {
            Err(configuration(format!("more than {limit} bytes")))
        }
        read => read.map(|()| Some(bytes)),
    }
}

/// Makes sure that an open file or directory is root's and that only root can write it. Its status,
/// for [`read_open`].
pub(crate) fn check_owner(file: &File, path: &Path) -> Result<Metadata, Error> {
    let status = status_of(file, path)?;
    match owner_trouble(&status) {
        None => Ok(status),
        Some(trouble) => Err(Error::Configuration {
            path: path.to_owned(),
            situation: trouble.to_string(),
        }),
    }
}

/// Why a file or directory is not root's alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OwnerTrouble {
    /// The number of its owner.
    #[error("belongs to user {0}, not to root")]
    Owner(u32),
    /// Its permission bits.
    #[error("users other than root can write to it (mode {0:04o})")]
    Mode(u32),
}

/// Whether others than root may change a file or directory of this status.
pub(crate) fn owner_trouble(status: &Metadata) -> Option<OwnerTrouble> {
    if !is_root(status.uid()) {
        Some(OwnerTrouble::Owner(status.uid()))
    } else if status.mode() & 0o022 != 0 {
        Some(OwnerTrouble::Mode(status.mode() & 0o7777))
    } else {
        None
    }
}

/// Whether this is the host's root: in a user namespace (rootless Podman, `createContainer`) the
/// host's root has no number and shows as the overflow user.
fn is_root(uid: u32) -> bool {
    uid == 0 || (uid == OVERFLOW_UID && !in_initial_user_namespace())
}

fn in_initial_user_namespace() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

fn open(path: &Path) -> Result<File, Error> {
    // A FIFO put in the file's place must not hang the start of a container. Not by the standard library, which
    // makes two calls with musl.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    rustix::fs::open(path, flags, Mode::empty())
        .map(File::from)
        .map_err(|errno| Error::file("open", path, errno))
}

fn status_of(file: &File, path: &Path) -> Result<Metadata, Error> {
    file.metadata()
        .map_err(|source| Error::file("stat", path, source))
}

/// Reads an open file of this status whole, into a buffer that is there.
pub(crate) fn read_open(
    bytes: &mut Vec<u8>,
    file: &File,
    status: &Metadata,
    path: &Path,
    limit: u64,
) -> Result<(), Error> {
    if !status.is_file() {
        return Err(Error::file(
            "read",
            path,
            std::io::Error::other("not a regular file"),
        ));
    }
    read_to_end(bytes, file, Some(status.len()), limit)
        .map_err(|errno| Error::file("read", path, errno))?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(())
}
