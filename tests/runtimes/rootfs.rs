//! What the container sees, whatever its root filesystem has at `/etc/hosts`.

use std::fs;

use serde_json::json;

use crate::bundle::{Bundle, IMAGE_HOSTS};
use crate::{ALIASES_SECTION, BOILERPLATE, each_runtime_and_stage};

/// Shows the file, its owner and mode, and the error of a process that writes too much into it.
const SCRIPT: &str = "cat /etc/hosts; stat -c '%u:%g %a' /etc/hosts; \
    echo '192.0.2.9 mine' >>/etc/hosts && grep -c mine /etc/hosts; \
    dd if=/dev/zero of=/etc/hosts bs=65536 count=64 2>&1 | grep -c 'No space left'; wc -c </etc/hosts";

/// The example's file; root's, 0644; writable; and full at 1 MiB.
fn expected() -> String {
    format!("{BOILERPLATE}{ALIASES_SECTION}0:0 644\n1\n1\n1048576\n")
}

fn shows_expected(bundle: &mut Bundle) {
    bundle.set_script(SCRIPT);
    assert_eq!(bundle.shown(), expected());
}

#[test]
fn plain() {
    each_runtime_and_stage("rootfs::plain", |bundle| {
        shows_expected(bundle);
        // The image is not written to.
        assert_eq!(
            fs::read_to_string(bundle.rootfs.join("etc/hosts")).unwrap(),
            IMAGE_HOSTS
        );
    });
}

#[test]
fn read_only() {
    each_runtime_and_stage("rootfs::read_only", |bundle| {
        bundle.config["root"]["readonly"] = json!(true);
        shows_expected(bundle);
    });
}

#[test]
fn absolute_root_path() {
    each_runtime_and_stage("rootfs::absolute_root_path", |bundle| {
        bundle.config["root"]["path"] = json!(bundle.rootfs);
        shows_expected(bundle);
    });
}

#[test]
fn without_etc_hosts() {
    each_runtime_and_stage("rootfs::without_etc_hosts", |bundle| {
        fs::remove_file(bundle.rootfs.join("etc/hosts")).unwrap();
        shows_expected(bundle);
        // A mount needs something to be mounted on: an empty file, as a runtime makes it too.
        assert_eq!(
            fs::read_to_string(bundle.rootfs.join("etc/hosts")).unwrap(),
            ""
        );
    });
}

#[test]
fn without_etc() {
    each_runtime_and_stage("rootfs::without_etc", |bundle| {
        fs::remove_dir_all(bundle.rootfs.join("etc")).unwrap();
        shows_expected(bundle);
    });
}

#[test]
fn read_only_without_etc_hosts() {
    each_runtime_and_stage("rootfs::read_only_without_etc_hosts", |bundle| {
        fs::remove_file(bundle.rootfs.join("etc/hosts")).unwrap();
        bundle.config["root"]["readonly"] = json!(true);
        if bundle.stage == "createContainer" && bundle.is_crun_before(1, 26) {
            // It makes the rootfs read-only before this stage: the file cannot be made.
            bundle.run().assert_refused(1, "");
        } else {
            shows_expected(bundle);
        }
    });
}

#[test]
fn etc_hosts_is_not_a_file() {
    each_runtime_and_stage("rootfs::etc_hosts_is_not_a_file", |bundle| {
        let hosts = bundle.rootfs.join("etc/hosts");
        fs::remove_file(&hosts).unwrap();
        fs::create_dir(&hosts).unwrap();
        let ran = bundle.run();
        ran.assert_refused(
            3,
            "oci-hostaliases-hook: container case: /etc/hosts in the container is not a regular file but a directory",
        );
    });
}

#[test]
fn without_entries() {
    each_runtime_and_stage("rootfs::without_entries", |bundle| {
        bundle.ask_for_nothing();
        assert_eq!(bundle.shown(), BOILERPLATE);
    });
}

#[test]
fn registered_twice() {
    each_runtime_and_stage("rootfs::registered_twice", |bundle| {
        let hook = bundle.directory().with_file_name("oci-hostaliases-hook");
        bundle.set_hooks(&["prestart", "createRuntime", "createContainer"], &hook);
        bundle.set_script("cat /etc/hosts; grep -c ' /etc/hosts ' /proc/self/mountinfo");
        assert_eq!(bundle.shown(), format!("{BOILERPLATE}{ALIASES_SECTION}1\n"));
    });
}
