//! What `doctor` says of a containerd, and what its Pods get.

use std::process::Command;

use crate::pods::Node;

/// The line of the engine, what the last line says beside its counts, and the exit status.
fn doctor(node: &Node) -> (String, String, Option<i32>) {
    let output = tool(&["doctor", "--engine", "containerd"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let subject = format!("  containerd ({})  ", config(node));
    let line = text.lines().find_map(|it| it.strip_prefix(&subject));
    let last = text.lines().last().unwrap();
    let last = match last.split_once("change this first: ") {
        Some((_, change)) => change,
        None => last.split_once(": no problems").unwrap().0,
    };
    println!("{text}");
    (
        line.unwrap().to_owned(),
        last.to_owned(),
        output.status.code(),
    )
}

fn tool(arguments: &[&str]) -> std::process::Output {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_oci-hostaliases"));
    tool.args(arguments).output().unwrap()
}

fn config(node: &Node) -> String {
    node.home.join("config.toml").display().to_string()
}

/// Pods get the file, and doctor says so.
pub(crate) fn works(node: &Node) {
    crate::annotated(node);
    let works = "works".to_owned();
    assert_eq!(doctor(node), (works.clone(), works, Some(0)));
}

/// The last case: the daemon has the spec in its memory, and Pods go on getting the file until it is restarted.
pub(crate) fn after_unregister(node: &Node) {
    let config = config(node);
    let spec = node.home.join("base-spec.json");
    let files = ["--config", &config, "--base-spec", spec.to_str().unwrap()];
    // With containerd 2.x the registration is a drop-in, and only its directory shows that it went.
    let drop_ins = node.home.join("conf.d");
    let is_drop_in = drop_ins.join("oci-hostaliases.toml").exists();
    let output = tool(&[&["unregister", "containerd"][..], &files].concat());
    assert!(output.status.success(), "{output:?}");
    let (line, last, status) = doctor(node);
    let register =
        format!("not registered: run oci-hostaliases register containerd --config {config}");
    assert_eq!(line, register);
    assert_eq!(last, format!("containerd ({config}): {register}"));
    assert_eq!(status, Some(1));
    let output = tool(&["doctor"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let changed = if is_drop_in {
        drop_ins.display().to_string()
    } else {
        config
    };
    let pending =
        format!("was started before {changed} changed, and still runs the hook that it read then");
    assert!(text.lines().any(|it| it.ends_with(&pending)), "{text}");
    crate::annotated(node);
}
