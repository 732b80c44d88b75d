//! The real Podman gives up on the same hooks.d files as doctor says, and reads the same directories.

use std::fs;
use std::process::Command;

use crate::needs::{self, find};
use crate::node::{Node, write};
use crate::on_node;

const PODMAN: &[needs::Program] = &[("podman", "podman"), ("busybox", "busybox-static")];
const FILE: &str = "/run/world/hooks.d/x.json";

/// Whether a file with this text is one that is given up on, and its text.
const FILES: [(bool, &str); 26] = [
    (
        false,
        r#"{"version":"1.0.0","hook":{"path":"/bin/true"},"when":{"always":false},"stages":["poststop"]}"#,
    ),
    (
        false,
        r#"{"VERSION":"1.0.0","Hook":{"PATH":"/bin/true"},"when":{"Always":false},"stages":["poststop"]}"#,
    ),
    (
        false,
        r#"{"version":"1.0.0","hook":{"path":"/bin/true"},"when":{},"stages":[],"more":1}"#,
    ),
    (
        false,
        r#"{"version":"1.0.0","hook":{"path":"/bin/true"},"when":null,"stages":["poststop"]}"#,
    ),
    (
        false,
        r#"{"version":"1.0.0","hook":{"path":"/bin/true"},"when":{"always":false},"stages":["precreate"]}"#,
    ),
    (
        false,
        r#"{"version":"1.0.0","hook":{"path":"/bin/true","args":[null]},"when":{"always":false},"stages":["poststop"]}"#,
    ),
    (
        false,
        r#"{"version":"1.0.0","hook":{"path":"/bin/true"},"when":{"annotations":{"a":null}},"stages":["poststop"]}"#,
    ),
    (
        false,
        r#"{"version":"1.0.0","hook":{"path":"/not/there"},"stages":["prestart"]}"#,
    ),
    (
        false,
        r#"{"hook":"/bin/true","stages":["poststop"],"cmds":["x"]}"#,
    ),
    (
        false,
        r#"{"version":"0.1.0","hook":"/bin/true","stage":["poststop"],"cmd":["x"]}"#,
    ),
    (true, ""),
    (true, "{"),
    (true, "[]"),
    (true, "null"),
    (true, "{}"),
    (true, r#"{"hook":"/bin/true"}"#),
    (
        true,
        r#"{"hook":{"path":"/bin/true"},"stages":["prestart"]}"#,
    ),
    (
        true,
        r#"{"version":"1.1.0","hook":{"path":"/bin/true"},"stages":["prestart"]}"#,
    ),
    (
        true,
        r#"{"version":1,"hook":{"path":"/bin/true"},"stages":["prestart"]}"#,
    ),
    (true, r#"{"version":"1.0.0","hook":{"path":"/bin/true"}}"#),
    (
        true,
        r#"{"version":"1.0.0","hook":{"path":"/bin/true"},"stages":["preStart"]}"#,
    ),
    (
        true,
        r#"{"version":"1.0.0","hook":{"path":""},"stages":["prestart"]}"#,
    ),
    (
        true,
        r#"{"version":"1.0.0","hook":{"path":"/bin/true","timeout":"1"},"stages":["poststop"]}"#,
    ),
    (
        true,
        r#"{"version":"1.0.0","hook":{"path":"/bin/true","timeout":1.5},"stages":["poststop"]}"#,
    ),
    (
        true,
        r#"{"version":"1.0.0","hook":{"path":"/bin/true"},"when":{"always":1},"stages":["poststop"]}"#,
    ),
    (
        true,
        r#"{"version":"1.0.0","hook":{"path":"/bin/true"},"when":{"always":false},"stages":["poststop"]} x"#,
    ),
];

#[test]
fn on_files_that_stop_it() {
    on_node("podman_agrees::on_files_that_stop_it", PODMAN, |node| {
        node.add_program("podman", "exit 1");
        let hooks_dir = "[engine]\nhooks_dir = [\"/run/world/hooks.d\"]\n";
        write("/etc/containers/containers.conf", hooks_dir);
        make_rootfs();
        for (gives_up, text) in FILES {
            write(FILE, text);
            assert_eq!(
                podman_gives_up(&["--hooks-dir", "/run/world/hooks.d"]),
                gives_up,
                "{text}"
            );
            assert_eq!(doctor_gives_up(node), gives_up, "{text}");
        }
        fs::remove_file(FILE).unwrap();
        fs::create_dir(FILE).unwrap();
        assert!(podman_gives_up(&["--hooks-dir", "/run/world/hooks.d"]));
        assert!(doctor_gives_up(node));
        fs::remove_dir(FILE).unwrap();
        std::os::unix::fs::symlink("/not/there", FILE).unwrap();
        assert!(!podman_gives_up(&["--hooks-dir", "/run/world/hooks.d"]));
        assert!(!doctor_gives_up(node));
    });
}

/// The directories that a `hooks_dir` could name, with the default one and the administrator's.
const DIRECTORIES: [&str; 4] = [
    "/usr/share/containers/oci/hooks.d",
    "/etc/containers/oci/hooks.d",
    "/etc/other/a",
    "/etc/other/b",
];

#[test]
fn on_directories() {
    on_node("podman_agrees::on_directories", PODMAN, |node| {
        node.link_program("podman");
        make_rootfs();
        let main = "/etc/containers/containers.conf";
        let vendors = "/usr/share/containers/containers.conf";
        let drop_in = "/etc/containers/containers.conf.d/10-x.conf";
        let _ = fs::remove_file(vendors);
        for files in [
            &[][..],
            &[(main, "\"/etc/other/a\"")],
            &[(main, "")],
            &[(main, "\"/etc/other/a\", \"/etc/other/b\"")],
            &[(vendors, "\"/etc/other/a\"")],
            &[(vendors, "\"/etc/other/a\""), (main, "\"/etc/other/b\"")],
            &[
                (main, "\"/etc/other/a\""),
                (drop_in, "\"/etc/containers/oci/hooks.d\""),
            ],
            &[(
                "/etc/containers/containers.conf.d/x.txt",
                "\"/etc/other/a\"",
            )],
            &[(
                "/etc/containers/containers.rootful.conf.d/x.conf",
                "\"/etc/other/a\"",
            )],
            &[(
                "/usr/share/containers/containers.conf.d/x.conf",
                "\"/etc/other/a\"",
            )],
            &[(main, "\"~/a\", \"/etc/other/b\"")],
            &[(main, "\"$HOME/a\", \"etc/other/a\", \"/etc/other/b\"")],
        ] {
            for (path, hooks_dir) in files {
                write(path, &format!("[engine]\nhooks_dir = [{hooks_dir}]\n"));
            }
            for directory in DIRECTORIES {
                let bad = format!("{directory}/x.json");
                write(&bad, "{");
                let gives_up = podman_gives_up(&[]);
                let said = node.doctor();
                let refused = format!("podman: {bad}: not JSON: ");
                let refuses = said
                    .problems()
                    .iter()
                    .any(|(it, _)| it.starts_with(&refused));
                assert_eq!(refuses, gives_up, "{files:?} {directory}: {said:#?}");
                fs::remove_file(bad).unwrap();
            }
            for (path, _) in files {
                fs::remove_file(path).unwrap();
            }
        }
    });
}

fn make_rootfs() {
    fs::create_dir_all("/run/world/rootfs/bin").unwrap();
    fs::copy(find("busybox").unwrap(), "/run/world/rootfs/bin/sh").unwrap();
}

/// Whether doctor says that Podman gives up on the file.
fn doctor_gives_up(node: &Node) -> bool {
    let (_, report) = node.doctor_json();
    let findings = report["findings"].as_array().unwrap();
    findings.iter().any(|finding| {
        let text = finding["text"].as_str().unwrap();
        text.starts_with(FILE) && text.ends_with(": every podman run fails")
    })
}

/// Whether `podman run` ends over its hooks. How the container fares is not asked: some machines
/// do not let it set its limits.
fn podman_gives_up(options: &[&str]) -> bool {
    let output = Command::new(find("podman").unwrap())
        .args([
            "--root",
            "/run/world/storage",
            "--runroot",
            "/run/world/runroot",
        ])
        .args(["--cgroup-manager", "cgroupfs", "--storage-driver", "vfs"])
        .args(options)
        .args(["run", "--rm", "--network", "none"])
        .args([
            "--cgroups=disabled",
            "--rootfs",
            "/run/world/rootfs",
            "/bin/sh",
            "-c",
            ":",
        ])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let over_hooks = stderr.contains("setting up OCI Hooks: ");
    let got_as_far_as_the_runtime = output.status.success() || stderr.contains("OCI ");
    assert!(over_hooks || got_as_far_as_the_runtime, "{stderr}");
    over_hooks
}
