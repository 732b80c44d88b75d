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
    /// key has its way. A directory stands for its `*.conf`, sorted (CRI-O's: all its files).
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

fn files(engine: Engine, path: &Path, is_directory: bool) -> Result<Vec<PathBuf>, EngineError> {
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

fn hooks_dir(engine: Engine, path: &Path) -> Result<Option<Value>, EngineError> {
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
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::fs;

    use super::{Engine, find};

    #[test]
    fn the_directory_is_one_that_the_engine_reads() {
        const DEFAULT: &str = "/usr/share/containers/oci/hooks.d";
        let engine_table = |list: &str| format!("[engine]\nhooks_dir = {list}\n");
        let crio_table = |list: &str| format!("[crio.runtime]\nhooks_dir = {list}\n");
        let usr = "/usr/share/containers/containers.conf";
        let etc = "/etc/containers/containers.conf";
        let drop_in = "/etc/containers/containers.conf.d/10-hooks.conf";
        type Case<'a> = (Engine, &'a [(&'a str, String)], Result<&'a str, &'a str>);
        let cases: &[Case<'_>] = &[
            (Engine::Podman, &[], Ok(DEFAULT)),
            (Engine::CriO, &[], Ok(DEFAULT)),
            (
                Engine::Podman,
                &[(usr, "[engine]\n#hooks_dir = []\n".into())],
                Ok(DEFAULT),
            ),
            (
                Engine::Podman,
                &[(etc, engine_table("[\"/a\", \"/b\"]"))],
                Ok("/b"),
            ),
            (
                Engine::Podman,
                &[
                    (etc, engine_table("[\"/a\"]")),
                    (usr, engine_table("[\"/c\"]")),
                ],
                Ok("/a"),
            ),
            (
                Engine::Podman,
                &[
                    (drop_in, engine_table("[\"/b\"]")),
                    (etc, engine_table("[\"/a\"]")),
                ],
                Ok("/b"),
            ),
            (
                Engine::Podman,
                &[("/etc/containers/containers.conf.d/README", "hello".into())],
                Ok(DEFAULT),
            ),
            (
                Engine::Podman,
                &[(
                    etc,
                    engine_table("[\"/etc/containers/oci/hooks.d\", \"/b\"]"),
                )],
                Ok("/etc/containers/oci/hooks.d"),
            ),
            (
                Engine::Podman,
                &[(etc, engine_table("[{append=true}]"))],
                Ok(DEFAULT),
            ),
            (
                Engine::Podman,
                &[(etc, engine_table("[\"/a\", {append=true}]"))],
                Ok("/a"),
            ),
            (
                Engine::CriO,
                &[("/etc/crio/crio.conf", crio_table("[\"/a\"]"))],
                Ok("/a"),
            ),
            (
                Engine::CriO,
                &[
                    ("/etc/crio/crio.conf", crio_table("[\"/a\"]")),
                    ("/etc/crio/crio.conf.d/00-default", crio_table("[\"/b\"]")),
                ],
                Ok("/b"),
            ),
            (
                Engine::CriO,
                &[(etc, engine_table("[\"/a\"]"))],
                Ok(DEFAULT),
            ),
            (
                Engine::Podman,
                &[(etc, engine_table("[]"))],
                Err("hooks_dir is empty, so podman reads no hooks"),
            ),
            (
                Engine::Podman,
                &[(etc, engine_table("\"/a\""))],
                Err("hooks_dir is not a list of directories"),
            ),
            (
                Engine::CriO,
                &[("/etc/crio/crio.conf", "x = = 1".into())],
                Err("crio.conf is not valid TOML"),
            ),
        ];
        for (engine, files, expected) in cases {
            let root = tempfile::tempdir().unwrap();
            for (path, text) in *files {
                let path = root.path().join(path.trim_start_matches('/'));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            match (find(*engine, root.path()), expected) {
                (Ok(found), Ok(expected)) => {
                    let expected = root.path().join(expected.trim_start_matches('/'));
                    assert_eq!(found, expected, "{files:?}");
                }
                (Err(error), Err(message)) => {
                    assert!(error.to_string().contains(message), "{error}");
                }
                (found, _) => panic!("{files:?}: {found:?}"),
            }
        }
    }
}
