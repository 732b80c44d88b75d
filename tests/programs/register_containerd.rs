//! `register containerd` and `unregister containerd`: what they write, that it can be undone byte
//! for byte, and what they refuse.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use crate::containerd_node::{CONFIGURATIONS, Node, assert_done, data, edited};
use serde_json::{Value, json};

#[test]
fn what_was_registered_comes_out_again_byte_for_byte() {
    for name in CONFIGURATIONS {
        let original = fs::read_to_string(data(name)).unwrap();
        let variants = [
            original.clone(),
            original.replace('\n', "\r\n"),
            original.trim_end_matches('\n').to_owned(),
            format!("\u{feff}{original}"),
        ];
        for (number, original) in variants.iter().enumerate() {
            for arguments in [&[][..], &["--all-runtimes"][..]] {
                let node = Node::new(name, Some(original));
                assert_done(&node.register(arguments));
                let registered = node.text();
                // It imports a directory, and gets a drop-in there.
                let drop_in = node.at("imports.d/oci-hostaliases.toml");
                let is_in_drop_in = *name == "imports.toml";
                assert_eq!(&registered != original, !is_in_drop_in, "{name}");
                assert_eq!(drop_in.exists(), is_in_drop_in, "{name}");
                registered.parse::<toml::Table>().unwrap();

                let again = node.register(arguments);
                assert_done(&again);
                assert_eq!(again.stdout, "", "{name}");
                assert_eq!(again.stderr, "nothing to do\n", "{name}");
                assert_eq!(node.text(), registered);

                assert_done(&node.unregister(&[]));
                assert_eq!(&node.text(), original, "{name} {number} {arguments:?}");
                assert!(!drop_in.exists(), "{name}");
                assert_eq!(node.specs(), [""; 0], "{name}");
                assert_eq!(node.unregister(&[]).stderr, "nothing to do\n");
            }
        }
    }
}

#[test]
fn a_version_2_table_gets_two_lines_and_keeps_its_former_ones_as_comments() {
    let original = fs::read_to_string(data("nvidia.toml")).unwrap();
    let node = Node::new("config.toml", Some(&original));
    let run = node.register(&["--runtime", "nvidia", "--runtime", "runc"]);
    assert_done(&run);
    let nvidia = "containerd.runtimes.nvidia]\n";
    let expected = edited(
        &original,
        &[
            (
                nvidia,
                &format!(
                    "{nvidia}          base_runtime_spec = \"DIR/specs/base.json\" # added by oci-hostaliases\n"
                ),
            ),
            (
                "          pod_annotations = [\"nvidia.com/*\"]\n",
                "          pod_annotations = [\"nvidia.com/*\", \"oci-hostaliases.io/*\"] # added by oci-hostaliases\n\
                 # before oci-hostaliases:          pod_annotations = [\"nvidia.com/*\"]\n",
            ),
            (
                "          base_runtime_spec = \"\"\n",
                "          base_runtime_spec = \"DIR/specs/base.json\" # added by oci-hostaliases\n\
                 # before oci-hostaliases:          base_runtime_spec = \"\"\n",
            ),
            (
                "          pod_annotations = []\n",
                "          pod_annotations = [\"oci-hostaliases.io/*\"] # added by oci-hostaliases\n\
                 # before oci-hostaliases:          pod_annotations = []\n",
            ),
        ],
    );
    assert_eq!(node.plain_text(), expected);
    assert!(
        run.stdout.contains("\n-          pod_annotations = []\n"),
        "{}",
        run.stdout
    );
    assert_eq!(
        node.plain(&run.stderr),
        "no running containerd reads DIR/config.toml: it takes effect when containerd is started with it\n"
    );
}

#[test]
fn without_a_file_containerds_built_in_runtime_is_written_down() {
    let node = Node::new("config.toml", None);
    assert_done(&node.register(&[]));
    assert_eq!(
        node.plain_text(),
        "# there was no such file before # added by oci-hostaliases\n\
         version = 2 # added by oci-hostaliases\n\
         [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc] # added by oci-hostaliases\n\
         \x20 runtime_type = \"io.containerd.runc.v2\" # added by oci-hostaliases\n\
         \x20 base_runtime_spec = \"DIR/specs/base.json\" # added by oci-hostaliases\n\
         \x20 pod_annotations = [\"oci-hostaliases.io/*\"] # added by oci-hostaliases\n"
    );
    assert_eq!(fs::metadata(&node.config).unwrap().mode() & 0o7777, 0o644);
    assert_eq!(node.register(&[]).stderr, "nothing to do\n");
    assert_done(&node.unregister(&[]));
    assert!(!node.config.exists());
    assert_eq!(node.specs(), [""; 0]);
}

#[test]
fn the_version_3_table_is_another() {
    for version in [3, 4] {
        let node = Node::new("config.toml", Some(&format!("version = {version}\n")));
        assert_done(&node.register(&[]));
        assert_eq!(
            node.plain_text(),
            format!(
                "version = {version}\n\
                 [plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.runc] # added by oci-hostaliases\n\
                 \x20 runtime_type = \"io.containerd.runc.v2\" # added by oci-hostaliases\n\
                 \x20 base_runtime_spec = \"DIR/specs/base.json\" # added by oci-hostaliases\n\
                 \x20 pod_annotations = [\"oci-hostaliases.io/*\"] # added by oci-hostaliases\n"
            )
        );
    }
}

/// Runs the hook where it is there, and reads the state where it is not.
const GUARD: &str =
    ": oci-hostaliases-hook; [ ! -x \"$0\" ] || exec \"$0\" \"$@\"; while read -r _; do :; done";

#[test]
fn the_base_spec_is_the_daemons_without_rlimits_and_with_the_hook() {
    let node = Node::new("config.toml", Some("version = 2\n"));
    assert_done(&node.register(&[]));
    let made: Value = serde_json::from_slice(&fs::read(node.base_spec()).unwrap()).unwrap();
    let mut expected: Value =
        serde_json::from_slice(&fs::read(data("ctr-oci-spec-1.6.20.json")).unwrap()).unwrap();
    let rlimits = expected["process"]
        .as_object_mut()
        .unwrap()
        .remove("rlimits");
    assert!(rlimits.is_some());
    expected["hooks"] = json!({"prestart": [{
        "path": "/bin/sh",
        "args": ["sh", "-c", GUARD, node.at("hook"), "prestart"],
        "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
        "timeout": 10,
    }]});
    assert_eq!(made, expected);
    assert_eq!(
        fs::metadata(node.base_spec()).unwrap().mode() & 0o7777,
        0o644
    );
}

#[test]
fn an_administrators_spec_is_copied_with_all_that_is_in_it() {
    let node = Node::new("config.toml", None);
    let own = node.at("own.json");
    let spec = "{\"zzz\": 1, \"process\": {\"rlimits\": [{\"type\": \"RLIMIT_NOFILE\", \"hard\": 18446744073709551615, \"soft\": 1}]}, \
                \"hooks\": {\"poststop\": [{\"path\": \"/x\"}], \"prestart\": [{\"path\": \"/first\"}]}, \"aaa\": null}";
    fs::write(&own, spec).unwrap();
    let original = format!(
        "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\nruntime_type = \"x\"\nbase_runtime_spec = {own:?} # ours\n"
    );
    fs::write(&node.config, &original).unwrap();
    assert_done(&node.register(&[]));
    assert_eq!(node.specs(), ["baseDIR:own.json"]);
    assert!(node.plain_text().contains(
        "base_runtime_spec = \"DIR/specs/baseDIR:own.json\" # added by oci-hostaliases\n\
         # before oci-hostaliases:base_runtime_spec = \"DIR/own.json\" # ours\n"
    ));
    assert_eq!(fs::read_to_string(&own).unwrap(), spec);
    let copy = fs::read_dir(node.at("specs")).unwrap().next().unwrap();
    let copy = fs::read_to_string(copy.unwrap().path()).unwrap();
    let order = [
        "\"zzz\": 1",
        "18446744073709551615",
        "\"/x\"",
        "\"/first\"",
        "/hook\"",
        "\"aaa\": null",
    ];
    let places: Vec<_> = order.iter().map(|part| copy.find(part).unwrap()).collect();
    assert!(places.is_sorted(), "{copy}");

    // He changes his spec: the copy follows with the next run.
    fs::write(&own, spec.replace("/first", "/second")).unwrap();
    let run = node.register(&[]);
    assert!(
        run.stdout.contains("+        \"path\": \"/second\""),
        "{run:?}"
    );
    assert_eq!(node.register(&[]).stderr, "nothing to do\n");

    // His spec has the hook already: nothing to copy.
    assert_done(&node.unregister(&[]));
    assert_eq!(node.text(), original);
    fs::write(
        &own,
        spec.replace("/first", node.at("hook").to_str().unwrap()),
    )
    .unwrap();
    assert_done(&node.register(&[]));
    assert_eq!(node.specs(), [""; 0]);
    assert!(!node.text().contains("# before"));

    // Also under another path: a second entry would run the hook twice.
    fs::write(&own, spec.replace("/first", "/opt/oci-hostaliases-hook")).unwrap();
    assert_eq!(node.register(&[]).stderr, "nothing to do\n");
}

/// What doctor tells you to run when the hook is gone from it.
#[test]
fn a_spec_that_was_changed_by_hand_is_made_anew() {
    let node = Node::new("config.toml", Some("version = 2\n"));
    assert_done(&node.register(&[]));
    let (config, spec) = (node.text(), fs::read_to_string(node.base_spec()).unwrap());
    fs::write(node.base_spec(), "{\"hooks\": {}}").unwrap();
    assert_done(&node.register(&[]));
    assert_eq!(fs::read_to_string(node.base_spec()).unwrap(), spec);
    assert_eq!(node.text(), config);
}

#[test]
fn a_second_runtime_joins_the_first() {
    let original = fs::read_to_string(data("nvidia.toml")).unwrap();
    let node = Node::new("config.toml", Some(&original));
    assert_done(&node.register(&[]));
    assert_eq!(node.text().matches("\"oci-hostaliases.io/*\"").count(), 1);
    assert_done(&node.register(&["--runtime", "runc"]));
    assert_eq!(node.text().matches("\"oci-hostaliases.io/*\"").count(), 2);
    assert_eq!(node.register(&[]).stderr, "nothing to do\n");
    assert_done(&node.unregister(&[]));
    assert_eq!(node.text(), original);
}

#[test]
fn a_dry_run_shows_the_same_and_writes_nothing() {
    let original = fs::read_to_string(data("default-1.6.20.toml")).unwrap();
    let node = Node::new("config.toml", Some(&original));
    let dry = node.register(&["--dry-run"]);
    assert_done(&dry);
    assert_eq!(dry.stderr, "dry run: nothing was changed\n");
    assert_eq!(node.text(), original);
    assert!(!node.at("specs").exists());
    let wet = node.register(&[]);
    assert_eq!(dry.stdout, wet.stdout);
    assert!(dry.stdout.contains("--- /dev/null\n+++ "), "{}", dry.stdout);

    let registered = node.text();
    assert_done(&node.unregister(&["--dry-run"]));
    assert_eq!(node.text(), registered);
    assert_eq!(node.specs(), ["base.json"]);
}

#[test]
fn mode_and_owner_are_kept() {
    let node = Node::new("config.toml", Some("version = 2\n"));
    fs::set_permissions(&node.config, fs::Permissions::from_mode(0o640)).unwrap();
    let is_root = fs::metadata(&node.config).unwrap().uid() == 0;
    if is_root {
        chown(&node.config, Some(12), Some(34)).unwrap();
    }
    let before = fs::metadata(&node.config).unwrap();
    assert_done(&node.register(&[]));
    let after = fs::metadata(&node.config).unwrap();
    assert_eq!(
        (after.mode(), after.uid(), after.gid()),
        (before.mode(), before.uid(), before.gid())
    );
    assert_ne!(after.ino(), before.ino(), "written in place");
}

/// The snippets are documentation; they say what register says with its defaults.
#[test]
fn the_shipped_snippets_say_what_register_writes() {
    for version in [2, 3] {
        let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks");
        let snippet =
            fs::read_to_string(hooks.join(format!("containerd-v{version}.toml"))).unwrap();
        let node = Node::new("config.toml", Some(&format!("version = {version}\n")));
        assert_done(&node.register(&[]));
        let written = node.plain_text().replace(
            "DIR/specs/base.json",
            "/etc/oci-hostaliases/containerd-base-spec.json",
        );
        assert_eq!(
            snippet.parse::<toml::Table>().unwrap(),
            written.parse::<toml::Table>().unwrap()
        );
    }
}
