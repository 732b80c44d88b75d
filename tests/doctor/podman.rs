//! Which directories Podman reads: by its version, and what doctor cannot know.

use crate::node::{HOOK, HOOKS_D, Node, OURS, write};
use crate::on_node;

const CONF: &str = "/etc/containers/containers.conf";
const ASKING: &str = "for containers with an oci-hostaliases.io/ annotation";

/// Runs `body` on a node with a Podman of this version.
fn on_version(test: &str, version: &str, body: impl FnOnce(&Node)) {
    on_node(test, &[], |node| {
        let _ = std::fs::remove_file("/usr/share/containers/containers.conf");
        node.add_program("podman", &format!("echo podman version {version}"));
        body(node);
    });
}

fn hooks_dir(directories: &str) -> String {
    format!("[engine]\nhooks_dir = [{directories}]\n")
}

/// Names that Podman takes as they are, below the directory in which it is started.
#[test]
fn names_that_are_no_absolute_paths() {
    on_version(
        "podman::names_that_are_no_absolute_paths",
        "4.3.1",
        |node| {
            for name in [
                "~/.config/containers/oci/hooks.d",
                "$HOME/hooks.d",
                "hooks.d",
            ] {
                write(CONF, &hooks_dir(&format!("{name:?}")));
                let why = format!(
                    "{CONF}: hooks_dir names {name:?}, a relative path, which podman resolves from its working directory: write an absolute path"
                );
                node.doctor().assert_problem(
                    &format!("podman: {why}"),
                    &format!("set hooks_dir in {CONF} to a list of absolute paths"),
                );
                let output = node
                    .command(&["register", "podman", "--hook", HOOK])
                    .output();
                let output = output.unwrap();
                assert_eq!(output.status.code(), Some(4));
                let said = String::from_utf8(output.stderr).unwrap();
                assert_eq!(said, format!("oci-hostaliases: {why}\n"));

                // One that can be read beside it is enough.
                write(CONF, &hooks_dir(&format!("{HOOKS_D:?}, {name:?}")));
                node.succeed(&["register", "podman", "--hook", HOOK]);
                let said = node.doctor();
                said.assert_works();
                said.assert_line(&format!("note     podman: hooks_dir names {name:?}, a relative path, which podman resolves from its working directory: doctor does not look there"));
                node.succeed(&["unregister", "podman"]);
            }
            assert!(!std::path::Path::new("/~").exists());
        },
    );
}

/// The files of Podman 6, and what Podman 5 makes of them.
#[test]
fn the_files_of_each_version() {
    const VENDORS: &str = "/usr/share/containers";
    const DEFAULT: &str = "/usr/share/containers/oci/hooks.d";
    on_version("podman::the_files_of_each_version", "6.0.0", |node| {
        let vendor = |name: &str| format!("{VENDORS}/{name}");
        let site = "/etc/containers/containers.rootful.conf.d/50-site.conf".to_owned();
        for (path, directories, former, current) in [
            (site, "\"/etc/other/site\"", DEFAULT, "/etc/other/site"),
            (
                vendor("containers.conf.d/00-vendor.conf"),
                "\"/usr/share/containers/oci/hooks.d\", \"/etc/containers/oci/hooks.d\"",
                DEFAULT,
                HOOKS_D,
            ),
            // Hidden by a file in /etc, which has no such key.
            (
                vendor("containers.conf"),
                "\"/etc/other/vendor\"",
                "/etc/other/vendor",
                DEFAULT,
            ),
        ] {
            write(CONF, "[containers]\n");
            write(&path, &hooks_dir(directories));
            for (version, directory) in [("5.8.2", former), ("6.0.0-rc1", current)] {
                node.add_program("podman", &format!("echo podman version {version}"));
                node.succeed(&["register", "podman", "--hook", HOOK]);
                let said = node.doctor();
                said.assert_works();
                said.assert_line(&format!(
                    "ok       podman: {directory}/oci-hostaliases.json runs {HOOK} at prestart, {ASKING}"
                ));
                node.succeed(&["unregister", "podman"]);
            }
            // Which one it is has to be known.
            node.add_program("podman", "exit 1");
            node.doctor().assert_problem(
                "podman: podman --version: prints no version (exit status: 1): which configuration files it reads depends on its version",
                "install podman such that podman --version answers",
            );
            node.add_program("podman", "/bin/sleep 100");
            let output = node
                .command(&["register", "podman", "--hook", HOOK])
                .output();
            let said = String::from_utf8(output.unwrap().stderr).unwrap();
            assert_eq!(
                said,
                "oci-hostaliases: podman --version: not done within 5 s: which configuration files it reads depends on its version\n"
            );
            std::fs::remove_file(&path).unwrap();
        }
    });
}

/// Where all versions read the same, none has to be known.
#[test]
fn a_podman_that_does_not_say_its_version() {
    on_version(
        "podman::a_podman_that_does_not_say_its_version",
        "?",
        |node| {
            node.add_program("podman", "exit 1");
            write(CONF, &hooks_dir(&format!("{HOOKS_D:?}")));
            node.succeed(&["register", "podman", "--hook", HOOK]);
            let said = node.doctor();
            said.assert_works();
            said.assert_line(&format!(
                "ok       podman: {OURS} runs {HOOK} at prestart, {ASKING}"
            ));
        },
    );
}

/// Podman from 4.8 on reads two directories when it is given none.
#[test]
fn an_empty_list() {
    on_version("podman::an_empty_list", "5.0.0", |node| {
        write(CONF, &hooks_dir(""));
        node.succeed(&["register", "podman", "--hook", HOOK]);
        let said = node.doctor();
        said.assert_works();
        said.assert_line(&format!(
            "ok       podman: {OURS} runs {HOOK} at prestart, {ASKING}"
        ));
    });
}
