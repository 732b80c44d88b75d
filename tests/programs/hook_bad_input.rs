//! The hook itself, started as a runtime starts it, with something wrong: a container that asked
//! for something is not started, and the one line on stderr names it and the field; one that asked
//! for nothing is never stopped, and only the log knows.
//!
//! As root, each hook runs in a mount namespace of its own, with the test's `/dev/log`.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::apimachinery::{BAD_IP, BAD_NAME};
use crate::skipped::skipped;
use crate::tool::hook;
use serde_json::{Value, json};
use tempfile::TempDir;

const HOST_ALIASES: &str = "oci-hostaliases.io/host-aliases";
const ID: &str = "hook-bad-input";
const USAGE: &str = "usage: oci-hostaliases-hook {prestart|createRuntime|createContainer} [--config PATH] [--hosts-d PATH]
[--pod-ips IP,IP] [--namespace NAME] [--pod NAME] [--entries-to-come]
Reads the OCI state from stdin. Run by an OCI runtime: see oci-hostaliases-hook(8).
";

/// What asks for something, and is right.
const ASKS: [(&str, &str); 1] = [(HOST_ALIASES, "10.1.2.3 foo.remote")];

/// A bundle whose `config.json` is right, and what the hook is called with.
struct Case {
    home: TempDir,
    stage: &'static str,
    state: Value,
}

/// How a hook ended. Paths and process numbers in the texts are replaced by words.
#[derive(Debug, PartialEq, Eq)]
struct Ran {
    status: Option<i32>,
    stdout: String,
    stderr: String,
    /// What reached `/dev/log`; not known without root.
    log: Option<Vec<String>>,
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl Case {
    fn new(annotations: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let bundle = home.path().join("bundle");
        fs::create_dir_all(bundle.join("rootfs/etc")).unwrap();
        let annotations: Value = annotations
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Value::from(*value)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let config =
            json!({"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "annotations": annotations});
        let state = json!({
            "ociVersion": "1.0.2", "id": ID, "status": "creating", "pid": 0, "bundle": bundle, "annotations": annotations
        });
        let case = Self {
            home,
            stage: "prestart",
            state,
        };
        case.config_json(config.to_string().as_bytes());
        case
    }

    fn bundle(&self) -> PathBuf {
        self.home.path().join("bundle")
    }

    fn config_json(&self, bytes: &[u8]) {
        fs::write(self.bundle().join("config.json"), bytes).unwrap();
    }

    /// Writes the hook's configuration, as root's.
    fn config(&self, text: &str) -> PathBuf {
        let path = self.home.path().join("config.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        path
    }

    fn run(&self) -> Ran {
        self.run_with(self.state.to_string().as_bytes())
    }

    /// Runs the hook with this on stdin.
    fn run_with(&self, stdin: &[u8]) -> Ran {
        let config = self.home.path().join("config.toml").display().to_string();
        let hosts_d = self.home.path().join("hosts.d").display().to_string();
        self.run_as(
            &[self.stage, "--config", &config, "--hosts-d", &hosts_d],
            stdin,
        )
    }

    fn run_as(&self, arguments: &[&str], stdin: &[u8]) -> Ran {
        let log_path = self.home.path().join("log");
        let _ = fs::remove_file(&log_path);
        let log = UnixDatagram::bind(&log_path).unwrap();
        log.set_nonblocking(true).unwrap();
        let mut hook = self
            .in_namespace("exec \"$@\"")
            .arg(hook())
            .args(arguments)
            // Nothing of it may matter.
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = hook.stdin.take().unwrap();
        // A hook that has read enough closes its end.
        let _ = pipe.write_all(stdin);
        drop(pipe);
        let output = hook.wait_with_output().unwrap();
        let mut records = Vec::new();
        let mut record = vec![0; 64 * 1024];
        while let Ok(length) = log.recv(&mut record) {
            records.push(self.in_words(&record[..length]));
        }
        Ran {
            status: output.status.code(),
            stdout: self.in_words(&output.stdout),
            stderr: self.in_words(&output.stderr),
            log: is_root().then_some(records),
        }
    }

    /// A shell that runs `script`, as root in a mount namespace with the test's `/dev/log`.
    fn in_namespace(&self, script: &str) -> Command {
        if is_root() {
            let mut unshare = Command::new("unshare");
            unshare
                .args(["--mount", "--propagation", "private", "sh", "-ec"])
                .arg(format!(
                    "mount -t tmpfs none /dev; ln -s \"$0\" /dev/log; \
                     ! [ -d /run/systemd/journal ] || mount -t tmpfs none /run/systemd/journal; {script}"
                ))
                .arg(self.home.path().join("log"));
            unshare
        } else {
            let mut shell = Command::new("sh");
            shell.args(["-ec", script, "sh"]);
            shell
        }
    }

    fn in_words(&self, text: &[u8]) -> String {
        let text = String::from_utf8(text.to_vec()).unwrap();
        let text = text.replace(&self.home.path().display().to_string(), "HOME");
        // The record's own number: <27>oci-hostaliases-hook[4711]: …
        match (text.find('['), text.find("]: ")) {
            (Some(start), Some(end)) if text.starts_with('<') => {
                format!("{}[PID{}", &text[..start], &text[end..])
            }
            _ => text,
        }
    }
}

/// The container does not start: the same line on stderr and in the log. The kubelet puts a container's name in the
/// place of its ID in the Pod's Event, so stderr has no ID where it has the name.
#[track_caller]
fn assert_stopped(ran: &Ran, status: i32, subject: &str, error: &str) {
    let message = format!("{subject}: {error}");
    let in_event = match subject {
        "pod shop/web-0, container nginx hook-bad-input" => "pod shop/web-0, container nginx",
        other => other,
    };
    assert_eq!(
        ran,
        &Ran {
            status: Some(status),
            stdout: String::new(),
            stderr: format!("oci-hostaliases-hook: {in_event}: {error}\n"),
            log: ran
                .log
                .as_ref()
                .map(|_| vec![format!("<27>oci-hostaliases-hook[PID]: {message}")]),
        }
    );
}

/// The container starts, and only the log knows that something is wrong.
#[track_caller]
fn assert_started(ran: &Ran, subject: &str, error: &str) {
    assert_eq!(
        ran,
        &Ran {
            status: Some(0),
            stdout: String::new(),
            stderr: String::new(),
            log: ran.log.as_ref().map(|_| vec![format!(
                "<28>oci-hostaliases-hook[PID]: {subject}: {error}; it starts with its engine's file"
            )]),
        }
    );
}

/// A fault that has nothing to do with annotations: `spoil` makes it.
#[track_caller]
fn assert_fault(spoil: impl Fn(&mut Case), status: i32, error: &str) {
    let subject = format!("container {ID}");
    let mut asks = Case::new(&ASKS);
    spoil(&mut asks);
    assert_stopped(&asks.run(), status, &subject, error);
    let mut asks_nothing = Case::new(&[]);
    spoil(&mut asks_nothing);
    assert_started(&asks_nothing.run(), &subject, error);
}

#[test]
fn the_log_is_tested() {
    if !is_root() {
        skipped("hook_bad_input: what the log says, and configuration files of root's: not root");
    }
}

#[test]
fn stdin_without_a_state() {
    let unknown = "container (unknown)";
    let case = Case::new(&ASKS);
    assert_stopped(
        &case.run_with(b""),
        1,
        unknown,
        "stdin: empty, expected the OCI state: an OCI runtime runs this program, see oci-hostaliases-hook(8)",
    );
    for (stdin, error) in [
        (
            &b"{\"annotations\":{\"oci-hostaliases.io/domain\":\"a"[..],
            "stdin: not an OCI state: EOF while parsing a string at line 1 column 46",
        ),
        (
            b"{\"annotations\":{\"oci-hostaliases.io\\/domain\":\"a\"},\"id\":\"web\"}",
            "stdin: not an OCI state: missing field `bundle` at line 1 column 61",
        ),
        (
            b"oci-hostaliases.io \x1b[2J",
            "stdin: not an OCI state: expected an object",
        ),
    ] {
        assert_stopped(&case.run_with(stdin), 1, unknown, error);
    }
    // Not a word of us in it.
    for (stdin, error) in [
        (
            &b"nonsense"[..],
            "stdin: not an OCI state: expected an object",
        ),
        (b"\0", "stdin: not an OCI state: expected an object"),
        (
            b"[\"web\",1,\"/b\",{}]",
            "stdin: not an OCI state: expected an object",
        ),
        (
            b"{\"id\":\"web\"}",
            "stdin: not an OCI state: missing field `bundle` at line 1 column 12",
        ),
        (
            b"{\"id\":7,\"bundle\":\"/b\"}",
            "stdin: not an OCI state: invalid type: integer `7`, expected a string at line 1 column 7",
        ),
    ] {
        assert_started(&case.run_with(stdin), unknown, error);
    }
}

#[test]
fn stdin_of_more_than_16_mib() {
    let padded = |case: &Case, length: usize| {
        let mut state = case.state.to_string().into_bytes();
        state.resize(length, b' ');
        case.run_with(&state)
    };
    let (unknown, error) = ("container (unknown)", "stdin: more than 16777216 bytes");
    assert_stopped(&padded(&Case::new(&ASKS), 16_777_217), 1, unknown, error);
    assert_started(&padded(&Case::new(&[]), 16_777_217), unknown, error);
    // Not one byte too much.
    let left = Case::new(&[("oci-hostaliases.io/manage", "false")]);
    assert_eq!(padded(&left, 16_777_216).status, Some(0));
    assert_stopped(
        &padded(&Case::new(&ASKS), 16_777_216),
        3,
        "container hook-bad-input",
        "the state has pid 0: this stage needs the container's process as the host sees it",
    );
}

#[test]
fn a_process_that_is_no_containers() {
    for stage in ["prestart", "createRuntime"] {
        for (pid, shown) in [
            (json!(0), "pid 0"),
            (json!(1), "pid 1"),
            (json!(-1), "pid -1"),
            (json!(4_294_967_298_i64), "pid 4294967298"),
            (Value::Null, "no pid"),
        ] {
            assert_fault(
                |case| {
                    case.stage = stage;
                    case.state["pid"] = pid.clone();
                },
                3,
                &format!(
                    "the state has {shown}: this stage needs the container's process as the host sees it"
                ),
            );
        }
    }
    assert_fault(
        |case| {
            case.state.as_object_mut().unwrap().remove("pid");
        },
        3,
        "the state has no pid: this stage needs the container's process as the host sees it",
    );
}

#[test]
fn a_process_that_is_gone() {
    let mut process = Command::new("true").spawn().unwrap();
    let pid = process.id();
    process.wait().unwrap();
    assert_fault(
        |case| case.state["pid"] = Value::from(pid),
        3,
        &format!(
            "cannot use the container's process {pid}: pidfd_open({pid}, 0): No such process (os error 3)"
        ),
    );
}

/// Kata's shim. The one process known to be there is the shell that starts the hook.
#[test]
fn a_process_in_our_own_mount_namespace() {
    let script = "status=0; \
        sed s/@/$$/ \"$1\" | \"$2\" prestart --config \"$3\" --hosts-d \"$3.d\" 2>&1 || status=$?; \
        echo $status,$$";
    for annotations in [&ASKS[..], &[]] {
        let case = Case::new(annotations);
        let state = case.home.path().join("state");
        fs::write(
            &state,
            case.state.to_string().replace("\"pid\":0", "\"pid\":@"),
        )
        .unwrap();
        let output = case
            .in_namespace(script)
            .arg(state)
            .arg(hook())
            .arg(case.home.path().join("config.toml"))
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let pid = said.trim_end().rsplit(',').next().unwrap();
        let expected = if annotations.is_empty() {
            format!("0,{pid}\n")
        } else {
            format!(
                "oci-hostaliases-hook: container {ID}: process {pid} is in the hook's own mount namespace: \
                 this runtime (Kata?) runs its hooks outside the container, or the container has no mount \
                 namespace\n3,{pid}\n"
            )
        };
        assert_eq!(said, expected);
    }
}

#[test]
fn a_bundle_without_config_json() {
    let copies = "and none where crun keeps its copy (/run/crun/hook-bad-input/config.json, \
        /run/containerd/runc/k8s.io/hook-bad-input/config.json): No such file or directory (os error 2)";
    assert_fault(
        |case| fs::remove_file(case.bundle().join("config.json")).unwrap(),
        1,
        &format!("no config.json in the bundle HOME/bundle {copies}"),
    );
    // crun's wrong bundle.
    assert_fault(
        |case| case.state["bundle"] = Value::from("/"),
        1,
        &format!("no config.json in the bundle / {copies}"),
    );
    assert_fault(
        |case| case.state["bundle"] = Value::from("/nowhere\n/at all"),
        1,
        &format!("no config.json in the bundle /nowhere\\n/at all {copies}"),
    );
}

#[test]
fn a_config_json_that_is_none() {
    let holding = |bytes: &'static [u8]| move |case: &mut Case| case.config_json(bytes);
    for (bytes, error) in [
        (
            &b""[..],
            "HOME/bundle/config.json: not a config.json: EOF while parsing a value at line 1 column 0",
        ),
        (
            b"{\"root\":{\"path\":\"roo",
            "HOME/bundle/config.json: not a config.json: EOF while parsing a string at line 1 column 20",
        ),
        (
            b"[]",
            "HOME/bundle/config.json: not a config.json: expected an object",
        ),
        (
            b" 7",
            "HOME/bundle/config.json: not a config.json: expected an object",
        ),
        (
            b"{\"root\":[]}",
            "HOME/bundle/config.json: not a config.json: invalid length 0, expected an object at line 1 column 10",
        ),
        (
            b"{\"root\":{\"path\":\"r\"},\"mounts\":[7]}",
            "HOME/bundle/config.json: not a config.json: invalid type: integer `7`, expected an object at line 1 column 32",
        ),
        (
            b"{\"root\":{\"path\":\"r\"},\"linux\":\"x\"}",
            "HOME/bundle/config.json: not a config.json: invalid type: string \"x\", expected an object at line 1 column 32",
        ),
        (
            b"{\"root\":{\"path\":\"r\"},\n\"hostname\":\"caf\xe9\"}",
            "HOME/bundle/config.json: not a config.json: invalid unicode code point at line 2 column 16",
        ),
        (
            b"{\"root\":{\"path\":7}}",
            "HOME/bundle/config.json: not a config.json: invalid type: integer `7`, expected a string at line 1 column 17",
        ),
        (b"{}", "HOME/bundle/config.json: root.path: Required value"),
        (
            b"{\"root\":{\"path\":\"\"}}",
            "HOME/bundle/config.json: root.path: Required value",
        ),
    ] {
        assert_fault(holding(bytes), 1, error);
    }
    assert_fault(
        |case| {
            let mut bytes = br#"{"root":{"path":"rootfs"}}"#.to_vec();
            bytes.resize(16_777_217, b' ');
            case.config_json(&bytes);
        },
        1,
        "HOME/bundle/config.json: more than 16777216 bytes",
    );
}

#[test]
fn a_config_json_that_is_no_file() {
    let path = |case: &Case| case.bundle().join("config.json");
    assert_fault(
        |case| {
            fs::remove_file(path(case)).unwrap();
            fs::create_dir(path(case)).unwrap();
        },
        1,
        "read HOME/bundle/config.json: not a regular file",
    );
    // It has no writer: reading it would not end.
    assert_fault(
        |case| {
            fs::remove_file(path(case)).unwrap();
            let made = Command::new("mkfifo").arg(path(case)).status().unwrap();
            assert!(made.success());
        },
        1,
        "read HOME/bundle/config.json: not a regular file",
    );
}

#[test]
fn a_rootfs_that_is_none() {
    let elsewhere = "the rootfs does not exist in the container's mount namespace: this runtime (youki before 0.6?) \
        runs its hooks at another time than the specification says: open HOME/bundle/rootfs";
    assert_fault(
        |case| {
            case.stage = "createContainer";
            fs::remove_dir_all(case.bundle().join("rootfs")).unwrap();
            fs::write(case.bundle().join("rootfs"), "").unwrap();
        },
        3,
        &format!("{elsewhere}: Not a directory (os error 20)"),
    );
    assert_fault(
        |case| {
            case.stage = "createContainer";
            fs::remove_dir_all(case.bundle().join("rootfs")).unwrap();
        },
        3,
        &format!("{elsewhere}: No such file or directory (os error 2)"),
    );
    // A runtime that has not prepared it.
    assert_fault(
        |case| case.stage = "createContainer",
        3,
        "the rootfs HOME/bundle/rootfs is not a mount point in the container's mount namespace: \
         the runtime has not prepared it, and a mount there could be visible on the host",
    );
}

#[test]
fn each_wrong_annotation() {
    let too_long = format!("#{}", "x".repeat(262_144));
    let deep = "[".repeat(100_000);
    let shown = "[".repeat(128);
    let cases: Vec<(&str, &str, String)> = vec![
        (
            HOST_ALIASES,
            r#"[{"ip":"::1","hostnames":["foo\n10.0.0.1 bank.example"]}]"#,
            format!(r#"oci-hostaliases.io/host-aliases[0].hostnames[0]: Invalid value: "foo\n10.0.0.1 bank.example": {BAD_NAME}"#),
        ),
        (
            HOST_ALIASES,
            r#"[{"ip":"::1","hostnames":["foo\u0000"]}]"#,
            format!(r#"oci-hostaliases.io/host-aliases[0].hostnames[0]: Invalid value: "foo\0": {BAD_NAME}"#),
        ),
        (
            HOST_ALIASES,
            r#"[{"ip":"10.1.2.3","hostames":["foo"]}]"#,
            "oci-hostaliases.io/host-aliases[0].hostames: Unknown field".to_owned(),
        ),
        (
            HOST_ALIASES,
            r#"[{"ip":"::ffff:10.0.0.5"},{"ip":"::ffff:a00:5"}]"#,
            "oci-hostaliases.io/host-aliases[0].ip: Invalid value: \"::ffff:10.0.0.5\": must not be an IPv4-mapped IPv6 address; \
             oci-hostaliases.io/host-aliases[1].ip: Invalid value: \"::ffff:a00:5\": must not be an IPv4-mapped IPv6 address"
                .to_owned(),
        ),
        (
            HOST_ALIASES,
            r#"[{"ip":"010.0.0.5"}]"#,
            "oci-hostaliases.io/host-aliases[0].ip: Invalid value: \"010.0.0.5\": must not have leading 0s".to_owned(),
        ),
        (
            HOST_ALIASES,
            r#"[{"ip":"::1","hostnames":["Foo","*","foo."]}]"#,
            format!(
                "oci-hostaliases.io/host-aliases[0].hostnames[0]: Invalid value: \"Foo\": {BAD_NAME}; \
                 oci-hostaliases.io/host-aliases[0].hostnames[1]: Invalid value: \"*\": {BAD_NAME}; \
                 oci-hostaliases.io/host-aliases[0].hostnames[2]: Invalid value: \"foo.\": {BAD_NAME}"
            ),
        ),
        (
            HOST_ALIASES,
            r#"{"10.1.2.3":["foo"]}"#,
            r#"oci-hostaliases.io/host-aliases: Invalid value: "{\"10.1.2.3\":[\"foo\"]}": must be a JSON list of objects: invalid type: map, expected a sequence at line 1 column 0"#.to_owned(),
        ),
        (
            HOST_ALIASES,
            &deep,
            format!("oci-hostaliases.io/host-aliases: Invalid value: \"{shown}\"…: must be a JSON list of objects: recursion limit exceeded at line 1 column 128"),
        ),
        (
            HOST_ALIASES,
            "10.1.2.3 foo\n10.1.2 bar",
            format!("oci-hostaliases.io/host-aliases: line 2: Invalid value: \"10.1.2\": {BAD_IP}"),
        ),
        (
            "oci-hostaliases.io/domain",
            "shop.example.",
            format!("oci-hostaliases.io/domain: Invalid value: \"shop.example.\": {BAD_NAME}"),
        ),
        (
            "oci-hostaliases.io/pod-ips",
            "10.0.0.1, fd00::1",
            format!("oci-hostaliases.io/pod-ips[1]: Invalid value: \" fd00::1\": {BAD_IP}"),
        ),
        (
            "oci-hostaliases.io/host-alias",
            "10.1.2.3 foo",
            "oci-hostaliases.io/host-alias: Unknown field: did you mean oci-hostaliases.io/host-aliases?".to_owned(),
        ),
        (
            "oci-hostaliases.io/manage",
            "maybe",
            "oci-hostaliases.io/manage: Invalid value: \"maybe\": must be \"true\" or \"false\"".to_owned(),
        ),
        (
            "oci-hostaliases.io/x",
            &too_long,
            "oci-hostaliases.io/: Too long: may not be more than 262144 bytes".to_owned(),
        ),
    ];
    for (key, value, error) in cases {
        let identity = [
            ("io.kubernetes.cri.sandbox-name", "web-0"),
            ("io.kubernetes.cri.sandbox-namespace", "shop"),
            ("io.kubernetes.cri.container-name", "nginx"),
        ];
        let subject = format!("pod shop/web-0, container nginx {ID}");
        // Something that is right, so that the container asks for something.
        let mut annotations = identity.to_vec();
        annotations.extend([("oci-hostaliases.io/domain", "a"), (key, value)]);
        assert_stopped(&Case::new(&annotations).run(), 5, &subject, &error);
        // It does not matter that the state does not have them: config.json decides.
        let mut case = Case::new(&annotations);
        case.state["annotations"] = json!({});
        assert_stopped(&case.run(), 5, &subject, &error);
        // This one alone asks for nothing.
        if key.ends_with("/manage") {
            let mut annotations = identity.to_vec();
            annotations.push((key, value));
            assert_started(&Case::new(&annotations).run(), &subject, &error);
        }
    }
}

#[test]
fn an_annotation_is_refused_before_anything_is_entered() {
    // The process, the rootfs and the configuration are wrong too; the author of the Pod reads of his own fault.
    let mut case = Case::new(&[("oci-hostaliases.io/domain", "A")]);
    case.state["pid"] = Value::from(1);
    fs::remove_dir_all(case.bundle().join("rootfs")).unwrap();
    case.config("on-error = 7");
    assert_stopped(
        &case.run(),
        5,
        "container hook-bad-input",
        &format!("oci-hostaliases.io/domain: Invalid value: \"A\": {BAD_NAME}"),
    );
}

#[test]
fn what_is_left_alone_cannot_be_wrong() {
    let wrong = (HOST_ALIASES, "[[[");
    let quiet = |annotations: &[(&str, &str)]| {
        let ran = Case::new(annotations).run();
        assert_eq!(
            (ran.status, ran.stdout.as_str(), ran.stderr.as_str()),
            (Some(0), "", "")
        );
        ran.log
    };
    for (annotations, reason) in [
        (
            [wrong, ("oci-hostaliases.io/manage", "false")],
            "annotation oci-hostaliases.io/manage is \"false\"",
        ),
        (
            [wrong, ("io.kubernetes.cri.container-type", "sandbox")],
            "the container is its Pod's sandbox",
        ),
        (
            [wrong, ("io.kubernetes.cri-o.ContainerType", "sandbox")],
            "the container is its Pod's sandbox",
        ),
    ] {
        let log = quiet(&annotations);
        let record = format!("<30>oci-hostaliases-hook[PID]: container {ID}: leave: {reason}");
        assert_eq!(log, is_root().then(|| vec![record]));
    }
    // Nothing asked, nothing said.
    let log = quiet(&[("oci-hostaliases.io/manage", "false")]);
    assert_eq!(log, is_root().then(Vec::new));
}

#[test]
fn on_error_warn_starts_the_container_all_the_same() {
    if !is_root() {
        return skipped("on_error_warn_starts_the_container_all_the_same: not root");
    }
    let subject = "container hook-bad-input";
    let warned = |annotations: &[(&str, &str)]| {
        let case = Case::new(annotations);
        case.config("on-error = \"warn\"");
        case
    };
    assert_started(
        &warned(&[("oci-hostaliases.io/domain", "A")]).run(),
        subject,
        &format!("oci-hostaliases.io/domain: Invalid value: \"A\": {BAD_NAME}"),
    );
    assert_started(
        &warned(&ASKS).run(),
        subject,
        "the state has pid 0: this stage needs the container's process as the host sees it",
    );
    assert_started(
        &warned(&ASKS).run_with(b""),
        "container (unknown)",
        "stdin: empty, expected the OCI state: an OCI runtime runs this program, see oci-hostaliases-hook(8)",
    );
    let case = warned(&ASKS);
    case.config_json(b"{");
    assert_started(
        &case.run(),
        subject,
        "HOME/bundle/config.json: not a config.json: EOF while parsing an object at line 1 column 1",
    );
    // Only root's file is used.
    let case = warned(&[("oci-hostaliases.io/domain", "A")]);
    chown(case.home.path().join("config.toml"), Some(1234), None).unwrap();
    assert_stopped(
        &case.run(),
        5,
        subject,
        &format!("oci-hostaliases.io/domain: Invalid value: \"A\": {BAD_NAME}"),
    );
}

#[test]
fn a_configuration_that_is_wrong() {
    if !is_root() {
        return skipped("a_configuration_that_is_wrong: not root");
    }
    for (text, mode, error) in [
        (
            "on-error = \"maybe\"",
            0o644,
            "HOME/config.toml: on-error: Invalid value: \"maybe\": must be \"fail\" or \"warn\"",
        ),
        (
            "size-limit = 1",
            0o644,
            "HOME/config.toml: size-limit: Invalid value: integer: must be a size such as \"1MiB\" or \"64KiB\", from 4KiB to 1024MiB",
        ),
        (
            "on-error = \"warn\"",
            0o666,
            "HOME/config.toml: users other than root can write to it (mode 0666)",
        ),
    ] {
        assert_fault(
            |case| {
                let path = case.config(text);
                fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            },
            4,
            error,
        );
    }
}

#[test]
fn a_key_that_nobody_knows_in_the_configuration_is_only_a_warning() {
    if !is_root() {
        return skipped("a_key_that_nobody_knows_in_the_configuration_is_only_a_warning: not root");
    }
    let case = Case::new(&ASKS);
    case.config("on-eror = \"warn\"");
    let refusal = "container hook-bad-input: the state has pid 0: this stage needs the container's process as the host sees it";
    assert_eq!(
        case.run(),
        Ran {
            status: Some(3),
            stdout: String::new(),
            stderr: format!("oci-hostaliases-hook: {refusal}\n"),
            log: Some(vec![
                "<28>oci-hostaliases-hook[PID]: HOME/config.toml: \"on-eror\": Unknown key"
                    .to_owned(),
                format!("<27>oci-hostaliases-hook[PID]: {refusal}"),
            ]),
        }
    );
}

#[test]
fn a_wrong_call() {
    let case = Case::new(&ASKS);
    for (arguments, error) in [
        (&[][..], "no stage given"),
        (&["--config", "/x"], "no stage given"),
        (&["poststop"], "\"poststop\" is not a stage or an option"),
        (&["Prestart"], "\"Prestart\" is not a stage or an option"),
        (
            &["prestart", "createRuntime"],
            "\"createRuntime\" is not a stage or an option",
        ),
        (&["prestart", "--config"], "--config needs a path"),
        (&["prestart", "--hosts-d"], "--hosts-d needs a path"),
        (&["prestart", "--pod-ips"], "--pod-ips needs a value"),
        (&["prestart", "--namespace"], "--namespace needs a value"),
        (&["prestart", "--pod"], "--pod needs a value"),
        (
            &["prestart", "--config=/x"],
            "\"--config=/x\" is not a stage or an option",
        ),
        (
            &["prestart", "-x\n"],
            "\"-x\\n\" is not a stage or an option",
        ),
        (&["prestart", ""], "\"\" is not a stage or an option"),
    ] {
        assert_eq!(
            case.run_as(arguments, b""),
            Ran {
                status: Some(2),
                stdout: String::new(),
                stderr: format!("oci-hostaliases-hook: {error}\n{USAGE}"),
                log: is_root().then(Vec::new),
            },
            "{arguments:?}"
        );
    }
}

/// Arguments about the Pod change only the name in its messages.
#[test]
fn what_is_told_of_the_pod() {
    let told = [
        "prestart",
        "--pod-ips",
        "no\naddress",
        "--namespace",
        "shop\n",
        "--pod",
        "web-0",
    ];
    let mut case = Case::new(&ASKS);
    let why = "pod \"shop\\n\"/web-0, container hook-bad-input: the state has pid 0: this stage needs the \
        container's process as the host sees it";
    let ran = case.run_as(&told, case.state.to_string().as_bytes());
    assert_eq!(
        (ran.status, ran.stderr),
        (Some(3), format!("oci-hostaliases-hook: {why}\n"))
    );
    // Being told is not asking.
    case = Case::new(&[]);
    let ran = case.run_as(&told, case.state.to_string().as_bytes());
    assert_eq!((ran.status, ran.stderr), (Some(0), String::new()));
}

#[test]
fn who_asks_for_help_gets_it() {
    let case = Case::new(&ASKS);
    // What the environment names is the shipped hook, in a directory named like its target; the other one is
    // linked as the test is.
    let linked = match std::env::var("OCI_HOSTALIASES_HOOK") {
        Ok(shipped) if shipped.contains("-musl/") => "static, musl",
        Ok(_) => "static, glibc",
        Err(_) if cfg!(target_env = "musl") => "static, musl",
        Err(_) if cfg!(target_feature = "crt-static") => "static, glibc",
        Err(_) => "dynamic, glibc",
    };
    let number = env!("CARGO_PKG_VERSION");
    let version = &format!("oci-hostaliases-hook {number} ({linked})\n");
    for (arguments, said) in [
        (&["--help"][..], USAGE),
        (&["prestart", "-h"], USAGE),
        (&["--version"], version),
        (&["-V"], version),
    ] {
        assert_eq!(
            case.run_as(arguments, b""),
            Ran {
                status: Some(0),
                stdout: said.to_owned(),
                stderr: String::new(),
                log: is_root().then(Vec::new),
            },
            "{arguments:?}"
        );
    }
}
