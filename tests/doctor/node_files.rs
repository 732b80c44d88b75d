//! `config.toml` and `hosts.d`.

use std::fs;
use std::os::unix::fs::{chown, symlink};

use crate::node::{HOOK, set_mode, write};
use crate::{on_node, on_podman_node};

const CONFIG: &str = "/etc/oci-hostaliases/config.toml";
const HOSTS_D: &str = "/etc/oci-hostaliases/hosts.d";

#[test]
fn configuration() {
    on_podman_node("node_files::configuration", |node| {
        node.broken_by(
            CONFIG,
            "on-eror = \"fail\"\n",
            &format!("node: {CONFIG}: \"on-eror\": Unknown key"),
            &format!("remove that key from {CONFIG} or correct its name"),
        );
        let stops = "containers that request entries do not start";
        node.broken_by(
            CONFIG,
            "on-error = \"ignore\"\n",
            &format!("node: {CONFIG}: on-error: Invalid value: \"ignore\": must be \"fail\" or \"warn\": {stops}"),
            &format!("correct {CONFIG}"),
        );
        write(CONFIG, "read-only = true\n");
        node.doctor()
            .assert_line(&format!("ok       node: {CONFIG} is valid"));
        set_mode(CONFIG, 0o664);
        node.doctor().assert_problem(
            &format!("node: {CONFIG}: users other than root can write to it (mode 0664): {stops}"),
            &format!("chmod go-w {CONFIG}"),
        );
        set_mode(CONFIG, 0o644);
        chown(CONFIG, Some(1000), None).unwrap();
        node.doctor().assert_problem(
            &format!("node: {CONFIG}: belongs to user 1000, not to root: {stops}"),
            &format!("chown root:root {CONFIG}"),
        );
        chown(CONFIG, Some(0), None).unwrap();
    });
}

#[test]
fn entries_that_are_left_out() {
    on_podman_node("node_files::entries_that_are_left_out", |node| {
        let registry = format!("{HOSTS_D}/registry.hosts");
        write(&registry, "10.0.0.1 registry.corp\n");
        write(format!("{HOSTS_D}/web/db.hosts"), "10.0.0.2 db.corp\n");
        write(format!("{HOSTS_D}/README"), "not for anybody's file\n");
        write(format!("{HOSTS_D}/.git/x.hosts"), "hidden\n");
        node.doctor()
            .assert_line(&format!("ok       node: {HOSTS_D}: 2 files with entries"));

        for path in [registry.clone(), format!("{HOSTS_D}/web/db.hosts")] {
            node.broken_by(
                &path,
                "# fine\n10.0.0.1 ok\n10.0.0.1.2 registry.corp\n",
                &format!("node: {path}:3: \"10.0.0.1.2\": not an IP address that resolvers read"),
                &format!("correct {path}"),
            );
            set_mode(&path, 0o646);
            node.doctor().assert_problem(
                &format!("node: {path}: users other than root can write to it (mode 0646)"),
                &format!("chmod go-w {path}"),
            );
            set_mode(&path, 0o644);
        }
        // A name that is more than a word in a command.
        let odd = format!("{HOSTS_D}/it's; one.hosts");
        write(&odd, "10.0.0.3 odd.corp\n");
        set_mode(&odd, 0o666);
        node.doctor().assert_problem(
            &format!("node: {odd}: users other than root can write to it (mode 0666)"),
            &format!("chmod go-w '{HOSTS_D}/it'\\''s; one.hosts'"),
        );
        fs::remove_file(&odd).unwrap();
        for directory in [HOSTS_D.to_owned(), format!("{HOSTS_D}/web")] {
            chown(&directory, Some(1000), None).unwrap();
            node.doctor().assert_problem(
                &format!("node: {directory}: belongs to user 1000, not to root"),
                &format!("chown root:root {directory}"),
            );
            chown(&directory, Some(0), None).unwrap();
        }

        let link = format!("{HOSTS_D}/link.hosts");
        symlink(&registry, &link).unwrap();
        node.doctor().assert_problem(
            &format!("node: {link}: a symlink, not a regular file"),
            &format!("put what {link} points to in its place"),
        );
        fs::remove_file(&link).unwrap();
    });
}

#[test]
fn directories_that_are_never_read() {
    on_podman_node("node_files::directories_that_are_never_read", |node| {
        for (directory, why) in [
            ("Web_1", "its name is not a valid namespace name"),
            ("web/inner", "it is inside a namespace's directory"),
        ] {
            let directory = format!("{HOSTS_D}/{directory}");
            // Without entries in it, it is not a mistake.
            write(format!("{directory}/README"), "hello");
            node.doctor().assert_works();
            node.broken_by(
                &format!("{directory}/x.hosts"),
                "10.0.0.1 x\n",
                &format!("node: {directory} is never read: {why}"),
                &format!("move its files to the directory of the namespace, or remove {directory}"),
            );
        }
        symlink("/etc/other", format!("{HOSTS_D}/linked")).unwrap();
        fs::create_dir("/etc/other").unwrap();
        let said = node.doctor();
        let problems = said.problems();
        assert_eq!(problems.len(), 1, "{said:#?}");
        assert!(
            problems[0]
                .0
                .starts_with(&format!("node: open {HOSTS_D}/linked: ")),
            "{said:#?}"
        );
        assert_eq!(
            problems[0].1,
            format!("put what {HOSTS_D}/linked points to in its place")
        );
        fs::remove_file(format!("{HOSTS_D}/linked")).unwrap();
    });
}

/// The hook's own arguments say where it reads.
#[test]
fn entries_elsewhere_and_for_all() {
    on_node("node_files::entries_elsewhere_and_for_all", &[], |node| {
        node.with_podman();
        node.succeed(&["register", "podman", "--hook", HOOK]);
        write(format!("{HOSTS_D}/a.hosts"), "10.0.0.1 a\n");
        let said = node.doctor();
        said.assert_works();
        said.assert_note(
            &format!("node: {HOSTS_D} is for all containers, but podman runs the hook only for those with an oci-hostaliases.io/ annotation"),
            &format!("oci-hostaliases register podman --all --hook {HOOK}"),
        );
        write("/etc/entries/b.hosts", "10.0.0.1 a\nb 10.0.0.2\n");
        node.broken_by(
            crate::node::OURS,
            &crate::node::edit(
                crate::node::OURS,
                "      \"prestart\"\n    ],",
                "      \"prestart\", \"--hosts-d\", \"/etc/entries\", \"--config\", \"/etc/c.toml\"\n    ],",
            ),
            "node: /etc/entries/b.hosts:2: \"b\": not an IP address that resolvers read",
            "correct /etc/entries/b.hosts",
        );
    });
}
