//! Files of the node read and replaced such that nobody ever sees half of one.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::register::error::RegisterError;

/// The mode of a file that was not there before.
const NEW_FILE_MODE: u32 = 0o644;

/// The text of a regular file that may later be replaced; `None` when there is no such file.
///
/// # Errors
///
/// The file is a symbolic link, not regular, not UTF-8, or cannot be read.
pub(crate) fn read(path: &Path) -> Result<Option<String>, RegisterError> {
    if existing(path)?.is_none() {
        return Ok(None);
    }
    let bytes = fs::read(path).map_err(RegisterError::call("read", path))?;
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|error| RegisterError::NotText {
            path: path.to_owned(),
            at: error.utf8_error().valid_up_to(),
        })
}

/// Puts `text` at `path` by a temporary file in the same directory, fsync, rename and fsync of
/// the directory. Mode and owner of an existing file are kept; a new one is 0644. Missing
/// directories on the way are made: neither `/etc/oci-hostaliases` nor a hooks.d need be there.
///
/// # Errors
///
/// The path is a symbolic link or not a regular file, or a system call failed. The former file
/// is then still there and no temporary file is left.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), RegisterError> {
    let former = existing(path)?;
    let directory = parent(path);
    make_directories(directory)?;
    let temporary = temporary_beside(path);
    let written = write_new(&temporary, text, former.as_ref()).and_then(|()| {
        fs::rename(&temporary, path).map_err(RegisterError::call("rename", &temporary))
    });
    if written.is_err() {
        // The first error is the one to report; a temporary file that was never made is no news.
        let _ = fs::remove_file(&temporary);
        return written;
    }
    sync_directory(directory)
}

/// Removes the file at `path`. One that is already gone is no error.
///
/// # Errors
///
/// The path is a symbolic link or not a regular file, or a system call failed.
pub(crate) fn remove(path: &Path) -> Result<(), RegisterError> {
    if existing(path)?.is_none() {
        return Ok(());
    }
    fs::remove_file(path).map_err(RegisterError::call("unlink", path))?;
    sync_directory(parent(path))
}

/// What is at `path`, when it is a regular file, or nothing.
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
    }
    let mode = former.map_or(NEW_FILE_MODE, |former| former.mode() & 0o7777);
    file.set_permissions(Permissions::from_mode(mode))
        .map_err(RegisterError::call("fchmod", temporary))?;
    file.sync_all()
        .map_err(RegisterError::call("fsync", temporary))
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

/// A name that no engine reads: CRI-O watches its hooks.d for `*.json`, containerd imports
/// `*.toml`.
fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    parent(path).join(format!(".{name}.{}.tmp", std::process::id()))
}
