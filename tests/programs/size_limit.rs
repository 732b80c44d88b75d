//! At the size limit: `render` and `explain` refuse what the hook refuses, in the same words.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::on_disk::{bundle, write};
use crate::skipped::skipped;
use crate::tool::hook;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A mount namespace in which the node's files are these: a hosts file, and a limit of 4,096 bytes. The rootfs
/// is a mount of its own, as a runtime makes it.
const NODE: &str = "mount --bind bundle/rootfs bundle/rootfs; \
    mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3; \
    mount -t tmpfs none /etc; mkdir /etc/oci-hostaliases; \
    echo 'size-limit = \"4KiB\"' >/etc/oci-hostaliases/config.toml; \
    echo '127.0.0.1 localhost' >/etc/hosts; exec \"$@\"";
const NODE_HOSTS: &str = "# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n";
const SECTION: &str = "\n# Entries added by HostAliases.\n";

/// Exit status, stdout and stderr on that node.
fn on_node(
    directory: &Path,
    program: &OsStr,
    arguments: &[&OsStr],
    stdin: &str,
) -> (i32, String, String) {
    let mut child = Command::new("unshare")
        .args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-ec",
            NODE,
            "sh",
        ])
        .arg(program)
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn tool(directory: &TempDir, verb: &str) -> (i32, String, String) {
    let program = OsStr::new(env!("CARGO_BIN_EXE_oci-hostaliases"));
    on_node(
        directory.path(),
        program,
        &[verb.as_ref(), "--bundle".as_ref(), "bundle".as_ref()],
        "",
    )
}

/// The hook in the container's namespaces, and behind it the container's file when there is one.
fn hook_in_container(directory: &TempDir, annotations: &Value) -> (i32, String, String) {
    let state = json!({
        "ociVersion": "1.0.2", "id": "size", "status": "creating", "pid": 0,
        "bundle": directory.path().join("bundle"), "annotations": annotations,
    });
    let script = "\"$0\" createContainer; cat bundle/rootfs/etc/hosts";
    let hook = hook();
    let arguments = ["-ec".as_ref(), script.as_ref(), hook.as_os_str()];
    on_node(
        directory.path(),
        "sh".as_ref(),
        &arguments,
        &state.to_string(),
    )
}

/// A container on the host's network whose file has this many bytes.
fn container_with_a_file_of(bytes: usize) -> (TempDir, Value, String) {
    let mut entries = String::new();
    let mut nth = 0;
    let missing = |entries: &str| bytes - NODE_HOSTS.len() - SECTION.len() - entries.len();
    while missing(&entries) > 100 {
        entries.push_str(&format!("10.1.2.3\tname-{nth}\n"));
        nth += 1;
    }
    // An address, a tab and a newline; a name has at most 63 bytes between two dots.
    let rest = missing(&entries) - "10.1.2.3\t.\n".len();
    let last = format!(
        "10.1.2.3\t{}.{}\n",
        "a".repeat(rest / 2),
        "b".repeat(rest - rest / 2)
    );
    entries.push_str(&last);
    let annotations = json!({"oci-hostaliases.io/host-aliases": entries});
    let directory = bundle(&json!({
        "root": {"path": "rootfs"},
        "linux": {"namespaces": [{"type": "mount"}]},
        "annotations": annotations,
    }));
    write(
        directory.path(),
        "bundle/rootfs/etc/hosts",
        b"the image's\n",
    );
    (
        directory,
        annotations,
        format!("{NODE_HOSTS}{SECTION}{entries}"),
    )
}

#[test]
fn what_the_hook_refuses_is_not_shown() {
    if !rustix::process::geteuid().is_root() {
        return skipped("the size limit of a node: the configuration must be root's: not root");
    }
    for bytes in [4097, 8336] {
        let (directory, annotations, _) = container_with_a_file_of(bytes);
        let refused = format!(
            "the hosts file has {bytes} bytes, more than size-limit (4096) in the hook's configuration allows\n"
        );
        assert_eq!(
            hook_in_container(&directory, &annotations),
            (
                4,
                String::new(),
                format!("oci-hostaliases-hook: container size: {refused}")
            )
        );
        for verb in ["render", "explain"] {
            assert_eq!(
                tool(&directory, verb),
                (4, String::new(), format!("oci-hostaliases: {refused}")),
                "{verb}"
            );
        }
    }
}

#[test]
fn a_file_of_just_the_limit_is_shown_and_mounted() {
    if !rustix::process::geteuid().is_root() {
        return skipped("the size limit of a node: the configuration must be root's: not root");
    }
    let (directory, annotations, text) = container_with_a_file_of(4096);
    assert_eq!(text.len(), 4096);
    assert_eq!(
        hook_in_container(&directory, &annotations),
        (0, text.clone(), String::new())
    );
    assert_eq!(tool(&directory, "render"), (0, text, String::new()));
    let (status, explained, stderr) = tool(&directory, "explain");
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!(explained.starts_with("plan: manage\n"), "{explained}");
}
