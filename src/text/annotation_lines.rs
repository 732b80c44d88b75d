//! Reads the annotation `host-aliases` in the form of hosts(5) lines, as strictly as its JSON form.
//!
//! The text goes through YAML, templates and other tools, and may lose its line ends (`>-` instead of `|`). Then
//! every name after the first address would resolve to the wrong address. So text that looks like that is refused,
//! and the message says what probably happened. Such lines are allowed in the files of `hosts.d`, and in
//! `.spec.hostAliases` where the API allows them.

use std::net::IpAddr;

use crate::text::host_alias::HostAlias;
use crate::validation::field_error::FieldError;
use crate::validation::names;

const LOST_LINE_ENDS: &str = "is an address among the names of a line: if the text lost its line ends on the way \
     (in YAML, write `|` and not `>`), write one entry a line";
const LOST_IN_COMMENT: &str = "the comment of the only line has an entry: if the text lost its line ends on the way \
     (in YAML, write `|` and not `>`), write one entry a line";
const NO_NAME: &str = "a line is an address and at least one name";

/// Reads `10.1.2.3 foo.remote bar.remote  # comment`, one entry a line, with comments, empty lines
/// and CRLF. A line's fields are named `FIELD: line N`, counted from
/// 1. All refused values go to `errors`; valid lines are returned.
pub(crate) fn read(field: &str, text: &str, errors: &mut Vec<FieldError>) -> Vec<HostAlias> {
    let is_only_line = !text.trim().contains('\n');
    let mut aliases = Vec::new();
    for (line, number) in text.split('\n').zip(1..) {
        let place = || format!("{field}: line {number}");
        let (entry, comment) = line.split_once('#').unwrap_or((line, ""));
        let mut words = entry.split_ascii_whitespace();
        let Some(ip) = words.next() else {
            continue;
        };
        let (addresses, hostnames): (Vec<String>, Vec<String>) =
            words.map(str::to_owned).partition(|word| is_address(word));
        let before = errors.len();
        if hostnames.is_empty() && addresses.is_empty() && is_address(ip) {
            errors.push(FieldError::required(place(), NO_NAME));
        }
        if let Some(address) = addresses.first() {
            errors.push(FieldError::invalid(place(), address, LOST_LINE_ENDS));
        }
        if is_only_line && holds_entry(comment) {
            errors.push(FieldError::invalid(
                place(),
                comment.trim(),
                LOST_IN_COMMENT,
            ));
        }
        let alias = HostAlias::check(ip, hostnames, number, place, |_| place(), errors);
        aliases.extend(alias.filter(|_| errors.len() == before));
    }
    aliases
}

fn is_address(word: &str) -> bool {
    word.parse::<IpAddr>().is_ok()
}

/// Whether a comment has an address that is followed by a name of several labels, which `was 10.0.0.1 before` has
/// not.
fn holds_entry(comment: &str) -> bool {
    let words: Vec<&str> = comment.split_ascii_whitespace().collect();
    let is_name = |word: &str| word.contains('.') && !is_address(word) && names::is_name(word);
    words
        .iter()
        .zip(words.iter().skip(1))
        .any(|(address, name)| is_address(address) && is_name(name))
}
