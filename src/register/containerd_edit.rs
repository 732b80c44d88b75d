//! Adds lines to a containerd configuration, with the marks of `marked_lines`.
//!
//! Each edit is checked on the parsed values before anything is written: the new file must have exactly the values
//! of the old one, plus register's keys.

use std::ops::Range;
use std::path::Path;

use toml_edit::{Array, Value};

use crate::engines::containerd::base_spec;
use crate::engines::containerd::marked_lines::{ADDED, CREATED, FORMER, slice, whole_lines};
use crate::engines::containerd::tables::{
    ANNOTATION_PATTERN, BASE_RUNTIME_SPEC, POD_ANNOTATIONS, RUNC_SHIM, RUNTIME_TYPE,
};
use crate::register::containerd_text::{ConfigFile, ContainerdConfig, RuntimeTable};
use crate::register::error::{Refusal, RegisterError};

/// The keys that a runtime's table gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuntimeEdit {
    pub(crate) runtime: String,
    /// The new `base_runtime_spec`; `None` leaves what is there.
    pub(crate) base_runtime_spec: Option<String>,
    /// The new `pod_annotations`; `None` leaves what is there.
    pub(crate) pod_annotations: Option<Vec<String>>,
    /// Whether the table needs a `runtime_type`: containerd 1.x replaces its built-in `runtimes`
    /// by the file's, so a new table has to say what the built-in one says.
    pub(crate) runtime_type: bool,
}

impl RuntimeEdit {
    pub(super) fn values(&self) -> Vec<(&'static str, Value)> {
        let mut values = Vec::new();
        if self.runtime_type {
            values.push((RUNTIME_TYPE, Value::from(RUNC_SHIM)));
        }
        if let Some(path) = &self.base_runtime_spec {
            values.push((BASE_RUNTIME_SPEC, Value::from(path.as_str())));
        }
        if let Some(patterns) = &self.pod_annotations {
            values.push((POD_ANNOTATIONS, Value::from(Array::from_iter(patterns))));
        }
        values
    }
}

/// The original list with the annotation pattern appended.
pub(crate) fn with_our_pattern(former: &[String]) -> Vec<String> {
    let mut patterns = former.to_vec();
    patterns.push(ANNOTATION_PATTERN.to_owned());
    patterns
}

/// `text`, the contents of the file, with the edits in it. `is_new`: there is no such file yet.
pub(crate) fn apply_edits(
    file: ConfigFile<'_>,
    text: &str,
    is_new: bool,
    edits: &[RuntimeEdit],
) -> Result<String, RegisterError> {
    let config = ContainerdConfig::parse(file, text)?;
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut pieces: Vec<(Range<usize>, String)> = Vec::new();
    let mut appended = String::new();
    if is_new {
        appended += &format!("{CREATED}{line_end}");
    }
    if config.is_blank {
        appended += &format!("version = {} {ADDED}{line_end}", config.version);
    }
    for edit in edits {
        let table = config.runtime(&edit.runtime)?;
        let header = table.as_ref().and_then(RuntimeTable::header);
        let indent = match (&table, &header) {
            (Some(table), Some(header)) => indent_of_keys(text, table, header),
            _ => "  ".to_owned(),
        };
        let line = |key: &str, value: &Value| format!("{indent}{key} = {value} {ADDED}{line_end}");
        let mut added = String::new();
        for (key, value) in edit.values() {
            match table.as_ref().and_then(|table| table.entry(key)) {
                Some(entry) => {
                    let lines = whole_lines(text, &entry);
                    let mut replacement = line(key, &value);
                    for former in slice(text, &lines).split_inclusive('\n') {
                        replacement += FORMER;
                        replacement += former;
                    }
                    pieces.push((lines, replacement));
                }
                None => added += &line(key, &value),
            }
        }
        match header {
            _ if added.is_empty() => {}
            Some(header) => {
                let below = whole_lines(text, &header).end;
                pieces.push((below..below, added));
            }
            None => {
                let name = toml_edit::Key::new(&edit.runtime).to_string();
                let plugin = config.dialect.plugin();
                appended += &format!(
                    "[plugins.\"{plugin}\".containerd.runtimes.{name}] {ADDED}{line_end}{added}"
                );
            }
        }
    }
    if !appended.is_empty() {
        pieces.push((text.len()..text.len(), appended));
    }
    let result = paste(text, pieces, line_end);
    verify_edit(file.path, &config, text, &result, edits)?;
    Ok(result)
}

/// Whether the marked lines of the text already say what `edits` on `former` would say.
pub(crate) fn already_says(
    file: ConfigFile<'_>,
    former: &str,
    text: &str,
    edits: &[RuntimeEdit],
) -> bool {
    ContainerdConfig::parse(file, text)
        .and_then(|config| verify_edit(file.path, &config, former, text, edits))
        .is_ok()
}

/// The base spec that replaces `original`.
pub(crate) fn spec_for(base_spec: &Path, original: Option<&str>) -> String {
    let path = match original {
        Some(original) if !original.is_empty() => base_spec::copy_path(base_spec, original),
        _ => base_spec.to_owned(),
    };
    path.display().to_string()
}

/// That `after` says what `before` says, plus the edits, and nothing else.
pub(super) fn verify_edit(
    path: &Path,
    config: &ContainerdConfig<'_>,
    before: &str,
    after: &str,
    edits: &[RuntimeEdit],
) -> Result<(), RegisterError> {
    let parse = |text: &str| {
        text.trim_start_matches('\u{feff}')
            .parse::<toml::Table>()
            .ok()
    };
    let expected = parse(before).and_then(|mut values| {
        if values.is_empty() {
            values.insert("version".to_owned(), toml::Value::Integer(config.version));
        }
        for edit in edits {
            let keys = ["plugins", config.dialect.plugin(), "containerd", "runtimes"];
            let mut table = &mut values;
            for key in keys.into_iter().chain([edit.runtime.as_str()]) {
                table = table
                    .entry(key)
                    .or_insert_with(|| toml::Value::Table(toml::Table::new()))
                    .as_table_mut()?;
            }
            for (key, value) in edit.values() {
                table.insert(key.to_owned(), plain(&value)?);
            }
        }
        Some(values)
    });
    let reason = match (expected, parse(after)) {
        (Some(expected), Some(found)) if expected == found => return Ok(()),
        (_, None) => "with the lines of register it would not be valid TOML",
        _ => "the lines of register would change more than the keys that they set",
    };
    Err(RegisterError::config(path, Refusal::NotProvable(reason)))
}

/// A string or a list of strings as the other crate's value.
fn plain(value: &Value) -> Option<toml::Value> {
    if let Some(text) = value.as_str() {
        return Some(toml::Value::String(text.to_owned()));
    }
    let items = value.as_array()?.iter().map(plain).collect::<Option<_>>()?;
    Some(toml::Value::Array(items))
}

/// The text with each range replaced.
fn paste(text: &str, mut pieces: Vec<(Range<usize>, String)>, line_end: &str) -> String {
    pieces.sort_by_key(|(range, _)| (range.start, range.end));
    let mut result = String::with_capacity(text.len() * 2);
    let mut at = 0;
    for (range, piece) in pieces {
        result += slice(text, &(at..range.start));
        let is_insertion = range.is_empty();
        if is_insertion && !result.is_empty() && !result.ends_with('\n') {
            // At the end of a file without a newline, the new line has none either. `strip_edits` sees by that that
            // the newline is register's too.
            result += line_end;
            result += piece.strip_suffix(line_end).unwrap_or(&piece);
        } else {
            result += &piece;
        }
        at = range.end;
    }
    result += slice(text, &(at..text.len()));
    result
}

/// How the table's keys are indented: as its first one, or two more than its header.
fn indent_of_keys(text: &str, table: &RuntimeTable<'_>, header: &Range<usize>) -> String {
    let indent = |place: &Range<usize>| {
        let line = slice(text, &whole_lines(text, place));
        let width = line.len() - line.trim_start_matches([' ', '\t']).len();
        slice(line, &(0..width)).to_owned()
    };
    match table.entries().flatten().next() {
        Some(first) => indent(&first),
        None => indent(header) + "  ",
    }
}
