#![no_main]
//! A file of `hosts.d`: good names are kept, what is left out is named.

mod checks;

use libfuzzer_sys::fuzz_target;
use oci_hostaliases::text::hosts_file::{HostsFile, LINE_MAX};
use oci_hostaliases::text::node_lines;

fuzz_target!(|bytes: &[u8]| {
    let (aliases, unread) = node_lines::read(bytes);
    unread.iter().for_each(|unread| checks::message(&unread.why));
    let mut file = HostsFile::from_engine(Vec::new());
    file.add_node_entries("a.hosts", &aliases, 1 << 20);
    let lines = file.bytes().split(|byte| *byte == b'\n');
    assert!(lines.into_iter().all(|line| line.len() < LINE_MAX));
    assert!(!file.bytes().iter().any(|byte| byte.is_ascii_control() && !b"\t\n".contains(byte)));
    // What we write we read: the same addresses with the same names, on as many lines.
    let (again, unread) = node_lines::read(file.bytes());
    assert!(unread.is_empty());
    let names = |aliases: &[oci_hostaliases::text::host_alias::HostAlias]| -> Vec<(String, String)> {
        let pairs = aliases.iter().flat_map(|alias| {
            alias.hostnames().iter().map(|name| (alias.ip().to_owned(), name.clone()))
        });
        pairs.collect()
    };
    assert!(file.bytes().is_empty() || names(&again) == names(&aliases));
});
