//! Keeps the compiled file up to date with `hosts.d`: see [`crate::files::compiled`].

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::ops::Range;
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
use crate::files::hosts_d;
use crate::text::hosts_file::HostsFile;
use crate::validation::names;

const NEW_PATH: &str = "/run/oci-hostaliases/hosts.d.compiled.new";
/// Longer than a tick of the clock of file times: a change this long after a check has another timestamp.
const TICK: Duration = Duration::from_millis(20);

/// A directory with fewer files is not compiled.
const FILES_MIN: usize = 32;

/// A directory with many files.
struct Directory {
    path: PathBuf,
    /// The statuses of the directory and of its files before they were read.
    sources: Vec<u8>,
}

/// The finished parts of a directory.
struct Parts {
    directory: Directory,
    left_out: String,
    sections: HostsFile,
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
    if directories.iter().all(|directory| has(&current, directory)) {
        return Ok(());
    }
    sleep(TICK);
    let mut finished = Vec::new();
    for directory in directories {
        let path = &directory.path;
        let entries = if path == hosts_d {
            NodeEntries::read(hosts_d, None)
        } else {
            NodeEntries::read_alone(path)
        };
        // A change during the read is compiled after the next change.
        if sources(path).as_ref() == Some(&directory.sources) {
            finished.extend(finish(directory, entries));
        }
    }
    write(&compose_file(finished))
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
        .filter_map(|path| sources(&path).map(|sources| Directory { path, sources }))
        .collect()
}

/// The names and statuses of a directory with many files, for [`compiled::is_current`]. `None` for others, and if the
/// file system's timestamps have whole seconds.
fn sources(path: &Path) -> Option<Vec<u8>> {
    let (directory, names) = hosts_d::list(path)?;
    if hosts_d::each(&names).count() < FILES_MIN {
        return None;
    }
    let mut sources = Vec::new();
    for name in std::iter::once(c"").chain(hosts_d::each(&names)) {
        sources.extend_from_slice(name.to_bytes_with_nul());
        let status = compiled::status(&directory, name)?;
        sources.extend(status.into_iter().flat_map(u64::to_ne_bytes));
    }
    Some(sources)
}

/// Whether the file has the whole directory as it is now.
fn has(file: &[u8], directory: &Directory) -> bool {
    let parts = index(file).and_then(|index| compiled::find(index, &directory.path));
    parts.is_some_and(|parts| {
        part(file, &parts.sources) == Some(&directory.sources)
            && part(file, &parts.sections).is_some()
    })
}

fn index(file: &[u8]) -> Option<&[u8]> {
    part(file, &compiled::index_place(file)?)
}

fn part<'f>(file: &'f [u8], place: &Range<u64>) -> Option<&'f [u8]> {
    file.get(usize::try_from(place.start).ok()?..usize::try_from(place.end).ok()?)
}

/// Whether the file was made from this directory or those below it.
fn is_of(file: &[u8], hosts_d: &Path) -> bool {
    let first = index(file).and_then(|index| compiled::directories(index).next());
    first.is_some_and(|(path, _)| Path::new(path).starts_with(hosts_d))
}

/// The parts of a directory; `None` if one of its files cannot be used at all: the reason may change later.
fn finish(directory: Directory, mut entries: NodeEntries) -> Option<Parts> {
    let mut left_out = String::new();
    for line in &entries.left_out {
        if line.line.is_none() || line.why.contains('\n') {
            return None;
        }
        left_out.push_str(&line.why);
        left_out.push('\n');
    }
    let mut sections = HostsFile::default();
    compose::add_node_entries(&mut sections, &mut entries, u64::MAX);
    Some(Parts {
        directory,
        left_out,
        sections,
    })
}

/// The whole file. A directory that does not fit is left out.
fn compose_file(finished: Vec<Parts>) -> Vec<u8> {
    let (mut index, mut contents) = (Vec::new(), Vec::new());
    for directory in finished {
        let path = directory.directory.path.as_os_str().as_bytes();
        let parts = [
            &directory.directory.sources,
            directory.left_out.as_bytes(),
            directory.sections.bytes(),
        ];
        let length = parts.iter().map(|part| part.len()).sum::<usize>() + 4 * size_of::<u64>();
        let before = HEADER.len() + size_of::<u64>() + index.len() + contents.len();
        if (before + path.len() + length) as u64 > MAX {
            continue;
        }
        let lengths = [path.len(), parts[0].len(), parts[1].len(), parts[2].len()];
        lengths
            .iter()
            .for_each(|length| add_length(&mut index, *length));
        index.extend_from_slice(path);
        parts
            .iter()
            .for_each(|part| contents.extend_from_slice(part));
    }
    let mut file = HEADER.to_vec();
    add_length(&mut file, index.len());
    file.append(&mut index);
    file.append(&mut contents);
    file
}

fn add_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend_from_slice(&(length as u64).to_ne_bytes());
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
