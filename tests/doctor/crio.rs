//! CRI-O. It is in no distribution at hand: a process of its name has its command line, and the files are as
//! its packages have them.

use std::fs;

use crate::node::{Daemon, HOOK, HOOKS_D, Node, OURS, restart, write};
use crate::on_node;

const CONFIG: &str = "/etc/crio/crio.conf";

fn hooks_dir(directory: &str) -> String {
    format!("[crio.runtime]\nhooks_dir = [\"{directory}\"]\n")
}

/// Runs `body` on a node with a CRI-O that runs, with which the hook is registered.
fn on_crio_node(test: &str, body: impl FnOnce(&Node)) {
    on_node(test, &[], |node| {
        write(CONFIG, &hooks_dir(HOOKS_D));
        node.succeed(&["register", "crio", "--hook", HOOK]);
        let _daemon = Daemon::start("crio", &[]);
        node.doctor().assert_works();
        body(node);
    });
}

#[test]
fn before_it_runs() {
    on_node("crio::before_it_runs", &[], |node| {
        write(CONFIG, &hooks_dir(HOOKS_D));
        let said = node.doctor();
        said.assert_line("note     CRI-O: not running");
        said.assert_note(
            &format!("CRI-O: not registered in {HOOKS_D}"),
            "oci-hostaliases register crio",
        );
        assert_eq!(
            said.last(),
            "not registered: run oci-hostaliases register crio"
        );
        assert_eq!(said.status, 1);

        node.succeed(&["register", "crio", "--hook", HOOK]);
        let said = node.doctor();
        assert_eq!(said.problems(), [], "{said:#?}");
        assert_eq!(
            (said.status, said.last()),
            (1, "CRI-O: registered, but not running: start it")
        );
        let _daemon = Daemon::start("crio", &[]);
        let said = node.doctor();
        said.assert_works();
        said.assert_line("engine   CRI-O: works");
        said.assert_line(&format!("ok       CRI-O: {OURS} runs {HOOK} at prestart, for containers with an oci-hostaliases.io/ annotation"));
    });
}

#[test]
fn files_that_stop_it() {
    on_crio_node("crio::files_that_stop_it", |node| {
        let bad = format!("{HOOKS_D}/bad.json");
        node.broken_by(
            &bad,
            "[]",
            &format!("CRI-O: {bad}: not a JSON object: CRI-O does not start"),
            &format!("correct {bad} or move it away"),
        );
        node.broken_by(
            "/etc/crio/crio.conf.d/10-x.conf",
            "x = = 1",
            "CRI-O: /etc/crio/crio.conf.d/10-x.conf is not valid TOML: extra `=`, expected nothing",
            "correct the syntax of /etc/crio/crio.conf.d/10-x.conf",
        );
        node.doctor().assert_works();
    });
}

/// Which files, and which directories, the daemon says by its command line and its environment.
#[test]
fn its_command_line() {
    on_node("crio::its_command_line", &[], |node| {
        write(CONFIG, &hooks_dir("/etc/other/unread"));
        write("/etc/other/crio.conf", &hooks_dir("/etc/other/a"));
        write(
            "/etc/other/crio.conf.d/sub/10-x",
            &hooks_dir("/etc/other/b"),
        );
        for (arguments, variables, directory) in [
            (&[][..], &[][..], "/etc/other/unread"),
            (&["--config", "/etc/other/crio.conf"], &[], "/etc/other/a"),
            (&["-c", "/etc/other/crio.conf"], &[], "/etc/other/a"),
            (
                &[],
                &[("CONTAINER_CONFIG", "/etc/other/crio.conf")],
                "/etc/other/a",
            ),
            (
                &["--config-dir=/etc/other/crio.conf.d"],
                &[],
                "/etc/other/b",
            ),
            (&["--hooks-dir", "/etc/other/c"], &[], "/etc/other/c"),
            (
                &[
                    "--log-level",
                    "debug",
                    "--hooks-dir=/etc/other/d,/etc/other/e",
                ],
                &[],
                "/etc/other/e",
            ),
            (
                &[],
                &[("CONTAINER_HOOKS_DIR", "/etc/other/f")],
                "/etc/other/f",
            ),
        ] {
            let daemon = Daemon::start_with("crio", arguments, variables);
            let said = node.doctor();
            assert_eq!(
                (said.status, said.last()),
                (
                    1,
                    "CRI-O: not registered: run oci-hostaliases register crio"
                ),
                "{arguments:?} {variables:?}"
            );
            // register asks the same daemon.
            node.succeed(&["register", "crio", "--hook", HOOK]);
            restart(None);
            let said = node.doctor();
            said.assert_works();
            said.assert_line(&format!("ok       CRI-O: {directory}/oci-hostaliases.json runs {HOOK} at prestart, for containers with an oci-hostaliases.io/ annotation"));
            node.succeed(&["unregister", "crio"]);
            drop(daemon);
        }
    });
}

/// As the package has it for Podman and CRI-O. CRI-O has the hook in its memory: each container that it is for fails.
#[test]
fn a_hook_that_goes_while_it_runs() {
    on_crio_node("crio::a_hook_that_goes_while_it_runs", |node| {
        node.succeed(&["unregister", "crio"]);
        node.succeed(&["register", "podman", "--dir", HOOKS_D, "--hook", HOOK]);
        restart(None);
        node.doctor().assert_works();
        let away = "/run/world/away";
        fs::rename(HOOK, away).unwrap();
        let pid = node.pid("crio");
        let missing = format!("CRI-O: {OURS} names {HOOK}, which does not exist");
        let remedy = format!("install {HOOK}, or run oci-hostaliases unregister crio");
        let said = node.doctor();
        said.assert_problem(
            &format!("{missing}: process {pid} may have read the file before: then no container that it applies to starts"),
            &remedy,
        );
        said.assert_line(&format!("engine   CRI-O: {remedy}"));

        // It reads its hooks anew when something changes in their directory, and when it starts.
        let ignores = format!("{missing}: CRI-O silently ignores the file");
        let install = format!("install {HOOK}, or oci-hostaliases register crio --hook PATH");
        std::thread::sleep(std::time::Duration::from_millis(50));
        write(format!("{HOOKS_D}/README"), "x");
        node.doctor().assert_problem(&ignores, &install);
        restart(None);
        node.doctor().assert_problem(&ignores, &install);

        // Nor does it notice that the hook is back.
        fs::rename(away, HOOK).unwrap();
        node.doctor().assert_problem(
            &format!("CRI-O: {HOOK} changed after CRI-O read {OURS}: if it was missing then, no container runs it yet"),
            &format!("touch {OURS}"),
        );
        node.doctor().assert_works();
    });
}

/// As `register crio` writes it: a shell runs the hook only where it is there.
#[test]
fn a_guarded_hook_that_goes_while_it_runs() {
    on_crio_node("crio::a_guarded_hook_that_goes_while_it_runs", |node| {
        fs::rename(HOOK, "/run/world/away").unwrap();
        let said = node.doctor();
        let install = format!(
            "install oci-hostaliases-hook at {HOOK}, or register it again with --hook PATH"
        );
        said.assert_problem(
            &format!("hook: stat {HOOK}: No such file or directory (os error 2): containers start without the file"),
            &install,
        );
        said.assert_line(&format!("engine   CRI-O: hook: {install}"));
        fs::rename("/run/world/away", HOOK).unwrap();
        node.doctor().assert_works();
    });
}

#[test]
fn a_restart_that_is_pending() {
    on_crio_node("crio::a_restart_that_is_pending", |node| {
        let pid = node.pid("crio");
        std::thread::sleep(std::time::Duration::from_millis(100));
        write(CONFIG, &hooks_dir(HOOKS_D));
        node.doctor().assert_problem(
            &format!("CRI-O: restart pending: process {pid} was started before {CONFIG} changed, which sets hooks_dir"),
            "systemctl restart crio",
        );
        node.doctor().assert_works();
        // Another setting is none of the hook's.
        write(
            "/etc/crio/crio.conf.d/20-x",
            "[crio.image]\npause_image = \"x\"\n",
        );
        node.doctor().assert_works();
    });
}

/// A directory that was removed with the last file in it, and is made again: CRI-O watches the former one.
#[test]
fn a_directory_that_is_made_while_it_runs() {
    on_crio_node("crio::a_directory_that_is_made_while_it_runs", |node| {
        // What CRI-O makes itself when it starts is a moment younger than its process.
        std::thread::sleep(std::time::Duration::from_secs(6));
        fs::remove_dir_all(HOOKS_D).unwrap();
        node.succeed(&["register", "crio", "--hook", HOOK]);
        let pid = node.pid("crio");
        node.doctor().assert_problem(
            &format!("CRI-O: restart pending: process {pid} was started before {HOOKS_D} was created, and does not see its files"),
            "systemctl restart crio",
        );
    });
}

/// Kata's hooks run outside of the guest. CRI-O runs the hook with every runtime.
#[test]
fn its_runtimes() {
    on_node("crio::its_runtimes", &[], |node| {
        write(CONFIG, &hooks_dir(HOOKS_D));
        node.succeed(&["register", "crio", "--hook", HOOK]);
        node.add_program("kata-runtime", "echo 'kata-runtime  : 3.2.0'");
        let kata = "[crio.runtime.runtimes.kata]\nruntime_path = \"/run/world/bin/kata-runtime\"\nruntime_type = \"vm\"\n";
        let default = format!("[crio.runtime]\ndefault_runtime = \"kata\"\n{kata}");
        let text = "/run/world/bin/kata-runtime: runtime kata: version 3.2.0 runs hooks outside the guest, so containers cannot get the file: containers that request entries do not start";
        let remedy = "make another runtime default_runtime in CRI-O's configuration";
        for (arguments, variables, drop_in, is_default) in [
            (&[][..], &[][..], kata, false),
            (&[], &[], default.as_str(), true),
            (&["--default-runtime", "kata"], &[], kata, true),
            (&[], &[("CONTAINER_DEFAULT_RUNTIME", "kata")], kata, true),
            (&["--default-runtime=runc"], &[], default.as_str(), false),
        ] {
            write("/etc/crio/crio.conf.d/10-kata.conf", drop_in);
            let _daemon = Daemon::start_with("crio", arguments, variables);
            let said = node.doctor();
            if is_default {
                said.assert_problem(text, remedy);
                let line = "/run/world/bin/kata-runtime: make another runtime";
                let line =
                    format!("engine   CRI-O: {line} default_runtime in CRI-O's configuration");
                said.assert_line(&line);
            } else {
                said.assert_works();
                said.assert_line(&format!("note     {text}"));
            }
        }
    });
}
