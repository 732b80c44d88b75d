//! Reads and replaces files of the node. No process ever sees half of a file.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, XattrFlags, fgetxattr, flistxattr, fsetxattr};
use rustix::io::Errno;

use crate::register::error::RegisterError;

/// The mode of a new file.
const NEW_FILE_MODE: u32 = 0o644;

/// The suffix of an unfinished file.
const TEMPORARY: &str = ".tmp";
/// Longest value of an extended attribute, and longest list of their names (xattr(7)).
const XATTR_MAX: usize = 64 * 1024;
/// Attributes that belong to the bytes and not to the file.
const OF_THE_BYTES: [&[u8]; 2] = [b"security.ima", b"security.evm"];

/// The text of a regular file that may later be replaced; `None` if it does not exist.
///
/// # Errors
///
/// The file is a symbolic link, not regular, not UTF-8, or cannot be read.
pub(crate) fn read(path: &Path) -> Result<Option<String>, RegisterError> {
    if existing(path)?.is_none() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    open(path)?
        .read_to_end(&mut bytes)
        .map_err(RegisterError::call("read", path))?;
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|error| RegisterError::NotText {
            path: path.to_owned(),
            at: error.utf8_error().valid_up_to(),
        })
}

/// Opens a regular file. If it was replaced by something else in the meantime, the call neither blocks nor follows
/// a link.
fn open(path: &Path) -> Result<File, RegisterError> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NONBLOCK | OFlags::NOFOLLOW).bits() as i32)
        .open(path)
        .map_err(RegisterError::call("open", path))?;
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    let path = path.to_owned();
    is_file
        .then_some(file)
        .ok_or(RegisterError::NotRegular { path })
}

/// Puts `text` at `path`, where `before` was read, by a temporary file in the same directory, fsync, rename and
/// fsync of the directory. Mode, owner and extended attributes (SELinux label, ACL) of an existing file are kept; a
/// new one is 0644. Missing directories are made: `/etc/oci-hostaliases` and hooks.d need not exist. Temporary
/// files of runs that were killed are removed.
///
/// # Errors
///
/// The path is a symbolic link or not a regular file, or its text is no longer `before`, or a system call failed.
/// The old file is then still there and no temporary file is left.
pub(crate) fn replace(path: &Path, before: Option<&str>, text: &str) -> Result<(), RegisterError> {
    let former = existing(path)?;
    let directory = parent(path);
    make_directories(directory)?;
    remove_left_over(path);
    let temporary = temporary_beside(path);
    let written = write_new(path, &temporary, text, former.as_ref())
        .and_then(|()| check_unchanged(path, before))
        .and_then(|()| {
            fs::rename(&temporary, path).map_err(RegisterError::call("rename", &temporary))
        });
    if written.is_err() {
        // The first error is the one to report, even if there is no temporary file to remove.
        let _ = fs::remove_file(&temporary);
        return written;
    }
    sync_directory(directory)
}

/// As late as possible: an editor that saves after this check is not noticed.
fn check_unchanged(path: &Path, before: Option<&str>) -> Result<(), RegisterError> {
    if read(path)?.as_deref() == before {
        return Ok(());
    }
    let path = path.to_owned();
    Err(RegisterError::Changed { path })
}

/// Removes the file at `path`, where `before` was read. If it is already gone, that is not an error.
///
/// # Errors
///
/// The path is a symbolic link or not a regular file, or its text is not `before` any more, or a system call
/// failed.
pub(crate) fn remove(path: &Path, before: Option<&str>) -> Result<(), RegisterError> {
    remove_left_over(path);
    if existing(path)?.is_none() {
        return Ok(());
    }
    check_unchanged(path, before)?;
    fs::remove_file(path).map_err(RegisterError::call("unlink", path))?;
    sync_directory(parent(path))
}

/// The status of the regular file at `path`; `None` if there is no file.
fn existing(path: &Path) -> Result<Option<fs::Metadata>, RegisterError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(RegisterError::call("lstat", path)(error)),
    };
    if metadata.is_symlink() {
        return Err(RegisterError::SymbolicLink {
            path: path.to_owned(),
            target: fs::read_link(path).map_err(RegisterError::call("readlink", path))?,
        });
    }
    if !metadata.is_file() {
        return Err(RegisterError::NotRegular {
            path: path.to_owned(),
        });
    }
    Ok(Some(metadata))
}

/// Makes the directory and those above it, 0755 whatever the umask: rootless Podman has to read a
/// hooks.d too.
fn make_directories(directory: &Path) -> Result<(), RegisterError> {
    if directory.is_dir() {
        return Ok(());
    }
    make_directories(parent(directory))?;
    fs::create_dir(directory).map_err(RegisterError::call("mkdir", directory))?;
    fs::set_permissions(directory, Permissions::from_mode(0o755))
        .map_err(RegisterError::call("chmod", directory))
}

fn write_new(
    path: &Path,
    temporary: &Path,
    text: &str,
    former: Option<&fs::Metadata>,
) -> Result<(), RegisterError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(temporary)
        .map_err(RegisterError::call("open", temporary))?;
    file.write_all(text.as_bytes())
        .map_err(RegisterError::call("write", temporary))?;
    // Owner before mode: chown clears the set-id bits.
    if let Some(former) = former {
        fchown(&file, Some(former.uid()), Some(former.gid()))
            .map_err(RegisterError::call("fchown", temporary))?;
        // Before the mode, whose group bits are an ACL's mask.
        copy_attributes(&open(path)?, &file)
            .map_err(|errno| RegisterError::call("fsetxattr", temporary)(errno.into()))?;
    }
    let mode = former.map_or(NEW_FILE_MODE, |former| former.mode() & 0o7777);
    file.set_permissions(Permissions::from_mode(mode))
        .map_err(RegisterError::call("fchmod", temporary))?;
    file.sync_all()
        .map_err(RegisterError::call("fsync", temporary))
}

fn copy_attributes(from: &File, to: &File) -> rustix::io::Result<()> {
    let mut names = vec![0; XATTR_MAX];
    let length = match flistxattr(from, names.as_mut_slice()) {
        Err(Errno::OPNOTSUPP) => return Ok(()),
        length => length?,
    };
    let mut value = vec![0; XATTR_MAX];
    for name in names
        .get(..length)
        .unwrap_or_default()
        .split(|byte| *byte == 0)
    {
        if name.is_empty() || OF_THE_BYTES.contains(&name) {
            continue;
        }
        let length = fgetxattr(from, name, value.as_mut_slice())?;
        let value = value.get(..length).unwrap_or_default();
        fsetxattr(to, name, value, XattrFlags::empty())?;
    }
    Ok(())
}

fn sync_directory(directory: &Path) -> Result<(), RegisterError> {
    File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(RegisterError::call("fsync", directory))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A name that no engine reads: CRI-O reads `*.json` in its hooks.d, containerd imports `*.toml`.
fn temporary_beside(path: &Path) -> PathBuf {
    let prefix = temporary_prefix(path);
    parent(path).join(format!("{prefix}{}{TEMPORARY}", std::process::id()))
}

fn temporary_prefix(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.")
}

/// Removes temporary files that killed runs left beside `path`. Their names have the process ID.
pub(crate) fn remove_left_over(path: &Path) {
    let prefix = temporary_prefix(path);
    for name in names_beside(path) {
        let pid = name
            .strip_prefix(&prefix)
            .and_then(|name| name.strip_suffix(TEMPORARY)?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            let _ = fs::remove_file(path.with_file_name(name));
        }
    }
}

/// The names of the files beside `path` that killed runs may have left unfinished.
pub(crate) fn left_overs(path: &Path) -> Vec<String> {
    let name_of = |temporary: String| {
        let (name, _) = temporary
            .strip_prefix('.')?
            .strip_suffix(TEMPORARY)?
            .rsplit_once('.')?;
        Some(name.to_owned())
    };
    names_beside(path).into_iter().filter_map(name_of).collect()
}

/// The names in the directory of `path`.
pub(crate) fn names_beside(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(parent(path)).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}
