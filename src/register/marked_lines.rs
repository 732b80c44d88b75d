//! The marks on our lines in a containerd configuration.
//!
//! What was there is kept where a person looks for it, in the file itself:
//!
//! ```toml
//! [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
//!   base_runtime_spec = "/etc/oci-hostaliases/containerd-base-spec.json" # added by oci-hostaliases
//! # before oci-hostaliases:  base_runtime_spec = ""
//!   pod_annotations = ["oci-hostaliases.io/*"] # added by oci-hostaliases
//! ```
//!
//! A line that ends in the first comment is ours and goes; a line that starts with the second is a
//! former line and comes back as it stands behind the colon, byte for byte. A record file
//! elsewhere would be lost when a node's configuration is copied or managed, and could disagree
//! with the file; these comments travel with the lines that they explain, and whoever wants to can
//! undo the registration with an editor.

use std::ops::Range;

/// Ends every line of ours.
pub(super) const ADDED: &str = "# added by oci-hostaliases";
/// Starts every line that stands for a former one.
pub(super) const FORMER: &str = "# before oci-hostaliases:";
/// Says that there was no file.
pub(super) const CREATED: &str = "# there was no such file before # added by oci-hostaliases";

/// The range widened to whole lines, the last one's end included.
pub(super) fn whole_lines(text: &str, place: &Range<usize>) -> Range<usize> {
    let start = slice(text, &(0..place.start))
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    let end = slice(text, &(place.end..text.len()))
        .find('\n')
        .map_or(text.len(), |newline| place.end + newline + 1);
    start..end
}

/// The text of the range.
pub(super) fn slice<'t>(text: &'t str, range: &Range<usize>) -> &'t str {
    text.get(range.clone()).unwrap_or_default()
}

/// Whether the line is ours.
pub(super) fn is_added(line: &str) -> bool {
    line.trim_end().ends_with(ADDED) && !is_former(line)
}

/// Whether the line stands for a former one.
pub(super) fn is_former(line: &str) -> bool {
    line.trim_start().starts_with(FORMER)
}

/// The line of ours as the administrator's.
pub(super) fn without_mark(line: &str) -> String {
    match line.rsplit_once(ADDED) {
        Some((kept, end)) => format!("{}{end}", kept.trim_end()),
        None => line.to_owned(),
    }
}
