//! What the administrator wrote for the hook: `config.toml` and `hosts.d`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::doctor::owners::{self, Owned};
use crate::doctor::report::{Finding, Harm};
use crate::engines::our_hook::{Containers, RegisteredHook};
use crate::error::on_one_line;
use crate::files::config::{self, Config};
use crate::files::hosts_d::{self, NodeEntries};
use crate::validation::names;

const SUBJECT: &str = "node";
const SUFFIX: &str = ".hosts";

/// Looks at the files that the registered hooks read, or would read once they are registered.
#[must_use]
pub fn examine(hooks: &[RegisteredHook]) -> Vec<Finding> {
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
    let problem = |text, remedy| Finding::problem(Harm::LeftOut, SUBJECT, text, remedy);
    match Config::load(path) {
        Err(error) => {
            // The hook stops a container that asks for something: it cannot know what was meant.
            let remedy = who_may_write(path).unwrap_or_else(|| format!("correct {shown}"));
            vec![Finding::problem(
                Harm::NothingStarts,
                SUBJECT,
                format!(
                    "{}: containers that ask for something do not start",
                    on_one_line(&error)
                ),
                remedy,
            )]
        }
        Ok(config) if config.warnings.is_empty() => {
            let state = if path.exists() {
                "is valid"
            } else {
                "is not there: the defaults count"
            };
            vec![Finding::ok(SUBJECT, format!("{shown} {state}"))]
        }
        Ok(config) => {
            let unknown = config.warnings.iter();
            unknown
                .map(|warning| {
                    let remedy = format!("remove that key from {shown} or correct its name");
                    problem(format!("{shown}: {warning}"), remedy)
                })
                .collect()
        }
    }
}

/// The command that makes a file root's alone; `None` when it is.
fn who_may_write(path: &Path) -> Option<String> {
    let status = fs::symlink_metadata(path).ok()?;
    let owned = Owned {
        path: path.to_owned(),
        uid: status.uid(),
        mode: status.mode() & 0o7777,
    };
    owners::trouble(&owned).map(|(_, remedy)| remedy)
}

fn examine_hosts_d<'h>(
    hosts_d: &Path,
    hooks: impl Iterator<Item = &'h RegisteredHook>,
) -> Vec<Finding> {
    let shown = hosts_d.display();
    let node = NodeEntries::read(hosts_d, None);
    let mut left_out = node.left_out.clone();
    let mut files: Vec<PathBuf> = node.files.iter().map(|(path, _)| path.clone()).collect();
    let mut findings = Vec::new();
    for directory in directories_in(hosts_d) {
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        if !names::label_refusals(&name).is_empty() {
            findings.extend(never_read(&directory, "its name is not a namespace's"));
            continue;
        }
        let both = NodeEntries::read(hosts_d, Some(&name));
        let of_namespace = both
            .left_out
            .into_iter()
            .filter(|it| !node.left_out.contains(it));
        left_out.extend(of_namespace);
        let of_namespace = both.files.into_iter().map(|(path, _)| path);
        files.extend(of_namespace.filter(|path| path.starts_with(&directory)));
        for below in directories_in(&directory) {
            findings.extend(never_read(&below, "it lies below a namespace's directory"));
        }
    }
    for text in left_out {
        let remedy = remedy(hosts_d, &text);
        findings.push(Finding::problem(Harm::LeftOut, SUBJECT, text, remedy));
    }
    if !files.is_empty() {
        let (count, plural) = (files.len(), if files.len() == 1 { "" } else { "s" });
        findings.push(Finding::ok(
            SUBJECT,
            format!("{shown}: {count} file{plural} with entries"),
        ));
        let asking = hooks.filter(|hook| hook.containers == Some(Containers::Asking));
        for engine in asking.filter_map(|hook| hook.engine) {
            let text = format!(
                "{shown} is for all containers, but {} runs the hook only for those with an annotation of ours",
                engine.name()
            );
            let remedy = format!("oci-hostaliases register {} --all", engine.cli_name());
            findings.push(Finding::note(SUBJECT, text).with_remedy(remedy));
        }
    } else if findings.is_empty() {
        findings.push(Finding::ok(SUBJECT, format!("{shown}: no entries")));
    }
    findings
}

/// A directory that is passed over, when somebody put entries into it. (What starts with a dot is
/// hidden on purpose, as `.git` is.)
fn never_read(directory: &Path, why: &str) -> Option<Finding> {
    let has_entries = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().ends_with(SUFFIX));
    let shown = directory.display();
    has_entries.then(|| {
        Finding::problem(
            Harm::LeftOut,
            SUBJECT,
            format!("{shown} is never read: {why}"),
            format!("move its files to the directory of the namespace, or remove {shown}"),
        )
    })
}

/// The directories in a directory, sorted. What ends like a file of entries is taken for one, and
/// refused as such.
fn directories_in(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            !name.starts_with('.') && !name.ends_with(SUFFIX) && entry.path().is_dir()
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// What to do about something that was left out: the message names the file or directory.
fn remedy(hosts_d: &Path, text: &str) -> String {
    let mut paths = vec![hosts_d.to_owned()];
    for directory in [hosts_d.to_owned()]
        .into_iter()
        .chain(directories_in(hosts_d))
    {
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        paths.extend(entries.map(|entry| entry.path()));
        paths.push(directory);
    }
    let named = |path: &&PathBuf| text.contains(&path.display().to_string());
    let path = paths
        .iter()
        .filter(named)
        .max_by_key(|path| path.as_os_str().len());
    let Some(path) = path else {
        return format!("look at {}", hosts_d.display());
    };
    let shown = path.display();
    match fs::symlink_metadata(path) {
        Ok(status) if status.is_symlink() => {
            format!("put what {shown} points to in its place")
        }
        Ok(_) => who_may_write(path).unwrap_or_else(|| format!("correct {shown}")),
        Err(_) => format!("look at {shown}"),
    }
}
