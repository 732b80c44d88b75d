//! What the hook is before its own first line: how it lies in its file and in memory, and which descriptors it has.

use std::fs;
use std::process::{Command, Stdio};

use crate::bundle::Bundle;
use crate::elf::{ET_DYN, Elf, PF_W, PF_X, PT_GNU_RELRO, PT_GNU_STACK, PT_LOAD};
use crate::privileges::Reading;
use crate::skipped::skipped;
use crate::{call, world};

/// The kernel shows random addresses, no memory that is both writable and executable, and read-only memory for
/// what the program writes only while it starts, with either C library.
#[test]
fn memory() {
    world("start::memory", |home| {
        let bundle = Bundle::new(home, "runc", "prestart");
        let path = call::hook_of(&bundle);
        let elf = Elf::read(&path);
        assert_eq!(elf.kind, ET_DYN, "position-independent");
        let is_both = |flags: u64| flags & (PF_W | PF_X) == PF_W | PF_X;
        assert!(elf.of_kind(PT_LOAD).all(|segment| !is_both(segment.flags)));
        let stack: Vec<_> = elf
            .of_kind(PT_GNU_STACK)
            .map(|segment| segment.flags & PF_X)
            .collect();
        assert_eq!(stack, [0]);
        let relro: Vec<_> = elf
            .of_kind(PT_GNU_RELRO)
            .map(|segment| segment.addresses.clone())
            .collect();
        assert_eq!(relro.len(), 1);

        let hook = Reading::start("exec", &bundle);
        let maps = hook.read("maps");
        let number = |hex: &str| u64::from_str_radix(hex, 16).unwrap();
        let mut moved_by = None;
        let mut writable = Vec::new();
        for line in maps.lines() {
            let mut fields = line.split_ascii_whitespace();
            let (start, end) = fields.next().unwrap().split_once('-').unwrap();
            let rights = fields.next().unwrap();
            assert!(!(rights.contains('w') && rights.contains('x')), "{line}");
            if line.ends_with("/oci-hostaliases-hook") {
                moved_by.get_or_insert(number(start));
            }
            if rights.contains('w') {
                writable.push(number(start)..number(end));
            }
        }
        let moved_by = moved_by.expect("the program in its own memory");
        // Where the linker did not fill it up, the last part of a page has other neighbours.
        let [start, end] = [relro[0].start, relro[0].end].map(|address| moved_by + address);
        let pages = start..end & !0xfff;
        assert!(pages.end > pages.start, "{pages:x?}");
        let found = writable
            .iter()
            .find(|other| other.start < pages.end && pages.start < other.end);
        assert_eq!(found, None, "{pages:x?} of\n{maps}");
    });
}

/// What the hook executes for a container, 160 KiB, is in one part of the program, and other names of the same crates
/// are not: `start/layout.ld` still fits what the compiler and the C library call their functions.
#[test]
fn layout() {
    let Some(hook) = std::env::var_os("OCI_HOSTALIASES_HOOK") else {
        return skipped("start::layout: OCI_HOSTALIASES_HOOK names no static hook; make test does");
    };
    let output = Command::new("readelf")
        .args(["--section-headers", "--wide"])
        .arg(hook)
        .output()
        .unwrap();
    let sections = String::from_utf8(output.stdout).unwrap();
    // Name, type, address, offset, size
    let size = sections.lines().find_map(|line| {
        let (_, fields) = line.split_once(".text.used ")?;
        u64::from_str_radix(fields.split_ascii_whitespace().nth(3)?, 16).ok()
    });
    let size = size.unwrap_or_else(|| panic!("{sections}"));
    assert!((150_000..350_000).contains(&size), "{size}");
}

/// A file that the hook opens must not become its stderr.
#[test]
fn closed_descriptors() {
    world("start::closed_descriptors", |home| {
        let bundle = Bundle::new(home, "runc", "prestart");
        for (before, null) in [
            ("exec >&-;", &["1"][..]),
            ("exec 2>&-;", &["2"]),
            ("exec >&- 2>&-;", &["1", "2"]),
        ] {
            let hook = Reading::start(&format!("{before} exec"), &bundle);
            assert_eq!(
                hook.descriptors(),
                ["0", "1", "2"].map(str::to_owned).into(),
                "{before}"
            );
            for number in null {
                let leads_to = fs::read_link(hook.file(&format!("fd/{number}"))).unwrap();
                assert_eq!(leads_to.to_str(), Some("/dev/null"), "{before}");
            }
        }
        // Without a stdin there is no state, which is what it says.
        let script = format!("exec <&-; exec {} prestart", call::hook_of(&bundle));
        let output = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), stderr.contains("stdin")),
            (Some(1), true),
            "{stderr}"
        );
    });
}

/// A pipe without a reader is an error like others: SIGPIPE (13, signal(7)) is ignored.
#[test]
fn closed_pipes() {
    world("start::closed_pipes", |home| {
        let bundle = Bundle::new(home, "runc", "prestart");
        let hook = Reading::start("exec", &bundle);
        let ignored = u64::from_str_radix(&hook.status("SigIgn"), 16).unwrap();
        assert_eq!(ignored & 1 << 12, 1 << 12);
        assert_eq!(hook.status("SigCgt"), format!("{:016x}", 0), "no handler");
    });
}
