//! The whole registration with containerd: the configuration, the base specs, and the order of their changes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::engines::containerd::generated;
use crate::engines::containerd::imports::Imports;
use crate::engines::containerd::tables::{
    self, ANNOTATION_PATTERN, BASE_RUNTIME_SPEC, Cri, Dialect, POD_ANNOTATIONS, strings,
};
use crate::engines::error::EngineError;
use crate::register::containerd_difference::other_difference;
use crate::register::containerd_edit::{self, RuntimeEdit};
use crate::register::containerd_loader::Loader;
use crate::register::containerd_place::Place;
use crate::register::containerd_plan::{Former, Selection};
use crate::register::containerd_removal::{NamedSpecs, specs_of};
use crate::register::containerd_text::{ConfigFile, ContainerdConfig, check_no_template};
use crate::register::containerd_undo;
use crate::register::error::{Refusal, RegisterError};
use crate::register::file_change::FileChange;
use crate::register::replace_file;

/// The registration: the hook, the runtimes, and the files.
pub(crate) struct Registration<'r> {
    pub(crate) place: &'r Place,
    /// The base spec of register; copies of the administrator's go beside it.
    pub(crate) base_spec: &'r Path,
    pub(crate) hook: &'r Path,
    pub(crate) selection: &'r Selection,
    /// The containerd that checks it; `None` without a check.
    pub(crate) loader: Option<&'r Loader>,
}

/// The place of a registration: register's drop-in, if the main file imports a directory for containerd 2.x. On 1.x
/// a drop-in would replace the whole table of the CRI plugin.
pub(crate) fn drop_in_or(place: Place, loader: Option<&Loader>) -> Result<Place, RegisterError> {
    let text = place.main_text()?.unwrap_or_default();
    check_no_template(&place.main, &text)?;
    let version = place
        .main_table()?
        .get("version")
        .and_then(toml::Value::as_integer);
    let is_2 = match loader {
        Some(loader) => {
            let dumps = loader.load(&place.main, &[])?;
            check_version(&place.main, version, &dumps, loader)?;
            dumps.iter().all(is_of_2)
        }
        None => version > Some(2),
    };
    if place.is_drop_in() || containerd_undo::has_marks(&text) || !is_2 {
        return Ok(place);
    }
    Ok(place.with_own_drop_in()?.unwrap_or(place))
}

/// Refuses a file for which the checking containerd is too old.
fn check_version(
    main: &Path,
    version: Option<i64>,
    dumps: &[toml::Table],
    loader: &Loader,
) -> Result<(), RegisterError> {
    let version = version.unwrap_or(2);
    for (dump, program) in dumps.iter().zip(loader.programs()) {
        let newest = version_of(dump);
        if version > newest {
            let program = program.clone();
            let refusal = Refusal::TooNew {
                version,
                newest,
                program,
            };
            return Err(RegisterError::config(main, refusal));
        }
    }
    Ok(())
}

/// 1.x always prints version 2.
fn is_of_2(dump: &toml::Table) -> bool {
    tables::dialect(dump) == Dialect::Three
}

impl Registration<'_> {
    /// The changes, in order: specs, then the configuration that names them, then specs that nothing names any
    /// more. Empty if there is nothing to do. `daemon_default` is called only if a runtime has no spec yet.
    pub(crate) fn changes(
        &self,
        daemon_default: impl Fn() -> Result<Value, EngineError>,
    ) -> Result<Vec<FileChange>, RegisterError> {
        let path = self.place.edited.as_path();
        let on_disk = replace_file::read(path)?;
        let text = on_disk.as_deref().unwrap_or_default();
        self.check_not_generated(text)?;
        let main_table = self.place.main_table()?;
        let file = ConfigFile {
            path,
            inherited: self.inherited(&main_table)?,
        };
        let former = containerd_undo::strip_edits(file, text, self.base_spec)?;
        let config = ContainerdConfig::parse(file, &former.text)?;
        let planned =
            Some(former.text.as_str()).filter(|_| on_disk.is_some() && !former.was_missing);
        let before = self.load(planned)?;
        let is_drop_in = self.place.is_drop_in();
        let is_2 = before.iter().flatten().all(is_of_2) && (before.is_some() || config.version > 2);
        if is_drop_in && !is_2 && config.runtimes()?.is_empty() {
            let main = self.place.main.clone();
            return Err(RegisterError::config(path, Refusal::ReplacesMain(main)));
        }
        config.check_read_by_containerd(is_2)?;

        let imports = Imports::read_with(
            &self.place.main,
            match is_drop_in {
                true => strings(main_table.get("imports")),
                false => config.imports()?,
            },
            Some(path),
        )?;
        let merges = is_drop_in && is_2;
        let effective = match &before {
            Some(dumps) => dumps.first().map(tables::read),
            None if merges => Some(with_built_in(tables::read(
                &imports.merged_without(&main_table, path),
            ))),
            None => None,
        };
        self.check_enabled(before.as_deref())?;
        let plan = Former {
            path,
            config: &config,
            is_drop_in: merges,
            effective: effective.as_ref(),
        };
        let imports = if is_drop_in {
            imports.behind(path)
        } else {
            imports
        };
        let registered = former.edits.iter().map(|edit| edit.runtime.clone());
        let targets = plan.targets(&imports, self.selection, registered)?;
        imports.check_not_overridden(config.dialect, &targets, is_2)?;

        let mut specs: Vec<FileChange> = Vec::new();
        let mut edits = Vec::new();
        for runtime in &targets {
            let (edit, spec) = plan.plan(self.base_spec, self.hook, runtime, &daemon_default)?;
            specs.extend(spec.filter(|spec| specs.iter().all(|known| known.path != spec.path)));
            edits.push(edit);
        }
        edits.retain(|edit| edit.base_runtime_spec.is_some() || edit.pod_annotations.is_some());

        // The administrator may have moved or indented register's lines; only their values matter.
        let after = if edits.is_empty() {
            former.text.clone()
        } else if containerd_edit::already_says(file, &former.text, text, &edits) {
            text.to_owned()
        } else {
            let is_new = on_disk.is_none() || former.was_missing;
            containerd_edit::apply_edits(file, &former.text, is_new, &edits)?
        };
        let after = (on_disk.is_some() || !after.is_empty()).then_some(after);
        if let (Some(before), Some(after)) = (&before, self.load(after.as_deref())?) {
            self.prove(before, &after, &targets, &edits)?;
        }
        let mut changes = specs;
        changes.push(FileChange {
            path: path.to_owned(),
            before: on_disk.clone(),
            after,
        });
        let kept: BTreeSet<PathBuf> = changes.iter().map(|change| change.path.clone()).collect();
        let named = NamedSpecs::of(self.place, &changes);
        for spec in specs_of(&former).difference(&kept) {
            if named.file_naming(spec).is_none() {
                changes.push(FileChange::to(spec, None)?);
            }
        }
        changes.retain(|change| !change.is_empty());
        Ok(changes)
    }

    /// What containerd reads from the configuration with this text as the edited file; `None` without a check.
    fn load(&self, text: Option<&str>) -> Result<Option<Vec<toml::Table>>, RegisterError> {
        let planned = [(self.place.edited.as_path(), text)];
        let load = |loader: &Loader| loader.load(&self.place.main, &planned);
        self.loader.map(load).transpose()
    }

    /// Refuses a file that a distribution rewrites, except in its drop-in directories.
    fn check_not_generated(&self, edited: &str) -> Result<(), RegisterError> {
        let place = self.place;
        let root = Path::new("/");
        let by = if place.is_drop_in() {
            let main = place.main_text()?.unwrap_or_default();
            generated::by(&place.main, &main, root).filter(|it| !it.takes_drop_ins)
        } else {
            generated::by(&place.edited, edited, root)
        };
        let is_template = place
            .edited
            .extension()
            .is_some_and(|ending| ending == "tmpl");
        match by.filter(|_| !is_template) {
            Some(by) => Err(RegisterError::config(&place.main, Refusal::Generated(by))),
            None => Ok(()),
        }
    }

    /// The version of an imported file that names none. A new file that a distribution reads gets the version of
    /// the distribution's containerd.
    fn inherited(&self, main: &toml::Table) -> Result<Option<i64>, RegisterError> {
        if self.place.is_drop_in() {
            let version = main.get("version").and_then(toml::Value::as_integer);
            return Ok(Some(version.unwrap_or(2)));
        }
        let is_part = generated::made_of(&self.place.edited).is_some();
        let dumps = self.load(None)?.filter(|_| is_part);
        let newest = dumps.iter().flatten().map(version_of).min();
        Ok(newest.map(|version| version.min(3)))
    }

    /// An imported file can also disable the plugin.
    fn check_enabled(&self, dumps: Option<&[toml::Table]>) -> Result<(), RegisterError> {
        for dump in dumps.into_iter().flatten() {
            let disabled = strings(dump.get("disabled_plugins"));
            if let Some(plugin) = tables::disabling(&disabled, tables::dialect(dump)) {
                let refusal = Refusal::CriDisabled(plugin.clone());
                return Err(RegisterError::config(&self.place.main, refusal));
            }
        }
        Ok(())
    }

    /// Checks that containerd reads the two keys of these runtimes as in the edits, and no other difference.
    fn prove(
        &self,
        before: &[toml::Table],
        after: &[toml::Table],
        runtimes: &[String],
        edits: &[RuntimeEdit],
    ) -> Result<(), RegisterError> {
        for (before, after) in before.iter().zip(after) {
            if let Some(diff) = other_difference(before, after, runtimes) {
                return Err(RegisterError::OtherDifference {
                    file: self.place.edited.clone(),
                    runtimes: runtimes.to_vec(),
                    diff,
                });
            }
            let cri = tables::read(after);
            for runtime in runtimes {
                let edit = edits.iter().find(|edit| &edit.runtime == runtime);
                let spec = edit.and_then(|edit| edit.base_runtime_spec.as_ref());
                let handler = cri.handlers.iter().find(|handler| &handler.name == runtime);
                let found = handler.and_then(|it| it.base_spec.as_deref());
                let mut patterns = handler.into_iter().flat_map(|it| &it.pod_annotations);
                let key = if found.is_none() || spec.is_some_and(|it| found != Some(it.as_ref())) {
                    BASE_RUNTIME_SPEC
                } else if !patterns.any(|one| one == ANNOTATION_PATTERN) {
                    POD_ANNOTATIONS
                } else {
                    continue;
                };
                let runtime = runtime.clone();
                let refusal = Refusal::WithoutEffect { key, runtime };
                return Err(RegisterError::config(&self.place.edited, refusal));
            }
        }
        Ok(())
    }
}

fn version_of(dump: &toml::Table) -> i64 {
    dump.get("version")
        .and_then(toml::Value::as_integer)
        .unwrap_or(2)
}

/// containerd 2.x keeps its built-in runtime beside those of the file.
fn with_built_in(mut cri: Cri) -> Cri {
    if cri
        .handlers
        .iter()
        .all(|it| it.name != tables::BUILT_IN_RUNTIME)
    {
        cri.handlers.push(tables::Handler::built_in());
    }
    cri
}
