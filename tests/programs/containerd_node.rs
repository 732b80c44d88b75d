//! What the tests of `register containerd` and `unregister containerd` have in common: a node.

// Each of them uses a part of this.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The files of tests/data/containerd that register accepts.
pub(crate) const CONFIGURATIONS: &[&str] = &[
    "comments.toml",
    "debian-12.toml",
    "default-1.6.20.toml",
    "default-1.7.24.toml",
    "default-2.1.9.toml",
    "empty.toml",
    "imports.toml",
    "k3s-plain.toml.tmpl",
    "minimal.toml",
    "nvidia.toml",
    "only-comments.toml",
    "options-only.toml",
];

pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/containerd")
        .join(name)
}

/// A node's part that matters here: a configuration, a hook, and a `ctr` that prints what
/// containerd 1.6.20's prints.
pub(crate) struct Node {
    pub(crate) directory: TempDir,
    pub(crate) config: PathBuf,
}

/// What one run of the program did.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Node {
    /// A node with this text in `config_name`, and the files that it may import beside it.
    pub(crate) fn new(config_name: &str, text: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("bin")).unwrap();
        let spec = data("ctr-oci-spec-1.6.20.json");
        let ctr = format!(
            "#!/bin/sh\n[ \"$*\" = 'oci spec' ] && exec cat '{}'\n",
            spec.display()
        );
        fs::write(at("bin/ctr"), ctr).unwrap();
        fs::write(at("hook"), "").unwrap();
        for program in ["bin/ctr", "hook"] {
            fs::set_permissions(at(program), fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::create_dir(at("imports.d")).unwrap();
        for import in ["imports.d/10-metrics.toml", "imports.d/20-nvidia.toml"] {
            fs::copy(data(import), at(import)).unwrap();
        }
        let config = at(config_name);
        if let Some(text) = text {
            fs::write(&config, text).unwrap();
        }
        Self { directory, config }
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn base_spec(&self) -> PathBuf {
        self.at("specs/base.json")
    }

    pub(crate) fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oci-hostaliases"));
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.at("bin").display()));
        command
    }

    pub(crate) fn register(&self, arguments: &[&str]) -> Run {
        let mut command = self.program();
        command.args(["register", "containerd", "--config"]);
        command.arg(&self.config).arg("--base-spec");
        command.arg(self.base_spec()).arg("--hook");
        // The check is looked at with real engines, in tests/containerd_cri.
        run(command
            .arg(self.at("hook"))
            .arg("--unchecked")
            .args(arguments))
    }

    pub(crate) fn unregister(&self, arguments: &[&str]) -> Run {
        let mut command = self.program();
        command.args(["unregister", "containerd", "--config"]);
        command.arg(&self.config).arg("--base-spec");
        run(command.arg(self.base_spec()).args(arguments))
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(&self.config).unwrap()
    }

    /// The configuration's text with the temporary directory's path as `DIR`.
    pub(crate) fn plain_text(&self) -> String {
        self.plain(&self.text())
    }

    pub(crate) fn plain(&self, text: &str) -> String {
        text.replace(self.directory.path().to_str().unwrap(), "DIR")
            .replace(
                &self.directory.path().to_str().unwrap().replace('/', ":"),
                "DIR",
            )
    }

    /// The names of register's specs.
    pub(crate) fn specs(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.at("specs")) else {
            return Vec::new();
        };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.map(|name| self.plain(&name)).collect();
        names.sort();
        names
    }
}

pub(crate) fn run(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    Run {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[track_caller]
pub(crate) fn assert_done(run: &Run) {
    assert_eq!(run.status, 0, "{run:?}");
}

pub(crate) fn edited(text: &str, edits: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "no {from:?} in:\n{text}");
        text = text.replacen(from, to, 1);
    }
    text
}

/// A program of the machine's.
pub(crate) fn find(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut candidates = std::env::split_paths(&path).map(|directory| directory.join(name));
    candidates.find(|candidate| candidate.is_file()).unwrap()
}
