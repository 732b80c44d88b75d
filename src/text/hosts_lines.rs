//! Reading hosts(5) lines: the second form of the annotation, and the files of `hosts.d`.

use crate::text::host_alias::HostAlias;
use crate::validation::field_error::FieldError;

/// Reads `10.1.2.3 foo.remote bar.remote  # comment`, one entry a line: any white space, comments,
/// empty lines and CRLF as hosts(5) readers take them, and the validation of `hostAliases`. A
/// line's fields are named by `field(line number)`, counted from 1. Refused values go to `errors`;
/// the lines without fault are returned, so that one bad line need not cost the others.
pub fn read(
    text: &str,
    field: impl Fn(usize) -> String,
    errors: &mut Vec<FieldError>,
) -> Vec<HostAlias> {
    let mut aliases = Vec::new();
    for (line, number) in text.split('\n').zip(1..) {
        aliases.extend(read_line(line, number, &|| field(number), errors));
    }
    aliases
}

/// Reads one line, which may have no entry.
pub fn read_line(
    line: &str,
    number: usize,
    field: &dyn Fn() -> String,
    errors: &mut Vec<FieldError>,
) -> Option<HostAlias> {
    let entry = line.split('#').next().unwrap_or_default();
    let mut words = entry.split_ascii_whitespace();
    let ip = words.next()?;
    let hostnames = words.map(str::to_owned).collect();
    HostAlias::check(ip, hostnames, number, field, |_| field(), errors)
}
