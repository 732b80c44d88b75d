//! The line of each engine, and what the last one says of all of them.

use std::fs;

use serde_json::json;

use crate::containerd::{CONFIG, CONTAINERD, RUNTIMES};
use crate::node::{Daemon, HOOK, HOOKS_D, Node, OURS, Said, restart, write};
use crate::on_node;

fn ask(node: &Node, engine: &str) -> Said {
    let output = node.command(&["doctor", "--engine", engine]).output();
    Said::from(output.unwrap())
}

/// One engine that works is not enough.
#[test]
fn each_engine_that_runs_has_to_run_the_hook() {
    on_node(
        "engines::each_engine_that_runs_has_to_run_the_hook",
        CONTAINERD,
        |node| {
            node.with_podman();
            node.link_program("containerd");
            node.link_program("ctr");
            write(CONFIG, "version = 2\n");
            // Installed and not running.
            let said = node.doctor();
            said.assert_works();
            said.assert_line("engine   podman: works");
            assert_eq!(engines(&said), ["podman: works"]);

            let _containerd = Daemon::start("containerd", &[]);
            let said = node.doctor();
            let register = "not registered: run oci-hostaliases register containerd";
            assert_eq!(
                engines(&said),
                [&format!("containerd: {register}"), "podman: works"]
            );
            let last = format!("containerd: {register}");
            assert_eq!((said.status, said.last()), (1, last.as_str()));
            for (engine, status, last) in [
                ("podman", 0, "works"),
                ("containerd", 1, last.as_str()),
                ("crio", 1, "CRI-O: not on this node"),
                ("docker", 1, "docker: not on this node"),
            ] {
                let said = ask(node, engine);
                assert_eq!((said.status, said.last()), (status, last), "{said:#?}");
            }
            let (_, said) = node.doctor_json();
            assert_eq!(
                said["engines"],
                json!([
                    {"engine": "containerd", "works": false, "change": register},
                    {"engine": "podman", "works": true, "change": null},
                ])
            );

            node.succeed(&["register", "containerd", "--hook", HOOK]);
            restart(None);
            let said = node.doctor();
            said.assert_works();
            assert_eq!(engines(&said), ["containerd: works", "podman: works"]);

            // Docker has nothing to register with.
            let _docker = Daemon::start("dockerd", &[]);
            let said = node.doctor();
            let change = "Docker runs no hooks, so its containers do not get the file: check another engine with --engine";
            assert_eq!(said.last(), format!("docker: {change}"));
            assert_eq!(engines(&said).len(), 3);
            ask(node, "containerd").assert_works();
            assert_eq!(ask(node, "docker").status, 1);
        },
    );
}

/// What is wrong with the hook itself concerns the engines that run it.
#[test]
fn a_problem_is_that_of_the_engines_that_it_concerns() {
    on_node(
        "engines::a_problem_is_that_of_the_engines_that_it_concerns",
        &[],
        |node| {
            node.with_podman();
            fs::copy(HOOK, "/run/world/libexec/other").unwrap();
            write(
                "/etc/crio/crio.conf",
                "[crio.runtime]\nhooks_dir = [\"/etc/other\"]\n",
            );
            node.succeed(&["register", "crio", "--hook", "/run/world/libexec/other"]);
            let _crio = Daemon::start("crio", &[]);
            let said = node.doctor();
            said.assert_works();
            assert_eq!(engines(&said), ["CRI-O: works", "podman: works"]);
            crate::node::set_mode("/run/world/libexec/other", 0o644);
            let said = node.doctor();
            let change = "hook: chmod 0755 /run/world/libexec/other";
            assert_eq!(
                engines(&said),
                [&format!("CRI-O: {change}"), "podman: works"],
                "{said:#?}"
            );
            assert_eq!(said.last(), change);
            ask(node, "podman").assert_works();
            assert_eq!(ask(node, "crio").last(), change);
        },
    );
}

/// A containerd that was started with another file: the registration is in a file that none reads.
#[test]
fn a_registration_that_no_daemon_reads() {
    on_node(
        "engines::a_registration_that_no_daemon_reads",
        CONTAINERD,
        |node| {
            node.link_program("containerd");
            node.link_program("ctr");
            let runc = format!(
                "version = 2\n[{RUNTIMES}.runc]\n  runtime_type = \"io.containerd.runc.v2\"\n"
            );
            write("/etc/other.toml", &runc);
            write(CONFIG, &runc);
            let register = ["register", "containerd", "--hook", HOOK, "--config"];
            node.succeed(&[&register[..], &[CONFIG]].concat());
            for arguments in [
                &["--config", "/etc/other.toml"][..],
                &["--config=/etc/other.toml"],
                &["-c", "/etc/other.toml"],
                &["--log-level", "debug", "-c", "/etc/other.toml"],
            ] {
                let daemon = Daemon::start("containerd", arguments);
                let subject = "containerd (/etc/other.toml)";
                let said = node.doctor();
                said.assert_line("note     containerd: not running");
                let change = "not registered: run oci-hostaliases register containerd --config /etc/other.toml";
                assert_eq!(engines(&said), [format!("{subject}: {change}")]);
                assert_eq!(
                    (said.status, said.last()),
                    (1, format!("{subject}: {change}").as_str())
                );
                assert_eq!(ask(node, "containerd").last(), said.last());
                drop(daemon);
            }
            let _daemon = Daemon::start("containerd", &["--config", "/etc/other.toml"]);
            node.succeed(&[&register[..], &["/etc/other.toml"]].concat());
            restart(None);
            node.doctor().assert_works();
            // Both files, and a daemon for each.
            let _second = Daemon::start("containerd", &[]);
            let said = node.doctor();
            said.assert_works();
            assert_eq!(
                engines(&said),
                ["containerd: works", "containerd (/etc/other.toml): works"]
            );
        },
    );
}

/// Podman has no daemon.
#[test]
fn when_podman_counts() {
    on_node("engines::when_podman_counts", &[], |node| {
        node.add_program("podman", "echo podman version 4.3.1");
        write(
            "/etc/containers/containers.conf",
            &format!("[engine]\nhooks_dir = [\"{HOOKS_D}\"]\n"),
        );
        let register = "not registered: run oci-hostaliases register podman";
        let said = node.doctor();
        assert_eq!(engines(&said), [""; 0]);
        assert_eq!(said.last(), register);
        assert_eq!(ask(node, "podman").last(), format!("podman: {register}"));

        // Another program's monitor, then the one of a container of Podman's.
        let crios = Daemon::start("conmon", &["--exit-dir", "/var/run/crio/exits"]);
        assert_eq!(engines(&node.doctor()), [""; 0]);
        drop(crios);
        let container = Daemon::start("conmon", &["-c", "x", "--exit-command", "/usr/bin/podman"]);
        let said = node.doctor();
        assert_eq!(engines(&said), [format!("podman: {register}")]);
        assert_eq!(said.last(), format!("podman: {register}"));
        drop(container);

        node.succeed(&["register", "podman", "--hook", HOOK]);
        let said = node.doctor();
        said.assert_works();
        assert_eq!(engines(&said), ["podman: works"]);
        fs::remove_file(OURS).unwrap();
        let _service = Daemon::start("podman", &["system", "service"]);
        assert_eq!(engines(&node.doctor()), [format!("podman: {register}")]);
    });
}

fn engines(said: &Said) -> Vec<&str> {
    let lines = said.lines.iter();
    lines
        .filter_map(|it| it.strip_prefix("engine   "))
        .collect()
}
