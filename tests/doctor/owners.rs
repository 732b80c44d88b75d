//! Files in places that are not root's alone: no remedy touches what is not this program's.

use std::fs;
use std::os::unix::fs::chown;

use crate::containerd::{CONFIG, CONTAINERD, RUNTIMES};
use crate::node::{Daemon, HOOK, Node, restart, set_mode, write};
use crate::on_node;

const INSTALL: &str = "install the hook where only root can write (/usr/libexec/oci/hooks.d) and register it there with --hook";
const REGISTER: &str = "run oci-hostaliases unregister containerd, then register it with --base-spec where only root can write";
const HOOKS_DIR: &str =
    "name a directory that only root can write in hooks_dir, and register the hook anew";

/// A hook that was tried out where it was built or downloaded.
#[test]
fn a_hook_elsewhere() {
    on_node("owners::a_hook_elsewhere", &[], |node| {
        node.with_podman();
        for (owned, mode, owner, hook, said) in [
            // The directory, its mode and its owner; the hook below it; the finding.
            (
                "/run/tmp",
                0o1777,
                0,
                "/run/tmp/oci/hook",
                "/run/tmp: users other than root can write to it (mode 1777)",
            ),
            (
                "/run/tmp",
                0o1777,
                0,
                "/run/tmp/hook",
                "/run/tmp: users other than root can write to it (mode 1777)",
            ),
            (
                "/run/home/alice",
                0o755,
                1000,
                "/run/home/alice/oci/hook",
                "/run/home/alice: belongs to user 1000, not to root",
            ),
            (
                "/run/home/alice",
                0o755,
                1000,
                "/run/home/alice/hook",
                "/run/home/alice: belongs to user 1000, not to root",
            ),
            (
                "/run/srv",
                0o775,
                0,
                "/run/srv/hook",
                "/run/srv: users other than root can write to it (mode 0775)",
            ),
        ] {
            write(hook, "");
            fs::copy(HOOK, hook).unwrap();
            set_mode(hook, 0o755);
            set_mode(owned, mode);
            chown(owned, Some(owner), None).unwrap();
            node.succeed(&["register", "podman", "--all", "--hook", hook]);
            node.doctor()
                .assert_problem(&format!("hook: {said}"), INSTALL);
            // Its own mode and owner would change nothing.
            set_mode(hook, 0o777);
            let own = format!("hook: {hook}: users other than root can write to it (mode 0777)");
            node.doctor().assert_problem(&own, INSTALL);
            fs::remove_dir_all(owned).unwrap();
        }
    });
}

/// Below /etc, /usr and /opt only root has to write: there the mode is corrected.
#[test]
fn directories_of_the_systems() {
    on_node("owners::directories_of_the_systems", &[], |node| {
        node.with_podman();
        let hook = "/etc/other/libexec/hook";
        write(hook, "");
        fs::copy(HOOK, hook).unwrap();
        set_mode(hook, 0o755);
        node.succeed(&["register", "podman", "--all", "--hook", hook]);
        for path in [hook, "/etc/other/libexec", "/etc/other"] {
            set_mode(path, 0o775);
            node.doctor().assert_problem(
                &format!("hook: {path}: users other than root can write to it (mode 0775)"),
                &format!("chmod go-w {path}"),
            );
            set_mode(path, 0o755);
        }
        // But not for everyone.
        set_mode("/etc/other", 0o1777);
        node.doctor().assert_problem(
            "hook: /etc/other: users other than root can write to it (mode 1777)",
            INSTALL,
        );
    });
}

#[test]
fn other_files_elsewhere() {
    on_node("owners::other_files_elsewhere", CONTAINERD, |node| {
        for program in ["containerd", "ctr"] {
            node.link_program(program);
        }
        write(
            CONFIG,
            &format!(
                "version = 2\n[{RUNTIMES}.runc]\n  runtime_type = \"io.containerd.runc.v2\"\n"
            ),
        );
        write("/run/tmp/x", "");
        let spec = "/run/tmp/spec.json";
        node.succeed(&[
            "register",
            "containerd",
            "--hook",
            HOOK,
            "--base-spec",
            spec,
        ]);
        set_mode("/run/tmp", 0o1777);
        let daemon = Daemon::start("containerd", &[]);
        node.doctor().assert_problem(
            "containerd: /run/tmp: users other than root can write to it (mode 1777)",
            REGISTER,
        );
        // And that works.
        node.succeed(&["unregister", "containerd", "--base-spec", spec]);
        node.succeed(&["register", "containerd", "--hook", HOOK]);
        restart(None);
        node.doctor().assert_works();
        drop(daemon);
        node.succeed(&["unregister", "containerd"]);

        hooks_d(node);
    });
}

fn hooks_d(node: &Node) {
    node.add_program("podman", "echo podman version 5.4.2");
    write(
        "/etc/containers/containers.conf",
        "[engine]\nhooks_dir = [\"/run/tmp\"]\n",
    );
    node.succeed(&["register", "podman", "--hook", HOOK]);
    node.doctor().assert_problem(
        "podman: /run/tmp: users other than root can write to it (mode 1777)",
        HOOKS_DIR,
    );
}
