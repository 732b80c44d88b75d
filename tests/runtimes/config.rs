//! `config.toml`: what an administrator can choose, seen from inside a container.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::bundle::IMAGE_HOSTS;
use crate::{ALIASES_SECTION, BOILERPLATE, each_runtime_and_stage};

#[test]
fn read_only() {
    each_runtime_and_stage("config::read_only", |bundle| {
        fs::write(bundle.config_toml(), "read-only = true\n").unwrap();
        bundle.set_script("cat /etc/hosts; echo x >>/etc/hosts || grep -o ' /etc/hosts r[ow],nosuid,nodev,noexec' /proc/self/mountinfo");
        let ran = bundle.run();
        assert_eq!(
            ran.stdout,
            format!("{BOILERPLATE}{ALIASES_SECTION} /etc/hosts ro,nosuid,nodev,noexec\n")
        );
        assert!(
            ran.stderr.contains("Read-only file system"),
            "{}",
            ran.stderr
        );
    });
}

#[test]
fn size_limit() {
    each_runtime_and_stage("config::size_limit", |bundle| {
        fs::write(bundle.config_toml(), "size-limit = \"8KiB\"\n").unwrap();
        bundle.set_script("dd if=/dev/zero of=/etc/hosts bs=4096 count=64 2>&1 | grep -c 'No space left'; wc -c </etc/hosts");
        assert_eq!(bundle.shown(), "1\n8192\n");
    });
}

#[test]
fn larger_than_the_limit() {
    each_runtime_and_stage("config::larger_than_the_limit", |bundle| {
        fs::write(bundle.config_toml(), "size-limit = \"4KiB\"\n").unwrap();
        let lines: String = (0..500)
            .map(|nth| format!("10.1.2.3 name-{nth}\n"))
            .collect();
        bundle.annotate("oci-hostaliases.io/host-aliases", &lines);
        let ran = bundle.run();
        ran.assert_refused(4, "");
    });
}

#[test]
fn on_error_warn() {
    each_runtime_and_stage("config::on_error_warn", |bundle| {
        fs::write(bundle.config_toml(), "on-error = \"warn\"\n").unwrap();
        bundle.annotate("oci-hostaliases.io/host-aliases", r#"[{"ip":"010.0.0.5"}]"#);
        assert_eq!(bundle.shown(), IMAGE_HOSTS, "started without, untouched");
    });
}

#[test]
fn wrong_configuration() {
    each_runtime_and_stage("config::wrong_configuration", |bundle| {
        for (text, mode) in [
            ("on-error = \"maybe\"\n", 0o644),
            ("on-error = \"warn\"\n", 0o666),
        ] {
            fs::write(bundle.config_toml(), text).unwrap();
            fs::set_permissions(bundle.config_toml(), fs::Permissions::from_mode(mode)).unwrap();
            bundle.annotate("oci-hostaliases.io/host-aliases", crate::ALIASES);
            let ran = bundle.run();
            ran.assert_refused(4, "");
            // Who asked for nothing starts, with what his engine gave him.
            bundle.ask_for_nothing();
            assert_eq!(bundle.shown(), IMAGE_HOSTS);
        }
    });
}
