#![no_main]
//! A file of `hosts.d`: good lines are kept, bad ones named.

mod checks;

use libfuzzer_sys::fuzz_target;
use oci_hostaliases::text::hosts_file::HostsFile;
use oci_hostaliases::text::hosts_lines;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut errors = Vec::new();
    let aliases = hosts_lines::read(&text, |line| format!("a.hosts:{line}"), &mut errors);
    errors.iter().for_each(checks::message);
    let mut file = HostsFile::from_engine(Vec::new());
    if file.add_node_entries("a.hosts", &aliases, 1 << 20) {
        checks::lines(file.bytes());
    }
    // What we write we read.
    let written = std::str::from_utf8(file.bytes()).expect("text");
    let mut errors = Vec::new();
    let again = hosts_lines::read(written, |line| line.to_string(), &mut errors);
    assert!(errors.is_empty());
    assert!(file.bytes().is_empty() || again.len() == aliases.len());
});
