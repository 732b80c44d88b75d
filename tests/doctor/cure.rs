//! Each remedy that is a command, carried out, cures.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::node::{BIN, HOOK, Said, restart, set_mode, write};

/// The programs that remedies call.
const PROGRAMS: [&str; 6] = [
    "oci-hostaliases",
    "chmod",
    "chown",
    "rm",
    "systemctl",
    "touch",
];
/// How remedies in words begin: what no command does.
const WORDS: [&str; 16] = [
    "add", "ask", "compare", "copy", "correct", "install", "look", "make", "move", "name", "put",
    "remove", "rename", "restart", "run", "set",
];
/// What remedies change.
const PLACES: &str = "/etc/containers /etc/containerd /etc/crio /etc/k3s /etc/oci-hostaliases /etc/other \
    /run/world/elsewhere /run/world/libexec";
const BEFORE: &str = "/run/world/before";
const COMMANDS: &str = "/run/world/commands";

/// Does as doctor says below `line`, looks whether the line is gone, and brings the node back to
/// what it was. A remedy in words is not carried out, nor is why `register` refuses, which names a file first.
#[track_caller]
pub(crate) fn assert_cures(line: &str, remedy: &str) {
    let program = remedy.split(' ').next().unwrap();
    if !PROGRAMS.contains(&program) {
        let is_refusal = program.starts_with('/') && program.ends_with(':');
        assert!(
            WORDS.contains(&program) || is_refusal,
            "neither a command nor words: {remedy}"
        );
        return;
    }
    // Packages install the hook where `register` looks for it; this node has it elsewhere.
    let is_elsewhere =
        remedy.starts_with("oci-hostaliases register ") && !remedy.contains(" --hook ");
    let hook = is_elsewhere.then(|| format!(" --hook {HOOK}"));
    let remedy = remedy.to_owned() + &hook.unwrap_or_default();

    let tool = env!("CARGO_BIN_EXE_oci-hostaliases");
    let command = Path::new(COMMANDS).join("oci-hostaliases");
    write(
        &command,
        &format!("#!/bin/sh\nPATH={BIN} exec '{tool}' \"$@\"\n"),
    );
    set_mode(&command, 0o755);
    shell(&format!(
        "cd / && rm -rf {BEFORE} && mkdir {BEFORE} && for place in {PLACES}; do \
            [ ! -e $place ] || cp -a --parents $place {BEFORE}; done"
    ));
    // There is no systemd in a world.
    match remedy.strip_prefix("systemctl restart ") {
        Some(unit) => assert_eq!(restart(Some(unit)), 1, "{remedy}"),
        None => shell(&remedy),
    }
    let mut doctor = Command::new(tool);
    doctor.arg("doctor").env_clear();
    let after = Said::from(doctor.env("PATH", BIN).output().unwrap());
    assert!(
        !after.lines.iter().any(|it| it == line),
        "{remedy} does not cure: {after:#?}"
    );
    shell(&format!("rm -rf {PLACES} && cp -a {BEFORE}/. /"));
    fs::remove_dir_all(BEFORE).unwrap();
    // What was copied back is newer than the daemons.
    restart(None);
}

#[track_caller]
fn shell(command: &str) {
    let output = Command::new("/bin/sh")
        .args(["-c", command])
        .env_clear()
        .env("PATH", format!("{COMMANDS}:/usr/sbin:/usr/bin:/sbin:/bin"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
}
