//! The whole registration with containerd: the configuration, the base specs, and in which order
//! they change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::engines::containerd::base_spec::{self, DAEMON_DEFAULT};
use crate::engines::containerd::imports::Imports;
use crate::engines::containerd::tables::{
    ANNOTATION_PATTERN, BASE_RUNTIME_SPEC, BUILT_IN_RUNTIME, Dialect, POD_ANNOTATIONS,
};
use crate::engines::error::EngineError;
use crate::register::containerd_edit::{self, RuntimeEdit};
use crate::register::containerd_text::ContainerdConfig;
use crate::register::containerd_undo::{self, Original};
use crate::register::error::{Refusal, RegisterError};
use crate::register::file_change::FileChange;
use crate::register::replace_file;

/// Which runtimes get the hook. Those that have it keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// The one that containers get that ask for none: `default_runtime_name`, or `runc`.
    Default,
    /// All that the file has, and the default.
    All,
    /// These.
    Named(Vec<String>),
}

/// Where things are.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// containerd's configuration.
    pub(crate) config: PathBuf,
    /// Our base spec; copies of the administrator's go beside it. Two configurations on one node
    /// need two of them, since the removal of one registration removes its specs.
    pub(crate) base_spec: PathBuf,
}

/// The changes that a registration takes, in the order in which to make them: specs, then the
/// configuration that names them, then specs that nothing names any more. Empty when nothing is
/// to be done. `daemon_default` is asked only when a runtime has no spec yet.
pub(crate) fn register(
    places: &Places,
    hook: &Path,
    selection: &Selection,
    daemon_default: impl Fn() -> Result<Value, EngineError>,
) -> Result<Vec<FileChange>, RegisterError> {
    let path = places.config.as_path();
    let on_disk = replace_file::read(path)?;
    let text = on_disk.as_deref().unwrap_or_default();
    let former = containerd_undo::strip_edits(path, text, &places.base_spec)?;
    let config = ContainerdConfig::parse(path, &former.text)?;
    config.check_read_by_containerd()?;
    let imports = Imports::read(path, config.imports()?)?;

    let targets = targets(path, &config, &imports, selection, &former)?;
    imports.check_not_overridden(config.dialect, &targets)?;

    let mut specs: Vec<FileChange> = Vec::new();
    let mut edits = Vec::new();
    for runtime in &targets {
        let (edit, spec) = plan_runtime(places, hook, &config, runtime, &daemon_default)?;
        specs.extend(spec.filter(|spec| specs.iter().all(|known| known.path != spec.path)));
        edits.push(edit);
    }
    edits.retain(|edit| edit.base_runtime_spec.is_some() || edit.pod_annotations.is_some());

    // The administrator may have moved or indented our lines; what they say counts.
    let after = if edits.is_empty() {
        former.text.clone()
    } else if containerd_edit::already_says(path, &former.text, text, &edits) {
        text.to_owned()
    } else {
        let is_new = on_disk.is_none() || former.was_missing;
        containerd_edit::apply_edits(path, &former.text, is_new, &edits)?
    };
    let mut changes = specs;
    changes.push(FileChange {
        path: path.to_owned(),
        before: on_disk.clone(),
        after: Some(after),
    });
    let kept: BTreeSet<PathBuf> = changes.iter().map(|change| change.path.clone()).collect();
    for spec in specs_of(&former).difference(&kept) {
        changes.push(FileChange::to(spec, None)?);
    }
    changes.retain(|change| !change.is_empty());
    Ok(changes)
}

/// The changes that take a registration back: the configuration first, then the specs that it
/// named. Empty when there is none.
pub(crate) fn unregister(places: &Places) -> Result<Vec<FileChange>, RegisterError> {
    let path = places.config.as_path();
    let on_disk = replace_file::read(path)?;
    let text = on_disk.as_deref().unwrap_or_default();
    let former = containerd_undo::strip_edits(path, text, &places.base_spec)?;
    let mut changes = vec![FileChange {
        path: path.to_owned(),
        before: on_disk.clone(),
        after: on_disk
            .filter(|_| !former.was_missing)
            .map(|_| former.text.clone()),
    }];
    let mut specs = specs_of(&former);
    specs.insert(places.base_spec.clone());
    // Without its spec the CRI plugin would not come up: a file that names one stays as it is.
    let family = places.base_spec.with_extension("");
    if former.text.contains(&*family.to_string_lossy()) {
        containerd_undo::check_all_marked(path, &former.text, &places.base_spec)?;
    }
    for spec in &specs {
        let removal = FileChange::to(spec, None)?;
        if !removal.is_empty() && !former.text.is_empty() {
            let config = ContainerdConfig::parse(path, &former.text)?;
            let imports = Imports::read(path, config.imports()?)?;
            imports.check_not_named(config.dialect, spec)?;
        }
        changes.push(removal);
    }
    changes.retain(|change| !change.is_empty());
    Ok(changes)
}

/// The names of the runtimes to edit: those asked for and those that are registered already.
fn targets(
    path: &Path,
    config: &ContainerdConfig<'_>,
    imports: &Imports<'_>,
    selection: &Selection,
    former: &Original,
) -> Result<Vec<String>, RegisterError> {
    let known = config.runtimes()?;
    let default = match imports.default_runtime_name(config.dialect) {
        Some(name) => name,
        None => config
            .default_runtime_name()?
            .unwrap_or_else(|| BUILT_IN_RUNTIME.to_owned()),
    };
    let mut targets = match selection {
        Selection::Default => vec![default],
        Selection::All => {
            let mut all = known.clone();
            all.push(default);
            all
        }
        Selection::Named(names) => names.clone(),
    };
    targets.extend(former.edits.iter().map(|edit| edit.runtime.clone()));
    let mut seen = BTreeSet::new();
    targets.retain(|name| seen.insert(name.clone()));
    for name in &targets {
        if known.contains(name) {
            continue;
        }
        imports.check_not_elsewhere(config.dialect, name)?;
        // containerd 1.x has its built-in runtime only while the file has no `runtimes`.
        let is_built_in =
            name == BUILT_IN_RUNTIME && (known.is_empty() || config.dialect == Dialect::Three);
        if !is_built_in {
            let known = if known.is_empty() {
                BUILT_IN_RUNTIME.to_owned()
            } else {
                known.join(", ")
            };
            let name = name.clone();
            return Err(RegisterError::config(
                path,
                Refusal::NoSuchRuntime { name, known },
            ));
        }
    }
    Ok(targets)
}

/// What one runtime's table gets, and the spec that it then names.
fn plan_runtime(
    places: &Places,
    hook: &Path,
    config: &ContainerdConfig<'_>,
    runtime: &str,
    daemon_default: &impl Fn() -> Result<Value, EngineError>,
) -> Result<(RuntimeEdit, Option<FileChange>), RegisterError> {
    let table = config.runtime(runtime)?;
    let (original, patterns) = match &table {
        Some(table) => (
            table.string(BASE_RUNTIME_SPEC)?.unwrap_or_default(),
            table.strings(POD_ANNOTATIONS)?,
        ),
        None => (String::new(), Vec::new()),
    };
    let has_pattern = patterns.iter().any(|one| one == ANNOTATION_PATTERN);
    let mut edit = RuntimeEdit {
        runtime: runtime.to_owned(),
        base_runtime_spec: None,
        pod_annotations: (!has_pattern).then(|| containerd_edit::with_our_pattern(&patterns)),
        runtime_type: table.is_none(),
    };
    let original_path = Path::new(&original);
    if original_path == places.base_spec {
        // Ours already, though by a line without our mark: only the file is to be right.
        let text = base_spec::with_hook(daemon_default()?, hook, DAEMON_DEFAULT)?;
        let change = FileChange::to(&places.base_spec, Some(text))?;
        return Ok((edit, Some(change)));
    }
    let text = if original.is_empty() {
        base_spec::with_hook(daemon_default()?, hook, DAEMON_DEFAULT)?
    } else {
        if original_path.is_relative() {
            let refusal = Refusal::RelativeSpec {
                runtime: runtime.to_owned(),
                spec: original,
            };
            return Err(RegisterError::config(&places.config, refusal));
        }
        let spec = base_spec::read(original_path)?;
        if base_spec::has_hook(&spec, hook) {
            return Ok((edit, None));
        }
        base_spec::with_hook(spec, hook, &original)?
    };
    let named = containerd_edit::spec_for(&places.base_spec, Some(&original));
    edit.base_runtime_spec = Some(named.clone());
    let change = FileChange::to(Path::new(&named), Some(text))?;
    Ok((edit, Some(change)))
}

fn specs_of(former: &Original) -> BTreeSet<PathBuf> {
    let specs = former.edits.iter();
    specs
        .filter_map(|edit| edit.base_runtime_spec.as_ref().map(PathBuf::from))
        .collect()
}
