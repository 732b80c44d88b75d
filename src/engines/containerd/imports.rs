//! The files that a containerd configuration imports, and how they affect an edit of it.
//!
//! Measured with `containerd config dump`: 1.6 and 1.7 replace the whole table of a plugin with the imported
//! file's, so one line in a drop-in resets a node's CRI plugin. 2.x merges tables of the same version and replaces
//! lists. Either way, the file that is read last wins, and an edit of the first file has no effect.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

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
    /// Reads the files that `patterns`, the `imports` of `main`, name, and the files that those import in turn.
    pub(crate) fn read(main: &'p Path, patterns: Vec<String>) -> Result<Self, EngineError> {
        Self::read_with(main, patterns, None)
    }

    /// The same, with `planned` among them if a pattern names it, even if it does not exist yet.
    pub(crate) fn read_with(
        main: &'p Path,
        patterns: Vec<String>,
        planned: Option<&Path>,
    ) -> Result<Self, EngineError> {
        let mut files = Vec::new();
        let mut seen = BTreeSet::from([main.to_owned()]);
        let mut pending = VecDeque::from([(main.to_owned(), patterns.clone())]);
        while let Some((importer, patterns)) = pending.pop_front() {
            for pattern in patterns {
                for path in expand(&importer, &pattern, planned)? {
                    if !seen.insert(path.clone()) {
                        continue;
                    }
                    let table = match planned {
                        Some(planned) if planned == path && !path.exists() => Table::new(),
                        _ => read_table(&path, &importer)?,
                    };
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

    /// The tables of the main file and its imports without `file`, as containerd 2.x merges them: it merges tables
    /// and replaces everything else.
    pub(crate) fn merged_without(&self, main: &Table, file: &Path) -> Table {
        let mut merged = main.clone();
        for (_, table) in self.files.iter().filter(|(path, _)| path != file) {
            merge(&mut merged, table);
        }
        merged
    }

    /// The files that are read after `file`.
    pub(crate) fn behind(mut self, file: &Path) -> Self {
        if let Some(at) = self.files.iter().position(|(path, _)| path == file) {
            self.files.drain(..=at);
        }
        self
    }

    /// The imported files.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// The directories that the patterns of the main file name. Files can be added to them and removed.
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

    /// Checks that no imported file has this runtime.
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

    /// Checks that an edit of these runtimes in the file before them takes effect. `merges`: for containerd 2.x,
    /// which merges tables.
    pub(crate) fn check_not_overridden(
        &self,
        dialect: Dialect,
        edited: &[String],
        merges: bool,
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
                .filter(|_| dialect == Dialect::Two && !merges)
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

fn merge(into: &mut Table, from: &Table) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
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

/// A FIFO in a directory of imports must not block.
pub(crate) fn read_regular(path: &Path) -> io::Result<String> {
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

const SPECIAL: [char; 4] = ['*', '?', '[', '\\'];

/// The directory and the file name pattern of an entry of `imports` for the files of a directory.
pub(crate) fn directory_of(importer: &Path, pattern: &str) -> Option<(PathBuf, String)> {
    let whole = whole(importer, pattern);
    let (directory, name) = (whole.parent()?, whole.file_name()?.to_str()?);
    let is_plain = !directory.to_string_lossy().contains(SPECIAL);
    (pattern.contains(SPECIAL) && is_plain).then(|| (directory.to_owned(), name.to_owned()))
}

/// Whether an entry of `imports` names this file, whether the file exists or not.
pub(crate) fn names(importer: &Path, pattern: &str, file: &Path) -> bool {
    match directory_of(importer, pattern) {
        Some((directory, name)) => {
            let file_name = file.file_name().unwrap_or_default().to_string_lossy();
            file.parent() == Some(&directory) && path_match::matches(&name, &file_name)
        }
        None => whole(importer, pattern) == file,
    }
}

/// An absolute pattern replaces the directory.
fn whole(importer: &Path, pattern: &str) -> PathBuf {
    importer.parent().unwrap_or(Path::new("")).join(pattern)
}

/// The files that one entry of `imports` names, sorted as Go's `filepath.Glob` sorts them, including `planned` if
/// it will be one.
pub(crate) fn expand(
    importer: &Path,
    pattern: &str,
    planned: Option<&Path>,
) -> Result<Vec<PathBuf>, EngineError> {
    if !pattern.contains(SPECIAL) {
        return Ok(vec![whole(importer, pattern)]);
    }
    let Some((directory, name)) = directory_of(importer, pattern) else {
        let reason = format!(
            "cannot tell which files imports {pattern:?} names: use * ? [ ] \\ only in the last part"
        );
        return Err(EngineError::unusable(importer.display(), reason));
    };
    let failed = |source| EngineError::Call {
        what: format!(
            "readdir {}, imported by {}",
            directory.display(),
            importer.display()
        ),
        source,
    };
    let mut found: BTreeSet<PathBuf> = planned
        .filter(|planned| names(importer, pattern, planned))
        .map(Path::to_owned)
        .into_iter()
        .collect();
    let entries = match fs::read_dir(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        entries => Some(entries.map_err(failed)?),
    };
    for entry in entries.into_iter().flatten() {
        let entry = entry.map_err(failed)?;
        if path_match::matches(&name, &entry.file_name().to_string_lossy()) {
            found.insert(entry.path());
        }
    }
    Ok(found.into_iter().collect())
}
