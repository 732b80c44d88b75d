//! The files of `hosts.d`: hosts(5) as glibc reads it (`nss/nss_files/files-hosts.c`).
//!
//! These files are the administrator's and may have everything that resolvers read: upper case, `_`, a trailing
//! dot. Only invalid parts are left out, name by name, because the other names of the line are valid. The API
//! server's rules apply to what tenants write, not to these files.

use std::net::IpAddr;

use crate::text::host_alias::HostAlias;
use crate::text::hosts_file::LINE_MAX;
use crate::validation::field_error::quote;

/// A part of a file that is left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The line, counted from 1; `None` for the whole file.
    pub line: Option<usize>,
    /// Why, as the end of a sentence that starts with the place.
    pub why: String,
}

/// Reads a file: its entries, and what is left out. A byte order mark at the start, empty lines and comments are
/// skipped. An address without names is an entry.
pub fn read(text: &[u8]) -> (Vec<HostAlias>, Vec<Unread>) {
    let (mut aliases, mut unread) = (Vec::new(), Vec::new());
    if let Some(encoding) = utf16(text) {
        let why = format!("is {encoding} text: save it as UTF-8");
        unread.push(Unread { line: None, why });
        return (aliases, unread);
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    for (line, number) in text.split(|byte| *byte == b'\n').zip(1..) {
        let mut words = words(line);
        let Some(address) = words.next() else {
            continue;
        };
        let mut refuse = |word: &[u8], why: &str| {
            unread.push(Unread {
                line: Some(number),
                why: format!("{}: {why}", quote(&String::from_utf8_lossy(word))),
            });
        };
        let address = match std::str::from_utf8(address) {
            Ok(text) if text.parse::<IpAddr>().is_ok() => text,
            _ => {
                refuse(address, "not an IP address that resolvers read");
                continue;
            }
        };
        let (mut names, mut refused) = (Vec::new(), false);
        for word in words {
            match name(address, word) {
                Ok(name) => names.push(name.to_owned()),
                Err(why) => {
                    refuse(word, why);
                    refused = true;
                }
            }
        }
        if !(names.is_empty() && refused) {
            aliases.push(HostAlias::as_written(address, names, number));
        }
    }
    (aliases, unread)
}

/// The words between white space, up to the comment.
fn words(mut line: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let start = line.iter().position(|byte| !is_space(*byte))?;
        let rest = line.get(start..)?;
        let end = rest
            .iter()
            .position(|byte| is_space(*byte) || *byte == b'#');
        let (word, behind) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        // Not behind the comment's mark.
        line = behind;
        (!word.is_empty()).then_some(word)
    })
}

/// The word as a valid name for this address, or why it is not valid.
fn name<'w>(address: &str, word: &'w [u8]) -> Result<&'w str, &'static str> {
    let Ok(name) = std::str::from_utf8(word) else {
        return Err("not UTF-8 text");
    };
    // Nearly all names are plain, which one pass over the bytes shows.
    let is_plain = word.iter().all(u8::is_ascii_graphic);
    if !is_plain && name.chars().any(char::is_control) {
        Err("has a control character")
    } else if address.len() + name.len() + "\t\n".len() > LINE_MAX {
        Err("longer than a line that every resolver reads")
    } else {
        Ok(name)
    }
}

/// White space of the C locale (isspace(3)), at which glibc splits a line.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// Whether a file was saved as UTF-16, as PowerShell's `>` does: by its mark, or by a NUL in every
/// second byte of its first line.
fn utf16(text: &[u8]) -> Option<&'static str> {
    match text {
        [0xff, 0xfe, ..] => Some("UTF-16 (little endian)"),
        [0xfe, 0xff, ..] => Some("UTF-16 (big endian)"),
        [first, 0, third, 0, ..] if *first != 0 && *third != 0 => Some("UTF-16 (little endian)"),
        [0, second, 0, fourth, ..] if *second != 0 && *fourth != 0 => Some("UTF-16 (big endian)"),
        _ => None,
    }
}
