//! The files of `hosts.d`: what glibc accepts, and what is left out, name by name.

use oci_hostaliases::text::hosts_file::HostsFile;
use oci_hostaliases::text::node_lines::{Unread, read};

/// The entries as the lines that they become, and what is left out as `LINE: WHY`.
fn lines(text: &[u8]) -> (String, Vec<String>) {
    let (aliases, unread) = read(text);
    let mut file = HostsFile::default();
    file.add_node_entries("/n.hosts", &aliases, u64::MAX);
    let written = String::from_utf8(file.bytes().to_vec()).unwrap();
    let heading = "\n# Entries added by oci-hostaliases from /n.hosts.\n";
    let written = written.strip_prefix(heading).unwrap_or_default().to_owned();
    let unread = unread.into_iter().map(|Unread { line, why }| match line {
        Some(line) => format!("{line}: {why}"),
        None => why,
    });
    (written, unread.collect())
}

#[test]
fn what_glibc_reads_is_read() {
    for (text, expected) in [
        (
            "127.0.0.1 localhost.localdomain localhost",
            "127.0.0.1\tlocalhost.localdomain\tlocalhost\n",
        ),
        (
            "255.255.255.255\tbroadcasthost",
            "255.255.255.255\tbroadcasthost\n",
        ),
        ("0.0.0.0 0.0.0.0", "0.0.0.0\t0.0.0.0\n"),
        ("0.0.0.0 ads.example  #[Tracker]", "0.0.0.0\tads.example\n"),
        ("0.0.0.0 ad_server.example", "0.0.0.0\tad_server.example\n"),
        ("0.0.0.0 -dash.example", "0.0.0.0\t-dash.example\n"),
        (
            "0.0.0.0 xn--bcher-kva.example",
            "0.0.0.0\txn--bcher-kva.example\n",
        ),
        (
            "0.0.0.0 b\u{fc}cher.example",
            "0.0.0.0\tb\u{fc}cher.example\n",
        ),
        (
            "10.0.0.9 FileServer01.Corp.Example fs01",
            "10.0.0.9\tFileServer01.Corp.Example\tfs01\n",
        ),
        (
            "10.0.0.10 printer.corp.example. printer",
            "10.0.0.10\tprinter.corp.example.\tprinter\n",
        ),
        ("::ffff:10.0.0.5 mapped", "::ffff:10.0.0.5\tmapped\n"),
        ("2001:DB8::A six", "2001:DB8::A\tsix\n"),
        ("10.0.0.1", "10.0.0.1\t\n"),
        // Every white space of the C locale, CRLF, no final newline, a byte order mark.
        (
            " \t10.0.0.1\x0ba\x0cb\r\n10.0.0.2 c",
            "10.0.0.1\ta\tb\n10.0.0.2\tc\n",
        ),
        (
            "\u{feff}10.0.0.5 files.corp.example\r\n",
            "10.0.0.5\tfiles.corp.example\n",
        ),
        ("# 10.0.0.1 a\n\n#\n", ""),
        ("", ""),
    ] {
        assert_eq!(
            lines(text.as_bytes()),
            (expected.to_owned(), vec![]),
            "{text:?}"
        );
    }
}

#[test]
fn what_cannot_be_a_line_is_left_out_name_by_name() {
    const ADDRESS: &str = "not an IP address that resolvers read";
    for (text, expected, unread) in [
        (
            &b"fe80::1%lo0 localhost"[..],
            "",
            format!("1: \"fe80::1%lo0\": {ADDRESS}"),
        ),
        (b"10.1 short.example", "", format!("1: \"10.1\": {ADDRESS}")),
        (
            b"0x7f.0.0.1 hex.example",
            "",
            format!("1: \"0x7f.0.0.1\": {ADDRESS}"),
        ),
        (
            b"010.0.0.5 zeros",
            "",
            format!("1: \"010.0.0.5\": {ADDRESS}"),
        ),
        (
            b"ok.example 10.0.0.1\n10.0.0.2 b",
            "10.0.0.2\tb\n",
            format!("1: \"ok.example\": {ADDRESS}"),
        ),
        (
            b"10.0.0.1 a\n10.0.0.2 b c\x1b[2J d",
            "10.0.0.1\ta\n10.0.0.2\tb\td\n",
            "2: \"c\\u{1b}[2J\": has a control character".to_owned(),
        ),
        (
            b"10.0.0.2 \x00",
            "",
            "1: \"\\0\": has a control character".to_owned(),
        ),
        (
            b"10.0.0.2 b\xfccher fs",
            "10.0.0.2\tfs\n",
            "1: \"b\u{fffd}cher\": not UTF-8 text".to_owned(),
        ),
        (
            b"\xff\xfe1\x000\x00",
            "",
            "is UTF-16 (little endian) text: save it as UTF-8".to_owned(),
        ),
        (
            b"\xfe\xff\x001\x000",
            "",
            "is UTF-16 (big endian) text: save it as UTF-8".to_owned(),
        ),
        (
            b"1\x000\x00.\x000\x00",
            "",
            "is UTF-16 (little endian) text: save it as UTF-8".to_owned(),
        ),
    ] {
        assert_eq!(lines(text), (expected.to_owned(), vec![unread]), "{text:?}");
    }
}

#[test]
fn no_line_is_longer_than_every_resolver_reads() {
    // 9 bytes of address and white space, and names of 100 bytes with a tab each: a fifth would make 514.
    let names: Vec<String> = (0..7)
        .map(|nth| format!("{nth}{}", "x".repeat(99)))
        .collect();
    let (written, unread) = lines(format!("10.0.0.1 {}\n", names.join(" ")).as_bytes());
    assert_eq!(unread, [""; 0]);
    let (first, second) = (names[..4].join("\t"), names[4..].join("\t"));
    assert_eq!(written, format!("10.0.0.1\t{first}\n10.0.0.1\t{second}\n"));
    assert!(written.lines().all(|line| line.len() < 511), "{written}");
    // A name that fills a line, and one that does not fit.
    let longest = "y".repeat(511 - "10.0.0.1\t\n".len());
    let (written, unread) = lines(format!("10.0.0.1 a {longest} b").as_bytes());
    assert_eq!(
        written,
        format!("10.0.0.1\ta\n10.0.0.1\t{longest}\n10.0.0.1\tb\n")
    );
    assert_eq!(unread, [""; 0]);
    let (written, unread) = lines(format!("10.0.0.1 a {longest}y b").as_bytes());
    assert_eq!(written, "10.0.0.1\ta\tb\n");
    let shown = "y".repeat(128);
    assert_eq!(
        unread,
        [format!(
            "1: \"{shown}\"…: longer than a line that every resolver reads"
        )]
    );
}
