//! `/etc` or `/etc/hosts` as a symlink: followed inside the rootfs, never out of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::bundle::Bundle;
use crate::{ALIASES_SECTION, BOILERPLATE, each_runtime_and_stage};

/// Replaces `name` in the rootfs by a symlink to `target`.
fn link(bundle: &Bundle, name: &str, target: &str) {
    let path = bundle.rootfs.join(name);
    if path.is_dir() {
        fs::remove_dir_all(&path).unwrap();
    } else {
        let _ = fs::remove_file(&path);
    }
    symlink(target, path).unwrap();
}

fn shows_the_file(bundle: &mut Bundle, place: &str) {
    // Files of the host's that a symlink could lead to must stay what they are.
    let host = [
        fs::read("/etc/passwd").unwrap(),
        fs::read("/etc/hosts").unwrap(),
    ];
    bundle.set_script(&format!(
        "cat /etc/hosts; grep -c ' {place} ' /proc/self/mountinfo"
    ));
    assert_eq!(
        bundle.shown(),
        format!("{BOILERPLATE}{ALIASES_SECTION}1\n"),
        "/etc/hosts leads to {place}"
    );
    assert_eq!(
        host,
        [
            fs::read("/etc/passwd").unwrap(),
            fs::read("/etc/hosts").unwrap()
        ]
    );
}

#[test]
fn etc_hosts_to_an_existing_file() {
    each_runtime_and_stage("symlinks::etc_hosts_to_an_existing_file", |bundle| {
        // Each of them is a file on the host too, or leads out of the rootfs when followed there.
        for target in [
            "/etc/passwd",
            "passwd",
            "../../../../../../../../etc/passwd",
            "/proc/../etc/passwd",
        ] {
            link(bundle, "etc/hosts", target);
            shows_the_file(bundle, "/etc/passwd");
        }
    });
}

#[test]
fn etc_hosts_to_nothing() {
    each_runtime_and_stage("symlinks::etc_hosts_to_nothing", |bundle| {
        for (target, place) in [
            ("/data/hosts", "/data/hosts"),
            ("../data/hosts", "/data/hosts"),
            ("../../../data/sub/hosts", "/data/sub/hosts"),
            ("other", "/etc/other"),
        ] {
            let _ = fs::remove_dir_all(bundle.rootfs.join("data"));
            let _ = fs::remove_file(bundle.rootfs.join("etc/other"));
            link(bundle, "etc/hosts", target);
            shows_the_file(bundle, place);
            assert!(!Path::new("/data").exists(), "made on the host");
        }
    });
}

#[test]
fn etc() {
    each_runtime_and_stage("symlinks::etc", |bundle| {
        for target in ["/data/etc", "data/etc", "../../../../data/etc"] {
            // Once with everything there, once with nothing of it.
            for there in [true, false] {
                let _ = fs::remove_dir_all(bundle.rootfs.join("data"));
                if there {
                    fs::create_dir_all(bundle.rootfs.join("data/etc")).unwrap();
                    fs::write(bundle.rootfs.join("data/etc/hosts"), "of the image\n").unwrap();
                }
                link(bundle, "etc", target);
                shows_the_file(bundle, "/data/etc/hosts");
            }
        }
    });
}

#[test]
fn endless() {
    each_runtime_and_stage("symlinks::endless", |bundle| {
        link(bundle, "etc/hosts", "/etc/hosts");
        let ran = bundle.run();
        ran.assert_refused(3, "/etc/hosts");
    });
}
