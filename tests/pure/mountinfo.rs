//! Reading the kernel's mount table.

use std::os::unix::ffi::OsStrExt;

use oci_hostaliases::kernel::mountinfo::{MountLine, each_line, find, unescape};

/// As a container under runc has it, before its root is changed: shared and slave mounts of the host's, the private
/// rootfs, the hook's file.
const TABLE: &str = "\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
23 22 0:21 / /sys rw,nosuid,nodev,noexec,relatime shared:7 master:3 - sysfs sysfs rw
24 22 0:22 / /mnt/slave rw master:1 propagate_from:2 - tmpfs tmpfs rw
25 22 0:23 / /mnt/unbindable rw unbindable - tmpfs none rw
26 22 0:24 / /mnt/a\\040b\\011c\\012d\\134e rw,relatime - tmpfs t\\040m\\040p rw
27 22 254:1 /bundles/web/rootfs /bundles/web/rootfs rw,relatime - ext4 /dev/vda1 rw
28 27 0:52 /hosts /bundles/web/rootfs/etc/hosts rw,nosuid,nodev,noexec,relatime - tmpfs oci-hostaliases rw,size=1024k
127 27 0:60 / /bundles/web/rootfs/proc rw - proc proc rw
";

fn line(text: &str) -> Option<(u64, &str, bool, &str, &str)> {
    MountLine::read(text.as_bytes()).map(|line| {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        (
            line.id,
            text(line.mount_point),
            line.is_shared,
            text(line.filesystem),
            text(line.source),
        )
    })
}

#[test]
fn each_kind_of_line() {
    let lines: Vec<_> = TABLE.lines().map(|text| line(text).unwrap()).collect();
    assert_eq!(
        lines,
        [
            (22, "/", true, "ext4", "/dev/vda1"),
            // Shared and a slave at once: mounts on it do appear elsewhere.
            (23, "/sys", true, "sysfs", "sysfs"),
            (24, "/mnt/slave", false, "tmpfs", "tmpfs"),
            (25, "/mnt/unbindable", false, "tmpfs", "none"),
            // White space and backslashes stay as the kernel escapes them.
            (
                26,
                "/mnt/a\\040b\\011c\\012d\\134e",
                false,
                "tmpfs",
                "t\\040m\\040p"
            ),
            (27, "/bundles/web/rootfs", false, "ext4", "/dev/vda1"),
            (
                28,
                "/bundles/web/rootfs/etc/hosts",
                false,
                "tmpfs",
                "oci-hostaliases"
            ),
            (127, "/bundles/web/rootfs/proc", false, "proc", "proc"),
        ]
    );
}

#[test]
fn what_looks_like_a_mark_and_is_none() {
    // Names that a tenant may choose: a directory, a mount option, a file system's source.
    for text in [
        "30 22 0:1 / /mnt/shared:1 rw - tmpfs tmpfs rw",
        "30 22 0:1 /shared:1 /mnt rw - tmpfs tmpfs rw",
        "30 22 0:1 / /mnt rw,shared:1 - tmpfs tmpfs rw",
        "30 22 0:1 / /mnt rw - tmpfs shared:1 rw",
        "30 22 0:1 / /mnt rw - tmpfs tmpfs rw,shared:1",
        "30 22 0:1 / /mnt rw master:1 - tmpfs tmpfs rw shared:1",
    ] {
        assert!(
            !MountLine::read(text.as_bytes()).unwrap().is_shared,
            "{text}"
        );
    }
    // A dash is no separator where it is part of a field.
    assert_eq!(
        line("30 22 0:1 / /mnt/- rw shared:2 - tmpfs - rw"),
        Some((30, "/mnt/-", true, "tmpfs", "-"))
    );
}

#[test]
fn a_source_may_be_empty() {
    assert_eq!(
        line("30 22 0:1 / /mnt rw - tmpfs  rw"),
        Some((30, "/mnt", false, "tmpfs", ""))
    );
}

#[test]
fn odd_lines_are_passed_over() {
    for text in [
        "",
        " ",
        "-",
        " - ",
        "22",
        "22 1 254:1 / / rw shared:1",
        "22 1 254:1 / / rw shared:1 -",
        "22 1 254:1 / / rw shared:1 - ext4",
        "22 1 254:1 / - ext4 /dev/vda1 rw",
        "x 1 254:1 / / rw - ext4 /dev/vda1 rw",
        "-22 1 254:1 / / rw - ext4 /dev/vda1 rw",
        "99999999999999999999 1 254:1 / / rw - ext4 /dev/vda1 rw",
    ] {
        assert_eq!(line(text), None, "{text:?}");
    }
}

#[test]
fn device_and_read_only() {
    for (text, device, is_read_only) in [
        ("30 22 0:52 / /mnt rw - tmpfs tmpfs rw", "0:52", false),
        (
            "30 22 254:1 / /mnt ro,relatime - ext4 /dev/vda1 rw",
            "254:1",
            true,
        ),
        (
            "30 22 254:1 / /mnt nosuid,ro shared:1 - ext4 /dev/vda1 rw",
            "254:1",
            true,
        ),
        // Options that are longer words, and the file system's own.
        ("30 22 0:52 / /mnt rw,prog - tmpfs tmpfs ro", "0:52", false),
        ("30 22 0:52 / /ro rw master:1 - ro ro ro", "0:52", false),
    ] {
        let line = MountLine::read(text.as_bytes()).unwrap();
        assert_eq!(
            (line.device, line.is_read_only),
            (device.as_bytes(), is_read_only),
            "{text}"
        );
    }
}

#[test]
fn octal_escapes_are_undone() {
    for (escaped, path) in [
        ("/mnt", &b"/mnt"[..]),
        ("", b""),
        ("/mnt/a\\040b\\011c\\012d\\134e\\043", b"/mnt/a b\tc\nd\\e#"),
        // Each only once: what comes out may look like another.
        ("\\134040", b"\\040"),
        ("\\303\\251", b"\xc3\xa9"),
        ("/\\377\\000", b"/\xff\0"),
        // The kernel writes none of these.
        ("\\", b"\\"),
        ("\\04", b"\\04"),
        ("\\048", b"\\048"),
        ("\\400", b"\\400"),
        ("\\+40", b"\\+40"),
        ("\\é0", b"\\\xc3\xa90"),
    ] {
        assert_eq!(
            unescape(escaped.as_bytes()).as_os_str().as_bytes(),
            path,
            "{escaped}"
        );
    }
}

/// Where the table has this mount.
fn found(mut table: &[u8], id: u64) -> Option<Vec<u8>> {
    let line = find(&mut table, id).unwrap()?;
    MountLine::read(&line).map(|line| line.mount_point.to_owned())
}

#[test]
fn a_mount_is_found_by_its_number() {
    let found = |id| found(TABLE.as_bytes(), id).map(|point| String::from_utf8(point).unwrap());
    assert_eq!(found(22).as_deref(), Some("/"));
    // Not the 27 within 127, and not a parent's number.
    assert_eq!(found(27).as_deref(), Some("/bundles/web/rootfs"));
    assert_eq!(found(127).as_deref(), Some("/bundles/web/rootfs/proc"));
    assert_eq!(found(1), None);
    assert_eq!(found(2), None);
    assert_eq!(self::found(b"", 1), None);
}

/// A user of the node names a mount point in bytes that are not text: the other lines are still read.
#[test]
fn names_that_are_no_text() {
    let table = b"21 1 0:9 / /run/user/1000/\xff\xfe rw - fuse.x \xff rw\n22 1 0:9 / /mnt rw - tmpfs t rw\n";
    assert_eq!(found(table, 22).as_deref(), Some(&b"/mnt"[..]));
    assert_eq!(
        found(table, 21).as_deref(),
        Some(&b"/run/user/1000/\xff\xfe"[..])
    );
}

/// Of a line of any length only the beginning is held, and the next one is found behind it.
#[test]
fn long_lines() {
    let mut table = format!("21 1 0:9 / /{} rw - tmpfs t rw\n", "a".repeat(1 << 20)).into_bytes();
    let options = "lowerdir=/x:".repeat(1 << 16);
    table.extend(format!("22 1 0:9 / /mnt rw - overlay o {options}\n").bytes());
    table.extend(b"23 1 0:9 / /last rw - tmpfs t rw");
    let mut longest = 0;
    each_line(&mut table.as_slice(), &mut |line| {
        longest = longest.max(line.len());
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    assert!((60_000..=65_536).contains(&longest), "{longest}");
    assert_eq!(found(&table, 21), None);
    assert_eq!(found(&table, 22).as_deref(), Some(&b"/mnt"[..]));
}
