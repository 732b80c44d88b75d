//! `unregister containerd` after the administrator has gone on working on the file.

use std::fs;

use crate::containerd_node::{Node, assert_done, data, edited};

#[test]
fn what_the_administrator_changed_in_between_stays() {
    let nvidia = fs::read_to_string(data("nvidia.toml")).unwrap();
    type Edits = &'static [(&'static str, &'static str)];
    let cases: &[(&str, &str, Edits)] = &[
        ("another value", &nvidia, &[("pause:3.9", "pause:3.10")]),
        (
            "a key in the same table",
            &nvidia,
            &[(
                "          runtime_engine = \"\"\n",
                "          snapshotter = \"zfs\"\n          runtime_engine = \"\"\n",
            )],
        ),
        (
            "a runtime gone",
            &nvidia,
            &[(
                "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.nvidia-cdi.options]",
                "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.other.options]",
            )],
        ),
        ("comments", "version = 2\n# a\n", &[("# a\n", "# b\n# c\n")]),
        (
            "a table",
            "version = 2\n# a\n",
            &[("# a\n", "# a\n[grpc]\nuid = 1\n")],
        ),
    ];
    for (what, original, edits) in cases {
        let node = Node::new("config.toml", Some(original));
        assert_done(&node.register(&["--all-runtimes"]));
        fs::write(&node.config, edited(&node.text(), edits)).unwrap();
        assert_done(&node.unregister(&[]));
        assert_eq!(node.text(), edited(original, edits), "{what}");
    }
}

#[test]
fn lines_behind_ours_stay() {
    for (original, added, expected) in [
        // The file had no newline at its end; the new lines need one before them.
        (
            "version = 2",
            "\n[grpc]\nuid = 1\n",
            "version = 2\n[grpc]\nuid = 1\n",
        ),
        (
            "version = 2\n",
            "[grpc]\nuid = 1",
            "version = 2\n[grpc]\nuid = 1",
        ),
    ] {
        let node = Node::new("config.toml", Some(original));
        assert_done(&node.register(&[]));
        fs::write(&node.config, node.text() + added).unwrap();
        assert_done(&node.unregister(&[]));
        assert_eq!(node.text(), expected);
    }
}

#[test]
fn lines_of_ours_that_the_administrators_need_become_his() {
    let node = Node::new("config.toml", None);
    assert_done(&node.register(&[]));
    let added = "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n  SystemdCgroup = true\n";
    fs::write(&node.config, node.text() + added).unwrap();
    assert_done(&node.register(&[]));
    assert_done(&node.unregister(&[]));
    assert_eq!(
        node.text(),
        format!(
            "version = 2\n\
             [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n\
             \x20 runtime_type = \"io.containerd.runc.v2\"\n{added}"
        )
    );
}

#[test]
fn unregister_does_not_guess() {
    let original = fs::read_to_string(data("nvidia.toml")).unwrap();
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[(
                "\"nvidia.com/*\", \"oci",
                "\"nvidia.com/*\", \"new/*\", \"oci",
            )],
            "config.toml:24: pod_annotations of runtime \"nvidia\" is not what register wrote",
        ),
        (
            &[("specs/base.json\"", "mine.json\"")],
            "config.toml:19: base_runtime_spec of runtime \"nvidia\" is not what register wrote with this \
             --base-spec: if it was registered with --base-spec DIR/mine.json, give that",
        ),
        (
            &[("base.json\" # added by oci-hostaliases", "base.json\"")],
            "config.toml:19: base_runtime_spec of runtime \"nvidia\" is register's DIR/specs/base.json, but the comments",
        ),
        (
            &[(
                "# before oci-hostaliases:          pod_annotations = [\"nvidia.com/*\"]\n",
                "",
            )],
            "pod_annotations of runtime \"nvidia\" is not what register wrote",
        ),
    ];
    for (edits, message) in cases {
        let node = Node::new("config.toml", Some(&original));
        assert_done(&node.register(&[]));
        let text = edited(&node.text(), edits);
        fs::write(&node.config, &text).unwrap();
        let run = node.unregister(&[]);
        assert_eq!(run.status, 4, "{run:?}");
        assert!(node.plain(&run.stderr).contains(message), "{}", run.stderr);
        assert_eq!(node.text(), text);
        assert_eq!(node.specs(), ["base.json"]);
    }
}

const MAIN: &str = "version = 3\nimports = [\"x.toml\"]\n";
const CRUN: &str =
    "[plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.crun]\nruntime_type = \"x\"\n";

/// A configuration that imports `x.toml`, in which crun is registered.
fn registered_in_an_import() -> Node {
    let node = Node::new("config.toml", Some(MAIN));
    fs::write(node.at("x.toml"), format!("version = 3\n{CRUN}")).unwrap();
    let import = Node {
        config: node.at("x.toml"),
        directory: node.directory,
    };
    assert_done(&import.register(&["--runtime", "crun"]));
    assert_ne!(import.text(), format!("version = 3\n{CRUN}"));
    Node {
        config: import.at("config.toml"),
        directory: import.directory,
    }
}

#[test]
fn the_main_file_stands_for_what_it_imports() {
    let node = registered_in_an_import();
    assert_done(&node.unregister(&[]));
    assert_eq!(node.text(), MAIN);
    let import = fs::read_to_string(node.at("x.toml")).unwrap();
    assert_eq!(import, format!("version = 3\n{CRUN}"));
    assert_eq!(node.specs(), [""; 0]);
}

/// containerd would refuse to start its CRI without it.
#[test]
fn a_spec_that_another_file_names_stays() {
    let node = registered_in_an_import();
    let other = format!(
        "{MAIN}{}base_runtime_spec = {:?}\n",
        CRUN.replace("crun", "kata"),
        node.base_spec()
    );
    fs::write(&node.config, &other).unwrap();
    let import = Node {
        config: node.at("x.toml"),
        directory: node.directory,
    };
    let run = import.unregister(&[]);
    assert_done(&run);
    assert_eq!(import.text(), format!("version = 3\n{CRUN}"));
    assert_eq!(import.specs(), ["base.json"]);
    let stderr = import.plain(&run.stderr);
    assert!(
        stderr.starts_with("DIR/specs/base.json stays, because DIR/config.toml uses it\n"),
        "{stderr}"
    );
}

/// containerd 1.x has its built-in runc only while the file has no other runtime.
#[test]
fn a_runc_table_that_other_runtimes_make_necessary_stays() {
    let original = "version = 2\n";
    let crun =
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.crun]\nruntime_type = \"x\"\n";
    let node = Node::new("config.toml", Some(original));
    assert_done(&node.register(&[]));
    fs::write(&node.config, node.text() + crun).unwrap();
    assert_done(&node.unregister(&[]));
    assert_eq!(
        node.text(),
        format!(
            "{original}[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n  \
             runtime_type = \"io.containerd.runc.v2\"\n{crun}"
        )
    );
    assert_eq!(node.specs(), [""; 0]);
}

/// As a program does that reads the file, changes a value and writes it anew.
#[test]
fn a_copy_of_an_administrators_spec_without_its_marks_is_not_orphaned() {
    let node = Node::new("config.toml", None);
    let own = node.at("own.json");
    fs::write(&own, "{}").unwrap();
    let text = format!(
        "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n\
         base_runtime_spec = {own:?}\n"
    );
    fs::write(&node.config, text).unwrap();
    assert_done(&node.register(&[]));
    let registered = node.text();
    let lines = registered.lines().filter(|line| !line.starts_with('#'));
    let bare = lines.map(|line| line.replace(" # added by oci-hostaliases", "") + "\n");
    fs::write(&node.config, bare.collect::<String>()).unwrap();
    assert_eq!(node.register(&[]).stderr, "nothing to do\n");
    let run = node.unregister(&[]);
    assert_eq!(run.status, 4, "{run:?}");
    assert!(run.stderr.contains("mark its lines are gone"), "{run:?}");
    assert_eq!(node.specs(), ["baseDIR:own.json"]);
}
