//! What Podman makes of the files in its hooks.d directories.

use std::fs;
use std::os::unix::fs::chown;

use crate::node::{HOOK, HOOKS_D, OURS, edit, set_mode, write};
use crate::on_podman_node;

#[test]
fn files_that_the_loader_does_not_take() {
    on_podman_node("hooks_d::files_that_the_loader_does_not_take", |node| {
        let other = format!("{HOOKS_D}/99-other.json");
        for (path, text, reason) in [
            (
                OURS,
                "{".to_owned(),
                "not JSON: EOF while parsing an object at line 1 column 1",
            ),
            (
                OURS,
                edit(OURS, "1.0.0", "1.1.0"),
                "version \"1.1.0\": only \"1.0.0\" is supported",
            ),
            (
                OURS,
                edit(OURS, "\"stages\"", "\"stage\""),
                "stages is missing",
            ),
            (
                OURS,
                edit(OURS, "    \"prestart\"\n  ]", "    \"preStart\"\n  ]"),
                "stages has \"preStart\", which is not a stage",
            ),
            (
                &other,
                "hello".to_owned(),
                "not JSON: expected value at line 1 column 1",
            ),
            (
                &other,
                "{\"version\":\"1.0.0\",\"stages\":[]}".to_owned(),
                "hook.path is missing",
            ),
        ] {
            node.broken_by(
                path,
                &text,
                &format!("podman: {path}: {reason}: every podman run fails"),
                &format!("correct {path} or move it away"),
            );
        }
        // Files with another extension are ignored.
        write(format!("{HOOKS_D}/README"), "hello");
        // So are files for another program that does not exist.
        let dropped = r#"{"version":"1.0.0","hook":{"path":"/not/there"},"stages":["prestart"]}"#;
        write(&other, dropped);
    });
}

#[test]
fn files_that_do_not_count() {
    on_podman_node("hooks_d::files_that_do_not_count", |node| {
        node.broken_by(
            OURS,
            &edit(OURS, HOOK, "/not/there"),
            &format!("podman: {OURS} names /not/there, which does not exist: podman silently ignores the file"),
            "install /not/there, or oci-hostaliases register podman --hook PATH",
        );
        let retry = &format!("oci-hostaliases register podman --all --hook {HOOK}");
        node.broken_by(
            OURS,
            &edit(OURS, "    \"prestart\"\n  ]", "    \"poststart\"\n  ]"),
            &format!("podman: {OURS} runs the hook at poststart, where it cannot mount anything"),
            retry,
        );
        node.broken_by(
            OURS,
            &edit(
                OURS,
                "    \"prestart\"\n  ]",
                "    \"createContainer\"\n  ]",
            ),
            &format!("podman: {OURS} runs the hook at createContainer with the argument prestart"),
            retry,
        );
        // The hook's by its path: register recognises it too.
        let other_name = edit(OURS, "\"oci-hostaliases-hook\"", "\"hook\"");
        node.broken_by(
            OURS,
            &other_name.replace(
                "      \"prestart\"\n    ]",
                "      \"createContainer\"\n    ]",
            ),
            &format!("podman: {OURS} runs the hook at prestart with the argument createContainer"),
            retry,
        );
        node.broken_by(
            OURS,
            &edit(OURS, "    \"prestart\"\n  ]", "  ]"),
            &format!("podman: {OURS} names no stage"),
            retry,
        );

        // A directory that the engine's configuration does not name.
        node.broken_by(
            "/etc/containers/containers.conf",
            "[engine]\nhooks_dir = [\"/etc/other\"]\n",
            &format!("podman: {OURS} is in a directory that podman does not read"),
            retry,
        );
        // A copy of it that is left behind.
        let containers_conf = fs::read_to_string("/etc/containers/containers.conf").unwrap();
        write(
            "/etc/other/oci-hostaliases.json",
            &fs::read_to_string(OURS).unwrap(),
        );
        write(
            "/etc/containers/containers.conf",
            "[engine]\nhooks_dir = [\"/etc/other\"]\n",
        );
        let said = node.doctor();
        said.assert_works();
        said.assert_note(
            &format!("podman: {OURS} is in a directory that podman does not read"),
            &format!("rm {OURS}"),
        );
        write("/etc/containers/containers.conf", &containers_conf);
        // One that is read later and has a file of the same name.
        write(
            "/etc/other/oci-hostaliases.json",
            &edit(OURS, "oci-hostaliases-hook", "other")
                .replace("/run/world/libexec/other", "/bin/sh"),
        );
        node.broken_by(
            "/etc/containers/containers.conf",
            &format!("[engine]\nhooks_dir = [\"{HOOKS_D}\", \"/etc/other\"]\n"),
            &format!("podman: {OURS} is hidden by /etc/other/oci-hostaliases.json, which has the same name and is read later"),
            "rename /etc/other/oci-hostaliases.json",
        );
        node.add_program("podman", "echo podman version 4.3.1");
        node.broken_by(
            "/etc/containers/containers.conf",
            "[engine]\nhooks_dir = []\n",
            "podman: /etc/containers/containers.conf: hooks_dir is empty, so podman reads no hooks: name a directory there",
            "set hooks_dir in /etc/containers/containers.conf to a list of absolute paths",
        );
    });
}

#[test]
fn files_that_others_can_change() {
    on_podman_node("hooks_d::files_that_others_can_change", |node| {
        for path in [OURS, HOOKS_D, "/etc/containers"] {
            let former = fs::metadata(path).unwrap().permissions();
            let mode = if path == OURS { 0o666 } else { 0o777 };
            set_mode(path, mode);
            node.doctor().assert_problem(
                &format!("podman: {path}: users other than root can write to it (mode {mode:04o})"),
                &format!("chmod go-w {path}"),
            );
            fs::set_permissions(path, former).unwrap();
            chown(path, Some(1000), None).unwrap();
            node.doctor().assert_problem(
                &format!("podman: {path}: belongs to user 1000, not to root"),
                &format!("chown root:root {path}"),
            );
            chown(path, Some(0), None).unwrap();
        }
    });
}

#[test]
fn two_files_run_the_hook_twice() {
    on_podman_node("hooks_d::two_files_run_the_hook_twice", |node| {
        fs::copy(OURS, format!("{HOOKS_D}/50-more.json")).unwrap();
        let said = node.doctor();
        said.assert_works();
        said.assert_line("note     podman: runs the hook 2 times for a container: once is enough");
    });
}
