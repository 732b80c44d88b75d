//! The compiled file of `hosts.d`: what is found in one, and that no other file is taken for one.

use std::ffi::{CStr, CString};
use std::path::Path;

use oci_hostaliases::files::compiled::{HEADER, Parts, Status, find, index_place, is_current};

const PATH: &str = "/etc/hosts.d";
const OTHER: &str = "/etc/hosts.d/shop";

/// Eight bytes, in the order of the processor.
fn length(bytes: u64) -> Vec<u8> {
    bytes.to_ne_bytes().to_vec()
}

/// A directory in the index, with the lengths of its three parts.
fn entry(path: &str, lengths: [u64; 3]) -> Vec<u8> {
    let lengths = std::iter::once(path.len() as u64).chain(lengths);
    [lengths.flat_map(length).collect(), path.as_bytes().to_vec()].concat()
}

fn index() -> Vec<u8> {
    [entry(OTHER, [5, 0, 7]), entry(PATH, [100, 20, 3])].concat()
}

#[test]
fn the_index_is_behind_the_header() {
    assert_eq!(HEADER, b"oci-hostaliases 0.1.0 hosts.d 2\n");
    let file = [HEADER.to_vec(), length(98), index()].concat();
    assert_eq!(index_place(&file), Some(40..138));
    for end in 0..40 {
        assert_eq!(index_place(&file[..end]), None, "{end}");
    }
    for (what, file) in [
        ("nothing", Vec::new()),
        (
            "another version",
            [b"oci-hostaliases 0.0.9 hosts.d 2\n".to_vec(), length(98)].concat(),
        ),
        (
            "another format",
            [b"oci-hostaliases 0.1.0 hosts.d 1\n".to_vec(), length(98)].concat(),
        ),
        ("no header", [length(98), index()].concat()),
        (
            "the longest length",
            [HEADER.to_vec(), length(u64::MAX)].concat(),
        ),
    ] {
        assert_eq!(index_place(&file), None, "{what}");
    }
}

/// The parts follow the index, in its order.
#[test]
fn a_directory_is_found_by_its_path() {
    let index = index();
    assert_eq!(index.len(), 93);
    assert_eq!(
        find(&index, Path::new(OTHER)),
        Some(Parts {
            sources: 133..138,
            left_out: 138..138,
            sections: 138..145,
        })
    );
    assert_eq!(
        find(&index, Path::new(PATH)),
        Some(Parts {
            sources: 145..245,
            left_out: 245..265,
            sections: 265..268,
        })
    );
    for path in [
        "",
        "/",
        "/etc/hosts.d/",
        "/etc/hosts.",
        "/etc/hosts.d/shops",
    ] {
        assert_eq!(find(&index, Path::new(path)), None, "{path}");
    }
    for end in 0..index.len() {
        assert_eq!(find(&index[..end], Path::new(PATH)), None, "{end}");
    }
}

#[test]
fn what_is_no_index() {
    for (what, index) in [
        ("text", b"10.0.0.1 db\n".repeat(100)),
        ("zeros", vec![0; 4096]),
        ("ones", vec![0xff; 4096]),
        ("a part that is too long", entry(PATH, [1, u64::MAX, 1])),
        (
            "parts that are too long together",
            entry(PATH, [1 << 63, 1 << 63, 0]),
        ),
        (
            "a path beyond the end",
            [
                length(13),
                length(1),
                length(0),
                length(1),
                PATH.as_bytes().to_vec(),
            ]
            .concat(),
        ),
    ] {
        assert_eq!(find(&index, Path::new(PATH)), None, "{what}");
    }
}

/// The sources are up to date if each name has the status that is behind it.
#[test]
fn sources_are_compared_with_the_present_status() {
    const OLD: Status = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    let sources = |names: &[&str]| {
        let parts = names
            .iter()
            .map(|name| [name.as_bytes(), b"\0", &OLD.map(u64::to_ne_bytes).concat()].concat());
        parts.collect::<Vec<_>>().concat()
    };
    let with = |changed: &str, status: Option<Status>| {
        let changed = CString::new(changed).unwrap();
        move |name: &CStr| if *name == *changed { status } else { Some(OLD) }
    };
    let three = sources(&["", "a.hosts", "b.hosts"]);
    assert!(is_current(&three, with("c.hosts", None)));
    for changed in ["", "a.hosts", "b.hosts"] {
        for nth in 0..OLD.len() {
            let mut new = OLD;
            new[nth] += 1;
            assert!(
                !is_current(&three, with(changed, Some(new))),
                "{changed} {nth}"
            );
        }
        assert!(!is_current(&three, with(changed, None)), "{changed}");
    }
    let whole = [0, 81, 169, 257];
    assert_eq!(three.len(), 257);
    for end in (0..=three.len()).filter(|end| !whole.contains(end)) {
        assert!(!is_current(&three[..end], |_| Some(OLD)), "{end}");
    }
    assert!(!is_current(b"", |_| Some(OLD)));
    assert!(!is_current(&[0xff; 4096], |_| Some([u64::MAX; 10])));
}
