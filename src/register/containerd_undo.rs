//! Removes register's lines from a containerd configuration and restores the original ones.
//!
//! The result is checked in reverse: registering it again must give exactly the present file. If it does not,
//! register's lines were changed, and nothing is touched.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use crate::engines::containerd::base_spec;
use crate::engines::containerd::marked_lines::{
    self, CREATED, FORMER, is_added, is_former, slice, whole_lines, without_mark,
};
use crate::engines::containerd::tables::{
    BASE_RUNTIME_SPEC, Dialect, POD_ANNOTATIONS, RUNTIME_TYPE,
};
use crate::register::containerd_edit::{RuntimeEdit, spec_for, verify_edit, with_our_pattern};
use crate::register::containerd_text::{ConfigFile, ContainerdConfig, RuntimeTable};
use crate::register::error::{Refusal, RegisterError};

/// A configuration without register's lines.
#[derive(Debug)]
pub(crate) struct Original {
    /// The original text.
    pub(crate) text: String,
    /// Whether there was no file.
    pub(crate) was_missing: bool,
    /// The lines that were taken out, as the edits that they were.
    pub(crate) edits: Vec<RuntimeEdit>,
}

/// Whether register wrote lines of the text.
pub(crate) fn has_marks(text: &str) -> bool {
    text.lines().any(|line| is_added(line) || is_former(line))
}

/// `text` without register's lines and with the original ones. Lines that the administrator's later additions need
/// stay without their marks: the `version` of a file, and the header and `runtime_type` of a table, to which
/// something was added.
pub(crate) fn strip_edits(
    file: ConfigFile<'_>,
    text: &str,
    base_spec: &Path,
) -> Result<Original, RegisterError> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    if !has_marks(text) {
        return Ok(Original {
            text: text.to_owned(),
            was_missing: false,
            edits: Vec::new(),
        });
    }
    let config = ContainerdConfig::parse(file, text)?;
    let stay = lines_to_keep(&config, text)?;
    let mut former = String::with_capacity(text.len());
    let mut at = 0;
    for line in &lines {
        if let Some((_, before)) = line.split_once(FORMER).filter(|_| is_former(line)) {
            former += before;
        } else if !is_added(line) {
            former += line;
        } else if stay.contains(&at) {
            former += &without_mark(line);
        }
        at += line.len();
    }
    let ends_in_ours = lines.last().is_some_and(|line| is_added(line));
    if ends_in_ours && !text.ends_with('\n') {
        // The file had no newline at its end before lines were appended.
        let without = former.strip_suffix('\n').unwrap_or(&former);
        let without = without.strip_suffix('\r').unwrap_or(without).len();
        former.truncate(without);
    }
    let edits = marked_edits(file, &config, text, &former, &stay, base_spec)?;
    verify_edit(file.path, &config, &former, text, &edits)?;
    Ok(Original {
        was_missing: former.is_empty() && text.starts_with(CREATED),
        text: former,
        edits,
    })
}

/// Refuses a runtime that names register's base spec in an unmarked line.
pub(crate) fn check_all_marked(
    file: ConfigFile<'_>,
    text: &str,
    base_spec: &Path,
) -> Result<(), RegisterError> {
    let config = ContainerdConfig::parse(file, text)?;
    for (runtime, table) in config.runtime_tables()? {
        let Some(spec) = table.string(BASE_RUNTIME_SPEC)? else {
            continue;
        };
        if base_spec::is_ours(base_spec, Path::new(&spec)) {
            let place = table.entry(BASE_RUNTIME_SPEC).unwrap_or_default();
            return Err(config.refuse_at(place.start, Refusal::MarksGone { runtime, spec }));
        }
    }
    Ok(())
}

/// The edits that the marked lines of `text` represent, each checked against what register would write for the
/// original value.
fn marked_edits(
    file: ConfigFile<'_>,
    config: &ContainerdConfig<'_>,
    text: &str,
    former: &str,
    stay: &BTreeSet<usize>,
    base_spec: &Path,
) -> Result<Vec<RuntimeEdit>, RegisterError> {
    // Without register's `version`, the file would have version 1.
    let inherited = file.inherited.or(Some(config.version));
    let file_before = ConfigFile { inherited, ..file };
    let config_before = ContainerdConfig::parse(file_before, former)?;
    let is_imported = file.is_imported();
    let mut edits = Vec::new();
    for (runtime, table) in config.runtime_tables()? {
        let before = config_before.runtime(&runtime)?;
        let marked = |key| {
            let entry = table.entry(key)?;
            is_added(slice(text, &whole_lines(text, &entry))).then_some(entry)
        };
        let mut edit = RuntimeEdit {
            runtime: runtime.clone(),
            base_runtime_spec: None,
            pod_annotations: None,
            runtime_type: marked(RUNTIME_TYPE)
                .is_some_and(|entry| !stay.contains(&whole_lines(text, &entry).start)),
        };
        if let Some(entry) = marked(BASE_RUNTIME_SPEC) {
            let original = before.as_ref().map(|table| table.string(BASE_RUNTIME_SPEC));
            let original = original.transpose()?.flatten();
            let mut expected = spec_for(base_spec, original.as_deref());
            let named = table.string(BASE_RUNTIME_SPEC)?;
            // The value that a drop-in replaces is in another file.
            let of_another = |named: &String| base_spec::is_ours(base_spec, Path::new(named));
            if let Some(named) = named
                .clone()
                .filter(|it| is_imported && original.is_none() && of_another(it))
            {
                expected = named;
            }
            if named.as_ref() != Some(&expected) {
                let refusal = Refusal::OtherBaseSpec {
                    runtime,
                    base_spec: marked_lines::base_spec(text)
                        .unwrap_or_else(|| base_spec.to_owned()),
                };
                return Err(config.refuse_at(entry.start, refusal));
            }
            edit.base_runtime_spec = Some(expected);
        }
        if let Some(entry) = marked(POD_ANNOTATIONS) {
            let has_former = before
                .as_ref()
                .and_then(|table| table.entry(POD_ANNOTATIONS));
            let original = before.as_ref().map(|table| table.strings(POD_ANNOTATIONS));
            let mut expected = with_our_pattern(&original.transpose()?.unwrap_or_default());
            let found = table.strings(POD_ANNOTATIONS)?;
            if is_imported && has_former.is_none() && found.ends_with(&expected) {
                expected = found.clone();
            }
            if found != expected {
                let refusal = Refusal::AnnotationsChanged(runtime);
                return Err(config.refuse_at(entry.start, refusal));
            }
            edit.pod_annotations = Some(expected);
        }
        if !edit.values().is_empty() {
            edits.push(edit);
        }
    }
    Ok(edits)
}

/// The starts of register's lines that must stay, because later additions need them.
fn lines_to_keep(
    config: &ContainerdConfig<'_>,
    text: &str,
) -> Result<BTreeSet<usize>, RegisterError> {
    let is_ours = |place: &Range<usize>| is_added(slice(text, &whole_lines(text, place)));
    let mut stay = BTreeSet::new();
    let tables = config.runtime_tables()?;
    let is_made = |table: &RuntimeTable<'_>| table.header().is_some_and(|it| is_ours(&it));
    let has_others = tables.iter().any(|(_, table)| !is_made(table));
    for (_, table) in &tables {
        let Some(header) = table.header().filter(&is_ours) else {
            continue;
        };
        let runtime_type = table.entry(RUNTIME_TYPE).filter(&is_ours);
        let has_own_keys = table
            .entries()
            .any(|place| !place.is_some_and(|place| is_ours(&place)));
        // A table that came without `runtime_type` was made for tables below it that were there.
        // containerd 1.x has its built-in runtime only while the file has no other.
        let is_built_in = runtime_type.is_some() && config.dialect == Dialect::Two && has_others;
        let has_below = table.has_tables_below() && runtime_type.is_some();
        if has_own_keys || has_below || is_built_in {
            stay.insert(whole_lines(text, &header).start);
            stay.extend(runtime_type.map(|entry| whole_lines(text, &entry).start));
        }
    }
    if let Some(version) = config.version_entry().filter(&is_ours) {
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let said = line.trim_start_matches('\u{feff}').trim();
            let says_something = !said.is_empty() && !said.starts_with('#');
            if says_something && (!is_added(line) || stay.contains(&at)) {
                stay.insert(whole_lines(text, &version).start);
                break;
            }
            at += line.len();
        }
    }
    Ok(stay)
}
