//! The files that a containerd configuration imports, and what they would do to an edit of it.
//!
//! Measured with `containerd config dump`: 1.6 and 1.7 replace the whole table of a plugin by an
//! imported file's, so that one line in a drop-in resets a node's CRI; 2.x merges tables of the
//! same version and replaces lists. Either way the file that is read last has its way, and an edit
//! of the first file would not count.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::engines::containerd::tables::{BASE_RUNTIME_SPEC, Dialect, POD_ANNOTATIONS};

/// Why the imports are in the way.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// An imported file that containerd would stumble over as well.
    #[error("{call} {}, imported by {}", path.display(), importer.display())]
    Call {
        /// The call.
        call: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The file that names it.
        importer: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
    /// Not TOML.
    #[error("{}, imported by {}, is not valid TOML: {reason}", path.display(), importer.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The file that names it.
        importer: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// A pattern that this program does not expand as Go would.
    #[error(
        "{}: cannot tell which files imports {pattern:?} names: use * and ? in the last part only",
        importer.display()
    )]
    Pattern {
        /// The file that has it.
        importer: PathBuf,
        /// The pattern.
        pattern: String,
    },
    /// An imported file replaces the table that holds the runtimes.
    #[error(
        "{} imports {}, whose [plugins.\"{plugin}\"] containerd 1.x puts in the place of this \
         file's: register in that file (--config) or bring both into one", path.display(),
        import.display()
    )]
    Replaces {
        /// The file to edit.
        path: PathBuf,
        /// The imported file.
        import: PathBuf,
        /// The table.
        plugin: &'static str,
    },
    /// An imported file sets a key that we would set.
    #[error(
        "{} imports {}, which sets {key} of runtime {runtime:?} and is read later: \
         register in that file (--config)", path.display(), import.display()
    )]
    Overrides {
        /// The file to edit.
        path: PathBuf,
        /// The imported file.
        import: PathBuf,
        /// The key.
        key: &'static str,
        /// The runtime.
        runtime: String,
    },
    /// The runtime stands in an imported file.
    #[error(
        "runtime {runtime:?} stands in {}, imported by {}: register in that file (--config)",
        import.display(), path.display()
    )]
    Elsewhere {
        /// The file to edit.
        path: PathBuf,
        /// The imported file.
        import: PathBuf,
        /// The runtime.
        runtime: String,
    },
    /// An imported file names our spec, without which its CRI plugin would not come up.
    #[error(
        "{}, imported by {}, names {}: unregister in that file (--config)", import.display(),
        path.display(), spec.display()
    )]
    NamesSpec {
        /// The file to edit.
        path: PathBuf,
        /// The imported file.
        import: PathBuf,
        /// The spec.
        spec: PathBuf,
    },
    /// An imported file turns the CRI plugin off.
    #[error("{}, imported by {}, disables {plugin}", import.display(), path.display())]
    CriDisabled {
        /// The file to edit.
        path: PathBuf,
        /// The imported file.
        import: PathBuf,
        /// The entry.
        plugin: String,
    },
}

/// The imported files in the order in which containerd reads them.
#[derive(Debug)]
pub struct Imports<'p> {
    main: &'p Path,
    files: Vec<(PathBuf, Table)>,
}

impl<'p> Imports<'p> {
    /// Reads what `patterns`, the `imports` of `main`, name, and what those files import in turn.
    ///
    /// # Errors
    ///
    /// A pattern cannot be expanded, or a file cannot be read.
    pub fn read(main: &'p Path, patterns: Vec<String>) -> Result<Self, ImportError> {
        let mut files = Vec::new();
        let mut seen = BTreeSet::from([main.to_owned()]);
        let mut pending = VecDeque::from([(main.to_owned(), patterns)]);
        while let Some((importer, patterns)) = pending.pop_front() {
            for pattern in patterns {
                for path in expand(&importer, &pattern)? {
                    if !seen.insert(path.clone()) {
                        continue;
                    }
                    let table = read_table(&path, &importer)?;
                    pending.push_back((path.clone(), strings(table.get("imports"))));
                    files.push((path, table));
                }
            }
        }
        Ok(Self { main, files })
    }

    /// The imported files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// The `default_runtime_name` that is read last.
    #[must_use]
    pub fn default_runtime_name(&self, dialect: Dialect) -> Option<String> {
        let mut names = self.files.iter().filter_map(|(_, table)| {
            let name = containerd(table, dialect)?.get("default_runtime_name")?;
            name.as_str().filter(|name| !name.is_empty())
        });
        names.next_back().map(str::to_owned)
    }

    /// The first imported file that has this runtime, as an error.
    ///
    /// # Errors
    ///
    /// There is one.
    pub fn check_not_elsewhere(&self, dialect: Dialect, runtime: &str) -> Result<(), ImportError> {
        for (import, table) in &self.files {
            if runtime_table(table, dialect, runtime).is_some() {
                return Err(ImportError::Elsewhere {
                    path: self.main.to_owned(),
                    import: import.clone(),
                    runtime: runtime.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Whether an edit of these runtimes in the main file would count.
    ///
    /// # Errors
    ///
    /// It would not.
    pub fn check_not_overridden(
        &self,
        dialect: Dialect,
        runtimes: &[String],
    ) -> Result<(), ImportError> {
        for (import, table) in &self.files {
            for plugin in strings(table.get("disabled_plugins")) {
                if plugin == "cri" || plugin == Dialect::Two.plugin() || plugin == dialect.plugin()
                {
                    return Err(ImportError::CriDisabled {
                        path: self.main.to_owned(),
                        import: import.clone(),
                        plugin,
                    });
                }
            }
            if dialect == Dialect::Two {
                // Which containerd reads the file, nobody knows here. A version 3 table is one
                // that 2.x takes instead of the version 2 one.
                for plugin in [Dialect::Two.plugin(), Dialect::Three.plugin()] {
                    if table
                        .get("plugins")
                        .and_then(|all| all.get(plugin))
                        .is_some()
                    {
                        return Err(ImportError::Replaces {
                            path: self.main.to_owned(),
                            import: import.clone(),
                            plugin,
                        });
                    }
                }
            }
            for runtime in runtimes {
                for key in [BASE_RUNTIME_SPEC, POD_ANNOTATIONS] {
                    let set = runtime_table(table, dialect, runtime).and_then(|it| it.get(key));
                    if set.is_some() {
                        return Err(ImportError::Overrides {
                            path: self.main.to_owned(),
                            import: import.clone(),
                            key,
                            runtime: runtime.clone(),
                        });
                    }
                }
            }
        }
        Ok(())
    }

    /// The first imported file that names this spec as a `base_runtime_spec`, as an error.
    ///
    /// # Errors
    ///
    /// There is one.
    pub fn check_not_named(&self, dialect: Dialect, spec: &Path) -> Result<(), ImportError> {
        for (import, table) in &self.files {
            let runtimes = containerd(table, dialect).and_then(|it| it.get("runtimes"));
            let names_it = runtimes
                .and_then(Value::as_table)
                .into_iter()
                .flat_map(Table::values)
                .filter_map(|runtime| runtime.get(BASE_RUNTIME_SPEC)?.as_str())
                .any(|named| Path::new(named) == spec);
            if names_it {
                return Err(ImportError::NamesSpec {
                    path: self.main.to_owned(),
                    import: import.clone(),
                    spec: spec.to_owned(),
                });
            }
        }
        Ok(())
    }
}

fn containerd(table: &Table, dialect: Dialect) -> Option<&Value> {
    table
        .get("plugins")?
        .get(dialect.plugin())?
        .get("containerd")
}

fn runtime_table<'t>(table: &'t Table, dialect: Dialect, runtime: &str) -> Option<&'t Value> {
    containerd(table, dialect)?.get("runtimes")?.get(runtime)
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

fn read_table(path: &Path, importer: &Path) -> Result<Table, ImportError> {
    let text = read_regular(path).map_err(|source| ImportError::Call {
        call: "read",
        path: path.to_owned(),
        importer: importer.to_owned(),
        source,
    })?;
    text.parse()
        .map_err(|error: toml::de::Error| ImportError::Malformed {
            path: path.to_owned(),
            importer: importer.to_owned(),
            reason: error.message().replace('\n', ", "),
        })
}

/// A FIFO in a directory of imports must not keep us waiting.
fn read_regular(path: &Path) -> io::Result<String> {
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let mut file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(nonblock)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// The files that one entry of `imports` names, sorted as Go's `filepath.Glob` sorts them.
fn expand(importer: &Path, pattern: &str) -> Result<Vec<PathBuf>, ImportError> {
    let unclear = || ImportError::Pattern {
        importer: importer.to_owned(),
        pattern: pattern.to_owned(),
    };
    let whole = match importer.parent() {
        // An absolute pattern replaces the directory.
        Some(directory) => directory.join(pattern),
        None => PathBuf::from(pattern),
    };
    if !pattern.contains(['*', '?', '[', '\\']) {
        return Ok(vec![whole]);
    }
    let (Some(directory), Some(name)) = (whole.parent(), whole.file_name()) else {
        return Err(unclear());
    };
    let name = name.to_string_lossy();
    if directory.to_string_lossy().contains(['*', '?', '[', '\\']) || name.contains(['[', '\\']) {
        return Err(unclear());
    }
    let failed = |source| ImportError::Call {
        call: "readdir",
        path: directory.to_owned(),
        importer: importer.to_owned(),
        source,
    };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let candidate = entry.file_name();
        if matches(&name, &candidate.to_string_lossy()) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Whether `name` matches a pattern of `*`, `?` and plain characters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut characters = pattern.chars();
    match characters.next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = characters.as_str();
            name.char_indices()
                .map(|(at, _)| at)
                .chain([name.len()])
                .any(|at| matches(rest, name.get(at..).unwrap_or_default()))
        }
        Some(wanted) => {
            let mut left = name.chars();
            left.next()
                .is_some_and(|found| wanted == '?' || wanted == found)
                && matches(characters.as_str(), left.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_gos_do() {
        for (pattern, name, expected) in [
            ("*.toml", "99-nvidia.toml", true),
            ("*.toml", "99-nvidia.toml.bak", false),
            ("*", "", true),
            ("a?c*", "abc", true),
            ("a?c", "ac", false),
            ("*-*.toml", "1-2-3.toml", true),
            ("x.toml", "x.toml", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
