//! The tool beside the agent: `register nri`, `unregister nri`, and what `doctor` and `register containerd` say of it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::agent::Agent;
use crate::containerd_daemon::Containerd;
use crate::world;

/// Exit status, stdout and stderr.
fn tool(home: &Path, arguments: &[&str]) -> (i32, String, String) {
    let path = std::env::var("PATH").expect("PATH");
    let output = Command::new(env!("CARGO_BIN_EXE_oci-hostaliases"))
        .args(arguments)
        .env("PATH", format!("{}:{path}", home.join("bin").display()))
        .output()
        .expect("the tool");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code().expect("a status"),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A systemctl that writes down how it was called and ends with this status.
fn systemctl(home: &Path, status: i32) {
    let program = home.join("bin/systemctl");
    fs::create_dir_all(home.join("bin")).expect("a directory");
    let text = format!(
        "#!/bin/sh\necho \"$@\" >>{}/called\n[ {status} = 0 ] || echo 'Failed: no such unit' >&2\nexit {status}\n",
        home.display()
    );
    fs::write(&program, text).expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
}

#[test]
fn the_service_is_enabled_and_disabled() {
    world("tool::the_service_is_enabled_and_disabled", |home| {
        let called = || fs::read_to_string(home.join("called")).unwrap_or_default();
        systemctl(home, 0);
        let (status, stdout, stderr) = tool(home, &["register", "nri"]);
        assert_eq!((status, &*stdout), (1, ""));
        assert_eq!(
            stderr,
            "oci-hostaliases: no systemd runs on this node: have this node's service manager run oci-hostaliases-agent \
             as root, once per node: see oci-hostaliases-agent(8)\n"
        );
        fs::create_dir_all("/run/systemd/system").expect("sd_booted(3)");
        for (arguments, asked) in [
            (&["register", "nri", "--dry-run"][..], ""),
            (
                &["register", "nri"],
                "enable --now oci-hostaliases-agent.service\n",
            ),
            (
                &["unregister", "nri"],
                "disable --now oci-hostaliases-agent.service\n",
            ),
        ] {
            let _ = fs::remove_file(home.join("called"));
            let (status, stdout, stderr) = tool(home, arguments);
            assert_eq!(status, 0, "{stderr}");
            assert_eq!(called(), asked, "{arguments:?}");
            assert!(stdout.starts_with("systemctl "), "{stdout}");
        }
        systemctl(home, 5);
        let (status, _, stderr) = tool(home, &["register", "nri"]);
        assert_eq!(
            (status, &*stderr),
            (
                1,
                "oci-hostaliases: systemctl enable --now oci-hostaliases-agent.service: Failed: no such unit\n"
            )
        );
    });
}

#[test]
fn doctor_and_register_tell_of_it() {
    world("tool::doctor_and_register_tell_of_it", |home| {
        let containerd = Containerd::start(home);
        let subject = format!("containerd ({})", home.join("config.toml").display());
        let line = |verdict: &str, text: &str| format!("\n  {verdict:<8} {text}\n");
        let doctor = || tool(home, &["doctor", "--engine", "containerd"]).1;

        let said = doctor();
        let on = line(
            "note",
            "NRI is on: with the agent, the hook runs without a change of the configuration",
        );
        assert!(said.contains(&on), "{said}");

        let agent = Agent::start(home);
        let said = doctor();
        let connected = line(
            "ok",
            "NRI: the agent is connected; it has not handled a container yet",
        );
        assert!(said.contains(&connected), "{said}");
        assert!(
            said.contains(&format!("\nengines\n  {subject}  works\n")),
            "{said}"
        );
        let group = said
            .split("\n\n")
            .find(|it| it.contains(connected.trim_end()));
        assert!(
            !group.expect("its group").contains("not registered"),
            "{said}"
        );
        drop(containerd);
        agent.wait_for("waiting for an engine");

        // register mentions NRI if the socket is in its usual place.
        fs::create_dir_all("/run/nri").expect("a directory");
        symlink(home.join("nri.sock"), "/run/nri/nri.sock").expect("a socket");
        let containerd = Containerd::start_configured(home);
        let config = home.join("config.toml");
        let (status, _, stderr) = tool(
            home,
            &[
                "register",
                "containerd",
                "--config",
                &config.display().to_string(),
                "--hook",
                &home.join("oci-hostaliases-hook").display().to_string(),
                "--runtime",
                "runc",
                "--dry-run",
            ],
        );
        assert_eq!(status, 0, "{stderr}");
        assert!(
            stderr.contains("NRI is on here: oci-hostaliases register nri does the same"),
            "{stderr}"
        );
        drop(containerd);
    });
}
