//! The hook that the engines name: whether the runtime can run it, and only root can change it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::Access;

use crate::doctor::elf::{self, Linkage};
use crate::doctor::owners;
use crate::doctor::report::{Finding, Harm};
use crate::engines::bounded_run;
use crate::engines::our_hook::{HOOK_NAME, RegisteredHook};

const SUBJECT: &str = "hook";

/// Looks at each program that is registered.
#[must_use]
pub fn examine(hooks: &[RegisteredHook]) -> Vec<Finding> {
    let mut by_path: BTreeMap<&Path, Vec<&RegisteredHook>> = BTreeMap::new();
    for hook in hooks {
        by_path.entry(&hook.path).or_default().push(hook);
    }
    let mut findings = Vec::new();
    for (path, hooks) in by_path {
        findings.extend(examine_one(path, &hooks));
    }
    findings
}

fn examine_one(path: &Path, hooks: &[&RegisteredHook]) -> Vec<Finding> {
    if let Some(problem) = cannot_run(path) {
        return vec![problem];
    }
    let mut findings = Vec::new();
    findings.extend(owners::judge(SUBJECT, &owners::path_and_ancestors(path)));
    findings.push(match File::open(path) {
        Ok(file) => {
            let linkage = elf::linkage(|at, length| read_at(&file, at, length));
            judge_linkage(path, &linkage, hooks, |loader| loader.exists())
        }
        Err(error) => Finding::note(SUBJECT, format!("open {}: {error}", path.display())),
    });
    // What somebody else may have put there is not run, and less so by root.
    if findings.iter().all(|finding| finding.remedy.is_none()) {
        findings.push(judge_version(path, &ask_version(path)));
    }
    findings
}

/// Why the kernel would not execute it.
fn cannot_run(path: &Path) -> Option<Finding> {
    let problem = |text: String, remedy: String| {
        let text = format!("{text}: no container starts that runs it");
        Some(Finding::problem(Harm::NothingStarts, SUBJECT, text, remedy))
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
        return problem(text, format!("chmod 0755 {shown}"));
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

/// Whether the program needs others, and whether anybody else could choose them.
#[must_use]
pub fn judge_linkage(
    path: &Path,
    linkage: &Linkage,
    hooks: &[&RegisteredHook],
    exists: impl Fn(&Path) -> bool,
) -> Finding {
    let shown = path.display();
    let build = format!("install a static oci-hostaliases-hook at {shown}");
    match linkage {
        Linkage::Static => Finding::ok(SUBJECT, format!("{shown} is static")),
        Linkage::Dynamic(loader) if !exists(Path::new(loader)) => {
            let text = format!(
                "{shown} needs {loader}, which is not there: no container starts that runs it"
            );
            Finding::problem(Harm::NothingStarts, SUBJECT, text, build)
        }
        // At this stage a hook without an environment of its own has the container's with older
        // runc, LD_PRELOAD included (CVE-2025-23266).
        Linkage::Dynamic(_)
            if hooks
                .iter()
                .any(|hook| hook.stage == "createContainer" && !hook.has_env) =>
        {
            let text = format!(
                "{shown} is not static, and at createContainer without \"env\" the container chooses its libraries"
            );
            Finding::problem(Harm::Insecure, SUBJECT, text, build)
        }
        Linkage::Dynamic(loader) => {
            let text = format!("{shown} is not static: it needs {loader} and the node's libraries");
            Finding::note(SUBJECT, text)
        }
        Linkage::NotElf => Finding::note(
            SUBJECT,
            format!("{shown} is a script or the like, not the program itself"),
        ),
        Linkage::Damaged => {
            let text = format!("{shown} is damaged: no container starts that runs it");
            Finding::problem(Harm::NothingStarts, SUBJECT, text, build)
        }
    }
}

fn read_at(file: &File, at: u64, length: u64) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    file.read_exact_at(&mut bytes, at).ok()?;
    Some(bytes)
}

/// What the program says to `--version`, or why it says nothing.
fn ask_version(path: &Path) -> Result<String, String> {
    let mut command = Command::new(PathBuf::from(path));
    command.arg("--version").env_clear();
    let said = bounded_run::run(&mut command).map_err(|error| error.to_string())?;
    match said.stdout.lines().next() {
        Some(line) if said.status.success() => Ok(line.to_owned()),
        _ => Err(format!("{}: {}", said.status, said.stderr)),
    }
}

/// Whether it runs on this machine, and is of this version.
#[must_use]
pub fn judge_version(path: &Path, said: &Result<String, String>) -> Finding {
    let shown = path.display();
    let own = env!("CARGO_PKG_VERSION");
    let words = said
        .as_ref()
        .map(|line| line.split_once(' ').unwrap_or((line, "")));
    match words {
        Ok((name, version)) if name == HOOK_NAME && version == own => {
            Finding::ok(SUBJECT, format!("{shown} runs, version {version}"))
        }
        Ok((name, version)) if name == HOOK_NAME => {
            let text = format!("{shown} is version {version}, this program is version {own}");
            Finding::note(SUBJECT, text)
        }
        Ok((name, _)) => Finding::problem(
            Harm::NothingStarts,
            SUBJECT,
            format!("{shown} is another program: to --version it answers {name:?}"),
            format!("install oci-hostaliases-hook at {shown}"),
        ),
        Err(reason) => Finding::problem(
            Harm::NothingStarts,
            SUBJECT,
            format!("{shown} --version: {reason}"),
            format!("install the oci-hostaliases-hook of this machine's architecture at {shown}"),
        ),
    }
}
