//! The agent's files in `hosts.d`: read, written and removed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::on_one_line;
use crate::kubernetes::set_file;
use crate::kubernetes::wanted::{Change, Present, Wanted};
use crate::register::replace_file;

/// What was done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Files written or removed.
    pub(crate) changed: usize,
    /// Files that could not be written or removed, and why.
    pub(crate) trouble: BTreeMap<PathBuf, String>,
}

/// Brings `hosts.d` to the wanted state. Each file is replaced atomically. `only` restricts it to these files,
/// relative to `hosts.d`. Namespaces' directories are created, and removed with their last file.
pub(crate) fn bring_up_to_date(hosts_d: &Path, wanted: &Wanted, only: Option<&[PathBuf]>) -> Done {
    let present = match only {
        Some(paths) => read_all(hosts_d, paths.to_vec()),
        None => read_all(hosts_d, all(hosts_d)),
    };
    let mut done = Done::default();
    for change in wanted.changes(&present, only) {
        let (path, result) = match change {
            Change::Write { path, before, text } => (path, write(hosts_d, path, before, text)),
            Change::Remove { path, before } => (path, remove(hosts_d, path, before)),
            Change::Leave { path, why } => (path, Err(why.to_owned())),
        };
        match result {
            Ok(()) => done.changed += 1,
            Err(why) => {
                done.trouble.insert(path.to_owned(), why);
            }
        }
    }
    done
}

fn write(hosts_d: &Path, path: &Path, before: Option<&str>, text: &str) -> Result<(), String> {
    // The hook does not follow a symlink in place of a namespace's directory.
    let directory = hosts_d.join(path.parent().unwrap_or(path));
    if directory != hosts_d && fs::symlink_metadata(&directory).is_ok_and(|is| !is.is_dir()) {
        return Err(format!("{} is not a directory", directory.display()));
    }
    replace_file::replace(&hosts_d.join(path), before, text).map_err(|error| on_one_line(&error))
}

fn remove(hosts_d: &Path, path: &Path, before: &str) -> Result<(), String> {
    let file = hosts_d.join(path);
    replace_file::remove(&file, Some(before)).map_err(|error| on_one_line(&error))?;
    if let Some(directory) = file.parent().filter(|directory| *directory != hosts_d) {
        // This fails while it has another file.
        let _ = fs::remove_dir(directory);
    }
    Ok(())
}

/// The files with names of agent's files.
fn all(hosts_d: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(hosts_d).into_iter().flatten().flatten() {
        let name = PathBuf::from(entry.file_name());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let inside = fs::read_dir(entry.path()).into_iter().flatten().flatten();
            paths.extend(inside.map(|inside| name.join(inside.file_name())));
        } else {
            paths.push(name);
        }
    }
    paths.retain(|path| set_file::kind_of(path).is_some());
    paths
}

fn read_all(hosts_d: &Path, paths: Vec<PathBuf>) -> BTreeMap<PathBuf, Present> {
    let read = |path: PathBuf| match replace_file::read(&hosts_d.join(&path)) {
        Ok(None) => None,
        Ok(Some(text)) => Some((path, Present::Text(text))),
        Err(error) => Some((path, Present::Unreadable(on_one_line(&error)))),
    };
    paths.into_iter().filter_map(read).collect()
}
