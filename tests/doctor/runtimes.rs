//! The OCI runtimes.

use crate::on_podman_node;

/// In PATH only, nothing says that they are used.
#[test]
fn versions_of_those_in_path() {
    on_podman_node("runtimes::versions_of_those_in_path", |node| {
        for (program, prints, line) in [
            (
                "runc",
                "runc version 1.1.5+ds1",
                "ok       runc: version 1.1.5+ds1",
            ),
            (
                "crun",
                "crun version 1.8.1",
                "note     crun: version 1.8.1 discards a hook's stderr: look in the node's log",
            ),
            (
                "youki",
                "youki version 0.5.7",
                "note     youki: version 0.5.7 (before 0.6.0) runs hooks at other times than the specification says: do not register the hook for it",
            ),
            (
                "youki",
                "youki version 0.6.0",
                "ok       youki: version 0.6.0",
            ),
            (
                "runsc",
                "runsc version release-20260513.0",
                "note     runsc: version release-20260513.0 (before release-20260520) runs no hook whose mount reaches the container: do not register the hook for it",
            ),
            (
                "kata-runtime",
                "kata-runtime  : 3.2.0",
                "note     kata-runtime: version 3.2.0 runs hooks outside the guest, so containers cannot get the file: do not register the hook for it",
            ),
        ] {
            node.add_program(
                program,
                &format!("[ \"$*\" = --version ] && echo '{prints}'"),
            );
            let said = node.doctor();
            said.assert_works();
            said.assert_line(line);
            node.remove_program(program);
        }
        node.add_program("runc", "echo oops; exit 3");
        node.doctor()
            .assert_line("note     runc: prints no version (exit status: 3): an unknown runtime");
        node.add_program("runc", "/bin/sleep 100");
        node.doctor()
            .assert_line("note     runc: not done within 5 s: an unknown runtime");
    });
}

#[test]
fn crun_at_create_container() {
    on_podman_node("runtimes::crun_at_create_container", |node| {
        let text = crate::node::edit(crate::node::OURS, "\"prestart\"", "\"createContainer\"");
        std::fs::write(crate::node::OURS, text).unwrap();
        for (version, more) in [
            (
                "1.25",
                "; at createContainer it cannot make /etc/hosts in a read-only rootfs that lacks it (crun 1.26 can)",
            ),
            ("1.26", ""),
        ] {
            node.add_program("crun", &format!("echo crun version {version}"));
            let said = node.doctor();
            said.assert_works();
            said.assert_line(&format!("note     crun: version {version} discards a hook's stderr: look in the node's log{more}"));
        }
    });
}
