//! Podman: which configuration files its version reads.
//!
//! Up to Podman 5 (containers/common), the files are read one after the other: `/usr/share`, `/etc`, the
//! drop-ins of `/etc`. Podman 6 (container-libs, `configfile`) reads one main file, that of `/etc` before
//! that of `/usr/share`, then the drop-ins of four directories, sorted by their names; of two with the same
//! name it reads the more specific one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::engines::error::EngineError;
use crate::engines::hooks_d::directories::{
    ADMINISTRATORS, DEFAULT, KEY, Sources, read_table, under,
};
use crate::engines::processes;
use crate::engines::version;

const TABLE: [&str; 1] = ["engine"];
const VENDORS: &str = "/usr/share/containers/containers.conf";
const NODES: &str = "/etc/containers/containers.conf";
/// Podman also reads one of these if root starts it from a login shell; which one depends on `HOME` and on the
/// version.
const ROOTS_OWN: [&str; 2] = [
    "/root/.config/containers/containers.conf",
    "/root/.config/containers/containers.conf.d",
];

/// The first version with `{append=true}`, and with both directories for an empty list.
const APPENDS: [u64; 2] = [4, 8];
/// The first version that reads one main file and four directories.
const FOUR_DIRECTORIES: [u64; 1] = [6];
/// Of each reading one version.
pub(super) const EACH_READING: [&[u64]; 3] = [&[4], &[5], &[6]];

/// The installed version, or why it is not known.
pub(super) fn installed() -> Result<Vec<u64>, String> {
    version::ask("podman").map(|version| version::numbers(&version))
}

/// Whether a container of root's Podman runs, or its API service. The command line of a container's monitor has the
/// command that cleans up after the container.
pub(crate) fn is_running() -> bool {
    let monitors = processes::of_node("conmon").into_iter();
    let mut monitors = monitors.flat_map(|it| it.arguments);
    monitors.any(|word| word.ends_with("/podman")) || !processes::of_node("podman").is_empty()
}

/// The files that a version reads for `hooks_dir`.
pub(super) fn sources(version: &[u64], root: &Path) -> Result<Sources, EngineError> {
    let appends = version >= APPENDS.as_slice();
    let (files, drop_ins) = if version >= FOUR_DIRECTORIES.as_slice() {
        one_main_file(root)?
    } else {
        one_after_the_other(root)?
    };
    Ok(Sources {
        files,
        drop_ins,
        table: &TABLE,
        option: None,
        can_append: appends,
        if_empty: if appends {
            &[DEFAULT, ADMINISTRATORS]
        } else {
            &[]
        },
    })
}

/// A configuration in root's home that sets `hooks_dir`.
pub(crate) fn roots_own() -> Option<PathBuf> {
    let [file, directory] = ROOTS_OWN.map(Path::new);
    let mut files = vec![file.to_owned()];
    files.extend(conf_files(directory).into_iter().flatten());
    files.into_iter().find(|file| {
        let table = read_table(file, &TABLE).ok().flatten();
        table.is_some_and(|table| table.contains_key(KEY))
    })
}

/// The files that are read, and the directories of their drop-ins.
type Files = (Vec<PathBuf>, Vec<PathBuf>);

fn one_after_the_other(root: &Path) -> Result<Files, EngineError> {
    let mut files = vec![under(root, VENDORS), under(root, NODES)];
    let drop_ins = under(root, "/etc/containers/containers.conf.d");
    files.extend(conf_files(&drop_ins)?);
    Ok((files, vec![drop_ins]))
}

fn one_main_file(root: &Path) -> Result<Files, EngineError> {
    let mut mains = [NODES, VENDORS].into_iter().map(|it| under(root, it));
    let mut files: Vec<PathBuf> = mains.find(|it| it.exists()).into_iter().collect();
    let mut drop_ins: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    let directories = [
        "/usr/share/containers/containers.conf.d",
        "/usr/share/containers/containers.rootful.conf.d",
        "/etc/containers/containers.conf.d",
        "/etc/containers/containers.rootful.conf.d",
    ];
    let directories = directories.map(|it| under(root, it)).to_vec();
    for directory in &directories {
        let mut found = conf_files(directory)?;
        found.retain(|file| fs::symlink_metadata(file).is_ok_and(|it| it.is_file()));
        let named = |file: PathBuf| (file.file_name().unwrap_or_default().to_owned(), file);
        drop_ins.extend(found.into_iter().map(named));
    }
    files.extend(drop_ins.into_values());
    Ok((files, directories))
}

/// The `*.conf` of a directory, sorted.
fn conf_files(directory: &Path) -> Result<Vec<PathBuf>, EngineError> {
    let failed = || EngineError::call("readdir", directory);
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>().map_err(failed())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed()(error)),
    };
    let mut files: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    files.retain(|file| file.extension().is_some_and(|it| it == "conf") && !file.is_dir());
    files.sort();
    Ok(files)
}
