//! The version that a program prints.

use std::process::Command;

use crate::engines::bounded_run::{self, find_program};

/// The version that a program prints, or why it prints none.
pub(crate) fn ask(program: &str) -> Result<String, String> {
    let path = find_program(program).ok_or("not found")?;
    let said = bounded_run::run(Command::new(path).arg("--version"));
    let said = said.map_err(|error| error.to_string())?;
    match version_in(&said.stdout) {
        Some(version) if said.status.success() => Ok(version),
        _ => Err(format!("prints no version ({})", said.status)),
    }
}

/// `runc version 1.1.5+ds1`, `runsc version release-20260520.0`, `kata-runtime  : 3.2.0`.
fn version_in(text: &str) -> Option<String> {
    let words = text.lines().next()?.split_ascii_whitespace();
    let mut versions = words.filter(|word| {
        let word = word.trim_start_matches("release-").trim_start_matches('v');
        word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.')
    });
    versions.next().map(str::to_owned)
}

/// The leading numbers of a version, to compare.
pub(crate) fn numbers(version: &str) -> Vec<u64> {
    let version = version
        .trim_start_matches("release-")
        .trim_start_matches('v');
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.');
    let version = version
        .get(..end.unwrap_or(version.len()))
        .unwrap_or_default();
    version
        .split('.')
        .map_while(|number| number.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{numbers, version_in};

    #[test]
    fn versions_are_found_and_compared() {
        for (text, version, number) in [
            ("runc version 1.1.5+ds1\nx", "1.1.5+ds1", &[1, 1, 5][..]),
            ("crun version 1.8.1\n", "1.8.1", &[1, 8, 1]),
            ("youki version 0.5.7", "0.5.7", &[0, 5, 7]),
            ("youki version: 0.6.0\n", "0.6.0", &[0, 6, 0]),
            ("podman version 6.0.0-rc1\n", "6.0.0-rc1", &[6, 0, 0]),
            (
                "runsc version release-20260520.0\n",
                "release-20260520.0",
                &[20_260_520, 0],
            ),
            ("kata-runtime  : 3.2.0\n", "3.2.0", &[3, 2, 0]),
            ("runc version 1.3.0-rc.1", "1.3.0-rc.1", &[1, 3, 0]),
        ] {
            assert_eq!(version_in(text).as_deref(), Some(version));
            assert_eq!(numbers(version), number);
        }
        assert_eq!(version_in("hello\n"), None);
        assert_eq!(version_in(""), None);
    }
}
