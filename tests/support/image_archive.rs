//! A container image made from the machine's static busybox, as the archive that both `ctr images import`
//! and `podman load` read. By `tar` and `sha256sum`, which every Debian has: no crates for it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

pub(crate) const IMAGE: &str = "localhost/busybox:1";
/// What a Pod's sandbox has to do. The first process of a pid namespace ignores SIGTERM unless it says
/// otherwise, and an engine then waits for ten seconds.
const SLEEP: &str = "trap exit TERM; sleep 86400 & wait";

/// Writes the archive below `directory` and returns its path. The image sleeps unless told otherwise.
pub(crate) fn busybox(directory: &Path) -> PathBuf {
    let root = directory.join("image-rootfs");
    for name in ["bin", "etc", "proc", "sys", "dev", "tmp", "run", "root"] {
        fs::create_dir_all(root.join(name)).expect("rootfs");
    }
    let busybox = crate::needs::find("busybox").expect("busybox");
    fs::copy(&busybox, root.join("bin/busybox")).expect("copy of busybox");
    for applet in run(Command::new(&busybox).arg("--list")).split_whitespace() {
        let link = root.join("bin").join(applet);
        if !link.exists() {
            symlink("busybox", link).expect("applet");
        }
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").expect("passwd");
    fs::write(root.join("etc/group"), "root:x:0:\n").expect("group");
    fs::write(root.join("etc/hosts"), "192.0.2.99\tof-the-image\n").expect("hosts");

    let archive = directory.join("image");
    fs::create_dir_all(&archive).expect("archive");
    tar(&root, &archive.join("layer.tar"), &["."]);
    let digest = |file: &str| {
        let line = run(Command::new("sha256sum").arg(archive.join(file)));
        line.split_whitespace().next().expect("a digest").to_owned()
    };
    let config = json!({
        "architecture": architecture(), "os": "linux",
        "config": {"Cmd": ["/bin/sh", "-c", SLEEP], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", digest("layer.tar"))]},
    });
    fs::write(archive.join("config.json"), config.to_string()).expect("config");
    let name = format!("{}.json", digest("config.json"));
    fs::rename(archive.join("config.json"), archive.join(&name)).expect("config");
    let manifest = json!([{"Config": name, "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]);
    fs::write(archive.join("manifest.json"), manifest.to_string()).expect("manifest");

    let file = directory.join("busybox.tar");
    tar(&archive, &file, &["manifest.json", &name, "layer.tar"]);
    file
}

fn tar(directory: &Path, file: &Path, members: &[&str]) {
    let mut command = Command::new("tar");
    command
        .args(["--owner=0", "--group=0", "--numeric-owner", "-C"])
        .arg(directory);
    run(command.arg("-cf").arg(file).args(members));
}

/// Go's name of it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("a program");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}
