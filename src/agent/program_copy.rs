//! Copies a program from the agent's image to the node.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The program's mode.
const MODE: u32 = 0o755;

/// Copies `program` into `directory` under its own name, unless the same bytes are there. A process that starts it
/// meanwhile gets the old or the new one. Returns the path, and whether the program was written.
///
/// # Errors
///
/// The program cannot be read, or the directory cannot be written to. Then the old one is still there.
pub(super) fn copy(program: &Path, directory: &Path) -> Result<(PathBuf, bool), Error> {
    let name = program.file_name().unwrap_or_default();
    let place = directory.join(name);
    let bytes = fs::read(program).map_err(|error| Error::file("read", program, error))?;
    let is_there = fs::symlink_metadata(&place)
        .is_ok_and(|is| is.is_file() && is.permissions().mode() & 0o7777 == MODE)
        && fs::read(&place).is_ok_and(|there| there == bytes);
    if is_there {
        return Ok((place, false));
    }
    fs::create_dir_all(directory).map_err(|error| Error::file("mkdir", directory, error))?;
    let temporary = directory.join(format!(".{}.new", name.to_string_lossy()));
    write(&temporary, &bytes).inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })?;
    fs::rename(&temporary, &place).map_err(|error| Error::file("rename", &temporary, error))?;
    File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(|error| Error::file("fsync", directory, error))?;
    Ok((place, true))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    // A killed copy may have left one behind.
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Error::file("open", path, error))?;
    file.write_all(bytes)
        .and_then(|()| file.set_permissions(Permissions::from_mode(MODE)))
        .and_then(|()| file.sync_all())
        .map_err(|error| Error::file("write", path, error))
}
