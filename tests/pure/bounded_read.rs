//! Reading to the end of a file or a pipe, and no further than a bound.

use std::io::{Seek, Write};
use std::process::{Command, Stdio};

use oci_hostaliases::files::bounded_read::read_to_end;

#[test]
fn all_of_it_whatever_was_expected() {
    let text: Vec<u8> = (0..10_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&text).unwrap();
    for expected in [0, 1, 4_096, 39_999, 40_000, 40_001, 100_000] {
        file.rewind().unwrap();
        assert_eq!(
            read_to_end(&file, expected, 40_000).unwrap(),
            text,
            "{expected}"
        );
    }
}

#[test]
fn a_pipe_is_read_in_pieces() {
    let mut writer = Command::new("sh")
        .args(["-c", "printf one; sleep 0.1; printf two"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let read = read_to_end(writer.stdout.take().unwrap(), 4_095, 4_096);
    assert_eq!(read.unwrap(), b"onetwo");
    writer.wait().unwrap();
}

#[test]
fn what_has_no_end_is_left_soon_behind_the_limit() {
    let endless = std::fs::File::open("/dev/zero").unwrap();
    let read = read_to_end(endless, 10, 20_000).unwrap();
    assert!(read.len() > 20_000 && read.len() < 50_000, "{}", read.len());
}
