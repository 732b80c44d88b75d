//! The files that a containerd configuration imports, and what they would do to an edit of it.
//!
//! Measured with `containerd config dump`: 1.6 and 1.7 replace the whole table of a plugin by an
//! imported file's, so that one line in a drop-in resets a node's CRI; 2.x merges tables of the
//! same version and replaces lists. Either way the file that is read last counts, and an edit
//! of the first file would not count.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use toml::Table;

use crate::engines::containerd::path_match;
use crate::engines::containerd::tables::{
    self, BASE_RUNTIME_SPEC, Dialect, POD_ANNOTATIONS, strings,
};
use crate::engines::error::{Conflict, EngineError};

/// The imported files in the order in which containerd reads them.
#[derive(Debug)]
pub(crate) struct Imports<'p> {
    main: &'p Path,
    /// Its own `imports`.
    patterns: Vec<String>,
    files: Vec<(PathBuf, Table)>,
}

impl<'p> Imports<'p> {
    /// Reads what `patterns`, the `imports` of `main`, name, and what those files import in turn.
    pub(crate) fn read(main: &'p Path, patterns: Vec<String>) -> Result<Self, EngineError> {
        let mut files = Vec::new();
        let mut seen = BTreeSet::from([main.to_owned()]);
        let mut pending = VecDeque::from([(main.to_owned(), patterns.clone())]);
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
        Ok(Self {
            main,
            patterns,
            files,
        })
    }

    /// The imported files.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// The directories that the patterns of the main file name: a file of theirs can come or go.
    pub(crate) fn directories(&self) -> impl Iterator<Item = PathBuf> {
        let patterns = self.patterns.iter().filter(|it| it.contains('*'));
        let whole = patterns.filter_map(|it| Some(self.main.parent()?.join(it)));
        whole.filter_map(|it| Some(it.parent()?.to_owned()))
    }

    /// The `default_runtime_name` that is read last.
    pub(crate) fn default_runtime_name(&self, dialect: Dialect) -> Option<String> {
        let mut from_last = self.files.iter().rev();
        from_last.find_map(|(_, table)| tables::default_runtime_name(table, dialect))
    }

    /// That no imported file has this runtime.
    pub(crate) fn check_not_elsewhere(
        &self,
        dialect: Dialect,
        runtime: &str,
    ) -> Result<(), EngineError> {
        self.check(|table| {
            let mut names = tables::runtimes(table, dialect).map(|(name, _)| name);
            let name = names.find(|name| *name == runtime)?;
            Some(Conflict::HasRuntime(name.clone()))
        })
    }

    /// That an edit of these runtimes in the main file would count.
    pub(crate) fn check_not_overridden(
        &self,
        dialect: Dialect,
        edited: &[String],
    ) -> Result<(), EngineError> {
        self.check(|table| {
            let disabled = strings(table.get("disabled_plugins"));
            if let Some(plugin) = tables::disabling(&disabled, dialect) {
                return Some(Conflict::DisablesCri(plugin.clone()));
            }
            // Which containerd reads the file is not known here. A version 3 table is one that 2.x
            // takes instead of the version 2 one.
            let plugins = [Dialect::Two.plugin(), Dialect::Three.plugin()];
            let has = |plugin: &&str| {
                table
                    .get("plugins")
                    .is_some_and(|it| it.get(plugin).is_some())
            };
            if let Some(plugin) = plugins
                .into_iter()
                .find(has)
                .filter(|_| dialect == Dialect::Two)
            {
                return Some(Conflict::Replaces(plugin));
            }
            let mut runtimes =
                tables::runtimes(table, dialect).filter(|(name, _)| edited.contains(name));
            runtimes.find_map(|(name, runtime)| {
                let mut keys = [BASE_RUNTIME_SPEC, POD_ANNOTATIONS].into_iter();
                keys.find(|key| runtime.get(key).is_some())
                    .map(|key| Conflict::Overrides {
                        key,
                        runtime: name.clone(),
                    })
            })
        })
    }

    /// That no imported file names this spec as a `base_runtime_spec`.
    pub(crate) fn check_not_named(&self, dialect: Dialect, spec: &Path) -> Result<(), EngineError> {
        self.check(|table| {
            let mut named = tables::runtimes(table, dialect)
                .filter_map(|(_, runtime)| runtime.get(BASE_RUNTIME_SPEC)?.as_str());
            let names_it = named.any(|named| Path::new(named) == spec);
            names_it.then(|| Conflict::NamesSpec(spec.to_owned()))
        })
    }

    fn check(&self, find: impl Fn(&Table) -> Option<Conflict>) -> Result<(), EngineError> {
        let mut files = self.files.iter();
        let found = files.find_map(|(path, table)| Some((path, find(table)?)));
        found.map_or(Ok(()), |(import, conflict)| {
            Err(EngineError::Import {
                importer: self.main.to_owned(),
                import: import.clone(),
                conflict,
            })
        })
    }
}

fn read_table(path: &Path, importer: &Path) -> Result<Table, EngineError> {
    let imported = format!("{}, imported by {}", path.display(), importer.display());
    let text = read_regular(path).map_err(|source| EngineError::Call {
        what: format!("read {imported}"),
        source,
    })?;
    text.parse()
        .map_err(|error| EngineError::not_toml(format!("{imported},"), &error))
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
fn expand(importer: &Path, pattern: &str) -> Result<Vec<PathBuf>, EngineError> {
    const SPECIAL: [char; 4] = ['*', '?', '[', '\\'];
    let whole = match importer.parent() {
        // An absolute pattern replaces the directory.
        Some(directory) => directory.join(pattern),
        None => PathBuf::from(pattern),
    };
    if !pattern.contains(SPECIAL) {
        return Ok(vec![whole]);
    }
    let (directory, name) = match (whole.parent(), whole.file_name().and_then(OsStr::to_str)) {
        (Some(directory), Some(name)) if !directory.to_string_lossy().contains(SPECIAL) => {
            (directory, name)
        }
        _ => {
            let reason = format!(
                "cannot tell which files imports {pattern:?} names: use * ? [ ] \\ in the last part only"
            );
            return Err(EngineError::unusable(importer.display(), reason));
        }
    };
    let failed = |source| EngineError::Call {
        what: format!(
            "readdir {}, imported by {}",
            directory.display(),
            importer.display()
        ),
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
        if path_match::matches(name, &entry.file_name().to_string_lossy()) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
