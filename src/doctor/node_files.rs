//! What the administrator wrote for the hook: `config.toml` and `hosts.d`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::doctor::owners;
use crate::doctor::register;
use crate::doctor::report::{Finding, Harm};
use crate::engines::our_hook::{Containers, RegisteredHook};
use crate::error::on_one_line;
use crate::facts::node_entries::NodeEntries;
use crate::files::agent_config::AgentConfig;
use crate::files::config::{self, Config};
use crate::files::hosts_d;
use crate::validation::names;

const SUBJECT: &str = "node";
const SUFFIX: &str = ".hosts";

/// Checks the files that the registered hooks read, or would read once they are registered.
pub(super) fn examine(hooks: &[RegisteredHook]) -> Vec<Finding> {
    let mut configs: BTreeSet<&Path> = hooks.iter().map(RegisteredHook::config).collect();
    let mut directories: BTreeSet<&Path> = hooks.iter().map(RegisteredHook::hosts_d).collect();
    if hooks.is_empty() {
        configs.insert(Path::new(config::DEFAULT_PATH));
        directories.insert(Path::new(hosts_d::DEFAULT_PATH));
    }
    let mut findings = Vec::new();
    for config in configs {
        findings.extend(examine_config(config));
    }
    for directory in directories {
        let hooks = hooks.iter().filter(|hook| hook.hosts_d() == directory);
        findings.extend(examine_hosts_d(directory, hooks));
    }
    findings
}

fn examine_config(path: &Path) -> Vec<Finding> {
    let shown = path.display();
    let problem = |harm, text, remedy| Finding::problem(harm, SUBJECT, text, remedy).about(path);
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => {
            // The hook refuses a container that requests entries, because it does not know the intended
            // configuration.
            let error = on_one_line(&error);
            let text = format!("{error}: containers that request entries do not start");
            let remedy = owners::remedy_for(path);
            let remedy = remedy.unwrap_or_else(|| format!("correct {shown}"));
            return vec![problem(Harm::NothingStarts, text, remedy)];
        }
    };
    let of_agent = AgentConfig::load(path).err().map(|error| {
        let text = format!("{}: the agent does not start", on_one_line(&error));
        problem(Harm::NoFile, text, format!("correct {shown}"))
    });
    if of_agent.is_some() {
        return of_agent.into_iter().collect();
    }
    if config.warnings.is_empty() {
        let state = if path.exists() {
            "is valid"
        } else {
            "does not exist: using the defaults"
        };
        return vec![Finding::ok(SUBJECT, format!("{shown} {state}")).about(path)];
    }
    let judge = |warning| {
        let remedy = format!("remove that key from {shown} or correct its name");
        problem(Harm::LeftOut, format!("{shown}: {warning}"), remedy)
    };
    config.warnings.iter().map(judge).collect()
}

fn examine_hosts_d<'h>(
    hosts_d: &Path,
    hooks: impl Iterator<Item = &'h RegisteredHook>,
) -> Vec<Finding> {
    let shown = hosts_d.display();
    let mut entries = NodeEntries::read(hosts_d, None);
    let mut findings = Vec::new();
    // A directory that other users can change is not read at all.
    let is_read = entries.left_out.iter().all(|it| it.path != hosts_d);
    let namespaces = is_read.then(|| directories_in(hosts_d));
    for directory in namespaces.unwrap_or_default() {
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        if !names::label_refusals(&name).is_empty() {
            findings.extend(never_read(
                &directory,
                "its name is not a valid namespace name",
            ));
            continue;
        }
        let of_namespace = NodeEntries::read_alone(&directory);
        entries.left_out.extend(of_namespace.left_out);
        entries.files.extend(of_namespace.files);
        for below in directories_in(&directory) {
            findings.extend(never_read(&below, "it is inside a namespace's directory"));
        }
    }
    for left_out in entries.left_out {
        let remedy = remedy(hosts_d, &left_out.path);
        findings.push(Finding {
            line: left_out.line,
            ..Finding::problem(Harm::LeftOut, SUBJECT, left_out.why, remedy).about(left_out.path)
        });
    }
    if !entries.files.is_empty() {
        let count = entries.files.len();
        let plural = if count == 1 { "" } else { "s" };
        let text = format!("{shown}: {count} file{plural} with entries");
        findings.push(Finding::ok(SUBJECT, text).about(hosts_d));
        for hook in hooks.filter(|hook| hook.containers == Some(Containers::Asking)) {
            let Some(engine) = hook.engine else { continue };
            let text = format!(
                "{shown} is for all containers, but {} runs the hook only for those with an oci-hostaliases.io/ annotation",
                engine.name()
            );
            let remedy =
                register::command(&format!("{} --all", engine.cli_name()), Some(&hook.path));
            findings.push(Finding::note(SUBJECT, text).with_remedy(remedy));
        }
    } else if findings.is_empty() {
        findings.push(Finding::ok(SUBJECT, format!("{shown}: no entries")).about(hosts_d));
    }
    findings
}

/// A directory that is skipped although it has entries. (A name that begins with a dot is hidden on purpose, such
/// as `.git`.)
fn never_read(directory: &Path, why: &str) -> Option<Finding> {
    let has_entries = entries_in(directory).any(|(name, _)| name.ends_with(SUFFIX));
    let shown = directory.display();
    let text = format!("{shown} is never read: {why}");
    let remedy = format!("move its files to the directory of the namespace, or remove {shown}");
    let problem = Finding::problem(Harm::LeftOut, SUBJECT, text, remedy);
    has_entries.then(|| problem.about(directory))
}

/// The directories in a directory, sorted. A directory with the suffix of entry files is taken for a file, and
/// refused as such.
fn directories_in(path: &Path) -> Vec<PathBuf> {
    let found = entries_in(path)
        .filter(|(name, path)| !name.starts_with('.') && !name.ends_with(SUFFIX) && path.is_dir());
    let mut found: Vec<PathBuf> = found.map(|(_, path)| path).collect();
    found.sort();
    found
}

fn entries_in(directory: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|it| (it.file_name().to_string_lossy().into_owned(), it.path()))
}

/// What to do about something that was left out.
fn remedy(hosts_d: &Path, path: &Path) -> String {
    let shown = path.display();
    match fs::symlink_metadata(path) {
        // Only hosts.d itself may be a symlink.
        Ok(status) if status.is_symlink() && path != hosts_d => {
            format!("put what {shown} points to in its place")
        }
        Ok(_) => owners::remedy_for(path).unwrap_or_else(|| format!("correct {shown}")),
        Err(_) => format!("look at {shown}"),
    }
}
