//! What is printed, and the exit status.

use std::fs;

use serde_json::json;

use crate::node::{HOOK, HOOKS_D, OURS, write};
use crate::on_node;

#[test]
fn nothing_is_registered() {
    on_node("output::nothing_is_registered", &[], |node| {
        let said = node.doctor();
        let mut lines: Vec<&str> = said.printed.lines().collect();
        let kernel = lines.remove(5);
        assert!(kernel.contains("a private tmpfs can be made") || kernel.contains("(Linux 6.15)"));
        let is_note = kernel.starts_with("  note     ");
        let note = if is_note { "1 note; " } else { "" };
        assert_eq!(
            lines,
            [
                "node",
                "  ok       /etc/oci-hostaliases/config.toml does not exist: using the defaults",
                "  ok       /etc/oci-hostaliases/hosts.d: no entries",
                "",
                "kernel",
                "",
                "log",
                "  ok       /dev/log exists: the hook logs to the node's log",
                "",
                &format!(
                    "{note}change this first: not registered: run oci-hostaliases register containerd|crio|podman"
                ),
            ]
        );
        assert_eq!(said.status, 1);
        node.add_program("podman", "exit 1");
        write(
            "/etc/containers/containers.conf",
            &format!("[engine]\nhooks_dir = [\"{HOOKS_D}\"]\n"),
        );
        let said = node.doctor();
        said.assert_note(
            &format!("podman: not registered in {HOOKS_D}"),
            "oci-hostaliases register podman",
        );
        assert_eq!(
            said.last(),
            "not registered: run oci-hostaliases register podman"
        );
    });
}

/// The worst comes last, whatever was found first.
#[test]
fn the_last_line_is_the_most_important_change() {
    on_node(
        "output::the_last_line_is_the_most_important_change",
        &[],
        |node| {
            node.with_podman();
            write("/etc/oci-hostaliases/hosts.d/a.hosts", "x\n");
            fs::set_permissions(HOOKS_D, std::os::unix::fs::PermissionsExt::from_mode(0o777))
                .unwrap();
            write(format!("{HOOKS_D}/b.json"), "x");
            let said = node.doctor();
            let changes: Vec<_> = said
                .problems()
                .into_iter()
                .map(|(_, change)| change)
                .collect();
            let correct = format!("correct {HOOKS_D}/b.json or move it away");
            let mode = format!("chmod go-w {HOOKS_D}");
            let line = "correct /etc/oci-hostaliases/hosts.d/a.hosts";
            assert_eq!(changes, [correct.as_str(), &mode, line]);
            let (_, end) = said.printed.split_once("\nengines\n").unwrap();
            assert!(end.starts_with(&format!("  podman  {correct}\n\n3 problems")));
            assert!(end.ends_with(&format!("; change this first: podman: {correct}\n")));
            assert_eq!(said.last(), format!("podman: {correct}"));
            fs::remove_file(format!("{HOOKS_D}/b.json")).unwrap();
            assert_eq!(node.doctor().last(), format!("podman: {mode}"));
        },
    );
}

#[test]
fn json() {
    on_node("output::json", &[], |node| {
        node.with_podman();
        let (status, said) = node.doctor_json();
        assert_eq!(status, 0);
        assert_eq!(said["works"], json!(true));
        assert_eq!(said["change"], json!(null));
        assert_eq!(
            said["findings"][0],
            json!({
                "subject": "podman",
                "verdict": "ok",
                "text": format!("{OURS} runs {HOOK} at prestart, for every container"),
                "remedy": null,
                "path": OURS,
                "line": null,
            })
        );
        write(OURS, "{");
        let (status, said) = node.doctor_json();
        assert_eq!(status, 1);
        let remedy = format!("correct {OURS} or move it away");
        assert_eq!(said["works"], json!(false));
        assert_eq!(said["change"], json!(format!("podman: {remedy}")));
        assert_eq!(
            said["findings"][0],
            json!({
                "subject": "podman",
                "verdict": "problem",
                "text": format!("{OURS}: not JSON: EOF while parsing an object at line 1 column 1: every podman run fails"),
                "remedy": remedy,
                "path": OURS,
                "line": null,
            })
        );
        let log = json!("/dev/log exists: the hook logs to the node's log");
        let findings = said["findings"].as_array().unwrap();
        let log = findings.iter().find(|it| it["text"] == log).unwrap();
        assert_eq!((&log["path"], &log["line"]), (&json!(null), &json!(null)));

        let entries = "/etc/oci-hostaliases/hosts.d/a.hosts";
        write(entries, "10.0.0.1 a\n10.0.2 b\n");
        let (_, said) = node.doctor_json();
        let findings = said["findings"].as_array().unwrap();
        let left_out = findings.iter().find(|it| it["path"] == entries).unwrap();
        assert_eq!(left_out["line"], 2);
        assert_eq!(left_out["remedy"], json!(format!("correct {entries}")));
        let keys: Vec<_> = said
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, ["works", "change", "engines", "findings"]);
    });
}
