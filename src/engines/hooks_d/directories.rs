//! The hooks.d directories that Podman and CRI-O read.
//!
//! Both read `/usr/share/containers/oci/hooks.d` unless their configuration sets `hooks_dir`, which then replaces
//! it. A file in a directory that is not in that list is silently ignored. A user's own containers.conf and the
//! environment (`CONTAINERS_CONF`) are not the node's configuration and are ignored here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::engines::error::EngineError;
use crate::engines::hooks_d::crio::CriO;
use crate::engines::hooks_d::podman;

/// Both engines' built-in list.
pub(crate) const DEFAULT: &str = "/usr/share/containers/oci/hooks.d";

/// The administrator's directory: used if the engine reads it, wherever it is in the list.
pub(crate) const ADMINISTRATORS: &str = "/etc/containers/oci/hooks.d";

/// The key of both engines' configurations.
pub(super) const KEY: &str = "hooks_dir";

/// An engine with hooks.d directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Podman and Buildah: containers.conf.
    Podman,
    /// CRI-O: crio.conf.
    CriO,
}

impl Engine {
    /// Its name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::CriO => "CRI-O",
        }
    }

    /// Its name for `register`.
    pub(crate) fn cli_name(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::CriO => "crio",
        }
    }
}

/// The files that a version of an engine reads for its `hooks_dir`.
pub(super) struct Sources {
    /// In the order in which they are read; the last one with the key wins.
    pub(super) files: Vec<PathBuf>,
    /// Where a file has the key.
    pub(super) table: &'static [&'static str],
    /// The value of the command line, which overrides all files.
    pub(super) option: Option<Vec<String>>,
    /// Whether `{append=true}` is known: `["/x", {append=true}]` (containers.conf(5)).
    pub(super) can_append: bool,
    /// The directories with files that are read in the order of their names.
    pub(super) drop_ins: Vec<PathBuf>,
    /// The directories that are read if the list is empty.
    pub(super) if_empty: &'static [&'static str],
}

/// The hooks.d directories of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HooksDirs {
    /// In the order in which a later one's file replaces an earlier one's of the same name.
    pub(crate) directories: Vec<PathBuf>,
    /// The file that names them; `None` for the built-in list and the command line.
    pub(crate) set_by: Option<PathBuf>,
    /// Entries that are not absolute paths: the engine does not expand `~` and `$HOME`, and resolves the path from
    /// its working directory.
    pub(crate) relative: Vec<String>,
}

/// The directory for the hook's file: `/etc/containers/oci/hooks.d` when the engine reads it, else the last that it
/// reads, since later ones win. `root` is `/` except in tests.
pub(crate) fn find(engine: Engine, root: &Path) -> Result<PathBuf, EngineError> {
    Ok(choose(read(engine, root)?.directories, root))
}

fn choose(mut directories: Vec<PathBuf>, root: &Path) -> PathBuf {
    let administrators = under(root, ADMINISTRATORS);
    match directories.pop() {
        Some(_) if directories.contains(&administrators) => administrators,
        Some(last) => last,
        // `resolve` never gives an empty list.
        None => under(root, DEFAULT),
    }
}

/// All directories that the engine reads.
pub(crate) fn all(engine: Engine, root: &Path) -> Result<Vec<PathBuf>, EngineError> {
    Ok(read(engine, root)?.directories)
}

/// What the engine reads. For a Podman of unknown version, what each version reads, and why it is unknown.
pub(super) fn possible_sources(
    engine: Engine,
    root: &Path,
) -> Result<(Vec<Sources>, String), EngineError> {
    if engine == Engine::CriO {
        return Ok((vec![CriO::running().sources(root)?], String::new()));
    }
    let (versions, why) = match podman::installed() {
        Ok(version) => (vec![version], String::new()),
        Err(why) => (podman::EACH_READING.map(<[_]>::to_vec).to_vec(), why),
    };
    let versions = versions.iter();
    let sources = versions.map(|version| podman::sources(version, root));
    Ok((sources.collect::<Result<_, _>>()?, why))
}

/// The directories that the engine reads, by its command line and its version if needed.
pub(crate) fn read(engine: Engine, root: &Path) -> Result<HooksDirs, EngineError> {
    let (sources, why) = possible_sources(engine, root)?;
    let read = sources.into_iter().map(|it| resolve(engine, it, root));
    let read = read.collect::<Result<Vec<_>, _>>()?;
    let unknown = || EngineError::UnknownVersion(engine.name(), why);
    match read.split_first() {
        Some((first, others)) if others.iter().all(|it| it.directories == first.directories) => {
            Ok(first.clone())
        }
        _ => Err(unknown()),
    }
}

fn resolve(engine: Engine, sources: Sources, root: &Path) -> Result<HooksDirs, EngineError> {
    let mut named = vec![DEFAULT.to_owned()];
    let mut set_by = None;
    let mut append = false;
    for path in sources.files {
        let table = read_table(&path, sources.table)?.unwrap_or_default();
        let Some(value) = table.get(KEY) else {
            continue;
        };
        let wrong =
            || EngineError::unusable(path.display(), "hooks_dir is not a list of directories");
        let mut own = Vec::new();
        for item in value.as_array().ok_or_else(wrong)? {
            match item {
                Value::String(directory) => own.push(directory.clone()),
                // It also applies to the files that are read later.
                Value::Table(attributes) if sources.can_append => {
                    let value = attributes.get("append").and_then(Value::as_bool);
                    append = value.unwrap_or(append);
                }
                _ => return Err(wrong()),
            }
        }
        if !append {
            named.clear();
        }
        named.append(&mut own);
        set_by = Some(path);
    }
    if let Some(option) = sources.option {
        (named, set_by) = (option, None);
    }
    if named.is_empty() {
        named.extend(sources.if_empty.iter().map(|it| (*it).to_owned()));
    }
    let (absolute, relative): (Vec<_>, Vec<_>) = named
        .into_iter()
        .partition(|it| Path::new(it).is_absolute());
    if absolute.is_empty() {
        let name = engine.name();
        let reason = match relative.first() {
            None => format!("hooks_dir is empty, so {name} reads no hooks: name a directory there"),
            Some(first) => format!(
                "hooks_dir names {first:?}, a relative path, which {name} resolves from its working directory: write an absolute path"
            ),
        };
        let by = set_by.map_or("--hooks-dir".to_owned(), |it| it.display().to_string());
        return Err(EngineError::unusable(by, reason));
    }
    Ok(HooksDirs {
        directories: absolute.iter().map(|it| under(root, it)).collect(),
        set_by,
        relative,
    })
}

/// An absolute path below another root.
pub(super) fn under(root: &Path, absolute: impl AsRef<Path>) -> PathBuf {
    let absolute = absolute.as_ref();
    root.join(absolute.strip_prefix("/").unwrap_or(absolute))
}

/// A table of a file, by its keys; `None` if the table or the file does not exist.
pub(super) fn read_table(path: &Path, keys: &[&str]) -> Result<Option<Table>, EngineError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(EngineError::call("read", path)(error)),
    };
    let table: Table = text
        .parse()
        .map_err(|error| EngineError::not_toml(path.display(), &error))?;
    let mut table = Some(&table);
    for key in keys {
        table = table.and_then(|it| it.get(*key)?.as_table());
    }
    Ok(table.cloned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::{CriO, Engine, choose, podman, resolve, under};
    use crate::engines::processes::Process;

    /// Files with their `hooks_dir` (`-`: a file without it), and the directory, or why there is none.
    #[test]
    fn the_directory_is_one_that_the_engine_reads() {
        const CASES: &str = r#"
podman4 => /usr/share/containers/oci/hooks.d
podman6 => /usr/share/containers/oci/hooks.d
crio => /usr/share/containers/oci/hooks.d
podman4 USR - => /usr/share/containers/oci/hooks.d
podman4 ETC ["/a","/b"] => /b
podman4 ETC ["/a"] USR ["/c"] => /a
podman4 ETC.d/10-hooks.conf ["/b"] ETC ["/a"] => /b
podman4 ETC.d/README = => /usr/share/containers/oci/hooks.d
podman4 ETC ["/etc/containers/oci/hooks.d","/b"] => /etc/containers/oci/hooks.d
podman4 ETC [{append=true}] => ETC: hooks_dir is not a list of directories
podman5 ETC [{append=true}] => /usr/share/containers/oci/hooks.d
podman5 ETC ["/a",{append=true}] => /a
podman5 USR ["/a",{append=true}] ETC ["/b"] ETC.d/x.conf ["/etc/containers/oci/hooks.d","/c"] => /etc/containers/oci/hooks.d
podman5 USR ["/a",{append=true}] ETC ["/b",{append=false}] => /b
podman4 USR ["/c"] ETC - => /c
podman6 USR ["/c"] ETC - => /usr/share/containers/oci/hooks.d
podman6 USR ["/c"] => /c
podman5 USR.d/50-x.conf ["/u"] => /usr/share/containers/oci/hooks.d
podman6 USR.d/50-x.conf ["/u"] => /u
podman5 ROOTFUL.d/50-x.conf ["/r"] => /usr/share/containers/oci/hooks.d
podman6 ROOTFUL.d/50-x.conf ["/r"] => /r
podman6 ETC ["/a"] USR.d/50-x.conf ["/u"] => /u
podman6 ROOTFUL.d/50-x.conf ["/r"] ETC.d/50-x.conf ["/e"] USR.d/50-x.conf ["/u"] => /r
podman6 ROOTFUL.d/40-x.conf ["/r"] ETC.d/50-x.conf ["/e"] USR.d/60-x.conf ["/u"] => /u
podman6 ETC.d/50-x.conf ["/e"] USR-ROOTFUL.d/50-x.conf ["/u"] => /e
crio CRIO ["/a"] => /a
crio CRIO ["/a"] CRIO.d/00-default ["/b"] => /b
crio CRIO ["/a"] CRIO.d/10/x ["/b"] CRIO.d/00 ["/c"] => /b
crio ETC ["/a"] => /usr/share/containers/oci/hooks.d
podman4 ETC [] => ETC: hooks_dir is empty, so podman reads no hooks: name a directory there
podman5 ETC [] => /etc/containers/oci/hooks.d
crio CRIO [] => CRIO: hooks_dir is empty, so CRI-O reads no hooks: name a directory there
podman4 ETC "/a" => ETC: hooks_dir is not a list of directories
podman4 ETC ["~/.config/containers/oci/hooks.d"] => ETC: hooks_dir names "~/.config/containers/oci/hooks.d", a relative path, which podman resolves from its working directory: write an absolute path
podman6 ETC ["$HOME/hooks.d"] => ETC: hooks_dir names "$HOME/hooks.d", a relative path, which podman resolves from its working directory: write an absolute path
crio CRIO ["hooks.d"] => CRIO: hooks_dir names "hooks.d", a relative path, which CRI-O resolves from its working directory: write an absolute path
podman4 ETC ["/a","~/b"] => /a
crio CRIO = => CRIO is not valid TOML: extra `=`, expected nothing
"#;
        for case in CASES.lines().filter(|line| !line.is_empty()) {
            let case = case
                .replace(
                    "USR-ROOTFUL",
                    "/usr/share/containers/containers.rootful.conf",
                )
                .replace("USR", "/usr/share/containers/containers.conf")
                .replace("ROOTFUL", "/etc/containers/containers.rootful.conf")
                .replace("ETC", "/etc/containers/containers.conf")
                .replace("CRIO", "/etc/crio/crio.conf");
            let (node, expected) = case.split_once(" => ").unwrap();
            let mut words = node.split(' ');
            let (version, table) = match words.next().unwrap() {
                "podman4" => (Some([4, 7, 2]), "engine"),
                "podman5" => (Some([5, 0, 0]), "engine"),
                "podman6" => (Some([6, 0, 0]), "engine"),
                _ => (None, "crio.runtime"),
            };
            let root = tempfile::tempdir().unwrap();
            while let (Some(path), Some(value)) = (words.next(), words.next()) {
                let path = under(root.path(), path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let comment = if value == "-" { "#" } else { "" };
                fs::write(path, format!("[{table}]\n{comment}hooks_dir = {value}\n")).unwrap();
            }
            let (engine, sources) = match version {
                Some(version) => (Engine::Podman, podman::sources(&version, root.path())),
                None => (Engine::CriO, CriO::started_as(None).sources(root.path())),
            };
            let found = sources.and_then(|sources| resolve(engine, sources, root.path()));
            let found = match found {
                Ok(found) => choose(found.directories, root.path()).display().to_string(),
                Err(error) => error.to_string(),
            };
            let found = found.replace(root.path().to_str().unwrap(), "");
            assert_eq!(found, expected, "{case}");
        }
    }

    #[test]
    fn the_command_line_of_crio_comes_first() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, hooks_dir: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(
                path,
                format!("[crio.runtime]\nhooks_dir = [{hooks_dir:?}]\n"),
            )
            .unwrap();
        };
        write("etc/crio/crio.conf", "/usual");
        write("etc/site/crio.conf", "/site");
        write("etc/site.d/10-x", "/drop-in");
        for (arguments, environment, expected) in [
            ("crio", "", "/usual"),
            ("crio -c /etc/site/crio.conf", "", "/site"),
            ("crio --config=/etc/site/crio.conf", "", "/site"),
            ("crio", "CONTAINER_CONFIG=/etc/site/crio.conf", "/site"),
            ("crio -d /etc/site.d", "", "/drop-in"),
            (
                "crio --config-dir /etc/site.d -c /etc/site/crio.conf",
                "",
                "/drop-in",
            ),
            ("crio --config-dir /etc/site.d --hooks-dir /a", "", "/a"),
            ("crio --hooks-dir=/a --hooks-dir /b", "", "/a /b"),
            ("crio --hooks-dir=/a,/b", "", "/a /b"),
            ("crio", "CONTAINER_HOOKS_DIR=/a,/b", "/a /b"),
            ("crio --hooks-dir /c", "CONTAINER_HOOKS_DIR=/a,/b", "/c"),
        ] {
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
            let daemon = Process {
                arguments: words(arguments),
                environment: words(environment),
                ..Process::default()
            };
            let sources = CriO::started_as(Some(daemon)).sources(root.path()).unwrap();
            let found = resolve(Engine::CriO, sources, root.path()).unwrap();
            let found = found.directories.iter().map(|it| it.display().to_string());
            let found = found.collect::<Vec<_>>().join(" ");
            let found = found.replace(root.path().to_str().unwrap(), "");
            assert_eq!(found, expected, "{arguments} {environment}");
        }
    }
}
