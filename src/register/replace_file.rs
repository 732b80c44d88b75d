//! Files of the node read and replaced such that nobody ever sees half of one.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// The mode of a file that was not there before.
const NEW_FILE_MODE: u32 = 0o644;

/// Why a file of the node could not be read or replaced.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// A system call failed.
    #[error("{call} {}", path.display())]
    Call {
        /// The call.
        call: &'static str,
        /// The path that it was about.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
    /// Renaming over a symbolic link would replace the link and leave its target as it is.
    #[error("{} is a symbolic link to {}: name the file itself", path.display(), target.display())]
    SymbolicLink {
        /// The link.
        path: PathBuf,
        /// Where it points.
        target: PathBuf,
    },
    /// A directory, device, fifo or socket.
    #[error("{} is not a regular file", path.display())]
    NotRegular {
        /// The path.
        path: PathBuf,
    },
    /// Configuration and JSON are UTF-8 by definition.
    #[error("{} is not UTF-8 text (byte {at})", path.display())]
    NotText {
        /// The path.
        path: PathBuf,
        /// The offset of the first bad byte.
        at: usize,
    },
}

impl ReplaceError {
    fn call<'a>(call: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Call {
            call,
            path: path.to_owned(),
            source,
        }
    }
}

/// The text of a regular file that may later be replaced; `None` when there is no such file.
///
/// # Errors
///
/// The file is a symbolic link, not regular, not UTF-8, or cannot be read.
pub fn read(path: &Path) -> Result<Option<String>, ReplaceError> {
    if existing(path)?.is_none() {
        return Ok(None);
    }
    let bytes = fs::read(path).map_err(ReplaceError::call("read", path))?;
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|error| ReplaceError::NotText {
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
pub fn replace(path: &Path, text: &str) -> Result<(), ReplaceError> {
    let former = existing(path)?;
    let directory = parent(path);
    make_directories(directory)?;
    let temporary = temporary_beside(path);
    let written = write_new(&temporary, text, former.as_ref()).and_then(|()| {
        fs::rename(&temporary, path).map_err(ReplaceError::call("rename", &temporary))
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
pub fn remove(path: &Path) -> Result<(), ReplaceError> {
    if existing(path)?.is_none() {
        return Ok(());
    }
    fs::remove_file(path).map_err(ReplaceError::call("unlink", path))?;
    sync_directory(parent(path))
}

/// What is at `path`, when it is a regular file, or nothing.
fn existing(path: &Path) -> Result<Option<fs::Metadata>, ReplaceError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ReplaceError::call("lstat", path)(error)),
    };
    if metadata.is_symlink() {
        return Err(ReplaceError::SymbolicLink {
            path: path.to_owned(),
            target: fs::read_link(path).map_err(ReplaceError::call("readlink", path))?,
        });
    }
    if !metadata.is_file() {
        return Err(ReplaceError::NotRegular {
            path: path.to_owned(),
        });
    }
    Ok(Some(metadata))
}

/// Makes the directory and those above it, 0755 whatever the umask: rootless Podman has to read a
/// hooks.d too.
fn make_directories(directory: &Path) -> Result<(), ReplaceError> {
    if directory.is_dir() {
        return Ok(());
    }
    make_directories(parent(directory))?;
    fs::create_dir(directory).map_err(ReplaceError::call("mkdir", directory))?;
    fs::set_permissions(directory, Permissions::from_mode(0o755))
        .map_err(ReplaceError::call("chmod", directory))
}

fn write_new(
    temporary: &Path,
    text: &str,
    former: Option<&fs::Metadata>,
) -> Result<(), ReplaceError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(temporary)
        .map_err(ReplaceError::call("open", temporary))?;
    file.write_all(text.as_bytes())
        .map_err(ReplaceError::call("write", temporary))?;
    // Owner before mode: chown clears the set-id bits.
    if let Some(former) = former {
        fchown(&file, Some(former.uid()), Some(former.gid()))
            .map_err(ReplaceError::call("fchown", temporary))?;
    }
    let mode = former.map_or(NEW_FILE_MODE, |former| former.mode() & 0o7777);
    file.set_permissions(Permissions::from_mode(mode))
        .map_err(ReplaceError::call("fchmod", temporary))?;
    file.sync_all()
        .map_err(ReplaceError::call("fsync", temporary))
}

fn sync_directory(directory: &Path) -> Result<(), ReplaceError> {
    File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(ReplaceError::call("fsync", directory))
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
