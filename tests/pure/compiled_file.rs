//! The compiled file of `hosts.d`: what is found in one, and that no other file is taken for one.

use oci_hostaliases::files::compiled::{HEADER, find};

const KEY: &[u8] = b"/etc/hosts.d\0and what statx tells";
const OTHER: &[u8] = b"/etc/hosts.d/shop\0and what statx tells";
const LEFT_OUT: &[u8] = b"/etc/hosts.d/a.hosts:1: \"x\": not an IP address that resolvers read\n";
const SECTIONS: &[u8] =
    b"\n# Entries added by oci-hostaliases from /etc/hosts.d/a.hosts.\n10.0.0.1\tdb\n";

/// The length of a piece.
fn length(bytes: u64) -> Vec<u8> {
    bytes.to_ne_bytes().to_vec()
}

fn block(key: &[u8], left_out: &[u8], sections: &[u8]) -> Vec<u8> {
    let pieces = [key, left_out, sections];
    let piece = |piece: &[u8]| [length(piece.len() as u64), piece.to_vec()].concat();
    pieces.map(piece).concat()
}

fn whole() -> Vec<u8> {
    [
        HEADER.to_vec(),
        block(OTHER, b"", b"others"),
        block(KEY, LEFT_OUT, SECTIONS),
    ]
    .concat()
}

#[test]
fn a_directory_is_found_by_its_key() {
    let file = whole();
    assert!(
        file.starts_with(b"oci-hostaliases 0.1.0 hosts.d 1\n\x26\0\0\0\0\0\0\0/etc/hosts.d/shop\0")
            || cfg!(target_endian = "big")
    );
    let found = find(&file, KEY).unwrap();
    assert_eq!(&file[found.left_out], LEFT_OUT);
    assert_eq!(&file[found.sections], SECTIONS);
    let found = find(&file, OTHER).unwrap();
    assert_eq!(&file[found.sections], b"others");
    assert!(find(&file, &KEY[..KEY.len() - 1]).is_none());
    assert!(find(&file, &[KEY, b" "].concat()).is_none());
    assert!(find(&file, b"").is_none());
}

#[test]
fn a_file_cut_short_anywhere_is_none() {
    let file = whole();
    for end in 0..file.len() {
        assert!(find(&file[..end], KEY).is_none(), "{end}");
    }
}

#[test]
fn what_is_no_such_file() {
    let rest = block(KEY, b"", SECTIONS);
    for (what, file) in [
        ("nothing", Vec::new()),
        (
            "another version",
            [b"oci-hostaliases 0.0.9 hosts.d 1\n".to_vec(), rest.clone()].concat(),
        ),
        (
            "another format",
            [b"oci-hostaliases 0.1.0 hosts.d 2\n".to_vec(), rest.clone()].concat(),
        ),
        ("no header", rest.clone()),
        (
            "text behind the header",
            [HEADER.to_vec(), b"10.0.0.1 db\n".to_vec()].concat(),
        ),
        ("zeros", [HEADER.to_vec(), vec![0; 4096]].concat()),
        ("ones", [HEADER.to_vec(), vec![0xff; 4096]].concat()),
        (
            "a length beyond the end",
            [HEADER.to_vec(), length(5), b"four".to_vec()].concat(),
        ),
        (
            "the longest length",
            [HEADER.to_vec(), length(u64::MAX), rest.clone()].concat(),
        ),
        (
            "the longest length of the sections",
            [
                HEADER.to_vec(),
                length(KEY.len() as u64),
                KEY.to_vec(),
                length(0),
                length(u64::MAX),
            ]
            .concat(),
        ),
    ] {
        assert!(find(&file, KEY).is_none(), "{what}");
    }
}
