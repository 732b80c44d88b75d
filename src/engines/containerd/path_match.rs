//! Go's `path.Match`, with which containerd chooses the annotations that it passes on and the files that it
//! imports.
//!
//! `*` and `?` never match `/`, so `["*"]` passes no annotation of this project on.

/// Whether `pattern` matches the whole of `name`. A malformed pattern matches nothing, as in
/// containerd, which drops the error.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let mut left = pattern.chars();
    let Some(first) = left.next() else {
        return name.is_empty();
    };
    let mut rest = name.chars();
    match first {
        '*' => name
            .char_indices()
            .map(|(at, c)| (at, c == '/'))
            .chain([(name.len(), true)])
            // `*` matches up to the first slash.
            .scan(false, |over, (at, stops)| {
                let now = !*over;
                *over |= stops;
                now.then_some(at)
            })
            .any(|at| matches(left.as_str(), name.get(at..).unwrap_or_default())),
        '?' => rest.next().is_some_and(|c| c != '/') && matches(left.as_str(), rest.as_str()),
        '[' => {
            let Some((inside, after)) = class(left.as_str()) else {
                return false;
            };
            rest.next().is_some_and(inside) && matches(after, rest.as_str())
        }
        literal => {
            let wanted = match literal {
                '\\' => left.next(),
                other => Some(other),
            };
            wanted.is_some() && rest.next() == wanted && matches(left.as_str(), rest.as_str())
        }
    }
}

/// The test of a `[…]` class that starts after its bracket, and the rest of the pattern.
fn class(pattern: &str) -> Option<(impl Fn(char) -> bool, &str)> {
    let mut left = pattern.chars();
    let negated = pattern.starts_with('^');
    if negated {
        left.next();
    }
    let mut ranges: Vec<(char, char)> = Vec::new();
    loop {
        let low = match left.next()? {
            ']' if !ranges.is_empty() => break,
            ']' | '-' => return None,
            '\\' => left.next()?,
            other => other,
        };
        let mut high = low;
        if left.as_str().starts_with('-') {
            left.next();
            high = match left.next()? {
                ']' | '-' => return None,
                '\\' => left.next()?,
                other => other,
            };
        }
        ranges.push((low, high));
    }
    let test = move |c| negated != ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
    Some((test, left.as_str()))
}

#[cfg(test)]
mod tests {
    use super::matches;

    /// The cases of Go's own table that matter for these keys.
    #[test]
    fn patterns_match_as_gos_do() {
        const KEY: &str = "oci-hostaliases.io/host-aliases";
        for (pattern, name, expected) in [
            ("oci-hostaliases.io/*", KEY, true),
            (KEY, KEY, true),
            ("*", KEY, false),
            ("*/*", KEY, true),
            ("**", KEY, false),
            ("oci-hostaliases.io*", KEY, false),
            ("oci-hostaliases.io/host-*", KEY, true),
            ("oci-hostaliases.io/?ost-aliases", KEY, true),
            ("oci-hostaliases.io?host-aliases", KEY, false),
            ("oci-hostaliases.io/[gh]ost-aliases", KEY, true),
            ("oci-hostaliases.io/[^h]ost-aliases", KEY, false),
            ("oci-hostaliases.io/[a-i]ost-aliases", KEY, true),
            ("oci-hostaliases.io/[", KEY, false),
            ("oci-hostaliases.io/[]a]*", KEY, false),
            ("oci-hostaliases\\.io/*", KEY, true),
            ("\\", "", false),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("*.toml", "99-nvidia.toml", true),
            ("*.toml", "99-nvidia.toml.bak", false),
            ("a?c", "ac", false),
            ("*-*.toml", "1-2-3.toml", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
