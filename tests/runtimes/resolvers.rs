//! A real resolver reads the file: whatever `hosts.d` has, every name that glibc resolves from it, it
//! resolves from the container's file too, to the same address.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::bundle::Bundle;
use crate::{needs, runtimes, stages, world};

/// Lines that people really wrote into hosts files, and their neighbours.
const WILD: &str = "127.0.0.1 localhost.localdomain
255.255.255.255\tbroadcasthost
fe80::1%lo0 zoned
0.0.0.0 0.0.0.0
0.0.0.0 ads.example  #[Tracker]
0.0.0.0 ad_server.example
0.0.0.0 -dash.example
0.0.0.0 xn--bcher-kva.example
0.0.0.0 b\u{fc}cher.example
10.0.0.9 FileServer01.Corp.Example fs01
10.0.0.10 printer.corp.example. printer
10.1 short.example
0x7f.0.0.1 hex.example
010.0.0.7 zeros.example
::ffff:10.0.0.11 mapped.example
2001:DB8::A six.example SIX
10.0.0.12\x0bvertical\x0cfeed\r
10.0.0.13 twice
10.0.0.14 twice
 \t 10.0.0.15 indented#comment
10.0.0.16
no.address 10.0.0.17
10.0.0.18 with/slash with%percent with=equals with*star
";

/// The addresses that glibc finds for a name in this world's `/etc/hosts`.
fn getent(name: &str) -> Vec<String> {
    let output = Command::new("getent")
        .args(["-s", "files", "ahosts", "--", name])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let addresses = text
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let unique: BTreeSet<String> = addresses.map(str::to_owned).collect();
    unique.into_iter().collect()
}

/// Made-up lines, the same in every run: words of odd characters, some lines longer than any reader's.
fn made_up() -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let letters: Vec<char> = "abcXYZ019._-+@~:/\u{e9}".chars().collect();
    let mut text = String::new();
    for line in 0..60 {
        text += &format!("10.9.{}.{}", line, next(255));
        let words = if next(10) == 0 { 90 } else { next(4) };
        for word in 0..words {
            text.push_str(if next(2) == 0 { " " } else { "\t" });
            text += &format!("w{line}x{word}");
            for _ in 0..next(12) {
                text.push(letters[next(letters.len() as u64) as usize]);
            }
        }
        text.push('\n');
    }
    text
}

#[test]
fn what_glibc_finds_in_hosts_d_it_finds_in_the_container() {
    const TEST: &str = "resolvers::what_glibc_finds_in_hosts_d_it_finds_in_the_container";
    if !needs::met(TEST, &[("getent", "libc-bin")]) {
        return;
    }
    world(TEST, |home| {
        let mut bundle = Bundle::new(home, runtimes()[0], stages()[0]);
        bundle.ask_for_nothing();
        let raw = format!("{WILD}{}", made_up());
        bundle.entries("wild.hosts", &raw);
        let shown = bundle.shown();
        assert!(shown.lines().all(|line| line.len() < 511), "{shown}");

        let names: BTreeSet<&str> = raw
            .lines()
            .filter_map(|line| line.split('#').next())
            .flat_map(|line| line.split([' ', '\t', '\x0b', '\x0c', '\r']).skip(1))
            .filter(|name| !name.is_empty() && name.parse::<std::net::IpAddr>().is_err())
            .collect();
        fs::write("/etc/hosts", &raw).unwrap();
        let expected: Vec<_> = names.iter().map(|name| getent(name)).collect();
        fs::write("/etc/hosts", &shown).unwrap();
        let mut resolved = 0;
        for (name, expected) in names.iter().zip(expected) {
            if !expected.is_empty() {
                assert_eq!(getent(name), expected, "{name}\n{shown}");
                resolved += 1;
            }
        }
        assert!(resolved > 350, "only {resolved} of {} names", names.len());
    });
}
