//! The tool as kubectl's plugin: kubectl runs `kubectl-hostaliases` on PATH for `kubectl hostaliases`.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

const TOOL: &str = env!("CARGO_BIN_EXE_oci-hostaliases");

/// Runs the program by the name that kubectl looks for.
fn plugin(directory: &Path, arguments: &[&str]) -> Output {
    let link = directory.join("kubectl-hostaliases");
    if !link.exists() {
        symlink(TOOL, &link).unwrap();
    }
    Command::new(link)
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn help_shows_what_people_type() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, usage) in [
        (&["--help"][..], "Usage: kubectl hostaliases <COMMAND>\n"),
        (
            &["render", "--help"],
            "Usage: kubectl hostaliases render [OPTIONS] <-f <FILE>|--bundle <DIR>>\n",
        ),
        (
            &["register", "crio", "--help"],
            "Usage: kubectl hostaliases register crio [OPTIONS]\n",
        ),
    ] {
        let help = plugin(directory.path(), arguments);
        assert!(text(&help.stdout).contains(usage), "{help:?}");
    }
    let wrong = plugin(directory.path(), &["explain", "--ip"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).contains("Usage: kubectl hostaliases explain"),
        "{wrong:?}"
    );
}

#[test]
fn it_does_the_same_and_speaks_by_that_name() {
    let directory = tempfile::tempdir().unwrap();
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}}";
    std::fs::write(directory.path().join("pod.yaml"), pod).unwrap();
    let rendered = plugin(directory.path(), &["render", "-f", "pod.yaml"]);
    assert!(rendered.status.success());
    assert!(
        rendered
            .stdout
            .starts_with(b"# Kubernetes-managed hosts file.\n")
    );
    assert_eq!(
        text(&rendered.stderr),
        "kubectl hostaliases: the Pod's address is not known: give --pod-ip\n"
    );
    let refused = plugin(directory.path(), &["render", "-f", "absent"]);
    assert_eq!(
        text(&refused.stderr),
        "kubectl hostaliases: open absent: No such file or directory (os error 2)\n"
    );
}

/// kubectl runs the script with the words behind `hostaliases`, the last of them unfinished.
#[test]
fn completions_as_kubectl_asks_for_them() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("manifests")).unwrap();
    std::fs::create_dir(directory.path().join("list")).unwrap();
    std::fs::write(directory.path().join("pod.yaml"), "").unwrap();
    assert!(plugin(directory.path(), &["--version"]).status.success());
    let path = format!("{}:/usr/bin:/bin", directory.path().display());
    for (words, completions) in [
        (&["re"][..], "render\nregister\nrefresh\n:4\n"),
        (&["li"], "list\n:4\n"),
        (
            &["register", ""],
            "-h\n--help\ncontainerd\ncrio\npodman\nnri\n:4\n",
        ),
        (&["render", "--na"], "--namespace\n:4\n"),
        (&["render", "-f", "po"], "pod.yaml\n:4\n"),
        // A directory may be meant, or a file in it.
        (&["render", "-f", "man"], "manifests/\n:6\n"),
        (&["nonsense", "x"], ":4\n"),
    ] {
        let output = Command::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/packaging/kubectl_complete-hostaliases"
        ))
        .args(words)
        .env("PATH", &path)
        .current_dir(directory.path())
        .output()
        .unwrap();
        assert_eq!(text(&output.stdout), completions, "{words:?}: {output:?}");
        assert_eq!(text(&output.stderr), "", "{words:?}");
    }
}
