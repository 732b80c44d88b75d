//! containerd, asked for what it makes of its configuration.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::cure::assert_cures;
use crate::needs::Program;
use crate::node::{Daemon, HOOK, Node, edit, restart, set_mode, write};
use crate::on_node;

pub(crate) const CONTAINERD: &[Program] = &[("containerd", "containerd"), ("ctr", "containerd")];
pub(crate) const CONFIG: &str = "/etc/containerd/config.toml";
pub(crate) const SPEC: &str = "/etc/oci-hostaliases/containerd-base-spec.json";
pub(crate) const RUNTIMES: &str = "plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes";

/// Runs `body` on a node with containerd, registered and running.
pub(crate) fn on_containerd_node(test: &str, body: impl FnOnce(&Node)) {
    on_node(test, CONTAINERD, |node| {
        node.link_program("containerd");
        node.link_program("ctr");
        write(
            CONFIG,
            &format!(
                "version = 2\n[{RUNTIMES}.runc]\n  runtime_type = \"io.containerd.runc.v2\"\n"
            ),
        );
        let said = node.doctor();
        said.assert_note(
            "containerd: not registered",
            "oci-hostaliases register containerd",
        );
        assert_eq!(
            said.last(),
            "not registered: run oci-hostaliases register containerd"
        );
        node.succeed(&["register", "containerd", "--hook", HOOK]);
        let said = node.doctor();
        assert_eq!(said.problems(), [], "{said:#?}");
        said.assert_line("note     containerd: not running");
        assert_eq!(
            (said.status, said.last()),
            (1, "containerd: registered, but not running: start it")
        );
        let daemon = Daemon::start("containerd", &[]);
        node.doctor().assert_works();
        body(node);
        drop(daemon);
    });
}

#[test]
fn what_is_right() {
    on_containerd_node("containerd::what_is_right", |node| {
        let said = node.doctor();
        for line in [
            &format!("ok       containerd: runtime runc: runs {HOOK} at prestart"),
            "ok       containerd: runtime runc: passes the annotations to the hook",
            "ok       containerd: started after its configuration last changed",
        ] {
            said.assert_line(line);
        }
    });
}

#[test]
fn base_specs() {
    on_containerd_node("containerd::base_specs", |node| {
        let good = fs::read_to_string(SPEC).unwrap();
        let register = "oci-hostaliases register containerd";
        let broken = |text: &str, problem: &str, remedy: &str| {
            before_start(SPEC, |path| fs::write(path, text).unwrap());
            node.doctor().assert_problem(problem, remedy);
        };
        let stops = "no Pod starts after the next restart";
        broken(
            "{",
            &format!(
                "containerd: runtime runc: base_runtime_spec: {SPEC}: not JSON: EOF while parsing an object at line 1 column 1: {stops}"
            ),
            register,
        );
        broken(
            "[]",
            &format!("containerd: runtime runc: base_runtime_spec: {SPEC}: not an object: {stops}"),
            register,
        );
        let with = |change: &dyn Fn(&mut Value)| {
            let mut spec: Value = serde_json::from_str(&good).unwrap();
            change(&mut spec);
            spec.to_string()
        };
        let limits = |spec: &mut Value| {
            spec["process"]["rlimits"] =
                json!([{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}]);
        };
        broken(
            &with(&limits),
            &format!(
                "containerd: runtime runc: process.rlimits in {SPEC} lowers RLIMIT_NOFILE to 1024 in every container"
            ),
            &format!("remove process.rlimits from {SPEC}, then restart containerd"),
        );
        broken(
            &with(&|spec| {
                let hook = spec["hooks"]["prestart"].take();
                spec["hooks"] = json!({"createContainer": hook});
            }),
            &format!(
                "containerd: runtime runc: {SPEC} runs the hook at createContainer with the argument prestart"
            ),
            &format!(
                "put the hook into hooks.prestart of {SPEC} with \"args\": [\"oci-hostaliases-hook\", \"prestart\"]"
            ),
        );
        before_start(SPEC, |path| {
            fs::write(path, with(&|spec| spec["hooks"] = json!({}))).unwrap()
        });
        let said = node.doctor();
        let problem = format!("containerd: runtime runc: {SPEC} does not have the hook");
        assert_eq!(said.problems(), [(problem.as_str(), register)]);
        assert_eq!(said.last(), format!("containerd: {register}"));
        assert_cures(&format!("problem  {problem}"), register);
        node.succeed(&["register", "containerd", "--hook", HOOK]);
        assert_eq!(fs::read_to_string(SPEC).unwrap(), good);
        restart(None);
        before_start(SPEC, |path| set_mode(path, 0o666));
        node.doctor().assert_problem(
            &format!("containerd: {SPEC}: users other than root can write to it (mode 0666)"),
            &format!("chmod go-w {SPEC}"),
        );
        before_start(SPEC, |path| set_mode(path, 0o644));
        node.doctor().assert_works();

        fs::rename(HOOK, "/run/world/away").unwrap();
        node.doctor().assert_problem(
            &format!("hook: stat {HOOK}: No such file or directory (os error 2): containers start without the file"),
            &format!("install oci-hostaliases-hook at {HOOK}, or register it again with --hook PATH"),
        );
        fs::remove_file(SPEC).unwrap();
        let said = node.doctor();
        assert_eq!(
            said.problems(),
            [(
                format!("containerd: runtime runc: base_runtime_spec: open {SPEC}: No such file or directory (os error 2): {stops}").as_str(),
                register
            )]
        );
        fs::rename("/run/world/away", HOOK).unwrap();
        node.succeed(&["register", "containerd", "--hook", HOOK]);
        restart(None);
        node.doctor().assert_works();
    });
}

/// A spec in another place is still register's.
#[test]
fn a_base_spec_elsewhere() {
    on_containerd_node("containerd::a_base_spec_elsewhere", |node| {
        let spec = "/etc/oci-hostaliases/other.json";
        node.succeed(&["unregister", "containerd"]);
        node.succeed(&[
            "register",
            "containerd",
            "--hook",
            HOOK,
            "--base-spec",
            spec,
        ]);
        restart(None);
        node.doctor().assert_works();
        let good: Value = serde_json::from_slice(&fs::read(spec).unwrap()).unwrap();
        let broken = |pointer: &str, value: Value| {
            let mut spec_now = good.clone();
            spec_now[pointer] = value;
            before_start(spec, |path| fs::write(path, spec_now.to_string()).unwrap());
        };
        broken("hooks", json!({}));
        let said = node.doctor();
        let problem = format!("containerd: runtime runc: {spec} does not have the hook");
        let register = format!("oci-hostaliases register containerd --base-spec {spec}");
        assert_eq!(said.problems(), [(problem.as_str(), register.as_str())]);
        assert_cures(&format!("problem  {problem}"), &register);

        let mut process = good["process"].clone();
        process["rlimits"] = json!([{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}]);
        broken("process", process);
        node.doctor().assert_problem(
            &format!("containerd: runtime runc: process.rlimits in {spec} lowers RLIMIT_NOFILE to 1024 in every container"),
            &format!("remove process.rlimits from {spec}, then restart containerd"),
        );
    });
}

#[test]
fn annotations() {
    on_containerd_node("containerd::annotations", |node| {
        let remedy = "add \"oci-hostaliases.io/*\" to pod_annotations of runtime runc in /etc/containerd/config.toml, then restart containerd";
        for (patterns, kept) in [
            (
                "[]",
                Some(
                    "oci-hostaliases.io/host-aliases, oci-hostaliases.io/domain, oci-hostaliases.io/pod-ips, oci-hostaliases.io/manage to the hook",
                ),
            ),
            (
                "[\"*\"]",
                Some(
                    "oci-hostaliases.io/host-aliases, oci-hostaliases.io/domain, oci-hostaliases.io/pod-ips, oci-hostaliases.io/manage to the hook (\"*\" does not match a key with a slash)",
                ),
            ),
            (
                "[\"x/*\", \"oci-hostaliases.io/[hdm]*\"]",
                Some("oci-hostaliases.io/pod-ips to the hook"),
            ),
            ("[\"*/*\"]", None),
        ] {
            let text = edit(CONFIG, "[\"oci-hostaliases.io/*\"]", patterns);
            let former = fs::read_to_string(CONFIG).unwrap();
            before_start(CONFIG, |path| fs::write(path, text).unwrap());
            let said = node.doctor();
            match kept {
                Some(kept) => said.assert_problem(
                    &format!("containerd: pod_annotations of runtime runc does not pass {kept}"),
                    remedy,
                ),
                None => said.assert_works(),
            }
            before_start(CONFIG, |path| fs::write(path, former).unwrap());
        }
    });
}

/// However the file changed: written, or put in its place with an old date as `cp -p` and package managers do.
#[test]
fn a_restart_that_is_pending() {
    on_containerd_node("containerd::a_restart_that_is_pending", |node| {
        for path in [CONFIG, SPEC] {
            let good = fs::read(path).unwrap();
            let moved = || {
                let file = fs::File::create("/etc/new").unwrap();
                fs::write("/etc/new", &good).unwrap();
                file.set_modified(std::time::UNIX_EPOCH).unwrap();
                fs::rename("/etc/new", path).unwrap();
            };
            let written = || fs::write(path, &good).unwrap();
            for change in [&moved as &dyn Fn(), &written] {
                std::thread::sleep(std::time::Duration::from_millis(200));
                change();
                let pid = node.pid("containerd");
                let said = node.doctor();
                said.assert_problem(
                    &format!("containerd: restart pending: process {pid} was started before {path} changed"),
                    "systemctl restart containerd",
                );
                said.assert_line("engine   containerd: systemctl restart containerd");
                node.doctor().assert_works();
            }
        }
    });
}

/// The daemon has the base spec in its memory.
#[test]
fn a_restart_that_is_pending_after_unregister() {
    on_containerd_node(
        "containerd::a_restart_that_is_pending_after_unregister",
        |node| {
            node.succeed(&["unregister", "containerd"]);
            let pid = node.pid("containerd");
            let said = node.doctor();
            let note = format!(
                "containerd: restart pending: process {pid} was started before {CONFIG} changed, and still runs the hook that it read then"
            );
            said.assert_note(&note, "systemctl restart containerd");
            assert_eq!(
                (said.status, said.last()),
                (
                    1,
                    "containerd: not registered: run oci-hostaliases register containerd"
                )
            );
            let said = node.doctor();
            assert!(
                !said.lines.iter().any(|it| it.contains("restart pending")),
                "{said:#?}"
            );
            said.assert_line(
                "engine   containerd: not registered: run oci-hostaliases register containerd",
            );
        },
    );
}

/// A node whose runtimes cannot give a container the file.
#[test]
fn runtimes_that_run_the_hook_in_vain() {
    on_node(
        "containerd::runtimes_that_run_the_hook_in_vain",
        CONTAINERD,
        |node| {
            for program in ["containerd", "ctr"] {
                node.link_program(program);
            }
            write(
                CONFIG,
                &format!(
                    "version = 2\n[{RUNTIMES}.runc]\n  runtime_type = \"io.containerd.runc.v2\"\n\
                 [{RUNTIMES}.kata]\n  runtime_type = \"io.containerd.kata.v2\"\n\
                 [{RUNTIMES}.gvisor]\n  runtime_type = \"io.containerd.runsc.v1\"\n\
                 [{RUNTIMES}.old]\n  runtime_type = \"io.containerd.runc.v2\"\n  [{RUNTIMES}.old.options]\n    BinaryName = \"/run/world/bin/youki\"\n"
                ),
            );
            node.add_program("youki", "echo youki version 0.5.7");
            node.add_program("runsc", "echo runsc version release-20260601.0");
            for (runtime, subject, text) in [
                (
                    "kata",
                    "kata-runtime",
                    "not found runs hooks outside the guest, so containers cannot get the file",
                ),
                (
                    "gvisor",
                    "runsc",
                    "version release-20260601.0 shows a container only the mounts of createContainer hooks",
                ),
                (
                    "old",
                    "/run/world/bin/youki",
                    "version 0.5.7 (before 0.6.0) runs hooks at other times than the specification says",
                ),
            ] {
                node.succeed(&[
                    "register",
                    "containerd",
                    "--hook",
                    HOOK,
                    "--runtime",
                    runtime,
                ]);
                let said = node.doctor();
                said.assert_problem(
                &format!("{subject}: runtime {runtime}: {text}: containers that request entries do not start"),
                &format!("run oci-hostaliases unregister containerd, then register the other runtimes with --runtime, without {runtime}"),
            );
                said.assert_note(
                    "containerd: runtime runc, the default, does not run the hook",
                    &format!("oci-hostaliases register containerd --runtime runc --hook {HOOK}"),
                );
                node.succeed(&["unregister", "containerd"]);
            }
        },
    );
}

/// Each runtime that a Pod can ask for.
#[test]
fn runtimes_that_do_not_run_the_hook() {
    on_containerd_node("containerd::runtimes_that_do_not_run_the_hook", |node| {
        let text = fs::read_to_string(CONFIG).unwrap();
        let more = format!(
            "[{RUNTIMES}.nvidia]\n  runtime_type = \"io.containerd.runc.v2\"\n\
             [{RUNTIMES}.kata]\n  runtime_type = \"io.containerd.kata.v2\"\n"
        );
        before_start(CONFIG, |path| fs::write(path, text + &more).unwrap());
        let said = node.doctor();
        said.assert_works();
        said.assert_note(
            "containerd: runtime nvidia does not run the hook",
            &format!("oci-hostaliases register containerd --runtime nvidia --hook {HOOK}"),
        );
        // It could not.
        let kata = "note     containerd: runtime kata does not run the hook";
        let said = node.doctor();
        let at = said.lines.iter().position(|line| line == kata).unwrap();
        assert!(!said.lines[at + 1].contains("change:"), "{said:#?}");
        assert!(
            !said
                .lines
                .iter()
                .any(|it| it.contains("runtime runc does not")),
            "{said:#?}"
        );
    });
}

/// Changes a file and restarts the daemons.
pub(crate) fn before_start(path: &str, change: impl FnOnce(&Path)) {
    change(Path::new(path));
    restart(None);
}
