//! Containers and Pods of a real Podman, with runc and with crun, as root and rootless.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../support/case_table.rs"]
mod case_table;
mod every_container;
mod follow;
#[path = "../support/hook_program.rs"]
mod hook_program;
#[path = "../support/image_archive.rs"]
mod image_archive;
mod later_entries;
#[path = "../support/needs.rs"]
mod needs;
#[path = "../support/node_log.rs"]
mod node_log;
mod private_podman;
#[path = "../support/skipped.rs"]
mod skipped;
#[path = "../support/throwaway.rs"]
mod throwaway;

use std::fs;

use case_table::{Case, try_all};
use image_archive::IMAGE;
use private_podman::{ALWAYS, ANNOTATED, NO_HOOK, Podman, User, succeeded};

#[test]
fn as_root_with_runc() {
    containers_with("runc", "as_root_with_runc", User::Root, &CASES);
}

#[test]
fn as_root_with_crun() {
    containers_with("crun", "as_root_with_crun", User::Root, &CASES);
}

#[test]
fn rootless_with_runc() {
    containers_with(
        "runc",
        "rootless_with_runc",
        User::Rootless,
        &ROOTLESS_CASES,
    );
}

#[test]
fn rootless_with_crun() {
    containers_with(
        "crun",
        "rootless_with_crun",
        User::Rootless,
        &ROOTLESS_CASES,
    );
}

const PROGRAMS: [needs::Program; 6] = [
    ("podman", "podman"),
    ("runc", "runc"),
    ("crun", "crun"),
    ("busybox", "busybox-static"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("/usr/lib/cni/host-local", "containernetworking-plugins"),
];
const ROOTLESS_PROGRAMS: [needs::Program; 3] = [
    ("newuidmap", "uidmap"),
    ("newgidmap", "uidmap"),
    ("slirp4netns", "slirp4netns"),
];

const CASES: [Case<Podman>; 15] = [
    ("run with the annotation: Podman's file extended", annotated),
    ("run without: Podman's own file", not_annotated),
    (
        "a hook for every container leaves the one that asks for nothing",
        always_registered,
    ),
    ("the default hooks directory", default_directory),
    ("a Pod's members", pod_members),
    (
        "a Pod's member that starts later: found after a refresh",
        later_entries::pod_members,
    ),
    (
        "a network that is connected later: known after a refresh",
        later_entries::networks,
    ),
    ("kube play with the Pod's annotation", kube_play),
    ("the node's network", host_network),
    ("no file of Podman's: the kubelet's", no_hosts),
    (
        "no file of Podman's and nothing asked for: the image's",
        no_hosts_and_nothing_asked,
    ),
    ("a read-only root filesystem", read_only_rootfs),
    (
        "a user namespace: the file is the container's root's",
        user_namespace,
    ),
    (
        "the user's own file: left alone, and the log says so",
        own_file_left,
    ),
    (
        "a bad annotation: not started, with the reason",
        bad_annotation,
    ),
];

const ROOTLESS_CASES: [Case<Podman>; 6] = [
    ("run with the annotation: Podman's file extended", annotated),
    ("run without: Podman's own file", not_annotated),
    (
        "a hook for every container leaves the one that asks for nothing",
        always_registered,
    ),
    ("a read-only root filesystem", read_only_rootfs),
    (
        "the user's own file: left alone, and the log says so",
        own_file_left,
    ),
    (
        "a bad annotation: not started, with the reason",
        bad_annotation,
    ),
];

fn containers_with(runtime: &'static str, test: &str, user: User, cases: &[Case<Podman>]) {
    let rootless = match user {
        User::Root => &[][..],
        User::Rootless => &ROOTLESS_PROGRAMS,
    };
    if !needs::met(test, &[&PROGRAMS, rootless].concat()) {
        return;
    }
    throwaway::world(test, |home| {
        fs::write("/etc/hosts", NODE_HOSTS).expect("the world's /etc/hosts");
        let podman = Podman::set_up(home, runtime, user);
        // Podman makes some mounts of its own for good when it first runs a container.
        podman.output(NO_HOOK, &["run", "--rm", IMAGE, "true"]);
        try_all(&podman, cases, |podman| {
            print!("{}", podman.log.records());
            podman.check_user_mounts();
        });
    });
}

const NODE_HOSTS: &str = "127.0.0.1\tlocalhost\n192.0.2.250\tnode-1.example node-1\n";
/// In the form of lines: Podman 4 reads an --annotation as CSV, in which JSON needs its quotes doubled.
const ASKS: &str = "--annotation=oci-hostaliases.io/host-aliases=10.1.2.3 foo.remote bar.remote";
const ENTRIES: &str = "\n# Entries added by HostAliases.\n10.1.2.3\tfoo.remote\tbar.remote\n";
const BOILERPLATE: &str = "# Kubernetes-managed hosts file.\n\
    127.0.0.1\tlocalhost\n\
    ::1\tlocalhost ip6-localhost ip6-loopback\n\
    fe00::0\tip6-localnet\n\
    fe00::0\tip6-mcastprefix\n\
    fe00::1\tip6-allnodes\n\
    fe00::2\tip6-allrouters\n";

/// Podman's own bytes for the same container: from a run without the hook, made before the other.
fn own_bytes(podman: &Podman, run: &[&str]) -> String {
    let text = podman.output(NO_HOOK, run);
    assert!(text.contains("node-1.example"), "Podman's own file: {text}");
    text
}

/// The text before the entries of a container web-0 that requests them.
fn base(podman: &Podman) -> String {
    if podman.fills_its_file_first() {
        return own_bytes(podman, &podman.run(&[]));
    }
    // Those that it was told to have; rootless those that slirp4netns always gives.
    let addresses = match podman.user {
        User::Root => "192.0.2.50\tweb-0\n2001:db8:77::50\tweb-0\n",
        User::Rootless => "10.0.2.100\tweb-0\n",
    };
    format!("{BOILERPLATE}{addresses}")
}

fn annotated(podman: &Podman) {
    let base = base(podman);
    assert_eq!(
        podman.output(ANNOTATED, &podman.run(&[ASKS])),
        base + ENTRIES
    );
}

fn not_annotated(podman: &Podman) {
    let run = podman.run(&["--annotation=example.org/oci-hostaliases.io/host-aliases=no"]);
    let own = own_bytes(podman, &run);
    assert_eq!(podman.output(ANNOTATED, &run), own);
}

fn always_registered(podman: &Podman) {
    let run = podman.run(&[]);
    let own = own_bytes(podman, &run);
    assert_eq!(podman.output(ALWAYS, &run), own);
    let base = base(podman);
    assert_eq!(podman.output(ALWAYS, &podman.run(&[ASKS])), base + ENTRIES);
}

fn default_directory(podman: &Podman) {
    let of_the_world = |line: &String| line.contains(" /usr/share/containers ");
    assert!(
        throwaway::mounts().iter().any(of_the_world),
        "the directory is the machine's"
    );
    hook_program::register("podman", &podman.hook, &[]);
    let run = podman.run(&[ASKS]);
    let output = podman.command(None, &run);
    fs::remove_dir_all("/usr/share/containers/oci/hooks.d").expect("the default directory");
    assert_eq!(succeeded(&run, &output), base(podman) + ENTRIES);
}

fn pod_members(podman: &Podman) {
    podman.output(
        ANNOTATED,
        &[
            "pod",
            "create",
            "--name",
            "pod",
            "--hostname",
            "web-0",
            "--ip",
            "192.0.2.60",
        ],
    );
    let member = |more: &[&'static str]| {
        [
            &["run", "--rm", "--pod", "pod", "--name", "web"],
            more,
            &[IMAGE, "cat", "/etc/hosts"],
        ]
        .concat()
    };
    let own = own_bytes(podman, &member(&[]));
    assert!(own.contains("192.0.2.60\tweb-0 "), "{own}");
    assert_eq!(
        podman.output(ANNOTATED, &member(&[ASKS])),
        own.clone() + ENTRIES
    );
    assert_eq!(podman.output(ANNOTATED, &member(&[])), own);
    podman.output(NO_HOOK, &["pod", "rm", "--force", "--time", "0", "pod"]);
}

fn kube_play(podman: &Podman) {
    let manifest = format!(
        r#"
apiVersion: v1
kind: Pod
metadata:
  name: web-0
  annotations:
    oci-hostaliases.io/host-aliases: '[{{"ip":"10.1.2.3","hostnames":["foo.remote","bar.remote"]}}]'
spec:
  restartPolicy: Never
  containers:
  - {{name: one, image: "{IMAGE}", imagePullPolicy: Never, command: [cat, /etc/hosts]}}
  - {{name: two, image: "{IMAGE}", imagePullPolicy: Never, command: [cat, /etc/hosts]}}
"#
    );
    let file = podman.home.join("pod.yaml");
    fs::write(&file, manifest).expect("the manifest");
    let file = file.display().to_string();
    podman.output(
        ANNOTATED,
        &[
            "kube",
            "play",
            "--network",
            "podman",
            "--ip",
            "192.0.2.70",
            &file,
        ],
    );
    podman.output(ANNOTATED, &["wait", "web-0-one", "web-0-two"]);
    for name in ["web-0-one", "web-0-two"] {
        let text = podman.output(ANNOTATED, &["logs", name]);
        // The Pod's members share a file of Podman's, to which it adds a line as each of them starts.
        let own = text.strip_suffix(ENTRIES).expect("our entries at the end");
        assert!(own.starts_with(NODE_HOSTS), "{own}");
        assert!(own.contains("\n192.0.2.70\tweb-0 "), "{own}");
        assert!(!own.contains('#'), "{own}");
    }
    podman.output(ANNOTATED, &["pod", "rm", "--force", "--time", "0", "web-0"]);
}

fn host_network(podman: &Podman) {
    let run = podman.run(&[ASKS, "--network", "host"]);
    let base = if podman.fills_its_file_first() {
        own_bytes(podman, &run)
    } else {
        format!("# Kubernetes-managed hosts file (host network).\n{NODE_HOSTS}")
    };
    assert_eq!(podman.output(ANNOTATED, &run), base + ENTRIES);
}

fn no_hosts(podman: &Podman) {
    assert_eq!(
        podman.output(ANNOTATED, &podman.run(&[ASKS, "--no-hosts"])),
        format!("{BOILERPLATE}192.0.2.50\tweb-0\n2001:db8:77::50\tweb-0\n{ENTRIES}")
    );
}

fn no_hosts_and_nothing_asked(podman: &Podman) {
    let run = podman.run_script(
        &["--no-hosts"],
        "ls -l /etc | grep hosts; cat /etc/hosts; grep -c oci-hostaliases /proc/self/mountinfo; true",
    );
    let expected = podman.output(NO_HOOK, &run);
    assert!(expected.ends_with("0\n"), "{expected}");
    assert_eq!(podman.output(ALWAYS, &run), expected);
}

fn read_only_rootfs(podman: &Podman) {
    let base = base(podman);
    let script = "cat /etc/hosts; : >>/etc/hosts && echo writable; touch /etc/other 2>/dev/null || echo read-only";
    let text = podman.output(
        ANNOTATED,
        &podman.run_script(&[ASKS, "--read-only"], script),
    );
    assert_eq!(text, base + ENTRIES + "writable\nread-only\n");
}

/// Podman sets up the network of such a container only after `create`: its addresses are not known yet, and the
/// hook's file hides the lines that Podman adds to its own file later.
fn user_namespace(podman: &Podman) {
    let more = [
        ASKS,
        "--uidmap",
        "0:700000:65536",
        "--gidmap",
        "0:700000:65536",
    ];
    let base = if podman.fills_its_file_first() {
        let own = own_bytes(podman, &podman.run(&more));
        let added = "192.0.2.50\tweb-0 web\n2001:db8:77::50\tweb-0 web\n";
        own.strip_suffix(added)
            .expect("lines of its own")
            .to_owned()
    } else {
        BOILERPLATE.to_owned()
    };
    let script = "cat /etc/hosts; : >>/etc/hosts && stat -c '%a %u:%g' /etc/hosts";
    let text = podman.output(ANNOTATED, &podman.run_script(&more, script));
    assert_eq!(text, format!("{base}{ENTRIES}644 0:0\n"));
}

fn own_file_left(podman: &Podman) {
    let own = "10.9.9.9\tthe-users-own\n";
    let file = podman.home.join("own-hosts");
    fs::write(&file, own).expect("the user's file");
    let volume = format!("--volume={}:/etc/hosts", file.display());
    podman.log.records();
    let text = podman.output(ANNOTATED, &podman.run(&[ASKS, &volume]));
    assert_eq!(text, own);
    assert_eq!(fs::read_to_string(&file).expect("the user's file"), own);
    let records = podman.log.records();
    // 28: a daemon's warning.
    assert!(
        records.starts_with("<28>oci-hostaliases-hook["),
        "the log: {records}"
    );
}

fn bad_annotation(podman: &Podman) {
    let leading_zero = r#"oci-hostaliases.io/host-aliases: line 1: Invalid value: "010.0.0.5": must not have leading 0s"#;
    let mistyped = "oci-hostaliases.io/hostaliases: Unknown field: did you mean oci-hostaliases.io/host-aliases?";
    for (annotation, reason) in [
        ("host-aliases=010.0.0.5 foo.remote", leading_zero),
        ("hostaliases=10.0.0.5 foo.remote", mistyped),
    ] {
        let asks = format!("--annotation=oci-hostaliases.io/{annotation}");
        not_started(podman, &asks, reason);
    }
}

fn not_started(podman: &Podman, asks: &str, reason: &str) {
    podman.log.records();
    let output = podman.command(Some(ANNOTATED), &podman.run(&[asks]));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "",
        "the container ran"
    );
    assert!(!output.status.success());
    // runc passes the hook's last words on; crun knows nothing of a hook but its exit status.
    let expected = if podman.runtime == "runc" {
        reason
    } else {
        "(exit code: 5)"
    };
    let error = String::from_utf8_lossy(&output.stderr).replace("\\\"", "\"");
    assert!(error.contains(expected), "{error}");
    let records = podman.log.records();
    assert!(records.contains(reason), "the log: {records}");
}
