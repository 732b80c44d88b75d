//! The hook itself.

use std::fs;
use std::os::unix::fs::{chown, symlink};

use crate::node::{HOOK, OURS, edit, set_mode, write};
use crate::on_podman_node;

#[test]
fn a_hook_that_cannot_run() {
    on_podman_node("hook::a_hook_that_cannot_run", |node| {
        let good = fs::read(HOOK).unwrap();
        let stops = "containers that run it do not start";
        let install = format!(
            "install oci-hostaliases-hook at {HOOK}, or register it again with --hook PATH"
        );

        set_mode(HOOK, 0o644);
        node.doctor().assert_problem(
            &format!("hook: {HOOK} is not executable (mode 0644): {stops}"),
            &format!("chmod 0755 {HOOK}"),
        );
        fs::remove_file(HOOK).unwrap();
        fs::create_dir(HOOK).unwrap();
        node.doctor().assert_problem(
            &format!("hook: {HOOK} is not a regular file: {stops}"),
            &install,
        );
        fs::remove_dir(HOOK).unwrap();

        fs::write(HOOK, &good[..60]).unwrap();
        set_mode(HOOK, 0o755);
        node.doctor().assert_problem(
            &format!("hook: {HOOK} --version: Exec format error (os error 8)"),
            &format!("install the oci-hostaliases-hook for this machine's architecture at {HOOK}"),
        );
        // Another architecture's: e_machine.
        let mut foreign = good.clone();
        foreign[18..20].copy_from_slice(&[0x16, 0]);
        fs::write(HOOK, &foreign).unwrap();
        node.doctor().assert_problem(
            &format!("hook: {HOOK} --version: Exec format error (os error 8)"),
            &format!("install the oci-hostaliases-hook for this machine's architecture at {HOOK}"),
        );
        fs::write(HOOK, "#!/bin/sh\necho oci-something 1.0\n").unwrap();
        node.doctor().assert_problem(
            &format!("hook: {HOOK} is another program: its --version prints \"oci-something\""),
            &format!("install oci-hostaliases-hook at {HOOK}"),
        );
        fs::write(HOOK, "#!/bin/sh\necho oci-hostaliases-hook 0.0.1\n").unwrap();
        let said = node.doctor();
        said.assert_works();
        said.assert_line(&format!(
            "note     hook: {HOOK} is version 0.0.1, this program is version {}",
            env!("CARGO_PKG_VERSION")
        ));
        said.assert_line(&format!(
            "note     hook: {HOOK} does not say whether it is static"
        ));
        fs::write(HOOK, good).unwrap();

        let mounted = std::process::Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                "noexec,mode=755",
                "tmpfs",
                "/run/world/libexec",
            ])
            .status();
        assert!(mounted.unwrap().success());
        fs::copy(env!("CARGO_BIN_EXE_oci-hostaliases-hook"), HOOK).unwrap();
        node.doctor().assert_problem(
            &format!("hook: {HOOK} is on a file system mounted noexec: {stops}"),
            &install,
        );
        rustix::mount::unmount("/run/world/libexec", rustix::mount::UnmountFlags::empty()).unwrap();
    });
}

const INSTEAD: &str = "install the hook where only root can write (/usr/libexec/oci/hooks.d) and register it there with --hook";

/// What others can change is reported and not run.
#[test]
fn a_hook_that_others_can_change() {
    on_podman_node("hook::a_hook_that_others_can_change", |node| {
        for (path, in_place) in [
            (HOOK, true),
            ("/run/world/libexec", false),
            ("/run/world", false),
        ] {
            // A directory that is not this program's stays as it is.
            let remedy = |command: &str| match in_place {
                true => format!("{command} {path}"),
                false => INSTEAD.to_owned(),
            };
            set_mode(path, 0o757);
            let said = node.doctor();
            said.assert_problem(
                &format!("hook: {path}: users other than root can write to it (mode 0757)"),
                &remedy("chmod go-w"),
            );
            assert!(
                !said
                    .lines
                    .iter()
                    .any(|line| line.contains(" runs, version "))
            );
            set_mode(path, 0o755);
            chown(path, Some(1000), None).unwrap();
            node.doctor().assert_problem(
                &format!("hook: {path}: belongs to user 1000, not to root"),
                &remedy("chown root:root"),
            );
            chown(path, Some(0), None).unwrap();
        }
        // Also where a symlink leads.
        fs::create_dir("/run/world/elsewhere").unwrap();
        set_mode("/run/world/elsewhere", 0o777);
        fs::rename(HOOK, "/run/world/elsewhere/hook").unwrap();
        symlink("/run/world/elsewhere/hook", HOOK).unwrap();
        node.doctor().assert_problem(
            "hook: /run/world/elsewhere: users other than root can write to it (mode 0777)",
            INSTEAD,
        );
        // A directory that everyone needs as it is.
        set_mode("/run/world/elsewhere", 0o1777);
        node.doctor().assert_problem(
            "hook: /run/world/elsewhere: users other than root can write to it (mode 1777)",
            INSTEAD,
        );
        set_mode("/run/world/elsewhere", 0o755);
    });
}

#[test]
fn a_hook_that_needs_libraries() {
    on_podman_node("hook::a_hook_that_needs_libraries", |node| {
        let good = fs::read(HOOK).unwrap();
        let former = fs::read_to_string(OURS).unwrap();
        fs::write(HOOK, "#!/not/there\n").unwrap();
        node.doctor().assert_problem(
            &format!("hook: {HOOK} needs a loader or an interpreter that does not exist: containers that run it do not start"),
            &format!("install a static oci-hostaliases-hook at {HOOK}"),
        );
        let version = env!("CARGO_PKG_VERSION");
        let says = |linked: &str| {
            let script = format!("#!/bin/sh\necho 'oci-hostaliases-hook {version} ({linked})'\n");
            fs::write(HOOK, script).unwrap();
        };
        says("dynamic, glibc");
        let said = node.doctor();
        said.assert_works();
        said.assert_line(&format!(
            "note     hook: {HOOK} is not static: it needs the node's libraries"
        ));
        let at_create_container = edit(OURS, "\"prestart\"", "\"createContainer\"");
        let environment = "\"env\": [\n      \"PATH=/usr/sbin:/usr/bin:/sbin:/bin\"\n    ],";
        assert!(at_create_container.contains(environment));
        write(OURS, &at_create_container);
        node.doctor().assert_works();
        write(OURS, &at_create_container.replace(environment, ""));
        node.doctor().assert_problem(
            &format!("hook: {HOOK} is not static, and at createContainer without \"env\" the container can choose its libraries"),
            &format!("install a static oci-hostaliases-hook at {HOOK}"),
        );
        for linked in ["static", "static, musl"] {
            says(linked);
            let said = node.doctor();
            said.assert_works();
            said.assert_line(&format!("ok       hook: {HOOK} is static"));
        }
        fs::write(OURS, former).unwrap();
        fs::write(HOOK, good).unwrap();
        let is_static = std::env::var_os("OCI_HOSTALIASES_HOOK").is_some();
        node.doctor().assert_line(&if is_static {
            format!("ok       hook: {HOOK} is static")
        } else {
            format!("note     hook: {HOOK} is not static: it needs the node's libraries")
        });
    });
}
