//! `register containerd` and `unregister containerd` on a node where containerd runs: which file they take,
//! and that containerd's CRI comes up with it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::case_table::{Case, try_all};
use crate::cri_client::CriClient;
use crate::cri_messages::{StatusRequest, StatusResponse};
use crate::{hook_program, needs, newer_engines, throwaway};

#[test]
fn containerd_1() {
    node("registration::containerd_1", &[], 1);
}

#[test]
fn containerd_2() {
    let test = "registration::containerd_2";
    if let Some(bin) = newer_engines::bin(test) {
        node(test, &[&bin], 2);
    }
}

fn node(test: &str, programs: &[&Path], major: u32) {
    if needs::met(test, &crate::PROGRAMS) {
        throwaway::world_of(test, programs, |home| {
            let hook = hook_program::install(home);
            let home = home.to_owned();
            let node = Node { home, hook, major };
            try_all(&node, &CASES, Node::clean_up);
        });
    }
}

const CASES: [Case<Node>; 15] = [
    ("the file of the daemon that runs is registered", running),
    (
        "several daemons: refused with the list, --config chooses",
        several,
    ),
    (
        "two daemons on one file: both are to be restarted",
        two_on_one_file,
    ),
    ("a daemon in a container reads another file", in_a_container),
    ("none runs: the default file, and it is said", none_runs),
    ("k3s' file is left alone, its directory is not", k3s),
    ("a file that k3s writes anew without a directory", old_k3s),
    ("k0s' file is left alone, and its directory named", k0s),
    ("EKS' file is left alone, and NodeConfig named", nodeadm),
    (
        "what containerd refuses is refused in its words",
        refused_by_containerd,
    ),
    ("a full disk: nothing changed", full_disk),
    ("a read-only file system: nothing changed", read_only),
    (
        "other runtimes in the file: what is built in is found",
        other_runtimes,
    ),
    (
        "unregister leaves the runc table to a crun added later",
        runc_stays,
    ),
    (
        "unregister of a drop-in leaves the spec that the main file names",
        spec_stays,
    ),
];

const DEFAULT: &str = "/etc/containerd/config.toml";
const V2: &str = "io.containerd.grpc.v1.cri";

struct Node {
    home: PathBuf,
    hook: String,
    major: u32,
}

struct Run {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

/// A containerd that ends with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Daemon {
    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Node {
    fn at(&self, name: &str) -> PathBuf {
        self.home.join("case").join(name)
    }

    /// A configuration with this after its first lines.
    fn write(&self, file: &Path, more: &str) -> String {
        let name = self.at(&file.file_stem().unwrap().to_string_lossy());
        let name = name.display();
        let text = format!(
            "version = 2\nroot = \"{name}-root\"\nstate = \"{name}-state\"\n{more}[grpc]\n  address = \"{name}.sock\"\n"
        );
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, &text).unwrap();
        text
    }

    fn start(&self, config: &Path) -> Daemon {
        self.start_behind(&[], config)
    }

    /// As the child of other programs, and ready.
    fn start_behind(&self, behind: &[&str], config: &Path) -> Daemon {
        let log = File::create(self.at("containerd.log")).unwrap();
        let words = [
            behind,
            &["containerd", "--config", config.to_str().unwrap()],
        ]
        .concat();
        let child = Command::new(words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let daemon = Daemon(child);
        let end = Instant::now() + Duration::from_secs(60);
        while !self.has_cri(config) {
            let log = fs::read_to_string(self.at("containerd.log")).unwrap();
            assert!(Instant::now() < end, "no CRI:\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        daemon
    }

    fn has_cri(&self, config: &Path) -> bool {
        let socket = self.at(&config.file_stem().unwrap().to_string_lossy());
        let Ok(client) = CriClient::connect(&socket.with_extension("sock")) else {
            return false;
        };
        client
            .call::<StatusResponse>("Status", &StatusRequest {})
            .is_ok()
    }

    fn tool(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oci-hostaliases"));
        let output = command.args(arguments).output().unwrap();
        let run = Run {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        println!("{arguments:?}: {:?}\n{}", run.status, run.stderr);
        run
    }

    fn register(&self, arguments: &[&str]) -> Run {
        let base = ["register", "containerd", "--hook", &self.hook];
        self.tool(&[&base, arguments].concat())
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        let run = self.tool(arguments);
        assert_eq!(run.status, Some(0), "{arguments:?}");
        run.stderr
    }

    /// What containerd makes of runtime runc's table.
    fn runc(&self, config: &Path) -> toml::Table {
        let mut command = Command::new("containerd");
        let output = command
            .arg("--config")
            .arg(config)
            .args(["config", "dump"])
            .output()
            .unwrap();
        let dump: toml::Table = String::from_utf8(output.stdout).unwrap().parse().unwrap();
        let plugin = if self.major == 1 {
            V2
        } else {
            "io.containerd.cri.v1.runtime"
        };
        let runtimes = &dump["plugins"][plugin]["containerd"]["runtimes"];
        runtimes["runc"].as_table().unwrap().clone()
    }

    #[track_caller]
    fn assert_registered(&self, config: &Path, is: bool) {
        let runc = self.runc(config);
        let spec = spec_of(config);
        let expected = if is { spec.as_str() } else { "" };
        assert_eq!(runc["base_runtime_spec"].as_str(), Some(expected));
        let patterns = runc["pod_annotations"].as_array().unwrap();
        let pattern = toml::Value::from("oci-hostaliases.io/*");
        assert_eq!(patterns.contains(&pattern), is, "{patterns:?}");
        assert_eq!(Path::new(&spec).exists(), is);
    }

    fn clean_up(&self) {
        for directory in [
            "/etc/containerd",
            "/etc/oci-hostaliases",
            "/etc/k0s",
            "/run/nri",
            "/var/lib/rancher",
        ] {
            let _ = fs::remove_dir_all(directory);
        }
        let _ = fs::remove_dir_all(self.at(""));
        fs::create_dir_all(self.at("")).unwrap();
    }
}

/// Each configuration has its own.
fn spec_of(config: &Path) -> String {
    let name = match config.to_str().unwrap() {
        DEFAULT => "",
        "/run/world/case/other.toml" => "-run-world-case-other.toml",
        "/run/world/case/one.toml" => "-run-world-case-one.toml",
        "/run/world/case/config.toml" => "-run-world-case-config.toml",
        K3S => "-var-lib-rancher-k3s-agent-etc-containerd-config.toml",
        "/var/lib/rancher/k3s/agent/etc/containerd/config.toml.tmpl" => {
            "-var-lib-rancher-k3s-agent-etc-containerd-config.toml.tmpl"
        }
        other => panic!("{other}"),
    };
    format!("/etc/oci-hostaliases/containerd-base-spec{name}.json")
}

fn refuses(run: &Run, status: i32, words: &[&str]) {
    assert_eq!(run.status, Some(status));
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    for word in words {
        assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
    }
}

fn running(node: &Node) {
    node.clean_up();
    let config = node.at("other.toml");
    let text = node.write(&config, "");
    let daemon = node.start(&config);
    let run = node.register(&[]);
    assert_eq!(run.status, Some(0));
    // containerd 2.x has NRI, of which another line tells.
    assert_eq!(
        run.stderr.split_inclusive('\n').next().unwrap(),
        format!(
            "restart the containerd that reads {}, pid {}: it reads its configuration only when it starts; running \
             containers keep their files\n",
            config.display(),
            daemon.pid()
        )
    );
    assert!(!Path::new(DEFAULT).exists());
    node.assert_registered(&config, true);
    drop(daemon);
    let _restarted = node.start(&config);
    assert!(node.register(&[]).stderr.starts_with("nothing to do\n"));
    node.succeed(&["unregister", "containerd"]);
    assert_eq!(fs::read_to_string(&config).unwrap(), text);
    node.assert_registered(&config, false);
}

fn several(node: &Node) {
    node.clean_up();
    let (one, other) = (node.at("one.toml"), node.at("other.toml"));
    let texts = [node.write(&one, ""), node.write(&other, "")];
    let daemons = [node.start(&one), node.start(&other)];
    let [first, second] = [&daemons[0], &daemons[1]].map(Daemon::pid);
    let list = format!(
        "several containerd run on this node (pid {first} reads {}, pid {second} reads {}): choose one with --config",
        one.display(),
        other.display()
    );
    refuses(&node.register(&[]), 2, &[&list]);
    refuses(&node.tool(&["unregister", "containerd"]), 2, &[&list]);
    let run = node.register(&["--config", other.to_str().unwrap()]);
    assert_eq!(run.status, Some(0));
    assert!(
        run.stderr.contains(&format!("pid {second}:")),
        "{}",
        run.stderr
    );
    assert_eq!(fs::read_to_string(&one).unwrap(), texts[0]);
    node.assert_registered(&other, true);
    // The other one's goes without this one's.
    let (of_one, of_other) = (
        ["--config", one.to_str().unwrap()],
        ["--config", other.to_str().unwrap()],
    );
    assert_eq!(node.register(&of_one).status, Some(0));
    node.succeed(&[&["unregister", "containerd"][..], &of_one].concat());
    assert_eq!(fs::read_to_string(&one).unwrap(), texts[0]);
    node.assert_registered(&other, true);
    node.succeed(&[&["unregister", "containerd"][..], &of_other].concat());
    assert_eq!(fs::read_to_string(&other).unwrap(), texts[1]);
    node.assert_registered(&other, false);

    // One spec for both outlives one of them.
    let shared = ["--base-spec", "/etc/oci-hostaliases/shared.json"];
    for file in [&of_one, &of_other] {
        assert_eq!(
            node.register(&[&file[..], &shared].concat()).status,
            Some(0)
        );
    }
    let said = node.succeed(&[&["unregister", "containerd"][..], &of_one].concat());
    assert!(
        said.contains(&format!(
            "shared.json stays, because {} uses it",
            other.display()
        )),
        "{said}"
    );
    assert!(Path::new(shared[1]).exists());
    node.succeed(&[&["unregister", "containerd"][..], &of_other].concat());
    assert!(!Path::new(shared[1]).exists());
}

fn two_on_one_file(node: &Node) {
    node.clean_up();
    let config = node.at("other.toml");
    node.write(&config, "");
    let first = node.start(&config);
    // With a root, a state and a socket of its own, by a command line that no one else has.
    let own = |name: &str| node.at(name).display().to_string();
    let (root, state, socket) = (own("2-root"), own("2-state"), own("2.sock"));
    let more = ["--root", &root, "--state", &state, "--address", &socket];
    let child = Command::new("containerd")
        .args(more)
        .arg(format!("--config={}", config.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let second = Daemon(child.unwrap());
    std::thread::sleep(Duration::from_millis(300));
    refuses(
        &node.register(&[]),
        2,
        &["several containerd", "choose one with --config"],
    );
    let run = node.register(&["--config", config.to_str().unwrap()]);
    assert_eq!(run.status, Some(0));
    let pids = format!("pid {}, {}:", first.pid(), second.pid());
    assert!(run.stderr.contains(&pids), "{}", run.stderr);
}

/// One with an `/etc` of its own, as in kind.
fn in_a_container(node: &Node) {
    node.clean_up();
    let config = node.at("other.toml");
    let text = node.write(&config, "");
    let enter = "mount -t tmpfs none /etc; exec \"$@\"";
    let behind = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        enter,
        "sh",
    ];
    let daemon = node.start_behind(&behind, &config);
    let words = [
        "containerd runs only in a container",
        &format!("pid {} reads {} there", daemon.pid(), config.display()),
    ];
    refuses(&node.register(&[]), 2, &words);
    assert_eq!(fs::read_to_string(&config).unwrap(), text);
    let run = node.register(&["--config", config.to_str().unwrap()]);
    assert_eq!(run.status, Some(0));
    assert!(
        run.stderr.starts_with("no running containerd reads "),
        "{}",
        run.stderr
    );
}

fn none_runs(node: &Node) {
    node.clean_up();
    let run = node.register(&[]);
    assert_eq!(run.status, Some(0));
    assert_eq!(
        run.stderr,
        "no running containerd reads /etc/containerd/config.toml: it takes effect when containerd is started with it\n"
    );
    node.assert_registered(Path::new(DEFAULT), true);
    node.succeed(&["unregister", "containerd"]);
    assert!(!Path::new(DEFAULT).exists());
}

const K3S: &str = "/var/lib/rancher/k3s/agent/etc/containerd/config.toml";

/// As k3s writes it; with 1.x, as it did before.
fn k3s_configuration(node: &Node, imports: &str) -> String {
    let runc = format!(
        "[plugins.\"{V2}\".containerd.runtimes.runc]\n  runtime_type = \"io.containerd.runc.v2\"\n  \
         [plugins.\"{V2}\".containerd.runtimes.runc.options]\n    SystemdCgroup = true\n"
    );
    let text = node.write(Path::new(K3S), &format!("{imports}{runc}"));
    let text =
        format!("# File generated by k3s. DO NOT EDIT. Use config.toml.tmpl instead.\n{text}");
    fs::write(K3S, &text).unwrap();
    text
}

fn k3s(node: &Node) {
    node.clean_up();
    let drop_ins = Path::new(K3S).with_file_name("config.toml.d");
    let imports = format!("imports = [\"{}/*.toml\"]\n", drop_ins.display());
    let text = k3s_configuration(node, &imports);
    let config = Path::new(K3S);
    let daemon = node.start(config);
    let run = node.register(&[]);
    if node.major == 1 {
        // A drop-in would replace the whole table.
        return refuses(&run, 4, &[K3S, "k3s writes this file anew at each start"]);
    }
    assert_eq!(run.status, Some(0), "{}", run.stdout);
    drop(daemon);
    let _restarted = node.start(config);
    node.assert_registered(config, true);
    assert_eq!(
        node.runc(config)["options"]["SystemdCgroup"].as_bool(),
        Some(true)
    );
    assert_eq!(fs::read_to_string(config).unwrap(), text);
    let drop_in = drop_ins.join("oci-hostaliases.toml");
    assert_eq!(
        fs::read_to_string(&drop_in).unwrap(),
        format!(
            "# there was no such file before # added by oci-hostaliases\n\
             version = 2 # added by oci-hostaliases\n\
             [plugins.\"{V2}\".containerd.runtimes.runc] # added by oci-hostaliases\n\
             \x20 base_runtime_spec = {:?} # added by oci-hostaliases\n\
             \x20 pod_annotations = [\"oci-hostaliases.io/*\"] # added by oci-hostaliases\n",
            spec_of(config)
        )
    );
    assert!(node.register(&[]).stderr.starts_with("nothing to do\n"));
    // A list in a later file replaces it.
    let later = drop_ins.join("zz.toml");
    fs::write(
        &later,
        format!("version = 2\n[plugins.\"{V2}\".containerd.runtimes.runc]\npod_annotations = [\"a/*\"]\n"),
    )
    .unwrap();
    let words = ["zz.toml, which sets pod_annotations of runtime \"runc\" and is read later"];
    refuses(&node.register(&[]), 4, &words);
    // What an earlier one lists is kept.
    fs::rename(&later, drop_ins.join("aa.toml")).unwrap();
    assert_eq!(node.register(&[]).status, Some(0));
    let patterns = node.runc(config)["pod_annotations"].clone();
    assert_eq!(
        patterns,
        toml::Value::from(vec!["a/*", "oci-hostaliases.io/*"])
    );
    node.succeed(&["unregister", "containerd"]);
    assert!(!drop_in.exists());
    node.assert_registered(config, false);
}

fn old_k3s(node: &Node) {
    node.clean_up();
    let text = k3s_configuration(node, "");
    let _daemon = node.start(Path::new(K3S));
    let template = "config.toml.tmpl after each update and register it with --config";
    let words = [K3S, "k3s writes this file anew at each start", template];
    refuses(&node.register(&[]), 4, &words);
    assert_eq!(fs::read_to_string(K3S).unwrap(), text);
    // The remedy works.
    let template = Path::new(K3S).with_extension("toml.tmpl");
    fs::copy(K3S, &template).unwrap();
    assert_eq!(
        node.register(&["--config", template.to_str().unwrap()])
            .status,
        Some(0)
    );
    node.assert_registered(&template, true);
}

/// As k0s wrote it before it imported the directory itself.
fn k0s(node: &Node) {
    node.clean_up();
    let config = Path::new("/etc/k0s/containerd.toml");
    let text = node.write(config, "imports = [\"/etc/k0s/containerd-cri.toml\"]\n");
    let text = format!("# k0s_managed=true\n# This is a placeholder.\n{text}");
    fs::write(config, &text).unwrap();
    let partial = format!("version = 2\n{}", crun_table().replace("crun", "runc"));
    fs::write("/etc/k0s/containerd-cri.toml", partial).unwrap();
    let daemon = node.start(config);
    let drop_in = "/etc/k0s/containerd.d/oci-hostaliases.toml";
    let words = [
        "/etc/k0s/containerd.toml: k0s writes this file anew at each start",
        drop_in,
    ];
    refuses(&node.register(&[]), 4, &words);
    assert_eq!(fs::read_to_string(config).unwrap(), text);
    // The remedy, with the containerd that k0s runs.
    let run = node.register(&["--config", drop_in]);
    assert_eq!(run.status, Some(0));
    assert!(
        run.stderr.contains(&format!("pid {}", daemon.pid())),
        "{}",
        run.stderr
    );
    let (version, plugin) = match node.major {
        1 => (2, V2),
        _ => (3, "io.containerd.cri.v1.runtime"),
    };
    let text = fs::read_to_string(drop_in).unwrap();
    let start = format!(
        "# there was no such file before # added by oci-hostaliases\nversion = {version} # added by oci-hostaliases\n\
         [plugins.\"{plugin}\".containerd.runtimes.runc]"
    );
    assert!(text.starts_with(&start), "{text}");
    node.succeed(&["unregister", "containerd", "--config", drop_in]);
    assert!(!Path::new(drop_in).exists());
}

fn nodeadm(node: &Node) {
    node.clean_up();
    let more = format!(
        "{}  base_runtime_spec = \"/etc/containerd/base-runtime-spec.json\"\n",
        crun_table().replace("crun", "runc")
    );
    let text = node.write(Path::new(DEFAULT), &more);
    fs::write("/etc/containerd/base-runtime-spec.json", "{}").unwrap();
    let at_eks = "nodeadm writes this file anew at each boot: set the hook in baseRuntimeSpec";
    fs::create_dir_all("/etc/eks").unwrap();
    refuses(&node.register(&[]), 4, &[DEFAULT, at_eks]);
    assert_eq!(fs::read_to_string(DEFAULT).unwrap(), text);
    // Elsewhere it is an administrator's.
    fs::remove_dir("/etc/eks").unwrap();
    assert_eq!(node.register(&[]).status, Some(0));
    let copy = "/etc/oci-hostaliases/containerd-base-spec:etc:containerd:base-runtime-spec.json";
    let runc = node.runc(Path::new(DEFAULT));
    assert_eq!(runc["base_runtime_spec"].as_str(), Some(copy));
    node.succeed(&["unregister", "containerd"]);
    assert_eq!(fs::read_to_string(DEFAULT).unwrap(), text);
}

fn refused_by_containerd(node: &Node) {
    for (more, words) in [
        ("imports = [\"/missing.toml\"]\n", "/missing.toml"),
        ("oom_score = \"x\"\n", "does not load it: "),
    ] {
        node.clean_up();
        let config = node.at("other.toml");
        let text = node.write(&config, more);
        let run = node.register(&["--config", config.to_str().unwrap()]);
        let status = if more.starts_with("imports") && run.status == Some(1) {
            1
        } else {
            4
        };
        refuses(&run, status, &[config.to_str().unwrap(), words]);
        assert_eq!(fs::read_to_string(&config).unwrap(), text);
        assert!(!Path::new("/etc/oci-hostaliases").exists());
    }
}

fn mounted(node: &Node, options: &[&str]) -> PathBuf {
    node.clean_up();
    let directory = node.at("mounted");
    fs::create_dir_all(&directory).unwrap();
    let mounted = Command::new("mount")
        .args(options)
        .arg(&directory)
        .status()
        .unwrap();
    assert!(mounted.success());
    directory
}

fn unmount(directory: &Path) {
    assert!(
        Command::new("umount")
            .arg(directory)
            .status()
            .unwrap()
            .success()
    );
}

/// With each number of pages left: none for the spec, and one too few for the configuration behind it.
fn full_disk(node: &Node) {
    let mut failed_at = Vec::new();
    for left in (0..4).rev() {
        let directory = mounted(node, &["-t", "tmpfs", "-o", "size=64k", "none"]);
        let config = directory.join("config.toml");
        let text = node.write(&config, "");
        fs::write(directory.join("filler"), vec![0; (15 - left) * 4096]).unwrap();
        let spec = directory.join("spec.json");
        let places = [
            config.to_str().unwrap(),
            "--base-spec",
            spec.to_str().unwrap(),
        ];
        let run = node.register(&[&["--config"], &places[..]].concat());
        let count = fs::read_dir(&directory).unwrap().count();
        let now = fs::read_to_string(&config).unwrap();
        unmount(&directory);
        if run.status == Some(0) {
            continue;
        }
        refuses(
            &run,
            1,
            &[directory.to_str().unwrap(), "No space left on device"],
        );
        assert_eq!(now, text, "{left} pages left");
        assert_eq!(count, 2, "{left} pages left: a file was left");
        failed_at.push(["spec.json", "config.toml"].map(|name| run.stderr.contains(name)));
    }
    assert!(failed_at.contains(&[true, false]), "{failed_at:?}");
    assert!(failed_at.contains(&[false, true]), "{failed_at:?}");
}

fn read_only(node: &Node) {
    let directory = mounted(node, &["-t", "tmpfs", "none"]);
    let config = directory.join("config.toml");
    let text = node.write(&config, "");
    let remount = ["-o", "remount,ro"];
    assert!(
        Command::new("mount")
            .args(remount)
            .arg(&directory)
            .status()
            .unwrap()
            .success()
    );
    let run = node.register(&["--config", config.to_str().unwrap()]);
    let now = fs::read_to_string(&config).unwrap();
    unmount(&directory);
    refuses(
        &run,
        1,
        &[
            directory.to_str().unwrap(),
            "config.toml",
            "Read-only file system",
        ],
    );
    assert_eq!(now, text);
    assert_eq!(fs::read_dir("/etc/oci-hostaliases").unwrap().count(), 0);
}

fn crun_table() -> String {
    format!(
        "[plugins.\"{V2}\".containerd.runtimes.crun]\n  runtime_type = \"io.containerd.runc.v2\"\n"
    )
}

fn other_runtimes(node: &Node) {
    node.clean_up();
    let config = node.at("other.toml");
    let text = node.write(&config, &crun_table());
    let run = node.register(&["--config", config.to_str().unwrap()]);
    if node.major == 1 {
        return refuses(
            &run,
            2,
            &["no runtime \"runc\": the configuration has crun"],
        );
    }
    assert_eq!(run.status, Some(0));
    node.assert_registered(&config, true);
    let _daemon = node.start(&config);
    node.succeed(&["unregister", "containerd"]);
    assert!(fs::read_to_string(&config).unwrap().starts_with(&text));
    node.assert_registered(&config, false);
}

fn runc_stays(node: &Node) {
    node.clean_up();
    let config = node.at("other.toml");
    let text = node.write(&config, "");
    let file = ["--config", config.to_str().unwrap()];
    assert_eq!(node.register(&file).status, Some(0));
    let registered = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{registered}{}", crun_table())).unwrap();
    node.succeed(&[&["unregister", "containerd"][..], &file].concat());
    let now = fs::read_to_string(&config).unwrap();
    assert!(
        now.starts_with(&text) && now.ends_with(&crun_table()),
        "{now}"
    );
    assert!(!now.contains("oci-hostaliases"), "{now}");
    // Without runc's table containerd 1.x says: no corresponding runtime configured.
    let _daemon = node.start(&config);
    node.assert_registered(&config, false);
}

fn spec_stays(node: &Node) {
    node.clean_up();
    let config = node.at("config.toml");
    let drop_in = node.at("conf.d/50-own.toml");
    node.write(
        &config,
        &format!("imports = [\"{}/*.toml\"]\n", node.at("conf.d").display()),
    );
    fs::create_dir_all(node.at("conf.d")).unwrap();
    let spec = spec_of(&config);
    let by_hand = format!("  base_runtime_spec = \"{spec}\"\n{}", crun_table());
    let runc = crun_table().replace("crun", "runc");
    if node.major == 1 {
        // There the drop-in wins, and it can only be an old one.
        fs::write(&drop_in, format!("version = 2\n{runc}")).unwrap();
    }
    assert_eq!(
        node.register(&["--config", drop_in.to_str().unwrap()])
            .status,
        Some(0)
    );
    let main = fs::read_to_string(&config).unwrap();
    let main = format!("{main}{runc}{by_hand}");
    fs::write(&config, &main).unwrap();
    let said = node.succeed(&[
        "unregister",
        "containerd",
        "--config",
        drop_in.to_str().unwrap(),
    ]);
    assert!(
        said.contains(&format!(
            "{spec} stays, because {} uses it",
            config.display()
        )),
        "{said}"
    );
    assert_eq!(fs::read_to_string(&config).unwrap(), main);
    // With a spec that is not there: failed to load base OCI spec.
    let _daemon = node.start(&config);
}
