//! Keeps the compiled file up to date with `hosts.d`: see [`crate::files::compiled`].

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::OFlags;

use crate::compose;
use crate::error::Error;
use crate::facts::node_entries::NodeEntries;
use crate::files::admin_file;
use crate::files::compiled::{self, HEADER, MAX, PATH};
use crate::files::hosts_d::compiled_key;
use crate::text::hosts_file::HostsFile;
use crate::validation::names;

const NEW_PATH: &str = "/run/oci-hostaliases/hosts.d.compiled.new";
/// Longer than a tick of the clock of file times: a change this long after a check has another timestamp.
const TICK: Duration = Duration::from_millis(20);

/// A directory with many files, and its state when it was read.
struct Directory {
    path: PathBuf,
    key: Vec<u8>,
}

/// Writes the file again if it is not up to date with `hosts_d`, and removes it if no directory has many files any
/// more. Only for root, one at a time; the file's directory must exist.
///
/// # Errors
///
/// The file cannot be written: containers start without it.
pub fn keep(hosts_d: &Path) -> Result<(), Error> {
    let directories = directories(hosts_d);
    let current = admin_file::read_admin_file(PATH.as_ref(), MAX);
    let current = current.ok().flatten().unwrap_or_default();
    if directories.is_empty() {
        return if is_of(&current, hosts_d) {
            remove()
        } else {
            Ok(())
        };
    }
    let is_current = |directory: &Directory| compiled::find(&current, &directory.key).is_some();
    if directories.iter().all(is_current) {
        return Ok(());
    }
    sleep(TICK);
    let mut file = HEADER.to_vec();
    for Directory { path, key } in directories {
        let entries = if path == hosts_d {
            NodeEntries::read(hosts_d, None)
        } else {
            NodeEntries::read_alone(&path)
        };
        // A change during the read is compiled after the next change.
        if compiled_key(&path).as_ref() == Some(&key) {
            add(&mut file, &key, &entries);
        }
    }
    write(&file)
}

fn directories(hosts_d: &Path) -> Vec<Directory> {
    let namespaces = fs::read_dir(hosts_d).into_iter().flatten().flatten();
    let namespaces = namespaces
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| names::label_refusals(name).is_empty())
        .map(|name| hosts_d.join(name));
    std::iter::once(hosts_d.to_owned())
        .chain(namespaces)
        .filter_map(|path| compiled_key(&path).map(|key| Directory { path, key }))
        .collect()
}

/// Whether the file was made from this directory.
fn is_of(file: &[u8], hosts_d: &Path) -> bool {
    let first = file.get(HEADER.len() + size_of::<u64>()..);
    let rest = first.and_then(|key| key.strip_prefix(hosts_d.as_os_str().as_bytes()));
    rest.is_some_and(|rest| matches!(rest.first(), Some(0 | b'/')))
}

/// Adds a directory, unless one of its files cannot be used at all: the reason may change later.
fn add(file: &mut Vec<u8>, key: &[u8], entries: &NodeEntries) {
    let mut left_out = String::new();
    for line in &entries.left_out {
        if line.line.is_none() || line.why.contains('\n') {
            return;
        }
        left_out.push_str(&line.why);
        left_out.push('\n');
    }
    let mut sections = HostsFile::default();
    compose::add_node_entries(&mut sections, entries, u64::MAX);
    let parts = [key, left_out.as_bytes(), sections.bytes()];
    let length: usize = parts.iter().map(|part| size_of::<u64>() + part.len()).sum();
    if (file.len() + length) as u64 > MAX {
        return;
    }
    for part in parts {
        file.extend_from_slice(&(part.len() as u64).to_ne_bytes());
        file.extend_from_slice(part);
    }
}

/// The hook finds the old or the new file.
fn write(bytes: &[u8]) -> Result<(), Error> {
    let failed = |call| move |error: std::io::Error| Error::file(call, NEW_PATH, error);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(NEW_PATH)
        .map_err(failed("open"))?;
    file.write_all(bytes).map_err(failed("write"))?;
    fs::rename(NEW_PATH, PATH).map_err(failed("rename"))
}

fn remove() -> Result<(), Error> {
    match fs::remove_file(PATH) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::file("unlink", PATH, error))
        }
        _ => Ok(()),
    }
}
