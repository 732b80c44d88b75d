//! Places and runtimes that the hook refuses: entering or mounting there would reach the host.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::bundle::{Bundle, Host};
use crate::world;

/// The hook, called as a runtime calls it, with this process as the container's.
fn call(bundle: &Bundle, pid: u32) -> Output {
    bundle.write();
    let state = serde_json::json!({
        "ociVersion": "1.0.2", "id": "case", "status": "creating", "pid": pid, "bundle": bundle.directory(),
        "annotations": bundle.config["annotations"],
    });
    let hook = bundle.directory().with_file_name("oci-hostaliases-hook");
    let mut hook = Command::new(hook)
        .args([bundle.stage, "--config", "/nonexistent"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    hook.stdin
        .take()
        .unwrap()
        .write_all(state.to_string().as_bytes())
        .unwrap();
    hook.wait_with_output().unwrap()
}

fn refused(bundle: &Bundle, process: &mut Child, reason: &str) {
    let before = Host::look();
    let output = call(bundle, process.id());
    before.assert_unchanged();
    process.kill().unwrap();
    process.wait().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains(reason), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

fn asking_bundle(home: &Path) -> Bundle {
    let mut bundle = Bundle::new(home, "runc", "prestart");
    bundle.annotate("oci-hostaliases.io/host-aliases", crate::ALIASES);
    bundle
}

/// A process that waits in a mount namespace of its own, once `script` has run there.
fn waiting(script: &str) -> Child {
    use std::io::Read;
    let mut process = Command::new("unshare")
        .args([
            "--mount",
            "sh",
            "-ec",
            &format!("{script}\necho ready; exec sleep 60"),
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 6];
    process
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut ready)
        .expect("the script failed");
    process
}

/// Kata runs hooks on the host and names its shim or its virtual machine as the process.
#[test]
fn process_in_our_own_mount_namespace() {
    world("refusals::process_in_our_own_mount_namespace", |home| {
        let bundle = asking_bundle(home);
        let mut process = Command::new("sleep").arg("60").spawn().unwrap();
        refused(
            &bundle,
            &mut process,
            "is in the hook's own mount namespace",
        );
    });
}

/// A runtime that has not prepared the rootfs, or youki before 0.6 at createContainer.
#[test]
fn rootfs_is_not_a_mount_point() {
    world("refusals::rootfs_is_not_a_mount_point", |home| {
        let bundle = asking_bundle(home);
        refused(
            &bundle,
            &mut waiting(":"),
            "is not a mount point in the container's mount namespace",
        );
    });
}

/// youki before 0.6 at createRuntime: the root has changed already.
#[test]
fn rootfs_is_not_there() {
    world("refusals::rootfs_is_not_there", |home| {
        let bundle = asking_bundle(home);
        let script = format!("mount -t tmpfs none {}", bundle.directory().display());
        refused(
            &bundle,
            &mut waiting(&script),
            "the rootfs does not exist in the container's mount namespace",
        );
    });
}

#[test]
fn shared_rootfs() {
    world("refusals::shared_rootfs", |home| {
        let bundle = asking_bundle(home);
        let rootfs = bundle.rootfs.display().to_string();
        let script = format!("mount --bind {rootfs} {rootfs}; mount --make-shared {rootfs}");
        refused(&bundle, &mut waiting(&script), "is a shared mount");
    });
}

/// A volume with bidirectional propagation on /etc: a mount there would appear on the host.
#[test]
fn shared_volume_on_etc() {
    world("refusals::shared_volume_on_etc", |home| {
        let bundle = asking_bundle(home);
        let rootfs = bundle.rootfs.display().to_string();
        let volume = home.join("volume");
        fs::create_dir_all(&volume).unwrap();
        fs::write(volume.join("hosts"), "of the volume\n").unwrap();
        let script = format!(
            "mount --bind {rootfs} {rootfs}; mount --make-private {rootfs}; mount --bind {} {rootfs}/etc; \
             mount --make-shared {rootfs}/etc",
            volume.display()
        );
        refused(&bundle, &mut waiting(&script), "is a shared mount");
        assert_eq!(
            fs::read_to_string(volume.join("hosts")).unwrap(),
            "of the volume\n"
        );
    });
}

/// CVE-2019-16884 and its like: the image makes /etc/hosts lead to a file of the kernel's.
#[test]
fn etc_hosts_on_proc() {
    world("refusals::etc_hosts_on_proc", |home| {
        let bundle = asking_bundle(home);
        let rootfs = bundle.rootfs.display().to_string();
        let script = format!(
            "mount --bind {rootfs} {rootfs}; mount --make-private {rootfs}; mount -t proc proc {rootfs}/proc; \
             mount --make-private {rootfs}/proc; ln -sf /proc/version {rootfs}/etc/hosts"
        );
        refused(
            &bundle,
            &mut waiting(&script),
            "is a kernel file (proc, sysfs or cgroup)",
        );
    });
}
