//! The real Podman gives up on the same hooks.d files as doctor says.

use std::fs;
use std::path::Path;
use std::process::Command;

use oci_hostaliases::engines::hooks_d::loader::{self, Loaded};

use crate::needs::{self, find};
use crate::node::write;
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
    on_node("podman_agrees::on_files_that_stop_it", PODMAN, |_| {
        fs::create_dir_all("/run/world/rootfs/bin").unwrap();
        fs::copy(find("busybox").unwrap(), "/run/world/rootfs/bin/sh").unwrap();
        for (gives_up, text) in FILES {
            write(FILE, text);
            assert_eq!(podman_gives_up(), gives_up, "{text}");
            let loaded = loader::load(Path::new(FILE));
            assert_eq!(
                matches!(loaded, Loaded::Refused(_)),
                gives_up,
                "{text}: {loaded:?}"
            );
        }
        fs::remove_file(FILE).unwrap();
        fs::create_dir(FILE).unwrap();
        assert!(podman_gives_up());
        assert!(matches!(loader::load(Path::new(FILE)), Loaded::Refused(_)));
        fs::remove_dir(FILE).unwrap();
        std::os::unix::fs::symlink("/not/there", FILE).unwrap();
        assert!(!podman_gives_up());
        assert_eq!(loader::load(Path::new(FILE)), Loaded::Ignored);
    });
}

/// Whether `podman run` ends over its hooks. How the container fares is not asked: some machines
/// do not let it set its limits.
fn podman_gives_up() -> bool {
    let output = Command::new(find("podman").unwrap())
        .args([
            "--root",
            "/run/world/storage",
            "--runroot",
            "/run/world/runroot",
        ])
        .args(["--cgroup-manager", "cgroupfs", "--storage-driver", "vfs"])
        .args([
            "--hooks-dir",
            "/run/world/hooks.d",
            "run",
            "--rm",
            "--network",
            "none",
        ])
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
