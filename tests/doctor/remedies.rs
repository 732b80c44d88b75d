//! What doctor recommends is what `register` does, on nodes where it refuses, too.

use crate::containerd::{CONFIG, CONTAINERD, RUNTIMES};
use crate::node::{Daemon, HOOK, HOOKS_D, write};
use crate::on_node;

/// Where `register containerd` would refuse, doctor says its reason.
#[test]
fn a_configuration_that_register_refuses() {
    on_node(
        "remedies::a_configuration_that_register_refuses",
        CONTAINERD,
        |node| {
            for program in ["containerd", "ctr"] {
                node.link_program(program);
            }
            let talos = "/etc/cri/containerd.toml";
            let plain = "version = 2\n";
            for (config, text) in [
                (talos, plain),
                (
                    "/etc/k0s/containerd.toml",
                    "# k0s_managed=true\nversion = 2\n",
                ),
                (
                    CONFIG,
                    &format!(
                        "version = 2\n{RUNTIMES}.runc.runtime_type = \"io.containerd.runc.v2\"\n"
                    ),
                ),
                (
                    CONFIG,
                    &format!(
                        "version = 2\n[{RUNTIMES}.runc]\nruntime_type = \"io.containerd.runc.v2\"\nbase_runtime_spec = \"spec.json\"\n"
                    ),
                ),
            ] {
                write(config, text);
                let daemon = Daemon::start("containerd", &["--config", config]);
                let output = node
                    .command(&["register", "containerd", "--hook", HOOK, "--dry-run"])
                    .output()
                    .unwrap();
                let refusal = String::from_utf8(output.stderr).unwrap();
                let refusal = refusal
                    .strip_prefix("oci-hostaliases: ")
                    .unwrap()
                    .trim_end();
                assert_eq!(output.status.code(), Some(4), "{refusal}");
                let said = node.doctor();
                let problem = said
                    .problems()
                    .first()
                    .map(|(problem, _)| (*problem).to_owned());
                match problem {
                    // A base spec that containerd would look for in its own working directory.
                    Some(problem) => assert!(problem.contains("spec.json"), "{problem}"),
                    None => {
                        let last = said.last().split_once(": not registered: ").unwrap().1;
                        assert_eq!(last, refusal, "{config}");
                        assert!(said.lines.contains(&format!("         change: {refusal}")));
                    }
                }
                drop(daemon);
                std::fs::remove_file(config).unwrap();
            }
        },
    );
}

/// `register containerd` alone would not know which file.
#[test]
fn a_file_that_has_to_be_named() {
    on_node(
        "remedies::a_file_that_has_to_be_named",
        CONTAINERD,
        |node| {
            for program in ["containerd", "ctr"] {
                node.link_program(program);
            }
            write(CONFIG, "version = 2\n");
            let register = format!("oci-hostaliases register containerd --config {CONFIG}");
            node.doctor().assert_note(
                "containerd: not registered",
                "oci-hostaliases register containerd",
            );
            write("/etc/other/config.toml", "version = 2\n");
            let _other = Daemon::start("containerd", &["--config", "/etc/other/config.toml"]);
            // No daemon reads it.
            node.doctor()
                .assert_note("containerd: not registered", &register);
            let _usual = Daemon::start("containerd", &[]);
            let said = node.doctor();
            said.assert_note("containerd: not registered", &register);
            said.assert_note(
                "containerd (/etc/other/config.toml): not registered",
                "oci-hostaliases register containerd --config /etc/other/config.toml",
            );
            assert_eq!(
                said.last(),
                format!("containerd: not registered: run {register}")
            );
        },
    );
}

/// What `unregister crio` takes away CRI-O does not run any more: the second half of a remedy.
#[test]
fn crio_without_the_hook() {
    on_node("remedies::crio_without_the_hook", &[], |node| {
        write(
            "/etc/crio/crio.conf",
            &format!("[crio.runtime]\nhooks_dir = [\"{HOOKS_D}\"]\n"),
        );
        node.succeed(&["register", "podman", "--dir", HOOKS_D, "--hook", HOOK]);
        let _crio = Daemon::start("crio", &[]);
        std::fs::remove_file(HOOK).unwrap();
        let said = node.doctor();
        assert_eq!(
            said.problems()[0].1,
            format!("install {HOOK}, or run oci-hostaliases unregister crio")
        );
        node.succeed(&["unregister", "crio"]);
        let said = node.doctor();
        assert_eq!(said.problems(), [], "{said:#?}");
        assert_eq!(
            said.last(),
            "CRI-O: not registered: run oci-hostaliases register crio"
        );
    });
}
