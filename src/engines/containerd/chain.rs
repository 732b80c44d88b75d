//! From the file that containerd is started with to a file that it imports.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use toml::Table;

use crate::engines::containerd::imports;
use crate::engines::containerd::tables::strings;

/// The files from `main` to `file`, both included, each imported by the one before it. `file` need not exist.
/// `None` if `main` does not import it, or if that cannot be read.
pub(crate) fn find(main: &Path, file: &Path) -> Option<Vec<PathBuf>> {
    search(main, file, &mut BTreeSet::new())
}

fn search(importer: &Path, file: &Path, seen: &mut BTreeSet<PathBuf>) -> Option<Vec<PathBuf>> {
    if importer == file {
        return Some(vec![file.to_owned()]);
    }
    if !seen.insert(importer.to_owned()) {
        return None;
    }
    let patterns = strings(read(importer)?.get("imports"));
    let mut rest = None;
    if patterns.iter().any(|it| imports::names(importer, it, file)) {
        rest = Some(vec![file.to_owned()]);
    }
    for pattern in &patterns {
        let files = imports::expand(importer, pattern, None).unwrap_or_default();
        rest = rest.or_else(|| files.iter().find_map(|next| search(next, file, seen)));
    }
    let mut chain = vec![importer.to_owned()];
    chain.extend(rest?);
    Some(chain)
}

/// The files that could import `file`, if no file of a running containerd does: those in its directory and in the
/// parent directory, `config.toml` first. Only files of root and of this user: anyone can put a file into `/tmp`.
pub(crate) fn possible_mains(file: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for directory in file.ancestors().skip(1).take(2) {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|it| it == "toml") && path != file);
        paths.retain(|path| {
            let owner = fs::metadata(path).map(|status| status.uid());
            owner.is_ok_and(|owner| owner == 0 || owner == geteuid().as_raw())
        });
        paths.sort_by_key(|path| (!path.ends_with("config.toml"), path.clone()));
        found.extend(paths);
    }
    found
}

fn read(path: &Path) -> Option<Table> {
    imports::read_regular(path).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::{find, possible_mains};

    #[test]
    fn a_file_is_found_through_those_that_import_it() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("d")).unwrap();
        for (name, text) in [
            ("config.toml", "imports = [\"d/*.toml\", \"other.toml\"]\n"),
            ("a.toml", ""),
            ("other.toml", "imports = [\"config.toml\", \"d/x.part\"]\n"),
            ("d/1.toml", ""),
        ] {
            fs::write(at(name), text).unwrap();
        }
        for (file, expected) in [
            ("config.toml", Some(&["config.toml"][..])),
            ("d/1.toml", Some(&["config.toml", "d/1.toml"])),
            ("d/new.toml", Some(&["config.toml", "d/new.toml"])),
            ("d/x.part", Some(&["config.toml", "other.toml", "d/x.part"])),
            ("d/new.conf", None),
            ("a.toml", None),
        ] {
            let expected = expected.map(|names| names.iter().map(|name| at(name)).collect());
            assert_eq!(find(&at("config.toml"), &at(file)), expected, "{file}");
        }
        let mains = possible_mains(&at("d/new.toml"));
        let names = ["d/1.toml", "config.toml", "a.toml", "other.toml"].map(at);
        assert_eq!(mains, names);
    }
}
