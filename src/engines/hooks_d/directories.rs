//! The hooks.d directory that Podman and CRI-O really read.
//!
//! Both read `/usr/share/containers/oci/hooks.d` unless their configuration has a `hooks_dir`,
//! which then replaces it. A file in a directory that is not in that list is silently ignored.
//! What a user's own containers.conf or the environment (`CONTAINERS_CONF`) says is not the node's
//! and does not count here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// Both engines' built-in list.
pub const DEFAULT: &str = "/usr/share/containers/oci/hooks.d";

/// The administrator's directory: taken when the engine reads it, whatever its place in the list.
pub const ADMINISTRATORS: &str = "/etc/containers/oci/hooks.d";

/// An engine with hooks.d directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Podman and Buildah: containers.conf.
    Podman,
    /// CRI-O: crio.conf.
    CriO,
}

impl Engine {
    /// The name by which people know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::CriO => "CRI-O",
        }
    }

    /// The configuration files in the order in which the engine reads them; the last one with the
    /// key has its way. A directory stands for its `*.conf`, sorted (CRI-O's: all its files).
    fn sources(self) -> &'static [&'static str] {
        match self {
            Self::Podman => &[
                "/usr/share/containers/containers.conf",
                "/etc/containers/containers.conf",
                "/etc/containers/containers.conf.d/",
            ],
            Self::CriO => &["/etc/crio/crio.conf", "/etc/crio/crio.conf.d/"],
        }
    }

    fn table(self) -> &'static [&'static str] {
        match self {
            Self::Podman => &["engine"],
            Self::CriO => &["crio", "runtime"],
        }
    }
}

/// Why nobody can tell which directory the engine reads.
#[derive(Debug, thiserror::Error)]
pub enum HooksDirectoryError {
    /// A configuration file could not be read.
    #[error("{call} {}", path.display())]
    Call {
        /// The call.
        call: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
    /// Not TOML.
    #[error("{} is not valid TOML: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// `hooks_dir` is not what the engine wants.
    #[error("{}: hooks_dir is not a list of directories", path.display())]
    WrongType {
        /// The file.
        path: PathBuf,
    },
    /// The list is empty.
    #[error("{}: hooks_dir is empty, so {engine} reads no hooks: name a directory there", path.display())]
    NoDirectory {
        /// The file that empties it.
        path: PathBuf,
        /// The engine.
        engine: &'static str,
    },
}

/// The directory for the hook's file: `/etc/containers/oci/hooks.d` when the engine reads it,
/// else the last that it reads, since later ones win. `root` is `/` but in tests.
///
/// # Errors
///
/// The engine's configuration cannot be read or understood, or it reads no directory.
pub fn find(engine: Engine, root: &Path) -> Result<PathBuf, HooksDirectoryError> {
    let mut directories = all(engine, root)?;
    let administrators = under(root, ADMINISTRATORS);
    match directories.pop() {
        Some(_) if directories.contains(&administrators) => Ok(administrators),
        Some(last) => Ok(last),
        // `all` never gives an empty list.
        None => Ok(under(root, DEFAULT)),
    }
}

/// All directories that the engine reads, in the order in which a later one's file replaces an
/// earlier one's of the same name.
///
/// # Errors
///
/// As [`find`].
pub fn all(engine: Engine, root: &Path) -> Result<Vec<PathBuf>, HooksDirectoryError> {
    let mut directories = vec![DEFAULT.to_owned()];
    let mut set_by = PathBuf::from(DEFAULT);
    for source in engine.sources() {
        for path in files(engine, &under(root, source), source.ends_with('/'))? {
            let Some(value) = hooks_dir(engine, &path)? else {
                continue;
            };
            let wrong = || HooksDirectoryError::WrongType { path: path.clone() };
            let items = value.as_array().ok_or_else(wrong)?;
            let mut append = false;
            let mut named = Vec::new();
            for item in items {
                match item {
                    Value::String(directory) => named.push(directory.clone()),
                    // containers.conf(5) since Podman 5: `["/x", {append=true}]`.
                    Value::Table(attributes) if engine == Engine::Podman => {
                        append = attributes.get("append").and_then(Value::as_bool) == Some(true);
                    }
                    _ => return Err(wrong()),
                }
            }
            if !append {
                directories.clear();
            }
            directories.append(&mut named);
            set_by = path;
        }
    }
    if directories.is_empty() {
        return Err(HooksDirectoryError::NoDirectory {
            path: set_by,
            engine: engine.name(),
        });
    }
    Ok(directories.iter().map(|it| under(root, it)).collect())
}

fn under(root: &Path, absolute: &str) -> PathBuf {
    root.join(absolute.trim_start_matches('/'))
}

fn files(
    engine: Engine,
    path: &Path,
    is_directory: bool,
) -> Result<Vec<PathBuf>, HooksDirectoryError> {
    if !is_directory {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |source| HooksDirectoryError::Call {
        call: "readdir",
        path: path.to_owned(),
        source,
    };
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let file = entry.map_err(failed)?.path();
        let is_conf = file.extension().is_some_and(|ending| ending == "conf");
        if file.is_file() && (is_conf || engine == Engine::CriO) {
            found.push(file);
        }
    }
    found.sort();
    Ok(found)
}

fn hooks_dir(engine: Engine, path: &Path) -> Result<Option<Value>, HooksDirectoryError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(HooksDirectoryError::Call {
                call: "read",
                path: path.to_owned(),
                source,
            });
        }
    };
    let table: Table =
        text.parse()
            .map_err(|error: toml::de::Error| HooksDirectoryError::Malformed {
                path: path.to_owned(),
                reason: error.message().replace('\n', ", "),
            })?;
    let mut table = &table;
    for key in engine.table() {
        match table.get(*key).and_then(Value::as_table) {
            Some(inner) => table = inner,
            None => return Ok(None),
        }
    }
    Ok(table.get("hooks_dir").cloned())
}
