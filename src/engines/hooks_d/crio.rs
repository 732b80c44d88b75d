//! CRI-O: its configuration files and its runtimes, by the command line of the running daemon.
//!
//! Each option has a variable (`CONTAINER_HOOKS_DIR`), which applies if the option is not given; both override all
//! files. Without a daemon, the files are the default ones.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::engines::error::EngineError;
use crate::engines::hooks_d::directories::{Sources, read_table, under};
use crate::engines::processes::{self, Process};

/// The tables of a file that are read here.
const TABLE: [&str; 2] = ["crio", "runtime"];

/// CRI-O as it runs, or would run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CriO {
    pub(crate) daemon: Option<Process>,
    config: PathBuf,
    config_dir: PathBuf,
    hooks_dir: Option<Vec<String>>,
    default_runtime: Option<String>,
}

/// The runtimes of a configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Runtimes {
    /// The default runtime; `None` if CRI-O chooses it, which differs between versions.
    pub(crate) default: Option<String>,
    pub(crate) all: Vec<Runtime>,
}

/// A `[crio.runtime.runtimes.NAME]`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Runtime {
    pub(crate) name: String,
    /// `oci`, `vm` (Kata) or `pod`.
    pub(crate) kind: String,
    /// Its program. Without a path CRI-O looks for the runtime's name.
    pub(crate) program: String,
}

impl CriO {
    /// As it runs on this node.
    pub(crate) fn running() -> Self {
        Self::started_as(processes::of_node("crio").into_iter().next())
    }

    /// As this process runs; `None`: as it runs without options.
    pub(super) fn started_as(daemon: Option<Process>) -> Self {
        let given = |names: &[&str], variable: &str| {
            let daemon = daemon.as_ref()?;
            let of_variable =
                |it: &String| Some(it.strip_prefix(variable)?.strip_prefix('=')?.to_owned());
            let mut values = option(&daemon.arguments, names);
            if values.is_empty() {
                values.extend(daemon.environment.iter().find_map(of_variable));
                values.retain(|it| !it.is_empty());
            }
            (!values.is_empty()).then_some(values)
        };
        // The last one wins.
        let last = |names: &[&str], variable: &str| given(names, variable)?.pop();
        let path = |names: &[&str], variable, usual: &str| {
            PathBuf::from(last(names, variable).unwrap_or_else(|| usual.to_owned()))
        };
        Self {
            config: path(&["config", "c"], "CONTAINER_CONFIG", "/etc/crio/crio.conf"),
            config_dir: path(
                &["config-dir", "d"],
                "CONTAINER_CONFIG_DIR",
                "/etc/crio/crio.conf.d",
            ),
            hooks_dir: given(&["hooks-dir"], "CONTAINER_HOOKS_DIR").map(|given| split(&given)),
            default_runtime: last(&["default-runtime"], "CONTAINER_DEFAULT_RUNTIME"),
            daemon,
        }
    }

    /// Its `hooks_dir`.
    pub(super) fn sources(&self, root: &Path) -> Result<Sources, EngineError> {
        Ok(Sources {
            files: self.files(root)?,
            drop_ins: vec![under(root, &self.config_dir)],
            table: &TABLE,
            option: self.hooks_dir.clone(),
            can_append: false,
            if_empty: &[],
        })
    }

    /// Its configuration files in the order in which it reads them.
    pub(crate) fn files(&self, root: &Path) -> Result<Vec<PathBuf>, EngineError> {
        let mut files = vec![under(root, &self.config)];
        add_files_below(&under(root, &self.config_dir), &mut files)?;
        Ok(files)
    }

    /// Its table `crio.nri`, with each key from the last file that sets it.
    pub(crate) fn nri(&self, root: &Path) -> Result<Table, EngineError> {
        let mut nri = Table::new();
        for file in self.files(root)? {
            nri.extend(read_table(&file, &["crio", "nri"])?.unwrap_or_default());
        }
        Ok(nri)
    }

    /// Its runtimes. A later file's table replaces an earlier one's of the same name.
    pub(crate) fn runtimes(&self, root: &Path) -> Result<Runtimes, EngineError> {
        let mut runtimes = Table::new();
        let mut default = None;
        for file in self.files(root)? {
            let Some(table) = read_table(&file, &TABLE)? else {
                continue;
            };
            let own = table.get("default_runtime").and_then(Value::as_str);
            default = own.map(str::to_owned).or(default);
            let own = table.get("runtimes").and_then(Value::as_table);
            runtimes.extend(own.cloned().unwrap_or_default());
        }
        let default = self.default_runtime.clone().or(default);
        let default = default.filter(|name| !name.is_empty());
        let read = |name: &str| {
            let table = runtimes.get(name);
            let text = |key| {
                let text = table?.get(key).and_then(Value::as_str);
                text.filter(|it| !it.is_empty()).map(str::to_owned)
            };
            (
                text("runtime_type").unwrap_or_else(|| "oci".to_owned()),
                text("runtime_path").unwrap_or_else(|| name.to_owned()),
            )
        };
        let all = runtimes.iter().map(|(name, table)| {
            let inherits = table
                .get("inherit_default_runtime")
                .and_then(Value::as_bool);
            let from = default.as_deref().filter(|_| inherits == Some(true));
            let (kind, program) = read(from.unwrap_or(name));
            Runtime {
                name: name.clone(),
                kind,
                program,
            }
        });
        let all = all.collect();
        Ok(Runtimes { default, all })
    }
}

/// Lists that are given more than once, or with commas.
fn split(given: &[String]) -> Vec<String> {
    let items = given.iter().flat_map(|it| it.split(','));
    items.map(|it| it.trim().to_owned()).collect()
}

/// The values of an option that has these names, without their dashes, in the order in which they were
/// given: `--name value` and `--name=value`.
fn option(arguments: &[String], names: &[&str]) -> Vec<String> {
    let mut values = Vec::new();
    let mut words = arguments.iter().skip(1);
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.as_str(), None),
        };
        let dashed = name.strip_prefix("--").or_else(|| name.strip_prefix('-'));
        if dashed.is_some_and(|it| names.contains(&it)) {
            let value = value.or_else(|| words.next().map(String::as_str));
            values.extend(value.map(str::to_owned));
        }
    }
    values
}

/// Every file below a directory, whatever its ending, each directory's sorted by name.
fn add_files_below(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), EngineError> {
    let failed = || EngineError::call("readdir", directory);
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>().map_err(failed())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed()(error)),
    };
    let mut paths: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    for path in paths {
        // A symlink to a directory is not followed.
        if fs::symlink_metadata(&path).is_ok_and(|it| it.is_dir()) {
            add_files_below(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::path::Path;

    use super::{CriO, Runtime};

    /// As in CRI-O's packages and in clusters with several runtimes.
    #[test]
    fn a_later_file_replaces_a_runtime_of_the_same_name() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let crio = CriO::started_as(None);
        let of = || crio.runtimes(root.path()).unwrap();
        assert_eq!((of().default, of().all.len()), (None, 0));
        write(
            "etc/crio/crio.conf.d/10-crio.conf",
            "[crio.runtime]\ndefault_runtime = \"crun\"\n\
             [crio.runtime.runtimes.crun]\nruntime_path = \"/usr/libexec/crio/crun\"\n\
             [crio.runtime.runtimes.runc]\nruntime_path = \"/usr/libexec/crio/runc\"\n\
             [crio.runtime.runtimes.high]\ninherit_default_runtime = true\n",
        );
        write(
            "etc/crio/crio.conf.d/20-more/kata",
            "[crio.runtime.runtimes.kata]\nruntime_path = \"/opt/shim\"\nruntime_type = \"vm\"\n\
             [crio.runtime.runtimes.runc]\n",
        );
        let runtimes = of();
        assert_eq!(runtimes.default.as_deref(), Some("crun"));
        let runtime = |name: &str, kind: &str, program: &str| Runtime {
            name: name.to_owned(),
            kind: kind.to_owned(),
            program: program.to_owned(),
        };
        for expected in [
            runtime("crun", "oci", "/usr/libexec/crio/crun"),
            runtime("high", "oci", "/usr/libexec/crio/crun"),
            runtime("kata", "vm", "/opt/shim"),
            runtime("runc", "oci", "runc"),
        ] {
            assert!(runtimes.all.contains(&expected), "{runtimes:?}");
        }
        write(
            "etc/crio/crio.conf.d/30-x",
            "[crio.runtime]\ndefault_runtime = \"\"\n",
        );
        assert_eq!(crio.runtimes(Path::new(root.path())).unwrap().default, None);
    }
}
