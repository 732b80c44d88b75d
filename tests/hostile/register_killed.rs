//! `register containerd` and `unregister containerd` killed at each call that changes a file: containerd always
//! has a configuration that it can start with, and a second run mends the rest.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::running::tool;

/// Those that change what a directory shows, and those between them.
const CALLS: [&str; 12] = [
    "write",
    "fchown",
    "fchmod",
    "fsync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "chmod",
];

/// Each file by its name, with its text.
type Files = BTreeMap<PathBuf, String>;

struct Node {
    directory: tempfile::TempDir,
    programs: Option<PathBuf>,
}

impl Node {
    fn new(programs: Option<&Path>, files: &Files) -> Self {
        let node = Self {
            directory: tempfile::tempdir().unwrap(),
            programs: programs.map(Path::to_owned),
        };
        for (name, text) in files {
            let path = node.directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        node
    }

    fn files(&self) -> Files {
        let mut files = Files::new();
        let mut directories = vec![self.directory.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    let name = path.strip_prefix(self.directory.path()).unwrap();
                    // The specs name the directory.
                    let text = fs::read_to_string(&path).unwrap();
                    let text = text.replace(self.directory.path().to_str().unwrap(), "DIR");
                    files.insert(name.to_owned(), text);
                }
            }
        }
        files
    }

    /// Whether it ended well.
    fn run(&self, behind: &[&str], verb: &str) -> bool {
        let mut command = tool(behind, &[verb, "containerd", "--config"]);
        command.arg(self.directory.path().join("config.toml"));
        command
            .arg("--base-spec")
            .arg(self.directory.path().join("specs/base.json"));
        if verb == "register" {
            command.args(["--hook", env!("CARGO_BIN_EXE_oci-hostaliases-hook")]);
        }
        if let Some(programs) = &self.programs {
            let path = std::env::var("PATH").unwrap();
            command.env("PATH", format!("{}:{path}", programs.display()));
        }
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() || behind.first() == Some(&"strace"),
            "{stderr}"
        );
        output.status.success()
    }

    /// How often a run makes each of the calls.
    fn count(&self, verb: &str) -> Vec<(&'static str, usize)> {
        let trace = self.directory.path().join("trace");
        let calls = format!("trace={}", CALLS.join(","));
        let strace = ["strace", "-qq", "-o", trace.to_str().unwrap(), "-e", &calls];
        assert!(self.run(&strace, verb), "strace");
        let text = fs::read_to_string(&trace).unwrap();
        fs::remove_file(trace).unwrap();
        let count = |call: &str| {
            text.lines()
                .filter(|it| it.starts_with(&format!("{call}(")))
                .count()
        };
        CALLS.into_iter().map(|call| (call, count(call))).collect()
    }
}

/// The temporary files of a killed run are no file that containerd reads.
fn without_temporary(files: &Files) -> Files {
    let is_temporary = |path: &Path| path.extension().is_some_and(|it| it == "tmp");
    let files = files.iter().filter(|(path, _)| !is_temporary(path));
    files
        .map(|(path, text)| (path.clone(), text.clone()))
        .collect()
}

/// `before` is the configuration, with the main file `config.toml`.
fn killed_at_each_call(programs: Option<&Path>, before: &Files) {
    let node = Node::new(programs, before);
    let counts_of_register = node.count("register");
    let registered = node.files();
    let counts_of_unregister = node.count("unregister");
    assert_eq!(&node.files(), before);
    let spec = Path::new("specs/base.json");
    assert!(registered.contains_key(spec) && registered.len() > before.len());

    let mut killed = 0;
    for (verb, counts) in [
        ("register", counts_of_register),
        ("unregister", counts_of_unregister),
    ] {
        for (call, count) in counts {
            for nth in 1..=count {
                for mended_by in ["register", "unregister"] {
                    let node = Node::new(programs, before);
                    if verb == "unregister" {
                        node.run(&[], "register");
                    }
                    let inject = format!("inject={call}:signal=KILL:when={nth}");
                    let ended =
                        node.run(&["strace", "-qq", "-o", "/dev/null", "-e", &inject], verb);
                    let what = format!("{verb} killed at {call} {nth}");
                    assert!(!ended, "{what}: was not killed");
                    killed += 1;
                    let now = without_temporary(&node.files());
                    let configuration = |files: &Files| {
                        let mut files = files.clone();
                        files.remove(spec);
                        files
                    };
                    let is_registered = configuration(&now) == configuration(&registered);
                    assert!(
                        is_registered || configuration(&now) == *before,
                        "{what}: {now:#?}"
                    );
                    if is_registered {
                        assert_eq!(now.get(spec), registered.get(spec), "{what}");
                    }
                    node.run(&[], mended_by);
                    let expected = if mended_by == "register" {
                        &registered
                    } else {
                        before
                    };
                    assert_eq!(&node.files(), expected, "{what}, then {mended_by}");
                }
            }
        }
    }
    assert!(killed > 40, "killed {killed} times only");
}

fn met(test: &str) -> bool {
    let programs = [
        ("strace", "strace"),
        ("containerd", "containerd"),
        ("ctr", "containerd"),
    ];
    crate::needs::met(test, &programs)
}

#[test]
fn of_containerd_1() {
    if met("register_killed::of_containerd_1") {
        let text = "version = 2\n[grpc]\nuid = 0\n".to_owned();
        killed_at_each_call(None, &[("config.toml".into(), text)].into());
    }
}

#[test]
fn of_containerd_2() {
    let test = "register_killed::of_containerd_2";
    let Some(programs) = crate::newer_engines::bin(test).filter(|_| met(test)) else {
        return;
    };
    let main = "version = 3\nimports = [\"conf.d/*.toml\"]\n".to_owned();
    let drop_in =
        "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n\
        pod_annotations = [\"a/*\"]\n"
            .to_owned();
    let before = [
        ("config.toml".into(), main),
        ("conf.d/10-site.toml".into(), drop_in),
    ];
    killed_at_each_call(Some(&programs), &before.into());
}
