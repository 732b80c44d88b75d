//! `register containerd` with the check by containerd itself, 1.6 and 2.x: drop-ins, versions, and what a
//! registration may change.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::containerd_node::{Node, Run, assert_done, run};
use crate::newer_engines;

const RUNC_3: &str = "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n  \
    runtime_type = \"io.containerd.runc.v2\"\n\
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]\n  SystemdCgroup = true\n";

/// A node with these files, `config.toml` first.
fn node(files: &[(&str, &str)]) -> Node {
    let node = Node::new("config.toml", None);
    for (name, text) in files {
        let path = node.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    node
}

/// register or unregister with the containerd in this directory, or the machine's.
fn checked(node: &Node, programs: Option<&Path>, verb: &str, file: &str, more: &[&str]) -> Run {
    let mut command = node.program();
    if let Some(programs) = programs {
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", programs.display()));
    }
    command
        .args([verb, "containerd", "--config"])
        .arg(node.at(file));
    command.arg("--base-spec").arg(node.base_spec());
    if verb == "register" {
        command.arg("--hook").arg(node.at("hook"));
    }
    run(command.args(more))
}

fn text(node: &Node, file: &str) -> Option<String> {
    Some(node.plain(&fs::read_to_string(node.at(file)).ok()?))
}

/// What containerd makes of a runtime's table.
fn runtime(node: &Node, programs: &Path, name: &str) -> toml::Table {
    let mut command = Command::new(programs.join("containerd"));
    let command = command
        .arg("--config")
        .arg(&node.config)
        .args(["config", "dump"]);
    let dump: toml::Table = run(command).stdout.parse().unwrap();
    let runtimes = &dump["plugins"]["io.containerd.cri.v1.runtime"]["containerd"]["runtimes"];
    runtimes[name].as_table().unwrap().clone()
}

fn has_containerd(test: &str) -> bool {
    let found = Command::new("containerd").arg("--version").output().is_ok();
    if !found {
        crate::skipped::skipped(&format!("{test}: containerd is not installed"));
    }
    found
}

/// Where the main file imports a directory, whichever of the two is named.
#[test]
fn containerd_2_gets_a_drop_in() {
    let Some(programs) = newer_engines::bin("containerd_2_gets_a_drop_in") else {
        return;
    };
    let main =
        |version: i64, more: &str| format!("version = {version}\nimports = [\"d/*.toml\"]\n{more}");
    let main_3 = main(3, RUNC_3);
    let runc_2 = RUNC_3.replace("cri.v1.runtime", "grpc.v1.cri");
    let site = "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\npod_annotations = [\"a/*\"]\n";
    let table = |plugin: &str, annotations: &str| {
        format!(
            "[plugins.\"{plugin}\".containerd.runtimes.runc] # added by oci-hostaliases\n\
             \x20 base_runtime_spec = \"DIR/specs/base.json\" # added by oci-hostaliases\n\
             \x20 pod_annotations = [{annotations}\"oci-hostaliases.io/*\"] # added by oci-hostaliases\n"
        )
    };
    let created = "# there was no such file before # added by oci-hostaliases\n";
    let (two, three) = ("io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime");
    for (main, other, given, version, plugin, annotations) in [
        (&main_3, "", "config.toml", 3, three, ""),
        (&main_3, "", "d/50-hostaliases.toml", 3, three, ""),
        // A list in a later file replaces it.
        (&main_3, site, "config.toml", 3, three, "\"a/*\", "),
        // The main file has the built-in runtime only.
        (&main(3, ""), "", "config.toml", 3, three, ""),
        (&main(2, &runc_2), "", "config.toml", 2, two, ""),
    ] {
        let node = node(&[("config.toml", main), ("d/10-site.toml", other)]);
        assert_done(&checked(&node, Some(&programs), "register", given, &[]));
        let drop_in = if given == "config.toml" {
            "d/oci-hostaliases.toml"
        } else {
            given
        };
        let expected = format!(
            "{created}version = {version} # added by oci-hostaliases\n{}",
            table(plugin, annotations)
        );
        assert_eq!(text(&node, drop_in), Some(expected), "{main}");
        assert_eq!(text(&node, "config.toml").as_ref(), Some(main));
        let runc = runtime(&node, &programs, "runc");
        assert_eq!(
            runc["base_runtime_spec"].as_str(),
            node.base_spec().to_str()
        );
        assert_eq!(
            runc["options"]["SystemdCgroup"].as_bool(),
            Some(main.contains("Systemd"))
        );

        let again = checked(&node, Some(&programs), "register", given, &[]);
        assert_eq!(again.stderr, "nothing to do\n");
        // The main file stands for all that it imports.
        assert_done(&checked(
            &node,
            Some(&programs),
            "unregister",
            "config.toml",
            &[],
        ));
        assert_eq!(text(&node, drop_in), None);
        assert_eq!(node.specs(), [""; 0]);
    }
}

/// A runtime that a drop-in without `version` has, as the GPU operator writes it.
#[test]
fn a_drop_in_has_its_importers_version() {
    let Some(programs) = newer_engines::bin("a_drop_in_has_its_importers_version") else {
        return;
    };
    let gpu = "[plugins.'io.containerd.cri.v1.runtime'.containerd]\ndefault_runtime_name = \"gpu\"\n\
        [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.gpu]\nruntime_type = \"io.containerd.runc.v2\"\n";
    let main = format!("version = 3\nimports = [\"d/*.toml\"]\n{RUNC_3}");
    for (given, edited) in [
        ("config.toml", "d/oci-hostaliases.toml"),
        ("d/gpu.toml", "d/gpu.toml"),
    ] {
        let node = node(&[("config.toml", &main), ("d/gpu.toml", gpu)]);
        assert_done(&checked(&node, Some(&programs), "register", given, &[]));
        assert!(text(&node, edited).unwrap().contains("runtimes.gpu]"));
        assert_eq!(text(&node, "config.toml").as_ref(), Some(&main));
        let (gpu_now, runc) = (
            runtime(&node, &programs, "gpu"),
            runtime(&node, &programs, "runc"),
        );
        assert_eq!(
            gpu_now["base_runtime_spec"].as_str(),
            node.base_spec().to_str()
        );
        assert_eq!(runc["base_runtime_spec"].as_str(), Some(""));
        assert_done(&checked(&node, Some(&programs), "unregister", given, &[]));
        assert_eq!(text(&node, "d/gpu.toml").as_deref(), Some(gpu));
        assert!(given == edited || text(&node, edited).is_none());
    }
}

/// A spec of the administrator's that the main file names: the drop-in names a copy with the hook.
#[test]
fn the_main_files_spec_is_copied() {
    let Some(programs) = newer_engines::bin("the_main_files_spec_is_copied") else {
        return;
    };
    let node = node(&[("own.json", "{\"ociVersion\": \"1.0.2\"}")]);
    let own = node.at("own.json");
    let runc = RUNC_3.replace(
        "runc.v2\"\n",
        &format!("runc.v2\"\n  base_runtime_spec = {own:?}\n"),
    );
    fs::write(
        &node.config,
        format!("version = 3\nimports = [\"d/*.toml\"]\n{runc}"),
    )
    .unwrap();
    assert_done(&checked(
        &node,
        Some(&programs),
        "register",
        "config.toml",
        &[],
    ));
    assert_eq!(node.specs(), ["baseDIR:own.json"]);
    let again = checked(&node, Some(&programs), "register", "config.toml", &[]);
    assert_eq!(again.stderr, "nothing to do\n");
    assert_done(&checked(
        &node,
        Some(&programs),
        "unregister",
        "config.toml",
        &[],
    ));
    assert_eq!(node.specs(), [""; 0]);
    assert_eq!(text(&node, "d/oci-hostaliases.toml"), None);
}

/// AKS' nodes have such a file.
#[test]
fn version_2_with_the_tables_of_3() {
    let test = "version_2_with_the_tables_of_3";
    let Some(programs) = newer_engines::bin(test).filter(|_| has_containerd(test)) else {
        return;
    };
    let main = format!("version = 2\n{RUNC_3}");
    let node = node(&[("config.toml", &main)]);
    let refused = checked(&node, None, "register", "config.toml", &[]);
    assert_eq!(refused.status, 4);
    assert_eq!(
        node.plain(&refused.stderr),
        "oci-hostaliases: DIR/config.toml: [plugins.\"io.containerd.cri.v1.runtime\"] in a file of version 2: \
         containerd 2.x reads it, 1.x ignores it; with 2.x write `version = 3`\n"
    );
    assert_eq!(text(&node, "config.toml").as_ref(), Some(&main));
    assert_done(&checked(
        &node,
        Some(&programs),
        "register",
        "config.toml",
        &[],
    ));
    let runc = runtime(&node, &programs, "runc");
    assert_eq!(
        runc["base_runtime_spec"].as_str(),
        node.base_spec().to_str()
    );
    assert_done(&checked(
        &node,
        Some(&programs),
        "unregister",
        "config.toml",
        &[],
    ));
    assert_eq!(text(&node, "config.toml").as_ref(), Some(&main));
}

#[test]
fn containerd_1_is_asked_what_it_reads() {
    if !has_containerd("containerd_1_is_asked_what_it_reads") {
        return;
    }
    let main = "version = 2\nimports = [\"DIR/d/*.toml\"]\n";
    let crun = "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.crun]\nruntime_type = \"x\"\n";
    for (files, given, message) in [
        (
            &[("config.toml", "version = 3\n")][..],
            "config.toml",
            "DIR/config.toml: version 3, which PROGRAM does not read (it reads up to 2): have the containerd in PATH \
             that reads it, or leave out the check with --unchecked",
        ),
        // A drop-in would reset the whole table of the plugin.
        (
            &[("config.toml", main)],
            "d/50-hostaliases.toml",
            "DIR/d/50-hostaliases.toml: containerd 1.x would replace all of [plugins.\"io.containerd.grpc.v1.cri\"] \
             in DIR/config.toml by this file's: register there (--config)",
        ),
        (
            &[("config.toml", main), ("d/crun.toml", crun)],
            "config.toml",
            "DIR/config.toml: no runtime \"runc\": the configuration has crun",
        ),
        (
            &[(
                "config.toml",
                "version = 2\nimports = [\"DIR/missing.toml\"]\n",
            )],
            "config.toml",
            "DIR/config.toml: containerd does not load it: failed to load TOML: DIR/missing.toml: open \
             DIR/missing.toml: no such file or directory",
        ),
    ] {
        let node = node(&[]);
        for (name, text) in files {
            fs::create_dir_all(node.at(name).parent().unwrap()).unwrap();
            let text = text.replace("DIR", node.directory.path().to_str().unwrap());
            fs::write(node.at(name), text).unwrap();
        }
        let run = checked(&node, None, "register", given, &[]);
        let program = crate::containerd_node::find("containerd");
        let stderr = node
            .plain(&run.stderr)
            .replace(program.to_str().unwrap(), "PROGRAM");
        assert_eq!(stderr, format!("oci-hostaliases: {message}\n"));
        assert_ne!(run.status, 0);
        assert_eq!(node.specs(), [""; 0]);
        for (name, text) in files {
            assert_eq!(self::text(&node, name).as_deref(), Some(*text));
        }
    }
}

/// The real containerd behind a program that reads more from register's lines than they say, as a later version
/// might.
fn with_side_effect(node: &Node, sed: &str) -> PathBuf {
    let bin = node.at("side-effect");
    fs::create_dir_all(&bin).unwrap();
    let real = crate::containerd_node::find("containerd");
    let script = format!(
        "#!/bin/sh\ndump=$('{}' \"$@\") || exit\ncase $dump in\n*specs/base.json*) echo \"$dump\" | sed '{sed}' ;;\n\
         *) echo \"$dump\" ;;\nesac\n",
        real.display()
    );
    fs::write(bin.join("containerd"), script).unwrap();
    fs::set_permissions(bin.join("containerd"), fs::Permissions::from_mode(0o755)).unwrap();
    bin
}

#[test]
fn any_other_difference_is_shown_and_nothing_is_changed() {
    if !has_containerd("any_other_difference_is_shown_and_nothing_is_changed") {
        return;
    }
    for (sed, stdout, message) in [
        (
            "s/^oom_score = 0/oom_score = 5/",
            "+oom_score = 5\n",
            "nothing was changed: containerd would see other changes than base_runtime_spec and \
             pod_annotations of runtime runc: see the difference above",
        ),
        (
            "s/runtime_type = \"io.containerd.runc.v2\"/runtime_type = \"other\"/",
            "-plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.runtime_type = \"io.containerd.runc.v2\"\n\
             +plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.runtime_type = \"other\"\n",
            "nothing was changed: containerd would see other changes than",
        ),
        (
            "s/base_runtime_spec = .*/base_runtime_spec = \"\"/",
            "",
            "nothing was changed: containerd would ignore base_runtime_spec of runtime \"runc\" in it",
        ),
        (
            "s/pod_annotations = .*/pod_annotations = []/",
            "",
            "nothing was changed: containerd would ignore pod_annotations of runtime \"runc\" in it",
        ),
    ] {
        let node = node(&[("config.toml", "version = 2\n")]);
        let bin = with_side_effect(&node, sed);
        let run = checked(&node, Some(&bin), "register", "config.toml", &[]);
        assert_eq!(run.status, 4, "{run:?}");
        assert_eq!(run.stdout, stdout);
        assert!(run.stderr.contains(message), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1);
        assert_eq!(text(&node, "config.toml").as_deref(), Some("version = 2\n"));
        assert_eq!(node.specs(), [""; 0]);
        // Who knows better leaves out the check.
        assert_done(&checked(
            &node,
            Some(&bin),
            "register",
            "config.toml",
            &["--unchecked"],
        ));
    }
    // unregister is checked, too.
    let node = node(&[("config.toml", "version = 2\n")]);
    assert_done(&checked(&node, None, "register", "config.toml", &[]));
    let registered = text(&node, "config.toml");
    let bin = with_side_effect(&node, "s/^oom_score = 0/oom_score = 5/");
    let run = checked(&node, Some(&bin), "unregister", "config.toml", &[]);
    assert_eq!((run.status, run.stdout.as_str()), (4, "-oom_score = 5\n"));
    assert_eq!(text(&node, "config.toml"), registered);
}

/// Where containerd is gone, its configuration can still be cleaned.
#[test]
fn unregister_needs_no_containerd() {
    let node = node(&[("config.toml", "version = 2\n")]);
    assert_done(&checked(
        &node,
        None,
        "register",
        "config.toml",
        &["--unchecked"],
    ));
    let mut command = node.program();
    command
        .env("PATH", "/nonexistent")
        .args(["unregister", "containerd", "--config"]);
    assert_done(&run(command.arg(&node.config)));
    assert_eq!(text(&node, "config.toml").as_deref(), Some("version = 2\n"));
    assert_eq!(node.specs(), [""; 0]);
}
