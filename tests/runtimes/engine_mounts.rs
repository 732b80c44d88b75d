//! `/etc/hosts` is in `config.json`'s mounts: an engine's file, a copy of the node's, a user's own.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bundle::Bundle;
use crate::{ALIASES_SECTION, BOILERPLATE, each_runtime_and_stage};

const ENGINES_FILE: &str = "127.0.0.1\tlocalhost\n10.200.0.5\tof-the-engine";
/// Where the engines keep the files that they make for a Pod or container.
const ENGINES_PATHS: [&str; 4] = [
    "kubelet/pods/8e6a1c4b-6a0d-4f5e-9d1a-2d4c0a3f3b11/etc-hosts",
    "overlay-containers/0123abcd/userdata/hosts",
    "docker/containers/0123abcd/hosts",
    "nerdctl/1935db59/etchosts/default/0123abcd/hosts",
];

fn mounted(bundle: &mut Bundle, path: &str, text: &str) -> PathBuf {
    let source = bundle.directory().join(path);
    fs::create_dir_all(source.parent().unwrap()).unwrap();
    fs::write(&source, text).unwrap();
    bundle.config["mounts"].as_array_mut().unwrap().truncate(2);
    bundle.bind(&source, "/etc/hosts");
    source
}

#[test]
fn extend() {
    each_runtime_and_stage("engine_mounts::extend", |bundle| {
        for path in ENGINES_PATHS {
            let source = mounted(bundle, path, ENGINES_FILE);
            bundle.set_script("cat /etc/hosts; echo mine >>/etc/hosts");
            assert_eq!(bundle.shown(), format!("{ENGINES_FILE}{ALIASES_SECTION}"));
            assert_eq!(
                fs::read_to_string(source).unwrap(),
                ENGINES_FILE,
                "the engine's file was written to"
            );
        }
    });
}

#[test]
fn an_engines_file_above_the_limit_is_the_configurations_matter() {
    each_runtime_and_stage(
        "engine_mounts::an_engines_file_above_the_limit_is_the_configurations_matter",
        |bundle| {
            let text = "0.0.0.0 ads.example\n".repeat(60_000);
            mounted(bundle, "overlay-containers/x/userdata/hosts", &text);
            let ran = bundle.run();
            ran.assert_refused(
                4,
                "the engine's hosts file has more bytes than size-limit (1048576) in the hook's configuration allows",
            );
            fs::write(bundle.config_toml(), "size-limit = \"16MiB\"\n").unwrap();
            assert_eq!(bundle.shown(), format!("{text}{ALIASES_SECTION}"));
        },
    );
}

#[test]
fn leave_without_entries() {
    each_runtime_and_stage("engine_mounts::leave_without_entries", |bundle| {
        bundle.ask_for_nothing();
        for path in ENGINES_PATHS {
            mounted(bundle, path, ENGINES_FILE);
            assert_eq!(bundle.shown(), ENGINES_FILE);
        }
    });
}

#[test]
fn manage_an_empty_engines_file() {
    each_runtime_and_stage("engine_mounts::manage_an_empty_engines_file", |bundle| {
        mounted(bundle, ENGINES_PATHS[1], "");
        assert_eq!(bundle.shown(), format!("{BOILERPLATE}{ALIASES_SECTION}"));
    });
}

#[test]
fn manage_over_containerds_copy() {
    each_runtime_and_stage("engine_mounts::manage_over_containerds_copy", |bundle| {
        let source = mounted(
            bundle,
            "cri/sandboxes/0123abcd/hosts",
            "127.0.0.1 the-node\n",
        );
        assert_eq!(bundle.shown(), format!("{BOILERPLATE}{ALIASES_SECTION}"));
        assert_eq!(fs::read_to_string(source).unwrap(), "127.0.0.1 the-node\n");
    });
}

#[test]
fn manage_over_the_nodes_own() {
    each_runtime_and_stage("engine_mounts::manage_over_the_nodes_own", |bundle| {
        let node = fs::read("/etc/hosts").unwrap();
        bundle.bind(Path::new("/etc/hosts"), "/etc/hosts");
        bundle.annotate("io.container.manager", "cri-o");
        bundle.set_script("cat /etc/hosts; echo mine >>/etc/hosts");
        assert_eq!(bundle.shown(), format!("{BOILERPLATE}{ALIASES_SECTION}"));
        assert_eq!(
            fs::read("/etc/hosts").unwrap(),
            node,
            "the node's file was written to"
        );
    });
}

/// OpenShift's node-resolver: a Pod that mounts the node's file to write it.
#[test]
fn leave_the_nodes_own_as_the_users_volume() {
    const VOLUMES: &str =
        r#"[{"container_path":"/etc/hosts","host_path":"/etc/hosts","readonly":false}]"#;
    each_runtime_and_stage(
        "engine_mounts::leave_the_nodes_own_as_the_users_volume",
        |bundle| {
            fs::write("/etc/hosts", "127.0.0.1 the-node\n").unwrap();
            bundle.bind(Path::new("/etc/hosts"), "/etc/hosts");
            bundle.set_script("cat /etc/hosts; echo 10.0.0.9 written >>/etc/hosts");
            assert_eq!(bundle.shown(), "127.0.0.1 the-node\n");
            let written = fs::read_to_string("/etc/hosts").unwrap();
            assert_eq!(written, "127.0.0.1 the-node\n10.0.0.9 written\n");
            bundle.annotate("io.container.manager", "cri-o");
            bundle.annotate("io.kubernetes.cri-o.Volumes", VOLUMES);
            assert_eq!(bundle.shown(), written);
        },
    );
}

#[test]
fn leave_the_users_own() {
    each_runtime_and_stage("engine_mounts::leave_the_users_own", |bundle| {
        mounted(bundle, "volumes/my-hosts", "192.0.2.7 mine\n");
        assert_eq!(bundle.shown(), "192.0.2.7 mine\n");
        bundle.ask_for_nothing();
        assert_eq!(bundle.shown(), "192.0.2.7 mine\n");
    });
}

#[test]
fn leave_the_sandbox_and_who_opted_out() {
    each_runtime_and_stage(
        "engine_mounts::leave_the_sandbox_and_who_opted_out",
        |bundle| {
            for (key, value) in [
                ("io.kubernetes.cri.container-type", "sandbox"),
                ("io.kubernetes.cri-o.ContainerType", "sandbox"),
                ("oci-hostaliases.io/manage", "false"),
            ] {
                bundle.ask_for_nothing();
                bundle.annotate("oci-hostaliases.io/host-aliases", crate::ALIASES);
                bundle.annotate(key, value);
                assert_eq!(bundle.shown(), crate::bundle::IMAGE_HOSTS, "{key}");
            }
        },
    );
}

/// A volume on /etc that a tenant shares with another container: what he puts there in place of the
/// engine's file is a path of his own world, not of the host's.
#[test]
fn extend_reads_in_the_containers_view_only() {
    each_runtime_and_stage(
        "engine_mounts::extend_reads_in_the_containers_view_only",
        |bundle| {
            let secret = bundle.directory().join("secret");
            fs::write(&secret, "10.0.0.1 secret-of-the-node\n").unwrap();
            // config.json names this path; on the host it is a symlink to the secret by the time the hook
            // runs, while the runtime has mounted what was there before.
            let source = mounted(bundle, ENGINES_PATHS[0], ENGINES_FILE);
            let swap = bundle.directory().join("swap");
            fs::write(
                &swap,
                format!(
                    "#!/bin/sh\nmv {1} {1}.old && ln -s {0} {1}\n",
                    secret.display(),
                    source.display()
                ),
            )
            .unwrap();
            std::process::Command::new("chmod")
                .arg("755")
                .arg(&swap)
                .status()
                .unwrap();
            let stage = if bundle.stage == "createContainer" {
                "createRuntime"
            } else {
                bundle.stage
            };
            let first = serde_json::json!({"path": swap, "args": ["swap"]});
            match bundle.config["hooks"][stage].as_array_mut() {
                Some(hooks) => hooks.insert(0, first),
                None => bundle.config["hooks"][stage] = serde_json::json!([first]),
            }
            assert_eq!(bundle.shown(), format!("{ENGINES_FILE}{ALIASES_SECTION}"));
            assert_eq!(fs::read_link(&source).unwrap(), secret);
        },
    );
}
