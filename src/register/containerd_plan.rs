//! The edit of each chosen runtime of a containerd configuration.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::engines::containerd::base_spec::{self, DAEMON_DEFAULT};
use crate::engines::containerd::imports::Imports;
use crate::engines::containerd::tables::{
    ANNOTATION_PATTERN, BASE_RUNTIME_SPEC, BUILT_IN_RUNTIME, Cri, Dialect, Handler, POD_ANNOTATIONS,
};
use crate::register::containerd_edit::{self, RuntimeEdit};
use crate::register::containerd_text::ContainerdConfig;
use crate::register::error::{Refusal, RegisterError};
use crate::register::file_change::FileChange;

/// The runtimes that get the hook. Runtimes that already have it keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// The default runtime: `default_runtime_name`, or `runc`.
    Default,
    /// All runtimes of the configuration, and the default.
    All,
    /// These.
    Named(Vec<String>),
}

/// A configuration without register's lines.
pub(crate) struct Former<'c> {
    /// The file that is edited.
    pub(crate) path: &'c Path,
    pub(crate) config: &'c ContainerdConfig<'c>,
    /// Whether containerd 2.x merges it into the file that imports it.
    pub(crate) is_drop_in: bool,
    /// What containerd reads from all its files; `None` if it was not asked.
    pub(crate) effective: Option<&'c Cri>,
}

impl Former<'_> {
    /// The names of the runtimes to edit: the selected ones and, in `registered`, those that have the hook.
    pub(crate) fn targets(
        &self,
        imports: &Imports<'_>,
        selection: &Selection,
        registered: impl Iterator<Item = String>,
    ) -> Result<Vec<String>, RegisterError> {
        let known = self.known()?;
        let default = self.default_runtime(imports)?;
        let mut targets = match selection {
            Selection::Default => vec![default],
            Selection::All => known.iter().cloned().chain([default]).collect(),
            Selection::Named(names) => names.clone(),
        };
        targets.extend(registered);
        let mut seen = BTreeSet::new();
        targets.retain(|name| seen.insert(name.clone()));
        for name in targets.iter().filter(|name| !known.contains(name)) {
            imports.check_not_elsewhere(self.config.dialect, name)?;
            if !self.is_built_in(name, &known) {
                let known = match (self.effective, known.as_slice()) {
                    (Some(cri), _) => cri.handlers.iter().map(|it| it.name.as_str()).collect(),
                    (None, []) => vec![BUILT_IN_RUNTIME],
                    (None, known) => known.iter().map(String::as_str).collect::<Vec<_>>(),
                };
                let known = known.join(", ");
                let name = name.clone();
                let refusal = Refusal::NoSuchRuntime { name, known };
                return Err(RegisterError::config(self.path, refusal));
            }
        }
        Ok(targets)
    }

    /// The runtimes that an edit of the file can reach.
    fn known(&self) -> Result<Vec<String>, RegisterError> {
        let mut known = self.config.runtimes()?;
        if let Some(cri) = self.effective.filter(|_| self.is_drop_in) {
            known.extend(cri.handlers.iter().map(|it| it.name.clone()));
        }
        Ok(known)
    }

    fn default_runtime(&self, imports: &Imports<'_>) -> Result<String, RegisterError> {
        if let Some(cri) = self.effective {
            return Ok(cri.default_handler.clone());
        }
        let name = match imports.default_runtime_name(self.config.dialect) {
            Some(name) => Some(name),
            None => self.config.default_runtime_name()?,
        };
        Ok(name.unwrap_or_else(|| BUILT_IN_RUNTIME.to_owned()))
    }

    /// containerd 1.x has its built-in runtime only while the file has no `runtimes`.
    fn is_built_in(&self, name: &str, known: &[String]) -> bool {
        match self.effective {
            Some(cri) => cri.handlers.iter().any(|handler| handler.name == name),
            None => {
                let has_it = known.is_empty() || self.config.dialect == Dialect::Three;
                name == BUILT_IN_RUNTIME && has_it
            }
        }
    }

    /// The edit of one runtime's table, and the base spec that it then names. `daemon_default` is called only if
    /// the runtime has no base spec yet.
    pub(crate) fn plan(
        &self,
        base_spec: &Path,
        hook: &Path,
        runtime: &str,
        daemon_default: &impl Fn() -> Result<Value, crate::engines::error::EngineError>,
    ) -> Result<(RuntimeEdit, Option<FileChange>), RegisterError> {
        let table = self.config.runtime(runtime)?;
        let merged = self.effective.filter(|_| self.is_drop_in);
        let handler = merged.and_then(|cri| cri.handlers.iter().find(|it| it.name == runtime));
        let own = |key| table.as_ref().filter(|table| table.entry(key).is_some());
        let original = match own(BASE_RUNTIME_SPEC) {
            Some(table) => table.string(BASE_RUNTIME_SPEC)?.map(PathBuf::from),
            None => handler.and_then(|it: &Handler| it.base_spec.clone()),
        };
        let original = original.unwrap_or_default();
        let patterns = match own(POD_ANNOTATIONS) {
            Some(table) => table.strings(POD_ANNOTATIONS)?,
            None => handler
                .map(|it| it.pod_annotations.clone())
                .unwrap_or_default(),
        };
        let has_pattern = patterns.iter().any(|one| one == ANNOTATION_PATTERN);
        let mut edit = RuntimeEdit {
            runtime: runtime.to_owned(),
            base_runtime_spec: None,
            pod_annotations: (!has_pattern).then(|| containerd_edit::with_our_pattern(&patterns)),
            runtime_type: table.is_none() && !self.is_drop_in,
        };
        let shown = original.display().to_string();
        if original == base_spec {
            // It is register's base spec already, though in an unmarked line: only the spec file has to be right.
            let text = base_spec::with_hook(daemon_default()?, hook, DAEMON_DEFAULT)?;
            let change = FileChange::to(base_spec, Some(text))?;
            return Ok((edit, Some(change)));
        }
        let text = if shown.is_empty() {
            base_spec::with_hook(daemon_default()?, hook, DAEMON_DEFAULT)?
        } else {
            if original.is_relative() {
                let runtime = runtime.to_owned();
                let refusal = Refusal::RelativeSpec {
                    runtime,
                    spec: shown,
                };
                return Err(RegisterError::config(self.path, refusal));
            }
            let spec = base_spec::read(&original)?;
            if base_spec::has_hook(&spec, hook) {
                return Ok((edit, None));
            }
            base_spec::with_hook(spec, hook, &shown)?
        };
        let named = containerd_edit::spec_for(base_spec, Some(&shown));
        edit.base_runtime_spec = Some(named.clone());
        let change = FileChange::to(Path::new(&named), Some(text))?;
        Ok((edit, Some(change)))
    }
}
