//! Renews the sections of `hosts.d` in a file. Pure.

use std::path::Path;

use crate::compose::Notice;
use crate::facts::node_entries::NodeEntries;
use crate::text::hosts_file::{HostsFile, NODE_HEADER};

/// The sections for these entries, and what could not be done. `current` are the sections of the file; `taken` of
/// the file's `limit` bytes belong to its other parts.
///
/// An entry that does not fit removes nothing: if a file's new section does not fit, its old one stays, and a
/// longer section leaves the others their room.
pub fn renewed(
    current: &[u8],
    entries: &NodeEntries,
    taken: u64,
    limit: u64,
) -> (Vec<u8>, Vec<String>) {
    let sections: Vec<_> = entries
        .files
        .iter()
        .map(|(path, aliases)| {
            let mut new = HostsFile::default();
            new.add_node_entries(&path.to_string_lossy(), aliases, u64::MAX);
            (path, former(current, path), new)
        })
        .collect();
    let least = |former: Option<&[u8]>, new: &HostsFile| {
        former.map_or(0, |former| former.len().min(new.bytes().len()))
    };
    let mut reserved: usize = sections
        .iter()
        .map(|(_, former, new)| least(*former, new))
        .sum();
    let room = limit.saturating_sub(taken);
    let (mut text, mut notices) = (Vec::new(), Vec::new());
    for (path, former, new) in &sections {
        reserved -= least(*former, new);
        let fits = |section: &&[u8]| (text.len() + section.len() + reserved) as u64 <= room;
        if let Some(new) = Some(new.bytes()).filter(fits) {
            text.extend_from_slice(new);
        } else if let Some(former) = former.filter(fits) {
            text.extend_from_slice(former);
            notices.push(format!(
                "{}: its old entries stay, because with the new ones the file would have more than {limit} bytes",
                path.display()
            ));
        } else {
            let path = path.display().to_string();
            notices.push(Notice::DoesNotFit { path, limit }.to_string());
        }
    }
    (text, notices)
}

/// The section of this file. `current` has only the hook's own headings: no entry has a line like one.
fn former<'a>(current: &'a [u8], path: &Path) -> Option<&'a [u8]> {
    let heading = format!("{NODE_HEADER}{}.\n", path.display());
    let from = current.get(position(current, heading.as_bytes())?..)?;
    let entries = from.get(heading.len()..)?;
    let length = position(entries, NODE_HEADER.as_bytes()).unwrap_or(entries.len());
    from.get(..heading.len() + length)
}

fn position(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|part| part == wanted)
}
