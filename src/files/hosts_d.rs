//! Entries for a whole node or namespace: the files in `hosts.d`.
//!
//! The directory is the selector: `*.hosts` in it is for every Pod of the node; `*.hosts` in a directory with a
//! namespace's name is for the Pods of that namespace. Nothing here can stop a container: invalid entries and files
//! are left out and logged.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, RawDir, openat};
use rustix::io::Errno;

use crate::error::{Error, on_one_line};
use crate::facts::node_entries::{LeftOut, NodeEntries, ReadySections};
use crate::files::admin_file;
use crate::files::compiled::CompiledFile;
use crate::text::node_lines::{self, Unread};
use crate::validation::field_error::quote;
use crate::validation::names;

/// The path unless `--hosts-d` is given.
pub const DEFAULT_PATH: &str = "/etc/oci-hostaliases/hosts.d";
/// Largest file, in bytes. A file that fills a container's file system by itself is a mistake.
pub(crate) const FILE_MAX: u64 = 1024 * 1024;
const SUFFIX: &[u8] = b".hosts";
/// The buffer for the kernel's answer: some hundred names.
const LISTED_AT_ONCE: usize = 32 * 1024;

impl NodeEntries {
    /// Reads the entries for a Pod of this namespace.
    #[cfg(feature = "cli")]
    pub(crate) fn read(hosts_d: &Path, namespace: Option<&str>) -> Self {
        Self::read_by(|| None, hosts_d, namespace)
    }

    /// The same for a container that starts: it uses the compiled file for a directory of many files, if that is up
    /// to date.
    pub(crate) fn read_for_start(hosts_d: &Path, namespace: Option<&str>) -> Self {
        Self::read_by(CompiledFile::open, hosts_d, namespace)
    }

    fn read_by(
        compiled: impl FnOnce() -> Option<CompiledFile>,
        hosts_d: &Path,
        namespace: Option<&str>,
    ) -> Self {
        let mut entries = Self::default();
        if let Some(directory) = entries.open(CWD, hosts_d, hosts_d, OFlags::empty()) {
            let compiled = compiled();
            if let Some(namespace) = namespace {
                entries.read_namespace(compiled.as_ref(), &directory, hosts_d, namespace);
            }
            entries.read_directory(compiled.as_ref(), &directory, hosts_d);
        }
        entries
    }

    /// Reads the entries of one namespace's directory only.
    #[cfg(feature = "cli")]
    pub(crate) fn read_alone(directory: &Path) -> Self {
        let mut entries = Self::default();
        if let Some(open) = entries.open(CWD, directory, directory, OFlags::NOFOLLOW) {
            entries.read_directory(None, &open, directory);
        }
        entries
    }

    fn read_namespace(
        &mut self,
        compiled: Option<&CompiledFile>,
        directory: &OwnedFd,
        hosts_d: &Path,
        namespace: &str,
    ) {
        // The name is from an annotation and becomes part of a path: `..` and slashes are not valid.
        if !names::label_refusals(namespace).is_empty() {
            let shown = (hosts_d.display(), quote(namespace));
            let why = format!("{}: {} is not the name of a namespace", shown.0, shown.1);
            self.leave_out(hosts_d, why);
            return;
        }
        let path = hosts_d.join(namespace);
        let name = Path::new(namespace);
        if let Some(open) = self.open(directory.as_fd(), name, &path, OFlags::NOFOLLOW) {
            self.read_directory(compiled, &open, &path);
        }
    }

    /// Opens a directory; `None` if it does not exist or is left out.
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

    fn read_directory(
        &mut self,
        compiled: Option<&CompiledFile>,
        directory: &OwnedFd,
        path: &Path,
    ) {
        if compiled.is_some_and(|compiled| self.read_compiled(compiled, directory, path)) {
            return;
        }
        let names = match hosts_files(directory) {
            Ok(names) => names,
            Err(errno) => {
                self.leave_out(path, on_one_line(&Error::file("read", path, errno)));
                return;
            }
        };
        let mut text = Vec::new();
        let mut sorted: Vec<&CStr> = each(&names).collect();
        sorted.sort_unstable();
        for name in sorted {
            let path = path.join(OsStr::from_bytes(name.to_bytes()));
            // The path becomes a comment in the file, so it must not have a line end.
            if path
                .to_str()
                .is_none_or(|path| path.chars().any(char::is_control))
            {
                self.leave_out(&path, format!("{path:?}: its name has special characters"));
                continue;
            }
            match read_file(&mut text, directory, name, &path) {
                Ok(()) => self.read_text(path, &text),
                Err(error) => self.leave_out(&path, on_one_line(&error)),
            }
        }
    }

    /// Whether the compiled file is up to date for this directory.
    fn read_compiled(&mut self, compiled: &CompiledFile, directory: &OwnedFd, path: &Path) -> bool {
        let Some((left_out, text)) = compiled.sections(directory, path) else {
            return false;
        };
        for why in left_out {
            self.leave_out(path, why);
        }
        let after = self.files.len();
        self.ready.push(ReadySections { after, text });
        true
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

/// Opens a directory and lists the names for [`each`]. `None` if it is left out.
#[cfg(feature = "cli")]
pub(super) fn list(path: &Path) -> Option<(OwnedFd, Vec<u8>)> {
    let directory = open_directory(CWD, path, path, OFlags::empty()).ok()??;
    let names = hosts_files(&directory).ok()?;
    Some((directory, names))
}

/// Opens a directory that only root can change; `None` if it does not exist.
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

/// The names that end in `.hosts`, in the directory's order, each followed by a NUL.
fn hosts_files(directory: &OwnedFd) -> rustix::io::Result<Vec<u8>> {
    let mut names = Vec::new();
    let mut buffer = Vec::with_capacity(LISTED_AT_ONCE);
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        // A file named `.hosts` is hidden, like an editor's temporary files that begin with a dot.
        if name.ends_with(SUFFIX) && !name.starts_with(b".") {
            names.extend_from_slice(entry.file_name().to_bytes_with_nul());
        }
    }
    Ok(names)
}

/// Each of the names that [`hosts_files`] found.
pub(super) fn each(names: &[u8]) -> impl Iterator<Item = &CStr> {
    let names = names.split_inclusive(|byte| *byte == 0);
    names.filter_map(|name| CStr::from_bytes_with_nul(name).ok())
}

/// Reads a regular file to which only root can write. Symlinks are refused, because their targets can belong to any
/// user.
fn read_file(
    bytes: &mut Vec<u8>,
    directory: &OwnedFd,
    name: &CStr,
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
