//! `refresh` on containers whose engine's file was extended: they get what the engine writes to it later.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::bundle::Bundle;
use crate::refresh::{Running, cli, said};
use crate::{ALIASES_SECTION, BOILERPLATE, each_runtime_and_stage, section};

const ENGINES: &str = "127.0.0.1\tlocalhost\n10.200.0.5\tweb-0\n";
/// What the engine adds when another member of the Pod starts.
const MEMBER: &str = "127.0.0.1\tdb\n";

/// A container that sleeps, with this text in its engine's file.
pub(crate) fn extended(bundle: &mut Bundle, text: &str) -> PathBuf {
    let _ = fs::remove_dir_all(bundle.hosts_d());
    let source = bundle
        .directory()
        .join("overlay-containers/0123abcd/userdata/hosts");
    fs::create_dir_all(source.parent().unwrap()).unwrap();
    fs::write(&source, text).unwrap();
    bundle.bind(&source, "/etc/hosts");
    bundle.set_script("exec sleep 600");
    source
}

/// As the engines do it: in place, since the file is mounted.
fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn counts(refreshed: usize, up_to_date: usize) -> (String, String, i32) {
    let counts = format!("{refreshed} refreshed, {up_to_date} up to date, 0 not possible\n");
    let which = if refreshed == 0 {
        ""
    } else {
        "refreshed: container case\n"
    };
    (format!("{which}{counts}"), String::new(), 0)
}

#[test]
fn what_the_engine_writes_later_arrives() {
    each_runtime_and_stage(
        "refresh_extended::what_the_engine_writes_later_arrives",
        |bundle| {
            let source = extended(bundle, ENGINES);
            let container = Running::start(bundle, "case");
            assert_eq!(container.hosts(), format!("{ENGINES}{ALIASES_SECTION}"));
            assert_eq!(said(&container.refresh()), counts(0, 1));

            append(&source, MEMBER);
            let hosts_d = bundle.hosts_d().display().to_string();
            let dry_run = said(&cli(&["refresh", "--dry-run", "--hosts-d", &hosts_d]));
            assert!(
                dry_run.0.starts_with("would refresh: container case\n"),
                "{dry_run:?}"
            );
            assert_eq!(container.hosts(), format!("{ENGINES}{ALIASES_SECTION}"));
            assert_eq!(said(&container.refresh()), counts(1, 0));
            assert_eq!(
                container.hosts(),
                format!("{ENGINES}{MEMBER}{ALIASES_SECTION}")
            );
            assert_eq!(said(&container.refresh()), counts(0, 1));

            // Both at once, and what the container appended stays behind them.
            container.sh("echo '192.0.2.7 mine' >>/etc/hosts");
            let corp = bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
            let corp = section(&corp, "10.0.0.1\tregistry.corp\n");
            fs::write(&source, "10.200.0.6\tweb-0\n").unwrap();
            assert_eq!(said(&container.refresh()), counts(1, 0));
            assert_eq!(
                container.hosts(),
                format!("10.200.0.6\tweb-0\n{ALIASES_SECTION}{corp}192.0.2.7 mine\n")
            );
            // The kubelet puts a new file's worth of text there.
            let long: String = (0..300)
                .map(|nth| format!("10.1.0.1\tname-{nth}\n"))
                .collect();
            fs::write(&source, &long).unwrap();
            assert_eq!(said(&container.refresh()), counts(1, 0));
            assert_eq!(
                container.hosts(),
                format!("{long}{ALIASES_SECTION}{corp}192.0.2.7 mine\n")
            );
            assert_eq!(
                fs::read_to_string(&source).unwrap(),
                long,
                "the engine's file was written to"
            );
        },
    );
}

/// Podman from 4.6 on fills its file only after the hook has run.
#[test]
fn a_file_that_was_empty_at_the_start() {
    each_runtime_and_stage(
        "refresh_extended::a_file_that_was_empty_at_the_start",
        |bundle| {
            let source = extended(bundle, "");
            let container = Running::start(bundle, "case");
            assert_eq!(container.hosts(), format!("{BOILERPLATE}{ALIASES_SECTION}"));
            fs::write(&source, ENGINES).unwrap();
            assert_eq!(said(&container.refresh()), counts(1, 0));
            assert_eq!(container.hosts(), format!("{ENGINES}{ALIASES_SECTION}"));
        },
    );
}

/// The entries begin on a new line, as at the start. So do the lines that the container appended.
#[test]
fn a_file_without_a_final_newline() {
    each_runtime_and_stage(
        "refresh_extended::a_file_without_a_final_newline",
        |bundle| {
            let source = extended(bundle, ENGINES);
            bundle.ask_for_nothing();
            let corp = bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
            let corp_section = section(&corp, "10.0.0.1\tregistry.corp\n");
            let container = Running::start(bundle, "case");
            container.sh("echo '192.0.2.7 mine' >>/etc/hosts");
            fs::write(&source, "10.200.0.6\tweb-0").unwrap();
            assert_eq!(said(&container.refresh()), counts(1, 0));
            let with_section = format!("10.200.0.6\tweb-0{corp_section}192.0.2.7 mine\n");
            assert_eq!(container.hosts(), with_section);
            fs::remove_file(&corp).unwrap();
            assert_eq!(said(&container.refresh()), counts(1, 0));
            assert_eq!(container.hosts(), "10.200.0.6\tweb-0\n192.0.2.7 mine\n");
            assert_eq!(said(&container.refresh()), counts(0, 1));
            bundle.entries("corp.hosts", "10.0.0.1 registry.corp\n");
            assert_eq!(said(&container.refresh()), counts(1, 0));
            assert_eq!(container.hosts(), with_section);
        },
    );
}

/// The kubelet's directory is on another disk, say.
#[test]
fn a_symlink_on_the_way() {
    each_runtime_and_stage("refresh_extended::a_symlink_on_the_way", |bundle| {
        let source = extended(bundle, ENGINES);
        let link = bundle.directory().join("disk");
        let _ = fs::remove_file(&link);
        symlink("overlay-containers", &link).unwrap();
        bundle.config["mounts"].as_array_mut().unwrap().pop();
        bundle.bind(&link.join("0123abcd/userdata/hosts"), "/etc/hosts");
        let container = Running::start(bundle, "case");
        append(&source, MEMBER);
        assert_eq!(said(&container.refresh()), counts(1, 0));
        assert_eq!(
            container.hosts(),
            format!("{ENGINES}{MEMBER}{ALIASES_SECTION}")
        );
    });
}

/// A container of the Pod can empty or fill the kubelet's file: that is reported and no failure, the other part
/// of the work is done, and what the container has stays.
#[test]
fn a_file_that_is_emptied_or_does_not_fit() {
    each_runtime_and_stage(
        "refresh_extended::a_file_that_is_emptied_or_does_not_fit",
        |bundle| {
            let source = extended(bundle, ENGINES);
            let path = source.display();
            let container = Running::start(bundle, "case");
            container.sh("echo '192.0.2.7 mine' >>/etc/hosts");
            for (nth, (text, situation)) in [
                (String::new(), "is empty: the container keeps its copy"),
                (
                    "#".repeat(1 << 20),
                    "no longer fits into the container's file: the container keeps its copy",
                ),
            ]
            .into_iter()
            .enumerate()
            {
                fs::write(&source, text).unwrap();
                let line = format!("10.0.0.{nth}\tregistry.corp\n");
                let corp = section(&bundle.entries("corp.hosts", &line), &line);
                let told = format!("oci-hostaliases: container case: {path} {situation}\n");
                let (stdout, stderr, status) = said(&container.refresh());
                assert_eq!((stdout, stderr, status), (counts(1, 0).0, told.clone(), 0));
                let whole = format!("{ENGINES}{ALIASES_SECTION}{corp}192.0.2.7 mine\n");
                assert_eq!(container.hosts(), whole);
                let again =
                    "0 refreshed, 0 up to date, 0 not possible, 1 changed by the container\n";
                assert_eq!(said(&container.refresh()), (again.to_owned(), told, 0));
            }
        },
    );
}
