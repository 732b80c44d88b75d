//! Reading to the end of a file or a pipe, and no further than a bound.

use std::io::{Seek, Write};
use std::process::{Command, Stdio};

use oci_hostaliases::files::bounded_read::read_to_end;

#[test]
fn all_of_it_whatever_was_expected() {
    let text: Vec<u8> = (0..10_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&text).unwrap();
    for capacity in [0, 39_999, 40_000, 40_001, 100_000] {
        for length in [0, 1, 4_096, 39_999, 40_000, 40_001, 100_000] {
            for length in [None, Some(length)] {
                file.rewind().unwrap();
                let mut bytes = Vec::with_capacity(capacity);
                bytes.extend(b"what was there");
                read_to_end(&mut bytes, &file, length, 40_000).unwrap();
                assert!(bytes == text, "{capacity} {length:?}: {}", bytes.len());
            }
        }
    }
}

/// A read may give less than there is.
#[test]
fn a_pipe_is_read_in_pieces() {
    for length in [None, Some(5), Some(6), Some(4_095)] {
        let mut writer = Command::new("sh")
            .args(["-c", "printf one; sleep 0.1; printf two"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut bytes = Vec::new();
        read_to_end(&mut bytes, writer.stdout.take().unwrap(), length, 4_096).unwrap();
        assert_eq!(bytes, b"onetwo", "{length:?}");
        writer.wait().unwrap();
    }
}

#[test]
fn what_has_no_end_is_left_soon_behind_the_limit() {
    let endless = || std::fs::File::open("/dev/zero").unwrap();
    for length in [None, Some(10), Some(20_000), Some(u64::MAX)] {
        let mut bytes = Vec::new();
        read_to_end(&mut bytes, endless(), length, 20_000).unwrap();
        assert!(
            bytes.len() > 20_000 && bytes.len() < 50_000,
            "{length:?}: {}",
            bytes.len()
        );
    }
}

/// A file that is longer than the limit is seen to be, also where a read gives the limit's bytes and no more.
#[test]
fn one_byte_more_than_the_limit() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[b'x'; 20_001]).unwrap();
    for length in [None, Some(20_000), Some(20_001)] {
        file.rewind().unwrap();
        let mut bytes = Vec::new();
        read_to_end(&mut bytes, &file, length, 20_000).unwrap();
        assert_eq!(bytes.len(), 20_001, "{length:?}");
    }
}
