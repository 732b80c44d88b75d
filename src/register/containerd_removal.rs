//! Removes a registration with containerd: the lines in every file of the configuration, and the base specs that
//! nothing names any more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::engines::containerd::CONFIG_PATH;
use crate::engines::containerd::imports::{self, Imports};
use crate::engines::containerd::tables::strings;
use crate::engines::containerd::{base_spec, marked_lines};
use crate::register::containerd_difference::other_difference;
use crate::register::containerd_loader::{Loader, Planned};
use crate::register::containerd_place::Place;
use crate::register::containerd_text::ConfigFile;
use crate::register::containerd_undo::{self, Original};
use crate::register::error::RegisterError;
use crate::register::file_change::FileChange;
use crate::register::replace_file;

/// The changes that remove a registration.
#[derive(Debug)]
pub(crate) struct Removal {
    /// The configuration first, then the specs that it named. Empty if there is nothing to do.
    pub(crate) changes: Vec<FileChange>,
    /// The base specs that stay, and the files that name them.
    pub(crate) kept: Vec<(PathBuf, PathBuf)>,
}

/// The path of the base spec for this configuration: `given`, or the path that it was registered with.
pub(crate) fn base_spec(place: &Place, given: Option<PathBuf>) -> PathBuf {
    let marked = || {
        let texts = files(place)
            .into_iter()
            .filter_map(|path| imports::read_regular(&path).ok());
        texts
            .into_iter()
            .find_map(|text| marked_lines::base_spec(&text))
    };
    let default = || base_spec::default_path(&place.main);
    given.or_else(marked).unwrap_or_else(default)
}

/// Removes temporary files that killed runs left beside the files of a registration.
pub(crate) fn remove_left_overs(place: &Place, base_spec: &Path) {
    let drop_in = place.with_own_drop_in().ok().flatten().map(|it| it.edited);
    for path in files(place).into_iter().chain(drop_in) {
        replace_file::remove_left_over(&path);
    }
    for spec in specs_beside(base_spec, replace_file::left_overs(base_spec)) {
        replace_file::remove_left_over(&spec);
    }
}

/// Those of these files that are the base spec or a copy that belongs to it, in its directory.
fn specs_beside(base_spec: &Path, names: Vec<String>) -> impl Iterator<Item = PathBuf> {
    let paths = names.into_iter().map(|name| base_spec.with_file_name(name));
    paths.filter(|path| base_spec::is_ours(base_spec, path))
}

/// The changes that remove a registration. If there is a containerd to ask, it must read the result as it reads the
/// present configuration, except for register's two keys.
pub(crate) fn unregister(
    place: &Place,
    base_spec: &Path,
    loader: Option<&Loader>,
) -> Result<Removal, RegisterError> {
    // A killed run may have left a spec that no file names.
    let mut specs: BTreeSet<PathBuf> =
        specs_beside(base_spec, replace_file::names_beside(base_spec)).collect();
    let mut runtimes = Vec::new();
    let mut changes = Vec::new();
    for path in files(place) {
        let on_disk = replace_file::read(&path)?;
        let text = on_disk.as_deref().unwrap_or_default();
        let file = ConfigFile {
            path: &path,
            inherited: inherited(place, &path)?,
        };
        let former = containerd_undo::strip_edits(file, text, base_spec)?;
        // The CRI plugin does not start without its spec, so a spec that a file names stays.
        let family = base_spec.with_extension("");
        if former.text.contains(&*family.to_string_lossy()) {
            containerd_undo::check_all_marked(file, &former.text, base_spec)?;
        }
        specs.extend(specs_of(&former));
        runtimes.extend(former.edits.iter().map(|edit| edit.runtime.clone()));
        let after = Some(former.text).filter(|_| on_disk.is_some() && !former.was_missing);
        changes.push(FileChange {
            path,
            before: on_disk,
            after,
        });
    }
    changes.retain(|change| !change.is_empty());
    if let Some(loader) = loader.filter(|_| !changes.is_empty()) {
        prove(place, loader, &changes, &runtimes)?;
    }
    let mut kept = Vec::new();
    let named = NamedSpecs::of(place, &changes);
    for spec in specs {
        let removal = FileChange::to(&spec, None)?;
        match named.file_naming(&spec).filter(|_| !removal.is_empty()) {
            Some(file) => kept.push((spec, file.to_owned())),
            None => changes.push(removal),
        }
    }
    changes.retain(|change| !change.is_empty());
    Ok(Removal { changes, kept })
}

/// The files that may have register's lines: the named file, or all files of the configuration.
fn files(place: &Place) -> Vec<PathBuf> {
    let mut files = vec![place.edited.clone()];
    if !place.is_drop_in() {
        for path in of_configuration(&place.main) {
            let text = imports::read_regular(&path).unwrap_or_default();
            if path != place.main && containerd_undo::has_marks(&text) {
                files.push(path);
            }
        }
    }
    files
}

fn inherited(place: &Place, path: &Path) -> Result<Option<i64>, RegisterError> {
    if path == place.main {
        return Ok(None);
    }
    let version = place
        .main_table()?
        .get("version")
        .and_then(toml::Value::as_integer);
    Ok(Some(version.unwrap_or(2)))
}

fn prove(
    place: &Place,
    loader: &Loader,
    changes: &[FileChange],
    runtimes: &[String],
) -> Result<(), RegisterError> {
    let texts = |of: fn(&FileChange) -> Option<&str>| {
        let planned = changes
            .iter()
            .map(|change| (change.path.as_path(), of(change)));
        planned.collect::<Vec<Planned<'_>>>()
    };
    // A configuration that containerd does not load cannot get worse.
    let Ok(before) = loader.load(&place.main, &texts(|change| change.before.as_deref())) else {
        return Ok(());
    };
    let after = loader.load(&place.main, &texts(|change| change.after.as_deref()))?;
    for (before, after) in before.iter().zip(&after) {
        if let Some(diff) = other_difference(before, after, runtimes) {
            return Err(RegisterError::OtherDifference {
                file: place.edited.clone(),
                runtimes: runtimes.to_vec(),
                diff,
            });
        }
    }
    Ok(())
}

/// The specs that the edits named.
pub(crate) fn specs_of(former: &Original) -> BTreeSet<PathBuf> {
    let specs = former.edits.iter();
    specs
        .filter_map(|edit| edit.base_runtime_spec.as_ref().map(PathBuf::from))
        .collect()
}

/// The main file and all that it imports, as far as they can be read.
fn of_configuration(main: &Path) -> Vec<PathBuf> {
    let text = imports::read_regular(main).unwrap_or_default();
    let table: toml::Table = text.parse().unwrap_or_default();
    let mut files = vec![main.to_owned()];
    if let Ok(imports) = Imports::read(main, strings(table.get("imports"))) {
        files.extend(imports.paths().map(Path::to_owned));
    }
    files
}

/// The future texts of all known containerd configurations of this node.
pub(crate) struct NamedSpecs(BTreeMap<PathBuf, String>);

impl NamedSpecs {
    pub(crate) fn of(place: &Place, changes: &[FileChange]) -> Self {
        let mains = place.known_mains.iter().map(PathBuf::as_path);
        let mains = mains.chain([
            place.main.as_path(),
            place.edited.as_path(),
            Path::new(CONFIG_PATH),
        ]);
        let files = mains.flat_map(of_configuration);
        let texts = files.map(|path| {
            let change = changes.iter().find(|change| change.path == path);
            let text = match change {
                Some(change) => change.after.clone().unwrap_or_default(),
                None => imports::read_regular(&path).unwrap_or_default(),
            };
            (path, text)
        });
        Self(texts.collect())
    }

    /// A file that names the spec outside comments.
    pub(crate) fn file_naming(&self, spec: &Path) -> Option<&Path> {
        let spec = spec.to_string_lossy();
        let names = |line: &str| !line.trim_start().starts_with('#') && line.contains(&*spec);
        let mut files = self.0.iter();
        let (file, _) = files.find(|(_, text)| text.lines().any(names))?;
        Some(file)
    }
}
