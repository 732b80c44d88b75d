//! The kernel's calls and the log.

use crate::needs::find;
use crate::node::Said;
use crate::on_node;

#[test]
fn calls_that_an_old_kernel_lacks() {
    let strace = [("strace", "strace")];
    on_node("kernel::calls_that_an_old_kernel_lacks", &strace, |node| {
        node.with_podman();
        node.doctor().assert_works();
        let strace = find("strace").unwrap();
        let doctor = |answer: &str| {
            let inject = format!("inject={answer}");
            let before = [
                strace.to_str().unwrap(),
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                &inject,
            ];
            Said::from(node.under(&before, &["doctor"]).output().unwrap())
        };
        let by_path = "the hook mounts with mount(2) in the container's mount namespace";
        for (call, since, instead) in [
            ("fsopen", "5.2", by_path),
            ("fsmount", "5.2", by_path),
            ("open_tree", "5.2", by_path),
            ("move_mount", "5.2", by_path),
            (
                "openat2",
                "5.6",
                "the hook walks the path inside the rootfs step by step",
            ),
            (
                "pidfd_open",
                "5.3",
                "the hook holds the container's process by its directory in /proc",
            ),
        ] {
            let said = doctor(&format!("{call}:error=ENOSYS"));
            said.assert_works();
            said.assert_line(&format!(
                "note     kernel: {call} (Linux {since}) is missing: {instead}"
            ));
        }
        let said = doctor("open_tree:error=EINVAL");
        said.assert_works();
        said.assert_line("note     kernel: a detached mount cannot be cloned (Linux 6.15): the hook briefly attaches its tmpfs in the container's mount namespace");
        let said = doctor("fsopen:error=EPERM");
        said.assert_problem(
            "kernel: fsopen(\"tmpfs\", FSOPEN_CLOEXEC): Operation not permitted (os error 1): the hook cannot make its tmpfs",
            "run doctor where the runtime runs: as root, with CAP_SYS_ADMIN, outside any container",
        );
    });
}

#[test]
fn a_node_without_a_log() {
    crate::needs::met("kernel::a_node_without_a_log", &[]).then(|| {
        crate::throwaway::world("kernel::a_node_without_a_log", |home| {
            let node = crate::node::Node::new(home);
            node.with_podman();
            node.doctor()
                .assert_line("ok       log: /dev/log exists: the hook logs to the node's log");
            node.without_log();
            let said = crate::node::Said::from(
                std::process::Command::new(env!("CARGO_BIN_EXE_oci-hostaliases"))
                    .arg("doctor")
                    .env_clear()
                    .env("PATH", crate::node::BIN)
                    .output()
                    .unwrap(),
            );
            said.assert_works();
            said.assert_line(
                "note     log: no log daemon listens on /dev/log: hook messages are lost",
            );
        });
    });
}
