//! The registered hook: whether the runtime can run it, and whether only root can change it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::Access;

use crate::doctor::owners;
use crate::doctor::report::{Finding, Harm, word};
use crate::engines::bounded_run;
use crate::engines::our_hook::{HOOK_NAME, RegisteredHook};

const SUBJECT: &str = "hook";
/// The remedy for a hook in a place that users other than root can write to.
const INSTEAD: &str = "install the hook where only root can write (/usr/libexec/oci/hooks.d) and register it there with --hook";

/// Checks each registered program.
pub(super) fn examine(hooks: &[RegisteredHook]) -> Vec<(PathBuf, Vec<Finding>)> {
    let mut by_path: BTreeMap<&Path, Vec<&RegisteredHook>> = BTreeMap::new();
    for hook in hooks {
        by_path.entry(&hook.path).or_default().push(hook);
    }
    by_path
        .iter()
        .map(|(path, hooks)| (path.to_path_buf(), examine_one(path, hooks)))
        .collect()
}

fn examine_one(path: &Path, hooks: &[&RegisteredHook]) -> Vec<Finding> {
    let is_guarded = hooks.iter().all(|hook| hook.is_guarded);
    if let Some(problem) = cannot_run(path, is_guarded) {
        return vec![problem];
    }
    // doctor does not run a program that users other than root can change.
    if let Some(problem) = owners::judge(SUBJECT, path, INSTEAD) {
        return vec![problem];
    }
    let findings = judge_version(path, hooks);
    findings.into_iter().map(|it| it.about(path)).collect()
}

/// Why the kernel would not execute it.
fn cannot_run(path: &Path, is_guarded: bool) -> Option<Finding> {
    let problem = |text: String, remedy: String| {
        let (harm, effect) = if is_guarded {
            (Harm::NoFile, "containers start without the file")
        } else {
            (Harm::NothingStarts, "containers that run it do not start")
        };
        let text = format!("{text}: {effect}");
        Some(Finding::problem(harm, SUBJECT, text, remedy).about(path))
    };
    let shown = path.display();
    let install =
        format!("install oci-hostaliases-hook at {shown}, or register it again with --hook PATH");
    if path.is_relative() {
        return problem(format!("{shown} is not an absolute path"), install);
    }
    let status = match fs::metadata(path) {
        Ok(status) => status,
        Err(error) => return problem(format!("stat {shown}: {error}"), install),
    };
    if !status.is_file() {
        return problem(format!("{shown} is not a regular file"), install);
    }
    let mode = status.permissions().mode() & 0o7777;
    if mode & 0o111 == 0 {
        let text = format!("{shown} is not executable (mode {mode:04o})");
        return problem(text, format!("chmod 0755 {}", word(path)));
    }
    match rustix::fs::access(path, Access::EXEC_OK) {
        Ok(()) => None,
        Err(_) if !rustix::process::geteuid().is_root() => None,
        Err(_) => problem(
            format!("{shown} is on a file system mounted noexec"),
            install,
        ),
    }
}

/// Whether it runs on this machine, has this version, and is static.
fn judge_version(path: &Path, hooks: &[&RegisteredHook]) -> Vec<Finding> {
    let shown = path.display();
    let problem = |text: String, what: &str| {
        let remedy = format!("install {what} at {shown}");
        vec![Finding::problem(Harm::NothingStarts, SUBJECT, text, remedy)]
    };
    let said = bounded_run::run(Command::new(path).arg("--version").env_clear());
    let reason = match &said {
        // The program itself exists.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = format!(
                "{shown} needs a loader or an interpreter that does not exist: containers that run it do not start"
            );
            return problem(text, "a static oci-hostaliases-hook");
        }
        Err(error) => error.to_string(),
        Ok(said) => format!("{}: {}", said.status, said.stderr),
    };
    let said = said.ok().filter(|said| said.status.success());
    let Some(line) = said.as_ref().and_then(|said| said.stdout.lines().next()) else {
        let text = format!("{shown} --version: {reason}");
        return problem(
            text,
            "the oci-hostaliases-hook for this machine's architecture",
        );
    };
    let mut words = line.split(' ');
    let name = words.next().unwrap_or_default();
    if name != HOOK_NAME {
        let text = format!("{shown} is another program: its --version prints {name:?}");
        return problem(text, HOOK_NAME);
    }
    let (version, own) = (words.next().unwrap_or_default(), env!("CARGO_PKG_VERSION"));
    let mut findings = vec![if version == own {
        Finding::ok(SUBJECT, format!("{shown} runs, version {version}"))
    } else {
        let text = format!("{shown} is version {version}, this program is version {own}");
        Finding::note(SUBJECT, text)
    }];
    // At createContainer, older runc gives a hook without `env` the container's environment, including LD_PRELOAD
    // (CVE-2025-23266).
    let has_containers_env =
        |hook: &&RegisteredHook| hook.stage == "createContainer" && !hook.has_env;
    findings.push(match words.next() {
        Some("(static," | "(static)") => Finding::ok(SUBJECT, format!("{shown} is static")),
        Some("(dynamic," | "(dynamic)") if hooks.iter().any(has_containers_env) => {
            let text = format!(
                "{shown} is not static, and at createContainer without \"env\" the container can choose its libraries"
            );
            let remedy = format!("install a static oci-hostaliases-hook at {shown}");
            Finding::problem(Harm::Insecure, SUBJECT, text, remedy)
        }
        Some("(dynamic," | "(dynamic)") => {
            let text = format!("{shown} is not static: it needs the node's libraries");
            Finding::note(SUBJECT, text)
        }
        _ => {
            let text = format!("{shown} does not say whether it is static");
            Finding::note(SUBJECT, text)
        }
    });
    findings
}
