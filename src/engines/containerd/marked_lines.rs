//! The marks on register's lines in a containerd configuration.
//!
//! The original lines stay in the file itself, where you would look for them:
//!
//! ```toml
//! [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
//!   base_runtime_spec = "/etc/oci-hostaliases/containerd-base-spec.json" # added by oci-hostaliases
//! # before oci-hostaliases:  base_runtime_spec = ""
//!   pod_annotations = ["oci-hostaliases.io/*"] # added by oci-hostaliases
//! ```
//!
//! A line that ends with the first comment is register's; unregister removes it. A line that starts with the second
//! is an original line; unregister restores it as it is after the colon, byte for byte. A separate record could get
//! lost when a node's configuration is copied or managed, and could disagree with the file. These comments stay
//! with the lines that they explain, and you can undo the registration with an editor.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::engines::containerd::base_spec;
use crate::engines::containerd::tables::BASE_RUNTIME_SPEC;

/// Ends each of register's lines.
pub(crate) const ADDED: &str = "# added by oci-hostaliases";
/// Starts each line with an original line.
pub(crate) const FORMER: &str = "# before oci-hostaliases:";
/// Says that there was no file.
pub(crate) const CREATED: &str = "# there was no such file before # added by oci-hostaliases";

/// The range widened to whole lines, the last one's end included.
pub(crate) fn whole_lines(text: &str, place: &Range<usize>) -> Range<usize> {
    let start = slice(text, &(0..place.start))
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    let end = slice(text, &(place.end..text.len()))
        .find('\n')
        .map_or(text.len(), |newline| place.end + newline + 1);
    start..end
}

/// The text of the range.
pub(crate) fn slice<'t>(text: &'t str, range: &Range<usize>) -> &'t str {
    text.get(range.clone()).unwrap_or_default()
}

/// Whether the line is register's.
pub(crate) fn is_added(line: &str) -> bool {
    line.trim_end().ends_with(ADDED) && !is_former(line)
}

/// Whether the line has an original line.
pub(crate) fn is_former(line: &str) -> bool {
    line.trim_start().starts_with(FORMER)
}

/// Register's line without its mark.
pub(crate) fn without_mark(line: &str) -> String {
    match line.rsplit_once(ADDED) {
        Some((kept, end)) => format!("{}{end}", kept.trim_end()),
        None => line.to_owned(),
    }
}

/// The `--base-spec` with which register wrote these lines; `None` if none of them names a spec.
pub(crate) fn base_spec(text: &str) -> Option<PathBuf> {
    let mut of_copy = None;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(spec) = spec_in(line).filter(|_| is_added(line)) else {
            continue;
        };
        let former = lines.peek().filter(|line| is_former(line));
        let original = former.and_then(|line| spec_in(line.split_once(FORMER)?.1));
        match original.filter(|original| !original.is_empty()) {
            Some(original) => of_copy = base_spec::of_copy(spec.as_ref(), &original),
            // A drop-in's line: another file names the original.
            None if spec.contains(':') => of_copy = of_a_drop_ins(spec.as_ref()),
            None => return Some(spec.into()),
        }
    }
    of_copy
}

/// As far as the name from [`base_spec::copy_path`] shows it.
fn of_a_drop_ins(copy: &Path) -> Option<PathBuf> {
    let (stem, _) = copy.file_name()?.to_str()?.split_once(':')?;
    Some(copy.with_file_name(format!("{stem}.json")))
}

fn spec_in(line: &str) -> Option<String> {
    let table: toml::Table = line.trim().parse().ok()?;
    Some(table.get(BASE_RUNTIME_SPEC)?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::base_spec;

    #[test]
    fn the_lines_say_with_which_base_spec() {
        for (text, expected) in [
            ("", None),
            ("base_runtime_spec = \"/x.json\"\n", None),
            (
                "  base_runtime_spec = \"/d/o.json\" # added by oci-hostaliases\n",
                Some("/d/o.json"),
            ),
            (
                "base_runtime_spec = \"/d/o.json\" # added by oci-hostaliases\n\
                 # before oci-hostaliases:base_runtime_spec = \"\"\n",
                Some("/d/o.json"),
            ),
            (
                "base_runtime_spec = \"/d/o:etc:own.json\" # added by oci-hostaliases\n",
                Some("/d/o.json"),
            ),
            (
                "base_runtime_spec = \"/d/a:b:etc:own.json\" # added by oci-hostaliases\r\n\
                 # before oci-hostaliases:  base_runtime_spec = \"/etc/own.json\" # mine\r\n",
                Some("/d/a:b.json"),
            ),
        ] {
            assert_eq!(base_spec(text), expected.map(PathBuf::from), "{text}");
        }
    }
}
