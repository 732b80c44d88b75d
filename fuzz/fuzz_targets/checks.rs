//! What must hold for every file and every message.

use std::fmt::Display;
use std::net::IpAddr;

/// A message is one line that moves no cursor.
pub fn message(message: &impl Display) {
    let text = message.to_string();
    assert!(!text.is_empty());
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

/// What the node's files may have, and more than what annotations may.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_control() || c == ' ' || c == '#')
}

/// Each added line is empty, a comment from this project, or an address and names.
pub fn lines(text: &[u8]) {
    let text = std::str::from_utf8(text).expect("what was read from text is text");
    assert!(text.is_empty() || text.ends_with('\n'));
    for line in text.lines() {
        let comments = ["# Kubernetes-managed hosts file.", "# Entries added by "];
        if line.is_empty() || comments.iter().any(|comment| line.starts_with(comment)) {
            continue;
        }
        let mut words = line.split(['\t', ' ']);
        let address = words.next().unwrap();
        // The boilerplate's addresses are the kubelet's, in its own spelling.
        assert!(address.parse::<IpAddr>().is_ok(), "{line:?}");
        let names: Vec<_> = words.collect();
        let none = names == [""];
        assert!(
            none || !names.is_empty() && names.iter().all(|name| is_name(name)),
            "{line:?}"
        );
    }
}
