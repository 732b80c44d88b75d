//! Our lines taken out of a containerd configuration, and the former ones brought back.
//!
//! What comes back is proved in the other direction: an edit of it must say exactly what the file
//! says now. Where that fails, our lines were changed, and nothing is touched.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use crate::engines::containerd::base_spec;
use crate::engines::containerd::marked_lines::{
    self, CREATED, FORMER, is_added, is_former, slice, whole_lines, without_mark,
};
use crate::engines::containerd::tables::{BASE_RUNTIME_SPEC, POD_ANNOTATIONS, RUNTIME_TYPE};
use crate::register::containerd_edit::{RuntimeEdit, spec_for, verify_edit, with_our_pattern};
use crate::register::containerd_text::ContainerdConfig;
use crate::register::error::{Refusal, RegisterError};

/// A configuration without our lines.
#[derive(Debug)]
pub(crate) struct Original {
    /// The text as it was.
    pub(crate) text: String,
    /// Whether there was no file.
    pub(crate) was_missing: bool,
    /// The lines that were taken out, as the edits that they were.
    pub(crate) edits: Vec<RuntimeEdit>,
}

/// `text` without our lines and with the former ones back. Our lines that later additions by the
/// administrator depend on are kept without their marks: the `version` of a file that something was
/// added to, the header and `runtime_type` of a table that something was added to.
pub(crate) fn strip_edits(
    path: &Path,
    text: &str,
    base_spec: &Path,
) -> Result<Original, RegisterError> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    if !lines.iter().any(|line| is_added(line) || is_former(line)) {
        return Ok(Original {
            text: text.to_owned(),
            was_missing: false,
            edits: Vec::new(),
        });
    }
    let config = ContainerdConfig::parse(path, text)?;
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
    let edits = marked_edits(path, &config, text, &former, &stay, base_spec)?;
    verify_edit(path, config.dialect, &former, text, &edits)?;
    Ok(Original {
        was_missing: former.is_empty() && text.starts_with(CREATED),
        text: former,
        edits,
    })
}

/// Refuses a runtime that names our spec in a line without our mark.
pub(crate) fn check_all_marked(
    path: &Path,
    text: &str,
    base_spec: &Path,
) -> Result<(), RegisterError> {
    let config = ContainerdConfig::parse(path, text)?;
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

/// The edits that the marked lines of `text` amount to, each checked against what register would
/// write for the former value.
fn marked_edits(
    path: &Path,
    config: &ContainerdConfig<'_>,
    text: &str,
    former: &str,
    stay: &BTreeSet<usize>,
    base_spec: &Path,
) -> Result<Vec<RuntimeEdit>, RegisterError> {
    let config_before = ContainerdConfig::parse(path, former)?;
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
            let expected = spec_for(base_spec, original.transpose()?.flatten().as_deref());
            if table.string(BASE_RUNTIME_SPEC)?.as_ref() != Some(&expected) {
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
            let original = before.as_ref().map(|table| table.strings(POD_ANNOTATIONS));
            let expected = with_our_pattern(&original.transpose()?.unwrap_or_default());
            if table.strings(POD_ANNOTATIONS)? != expected {
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

/// The starts of our lines that must not go, because later additions need them.
fn lines_to_keep(
    config: &ContainerdConfig<'_>,
    text: &str,
) -> Result<BTreeSet<usize>, RegisterError> {
    let is_ours = |place: &Range<usize>| is_added(slice(text, &whole_lines(text, place)));
    let mut stay = BTreeSet::new();
    for (_, table) in config.runtime_tables()? {
        let Some(header) = table.header().filter(&is_ours) else {
            continue;
        };
        let runtime_type = table.entry(RUNTIME_TYPE).filter(&is_ours);
        let has_own_keys = table
            .entries()
            .any(|place| !place.is_some_and(|place| is_ours(&place)));
        // A table that came without `runtime_type` was made for tables below it that were there.
        if has_own_keys || (table.has_tables_below() && runtime_type.is_some()) {
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
