//! The sections of `hosts.d` in a file that has some already: what does not fit takes nothing away that did.

use std::path::PathBuf;

use oci_hostaliases::facts::node_entries::NodeEntries;
use oci_hostaliases::running::sections::renewed;
use oci_hostaliases::text::node_lines;

fn heading(name: &str) -> String {
    format!("\n# Entries added by oci-hostaliases from /d/{name}.hosts.\n")
}

fn section(name: &str, lines: &str) -> String {
    heading(name) + lines
}

fn entries(files: &[(&str, &str)]) -> NodeEntries {
    let files = files.iter().map(|(name, text)| {
        let path = PathBuf::from(format!("/d/{name}.hosts"));
        (path, node_lines::read(text.as_bytes()).0)
    });
    NodeEntries {
        files: files.collect(),
        ..NodeEntries::default()
    }
}

/// What it is about; the sections, the files of `hosts.d`, the limit; the sections after that, and what is said.
type Case<'a> = (
    &'a str,
    &'a str,
    &'a [(&'a str, &'a str)],
    u64,
    &'a str,
    Vec<String>,
);

const ONE: &str = "10.0.0.1\tone\n";
const LONGER: &str = "10.0.0.1\tone\n10.0.0.2\tanother\n";

#[test]
fn what_does_not_fit_takes_nothing_away() {
    let a = section("a", ONE);
    let b = section("b", ONE);
    let a_longer = section("a", LONGER);
    let both = format!("{a}{b}");
    let size = |text: &str| text.len() as u64;
    let stays = |name: &str, limit: u64| {
        format!(
            "/d/{name}.hosts: its old entries stay, because with the new ones the file would have more than {limit} bytes"
        )
    };
    let left_out = |name: &str, limit: u64| {
        format!("/d/{name}.hosts: left out, because the file would have more than {limit} bytes")
    };
    let long_a = &[("a", LONGER)][..];
    let long_a_and_b = &[("a", LONGER), ("b", ONE)][..];
    let a_and_b = &[("a", ONE), ("b", ONE)][..];
    let cases: [Case<'_>; 12] = [
        ("nothing there, nothing wanted", "", &[], 0, "", vec![]),
        (
            "the first sections",
            "",
            a_and_b,
            size(&both),
            &both,
            vec![],
        ),
        (
            "the first that do not fit: left out, the next one fits",
            "",
            &[("a", LONGER), ("b", ONE)],
            size(&b),
            &b,
            vec![left_out("a", size(&b))],
        ),
        (
            "what grows and fits",
            &a,
            long_a,
            size(&a_longer),
            &a_longer,
            vec![],
        ),
        (
            "what grows and does not fit stays",
            &a,
            long_a,
            size(&a_longer) - 1,
            &a,
            vec![stays("a", size(&a_longer) - 1)],
        ),
        (
            "what grows leaves the one behind it its room",
            &both,
            long_a_and_b,
            size(&both) + 5,
            &both,
            vec![stays("a", size(&both) + 5)],
        ),
        (
            "it may take the room of one that becomes shorter",
            &format!("{a}{}", section("b", LONGER)),
            long_a_and_b,
            size(&format!("{a_longer}{b}")),
            &format!("{a_longer}{b}"),
            vec![],
        ),
        (
            "and of one that is gone",
            &both,
            long_a,
            size(&both),
            &a_longer,
            vec![],
        ),
        (
            "what is gone goes",
            &both,
            &[("b", ONE)],
            size(&both),
            &b,
            vec![],
        ),
        (
            "a new file in front of the others is left out where only they fit",
            &b,
            a_and_b,
            size(&both) - 1,
            &b,
            vec![left_out("a", size(&both) - 1)],
        ),
        (
            "a path that is the end of another one's is not taken for it",
            &section("x/a", ONE),
            long_a,
            size(&a),
            "",
            vec![left_out("a", size(&a))],
        ),
        (
            "the file became smaller than what it has: nothing fits",
            &both,
            a_and_b,
            10,
            "",
            vec![left_out("a", 10), left_out("b", 10)],
        ),
    ];
    for (case, current, files, limit, text, notices) in cases {
        let (renewed, said) = renewed(current.as_bytes(), &entries(files), 0, limit);
        assert_eq!(String::from_utf8(renewed).unwrap(), text, "{case}");
        assert_eq!(said, notices, "{case}");
    }
}

/// Bytes of the other parts reduce the room like a smaller limit; the message still names the limit.
#[test]
fn the_rest_of_the_file_takes_room() {
    let a = section("a", ONE);
    let limit = 4096;
    let taken = limit - a.len() as u64;
    let new = entries(&[("a", LONGER)]);
    let (text, said) = renewed(a.as_bytes(), &new, taken, limit);
    assert_eq!(String::from_utf8(text).unwrap(), a);
    assert_eq!(
        said,
        [
            "/d/a.hosts: its old entries stay, because with the new ones the file would have more than 4096 bytes"
        ]
    );
    let more = LONGER.len() - ONE.len();
    let (text, said) = renewed(a.as_bytes(), &new, taken - more as u64, limit);
    assert_eq!(String::from_utf8(text).unwrap(), section("a", LONGER));
    assert_eq!(said, Vec::<String>::new());
}
