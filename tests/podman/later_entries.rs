//! What Podman writes to its file after a container has started reaches the container at the next refresh.

use std::process::Command;

use crate::image_archive::IMAGE;
use crate::private_podman::{ANNOTATED, NO_HOOK, Podman};
use crate::{ASKS, ENTRIES};

/// `refresh` on the node: its exit status and what it printed.
fn refresh() -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_oci-hostaliases"))
        .arg("refresh")
        .output()
        .expect("oci-hostaliases");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().expect("an exit status"),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn hosts(podman: &Podman, container: &str) -> String {
    podman.output(NO_HOOK, &["exec", container, "cat", "/etc/hosts"])
}

fn check_refreshed(podman: &Podman, container: &str) {
    let id = podman.output(NO_HOOK, &["inspect", "--format", "{{.Id}}", container]);
    let stdout = format!("refreshed: container {id}1 refreshed, 0 up to date, 0 not possible\n");
    // The one without entries of its own has Podman's file, and hosts.d has none for it.
    assert_eq!(refresh(), (0, stdout, String::new()));
}

/// Each member has a line for each other one, also for those that start later.
pub(crate) fn pod_members(podman: &Podman) {
    podman.output(ANNOTATED, &["pod", "create", "--name", "later"]);
    let start = |name: &str, more: &[&str]| {
        let run = [
            &["run", "--detach", "--pod", "later", "--name", name],
            more,
            &[IMAGE, "sleep", "600"],
        ];
        podman.output(ANNOTATED, &run.concat());
    };
    start("first", &[ASKS]);
    assert!(hosts(podman, "first").ends_with(ENTRIES));
    start("second", &[]);
    let podmans = hosts(podman, "second");
    assert!(podmans.contains("\tsecond"), "{podmans}");
    assert!(!hosts(podman, "first").contains("\tsecond"));
    podman.output(
        NO_HOOK,
        &[
            "exec",
            "first",
            "sh",
            "-c",
            "echo 192.0.2.7 mine >>/etc/hosts",
        ],
    );
    check_refreshed(podman, "first");
    let expected = format!("{podmans}{ENTRIES}192.0.2.7 mine\n");
    assert_eq!(hosts(podman, "first"), expected);
    podman.output(NO_HOOK, &["pod", "rm", "--force", "--time", "0", "later"]);
}

/// `podman network connect`: a line for the container's address there; and `disconnect`.
pub(crate) fn networks(podman: &Podman) {
    let start = |name: &str, more: &[&str]| {
        let run = [
            &["run", "--detach", "--name", name, "--hostname", "web-0"],
            more,
            &[IMAGE, "sleep", "600"],
        ];
        podman.output(ANNOTATED, &run.concat());
    };
    start("connected", &[ASKS]);
    let before = hosts(podman, "connected");
    assert!(before.ends_with(ENTRIES), "{before}");
    podman.output(NO_HOOK, &["network", "connect", "second", "connected"]);
    assert_eq!(hosts(podman, "connected"), before);
    check_refreshed(podman, "connected");
    let after = hosts(podman, "connected");
    assert!(
        after.contains("198.51.100.") && after.ends_with(ENTRIES),
        "{after}"
    );
    podman.output(NO_HOOK, &["network", "disconnect", "second", "connected"]);
    check_refreshed(podman, "connected");
    assert!(!hosts(podman, "connected").contains("198.51.100."));
    podman.output(NO_HOOK, &["rm", "--force", "--time", "0", "connected"]);
}
