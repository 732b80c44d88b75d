//! Entries for a whole node or namespace: the files in `hosts.d`.
//!
//! The directory is the selector: `*.hosts` in it is for every Pod of the node, `*.hosts` in a
//! directory of its own named like a namespace for the Pods of that namespace. Nothing here can
//! stop a container: what cannot be used is left out, and the log says so.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Dir, Mode, OFlags, openat};
use rustix::io::Errno;

use crate::error::{Error, on_one_line};
use crate::facts::node_entries::{LeftOut, NodeEntries};
use crate::files::admin_file;
use crate::text::node_lines::{self, Unread};
use crate::validation::field_error::quote;
use crate::validation::names;

/// Where it is unless `--hosts-d` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/oci-hostaliases/hosts.d";
/// Largest file, in bytes. A file that fills a container's file system by itself is a mistake.
pub(crate) const FILE_MAX: u64 = 1024 * 1024;
const SUFFIX: &[u8] = b".hosts";

impl NodeEntries {
    /// Reads what applies to a Pod of this namespace.
    pub(crate) fn read(hosts_d: &Path, namespace: Option<&str>) -> Self {
        let mut entries = Self::default();
        if let Some(directory) = entries.open(CWD, hosts_d, hosts_d, OFlags::empty()) {
            if let Some(namespace) = namespace {
                entries.read_namespace(&directory, hosts_d, namespace);
            }
            entries.read_directory(&directory, hosts_d);
        }
        entries
    }

    /// Reads what only one namespace's directory has.
    #[cfg(feature = "cli")]
    pub(crate) fn read_alone(directory: &Path) -> Self {
        let mut entries = Self::default();
        if let Some(open) = entries.open(CWD, directory, directory, OFlags::NOFOLLOW) {
            entries.read_directory(&open, directory);
        }
        entries
    }

    fn read_namespace(&mut self, directory: &OwnedFd, hosts_d: &Path, namespace: &str) {
        // The name is an annotation's, and becomes part of a path: `..` and slashes are no namespace.
        if !names::label_refusals(namespace).is_empty() {
            let shown = (hosts_d.display(), quote(namespace));
            let why = format!("{}: {} is not the name of a namespace", shown.0, shown.1);
            self.leave_out(hosts_d, why);
            return;
        }
        let path = hosts_d.join(namespace);
        let name = Path::new(namespace);
        if let Some(open) = self.open(directory.as_fd(), name, &path, OFlags::NOFOLLOW) {
            self.read_directory(&open, &path);
        }
    }

    /// Opens a directory; `None` when there is none, or it is left out.
    fn open(
        &mut self,
        at: BorrowedFd<'_>,
        name: &Path,
        path: &Path,
        flags: OFlags,
    ) -> Option<OwnedFd> {
        open_directory(at, name, path, flags).unwrap_or_else(|error| {
            self.leave_out(path, on_one_line(&error));
            None
        })
    }

    fn read_directory(&mut self, directory: &OwnedFd, path: &Path) {
        let names = match hosts_files(directory) {
            Ok(names) => names,
            Err(errno) => {
                self.leave_out(path, on_one_line(&Error::file("read", path, errno)));
                return;
            }
        };
        let mut text = Vec::new();
        for name in names {
            let path = path.join(&name);
            // The path becomes a comment in the file: it must not be able to end its line.
            if path
                .to_str()
                .is_none_or(|path| path.chars().any(char::is_control))
            {
                self.leave_out(&path, format!("{path:?}: its name has special characters"));
                continue;
            }
            match read_file(&mut text, directory, &name, &path) {
                Ok(()) => self.read_text(path, &text),
                Err(error) => self.leave_out(&path, on_one_line(&error)),
            }
        }
    }

    fn leave_out(&mut self, path: &Path, why: String) {
        self.left_out.push(LeftOut {
            path: path.to_owned(),
            line: None,
            why,
        });
    }

    fn read_text(&mut self, path: PathBuf, text: &[u8]) {
        let (aliases, unread) = node_lines::read(text);
        let shown = path.display();
        self.left_out
            .extend(unread.into_iter().map(|Unread { line, why }| LeftOut {
                path: path.clone(),
                line,
                why: match line {
                    Some(line) => format!("{shown}:{line}: {why}"),
                    None => format!("{shown}: {why}"),
                },
            }));
        if !aliases.is_empty() {
            self.files.push((path, aliases));
        }
    }
}

/// Opens a directory that only root can change; `None` when there is none.
fn open_directory(
    at: BorrowedFd<'_>,
    name: &Path,
    path: &Path,
    flags: OFlags,
) -> Result<Option<OwnedFd>, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | flags;
    match openat(at, name, flags, Mode::empty()) {
        Ok(directory) => {
            let file = File::from(directory);
            admin_file::check_owner(&file, path)?;
            Ok(Some(file.into()))
        }
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(Error::file("open", path, errno)),
    }
}

/// The names that end in `.hosts`, in the order of their bytes.
fn hosts_files(directory: &OwnedFd) -> rustix::io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        // A file called `.hosts` is hidden, as is whatever an editor left behind with a dot in front.
        if name.ends_with(SUFFIX) && !name.starts_with(b".") {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Reads a file that is regular and root's alone. A symlink is neither: what it leads to can belong
/// to any user.
fn read_file(
    bytes: &mut Vec<u8>,
    directory: &OwnedFd,
    name: &OsStr,
    path: &Path,
) -> Result<(), Error> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match openat(directory, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::LOOP) => {
            return Err(Error::Configuration {
                path: path.to_owned(),
                situation: "a symlink, not a regular file".into(),
            });
        }
        Err(errno) => return Err(Error::file("open", path, errno)),
    };
    let status = admin_file::check_owner(&file, path)?;
    admin_file::read_open(bytes, &file, &status, path, FILE_MAX)
}
