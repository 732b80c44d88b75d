//! The stamp of a file: what it tells of the file's parts, and what it must not be made to tell.

use std::path::Path;

use oci_hostaliases::facts::container::Identity;
use oci_hostaliases::stamp::{Edited, EngineFile, FileId, Parts, Stamp};

const OWN: &str = "10.0.0.5\tweb\n";
/// The same once the engine has added a line.
const LONGER_OWN: &str = "10.0.0.5\tweb\n10.0.0.6\tdb\n";
const ONE: &str = "\n# one\n10.9.0.1\tdb\n";
const TWO: &str = "\n# two\n10.9.0.2\tcache\n";
/// How [`ONE`] begins.
const START_OF_ONE: &str = "\n# one\n";

fn identity() -> Identity {
    Identity {
        id: "4711".to_owned(),
        container: Some("nginx".to_owned()),
        pod: Some("web-0".to_owned()),
        namespace: None,
    }
}

fn stamp(node: &str) -> Stamp {
    let hosts_d = Path::new("/etc/oci-hostaliases/hosts.d");
    Stamp::new(identity(), hosts_d, None, OWN.as_bytes(), node.as_bytes())
}

fn parts<'a>(own: &'a str, node: &'a str) -> Parts<'a> {
    Parts {
        own: own.as_bytes(),
        node: node.as_bytes(),
        behind: b"",
    }
}

/// The stamp while the sections are replaced.
fn during(old: &str, new: &str) -> Stamp {
    stamp(old).during(&parts(OWN, old), OWN.as_bytes(), new.as_bytes())
}

/// The stamp while the own part is replaced too.
fn during_both(old: (&str, &str), new: (&str, &str)) -> Stamp {
    stamp(old.1).during(&parts(old.0, old.1), new.0.as_bytes(), new.1.as_bytes())
}

/// The stamp once the sections are these.
fn after(stamp: &Stamp, node: &str) -> Stamp {
    stamp.after(OWN.as_bytes(), node.as_bytes())
}

/// The three parts of this text, or that it was edited.
fn split<'a>(stamp: &Stamp, text: &'a str) -> Result<(&'a str, &'a str, &'a str), Edited> {
    let text_of = |bytes| std::str::from_utf8(bytes).unwrap();
    let parts = stamp.split(text.as_bytes())?;
    Ok((
        text_of(parts.own),
        text_of(parts.node),
        text_of(parts.behind),
    ))
}

#[test]
fn is_stored_as_these_bytes() {
    let head = r#"{"id":"4711","container":"nginx","pod":"web-0","namespace":null,"hostsD":"/etc/oci-hostaliases/hosts.d","own":{"length":13,"digest":17474483129626658268}"#;
    let one = r#"{"length":19,"digest":5596032533175176298}"#;
    let two = r#"{"length":22,"digest":16511589127746921659}"#;
    let none = r#"{"length":0,"digest":14695981039346656037}"#;
    for (stamp, node) in [
        (stamp(ONE), format!("[{one}]")),
        (stamp(""), format!("[{none}]")),
        (during(ONE, TWO), format!("[{one},{two}]")),
        (after(&stamp(ONE), TWO), format!("[{two}]")),
        (after(&during(ONE, TWO), TWO), format!("[{two}]")),
        (after(&stamp(ONE), ""), format!("[{none}]")),
    ] {
        let stored = format!("{head},\"node\":{node}}}");
        assert_eq!(String::from_utf8(stamp.bytes().unwrap()).unwrap(), stored);
        assert_eq!(Stamp::read(stored.as_bytes()).unwrap(), stamp);
        assert_eq!(stamp.identity, identity());
    }
}

fn engine(aliases: usize) -> EngineFile {
    EngineFile {
        source: "/run/userdata/hosts".to_owned(),
        file: FileId([0, 45, 4711, 1_700_000_000, 5]),
        aliases,
    }
}

#[test]
fn the_engines_file_is_stored_with_its_identity() {
    let hosts_d = Path::new("/srv/hosts.d");
    let stamp = Stamp::new(identity(), hosts_d, Some(engine(4)), OWN.as_bytes(), b"");
    let stored = concat!(
        r#"{"id":"4711","container":"nginx","pod":"web-0","namespace":null,"hostsD":"/srv/hosts.d","#,
        r#""engine":{"source":"/run/userdata/hosts","file":[0,45,4711,1700000000,5],"aliases":4},"#,
        r#""own":{"length":13,"digest":17474483129626658268},"node":[{"length":0,"digest":14695981039346656037}]}"#
    );
    assert_eq!(String::from_utf8(stamp.bytes().unwrap()).unwrap(), stored);
    assert_eq!(Stamp::read(stored.as_bytes()).unwrap(), stamp);
}

/// What the version before this one recorded.
#[test]
fn a_stamp_without_the_directory_is_read() {
    let stored = r#"{"id":"4711","container":"nginx","pod":"web-0","namespace":null,"own":{"length":13,"digest":17474483129626658268},"node":[{"length":0,"digest":14695981039346656037}]}"#;
    let read = Stamp::read(stored.as_bytes()).unwrap();
    assert_eq!((&read.hosts_d, &read.engine), (&None, &None));
    assert_eq!(split(&read, OWN), Ok((OWN, "", "")));
}

#[test]
fn the_engines_text_is_replaced_and_the_aliases_stay() {
    for (own, aliases, text, wanted) in [
        (
            "old\n\n# A\n1 x\n",
            "\n# A\n1 x\n".len(),
            "new\nmore\n",
            "new\nmore\n\n# A\n1 x\n",
        ),
        ("old\n", 0, "new", "new"),
        ("old", 0, "", ""),
        // A stamp that says what cannot be so.
        ("old", 99, "new\n", "new\nold"),
    ] {
        let replaced = engine(aliases).own_with(own.as_bytes(), text.as_bytes());
        assert_eq!(String::from_utf8(replaced).unwrap(), wanted, "{own:?}");
    }
}

#[test]
fn cuts_the_file_into_its_parts() {
    for (case, stamp, text, parts) in [
        ("new", stamp(ONE), format!("{OWN}{ONE}"), (OWN, ONE, "")),
        ("no sections", stamp(""), OWN.to_owned(), (OWN, "", "")),
        (
            "the container appended a line",
            stamp(ONE),
            format!("{OWN}{ONE}10.7.7.7 mine\n"),
            (OWN, ONE, "10.7.7.7 mine\n"),
        ),
        (
            "the same where there are no sections",
            stamp(""),
            format!("{OWN}10.7.7.7 mine\n"),
            (OWN, "", "10.7.7.7 mine\n"),
        ),
        (
            "the container appended the sections once more",
            stamp(ONE),
            format!("{OWN}{ONE}{ONE}"),
            (OWN, ONE, ONE),
        ),
        (
            "during an update, before the write",
            during(ONE, TWO),
            format!("{OWN}{ONE}"),
            (OWN, ONE, ""),
        ),
        (
            "during an update, after the write",
            during(ONE, TWO),
            format!("{OWN}{TWO}\n\n"),
            (OWN, TWO, "\n\n"),
        ),
        (
            "during the first sections, before the write",
            during("", ONE),
            OWN.to_owned(),
            (OWN, "", ""),
        ),
        (
            "during the first sections: the longest first, as no sections fit everywhere",
            during("", ONE),
            format!("{OWN}{ONE}"),
            (OWN, ONE, ""),
        ),
        (
            "the same the other way round",
            during(ONE, ""),
            format!("{OWN}{ONE}"),
            (OWN, ONE, ""),
        ),
        (
            "the last sections are gone",
            during(ONE, ""),
            format!("{OWN}\n\n"),
            (OWN, "", "\n\n"),
        ),
        (
            "sections that become the beginning of what they were, before the write",
            during(ONE, START_OF_ONE),
            format!("{OWN}{ONE}"),
            (OWN, ONE, ""),
        ),
        (
            "and after it",
            during(ONE, START_OF_ONE),
            format!("{OWN}{START_OF_ONE}"),
            (OWN, START_OF_ONE, ""),
        ),
        (
            "after an update",
            after(&stamp(ONE), TWO),
            format!("{OWN}{TWO}x"),
            (OWN, TWO, "x"),
        ),
        (
            "during an update of the own part, before the write",
            during_both((OWN, ONE), (LONGER_OWN, TWO)),
            format!("{OWN}{ONE}\n\n"),
            (OWN, ONE, "\n\n"),
        ),
        (
            "and after it",
            during_both((OWN, ONE), (LONGER_OWN, TWO)),
            format!("{LONGER_OWN}{TWO}10.7.7.7 mine\n"),
            (LONGER_OWN, TWO, "10.7.7.7 mine\n"),
        ),
        (
            "an own part that becomes longer, without sections: the longest first",
            during_both((OWN, ""), (LONGER_OWN, "")),
            format!("{LONGER_OWN}10.7.7.7 mine\n"),
            (LONGER_OWN, "", "10.7.7.7 mine\n"),
        ),
        (
            "and before the write",
            during_both((OWN, ""), (LONGER_OWN, "")),
            format!("{OWN}10.7.7.7 mine\n"),
            (OWN, "", "10.7.7.7 mine\n"),
        ),
        (
            "an own part that gets its last newline as the sections go, before the write",
            during_both(("10.0.0.5\tweb", ONE), (OWN, "")),
            format!("10.0.0.5\tweb{ONE}mine\n"),
            ("10.0.0.5\tweb", ONE, "mine\n"),
        ),
        (
            "and after it",
            during_both(("10.0.0.5\tweb", ONE), (OWN, "")),
            format!("{OWN}mine\n"),
            (OWN, "", "mine\n"),
        ),
        (
            "an own part that becomes shorter",
            during_both((LONGER_OWN, ONE), (OWN, ONE)),
            format!("{OWN}{ONE}"),
            (OWN, ONE, ""),
        ),
        (
            "after an update of the own part",
            during_both((OWN, ONE), (LONGER_OWN, TWO)).after(LONGER_OWN.as_bytes(), TWO.as_bytes()),
            format!("{LONGER_OWN}{TWO}"),
            (LONGER_OWN, TWO, ""),
        ),
        (
            "after the sections are gone, their text is the container's",
            after(&stamp(ONE), ""),
            format!("{OWN}{ONE}"),
            (OWN, "", ONE),
        ),
    ] {
        assert_eq!(split(&stamp, &text), Ok(parts), "{case}");
    }
}

#[test]
fn a_file_that_the_container_edited_is_not_cut() {
    for (case, stamp, text) in [
        ("emptied", stamp(ONE), String::new()),
        ("emptied, no sections", stamp(""), String::new()),
        (
            "one byte of the own part is another",
            stamp(ONE),
            format!("10.0.0.6\tweb\n{ONE}"),
        ),
        (
            "a line before the own part",
            stamp(ONE),
            format!("\n{OWN}{ONE}"),
        ),
        (
            "a line behind the own part",
            stamp(ONE),
            format!("{OWN}\n{ONE}"),
        ),
        (
            "the own part is cut off",
            stamp(""),
            "10.0.0.5\tweb".to_owned(),
        ),
        ("the sections are gone", stamp(ONE), OWN.to_owned()),
        (
            "one byte of the sections is another",
            stamp(ONE),
            format!("{OWN}\n# one\n10.9.0.9\tdb\n"),
        ),
        (
            "the sections are cut off",
            stamp(ONE),
            format!("{OWN}{START_OF_ONE}"),
        ),
        (
            "other sections",
            during(ONE, TWO),
            format!("{OWN}\n# three\n10.9.0.3\tqueue\n"),
        ),
        (
            "the former own part after an update",
            stamp(ONE).after(LONGER_OWN.as_bytes(), ONE.as_bytes()),
            format!("{OWN}{ONE}"),
        ),
        (
            "the former sections after an update",
            after(&stamp(ONE), TWO),
            format!("{OWN}{ONE}"),
        ),
    ] {
        assert_eq!(split(&stamp, &text), Err(Edited), "{case}");
    }
    assert_eq!(
        Edited.to_string(),
        "the container changed the file itself: it stays as it is until the next start"
    );
}

#[test]
fn other_bytes_are_no_stamp() {
    let whole = stamp(ONE).bytes().unwrap();
    for length in 0..whole.len() {
        assert!(Stamp::read(&whole[..length]).is_err(), "{length} bytes");
    }
    let text = String::from_utf8(whole).unwrap();
    for garbage in [
        "\0".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "null".to_owned(),
        format!("{text}{text}"),
        format!("{text}\0"),
        text.replace("\"id\":\"4711\",", ""),
        text.replace("\"4711\"", "4711"),
        text.replace("\"length\":13", "\"length\":-1"),
        text.replace("\"length\":13", "\"length\":13.5"),
        text.replace("\"length\":13", "\"length\":99999999999999999999"),
        text.replace("\"node\":[", "\"node\":[null,"),
    ] {
        assert!(Stamp::read(garbage.as_bytes()).is_err(), "{garbage}");
    }
    assert!(Stamp::read(b"\xff\xfe").is_err());
}

/// A stamp that says what cannot be so is no reason to stop, and fits no file.
#[test]
fn a_stamp_of_another_file_fits_nothing() {
    let text = String::from_utf8(stamp(ONE).bytes().unwrap()).unwrap();
    for other in [
        text.replace("\"length\":13", "\"length\":18446744073709551615"),
        text.replace("\"length\":13", "\"length\":12"),
        text.replace("\"length\":19", "\"length\":18446744073709551615"),
        text.replace("\"digest\":5", "\"digest\":4"),
        text.replace(
            "\"node\":[{\"length\":19,\"digest\":5596032533175176298}]",
            "\"node\":[]",
        ),
    ] {
        assert_ne!(other, text);
        let stamp = Stamp::read(other.as_bytes()).unwrap();
        assert_eq!(
            split(&stamp, &format!("{OWN}{ONE}")),
            Err(Edited),
            "{other}"
        );
    }
}
