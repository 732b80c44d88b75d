//! The hooks.d directory that Podman and CRI-O really read.
//!
//! Both read `/usr/share/containers/oci/hooks.d` unless their configuration has a `hooks_dir`,
//! which then replaces it. A file in a directory that is not in that list is silently ignored.
//! What a user's own containers.conf or the environment (`CONTAINERS_CONF`) says is not the node's
//! and does not count here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::engines::error::EngineError;

/// Both engines' built-in list.
pub(crate) const DEFAULT: &str = "/usr/share/containers/oci/hooks.d";

/// The administrator's directory: taken when the engine reads it, whatever its place in the list.
pub(crate) const ADMINISTRATORS: &str = "/etc/containers/oci/hooks.d";

/// An engine with hooks.d directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Podman and Buildah: containers.conf.
    Podman,
    /// CRI-O: crio.conf.
    CriO,
}

impl Engine {
    /// The name by which people know it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::CriO => "CRI-O",
        }
    }

    /// The name by which `register` knows it.
    pub(crate) fn cli_name(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::CriO => "crio",
        }
    }

    /// The configuration files in the order in which the engine reads them; the last one with the
    /// key counts. A directory means its `*.conf`, sorted (CRI-O's: all its files).
    fn sources(self) -> &'static [&'static str] {
        match self {
            Self::Podman => &[
                "/usr/share/containers/containers.conf",
                "/etc/containers/containers.conf",
                "/etc/containers/containers.conf.d/",
            ],
            Self::CriO => &["/etc/crio/crio.conf", "/etc/crio/crio.conf.d/"],
        }
    }

    fn table(self) -> &'static [&'static str] {
        match self {
            Self::Podman => &["engine"],
            Self::CriO => &["crio", "runtime"],
        }
    }
}

/// The directory for the hook's file: `/etc/containers/oci/hooks.d` when the engine reads it,
/// else the last that it reads, since later ones win. `root` is `/` but in tests.
pub(crate) fn find(engine: Engine, root: &Path) -> Result<PathBuf, EngineError> {
    let mut directories = all(engine, root)?;
    let administrators = under(root, ADMINISTRATORS);
    match directories.pop() {
        Some(_) if directories.contains(&administrators) => Ok(administrators),
        Some(last) => Ok(last),
        // `all` never gives an empty list.
        None => Ok(under(root, DEFAULT)),
    }
}

/// All directories that the engine reads, in the order in which a later one's file replaces an
/// earlier one's of the same name.
pub(crate) fn all(engine: Engine, root: &Path) -> Result<Vec<PathBuf>, EngineError> {
    let mut directories = vec![DEFAULT.to_owned()];
    let mut set_by = PathBuf::from(DEFAULT);
    for source in engine.sources() {
        for path in files(engine, &under(root, source), source.ends_with('/'))? {
            let Some(value) = hooks_dir(engine, &path)? else {
                continue;
            };
            let wrong =
                || EngineError::unusable(path.display(), "hooks_dir is not a list of directories");
            let items = value.as_array().ok_or_else(wrong)?;
            let mut append = false;
            let mut named = Vec::new();
            for item in items {
                match item {
                    Value::String(directory) => named.push(directory.clone()),
                    // containers.conf(5) since Podman 5: `["/x", {append=true}]`.
                    Value::Table(attributes) if engine == Engine::Podman => {
                        append = attributes.get("append").and_then(Value::as_bool) == Some(true);
                    }
                    _ => return Err(wrong()),
                }
            }
            if !append {
                directories.clear();
            }
            directories.append(&mut named);
            set_by = path;
        }
    }
    if directories.is_empty() {
        let reason = format!(
            "hooks_dir is empty, so {} reads no hooks: name a directory there",
            engine.name()
        );
        return Err(EngineError::unusable(set_by.display(), reason));
    }
    Ok(directories.iter().map(|it| under(root, it)).collect())
}

fn under(root: &Path, absolute: &str) -> PathBuf {
    root.join(absolute.trim_start_matches('/'))
}

pub(super) fn files(
    engine: Engine,
    path: &Path,
    is_directory: bool,
) -> Result<Vec<PathBuf>, EngineError> {
    if !is_directory {
        return Ok(vec![path.to_owned()]);
    }
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(EngineError::call("readdir", path)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let file = entry.map_err(EngineError::call("readdir", path))?.path();
        let is_conf = file.extension().is_some_and(|ending| ending == "conf");
        if file.is_file() && (is_conf || engine == Engine::CriO) {
            found.push(file);
        }
    }
    found.sort();
    Ok(found)
}

pub(super) fn hooks_dir(engine: Engine, path: &Path) -> Result<Option<Value>, EngineError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(EngineError::call("read", path)(error)),
    };
    let table: Table = text
        .parse()
        .map_err(|error| EngineError::not_toml(path.display(), &error))?;
    let mut table = &table;
    for key in engine.table() {
        match table.get(*key).and_then(Value::as_table) {
            Some(inner) => table = inner,
            None => return Ok(None),
        }
    }
    Ok(table.get("hooks_dir").cloned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::{Engine, find, under};

    /// Files with their `hooks_dir` (`-`: a file without it), and the directory, or why there is none.
    #[test]
    fn the_directory_is_one_that_the_engine_reads() {
        const CASES: &str = r#"
podman => /usr/share/containers/oci/hooks.d
crio => /usr/share/containers/oci/hooks.d
podman USR - => /usr/share/containers/oci/hooks.d
podman ETC ["/a","/b"] => /b
podman ETC ["/a"] USR ["/c"] => /a
podman ETC.d/10-hooks.conf ["/b"] ETC ["/a"] => /b
podman ETC.d/README = => /usr/share/containers/oci/hooks.d
podman ETC ["/etc/containers/oci/hooks.d","/b"] => /etc/containers/oci/hooks.d
podman ETC [{append=true}] => /usr/share/containers/oci/hooks.d
podman ETC ["/a",{append=true}] => /a
crio CRIO ["/a"] => /a
crio CRIO ["/a"] CRIO.d/00-default ["/b"] => /b
crio ETC ["/a"] => /usr/share/containers/oci/hooks.d
podman ETC [] => ETC: hooks_dir is empty, so podman reads no hooks: name a directory there
podman ETC "/a" => ETC: hooks_dir is not a list of directories
crio CRIO = => CRIO is not valid TOML: extra `=`, expected nothing
"#;
        for case in CASES.lines().filter(|line| !line.is_empty()) {
            let case = case
                .replace("USR", "/usr/share/containers/containers.conf")
                .replace("ETC", "/etc/containers/containers.conf")
                .replace("CRIO", "/etc/crio/crio.conf");
            let (node, expected) = case.split_once(" => ").unwrap();
            let mut words = node.split(' ');
            let (engine, table) = match words.next().unwrap() {
                "podman" => (Engine::Podman, "engine"),
                _ => (Engine::CriO, "crio.runtime"),
            };
            let root = tempfile::tempdir().unwrap();
            while let (Some(path), Some(value)) = (words.next(), words.next()) {
                let path = under(root.path(), path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let comment = if value == "-" { "#" } else { "" };
                fs::write(path, format!("[{table}]\n{comment}hooks_dir = {value}\n")).unwrap();
            }
            let found = match find(engine, root.path()) {
                Ok(found) => found.display().to_string(),
                Err(error) => error.to_string(),
            };
            assert_eq!(found.replace(root.path().to_str().unwrap(), ""), expected);
        }
    }
}
