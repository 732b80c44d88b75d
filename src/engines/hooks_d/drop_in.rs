//! The engine's drop-in that makes it read the administrator's directory too.
//!
//! `hooks_dir` of a later file replaces the list of an earlier one, so the drop-in repeats what the
//! engine reads without it. Podman before 5 knows no `{append=true}`, and does not start with one.

use std::fmt;
use std::path::{Path, PathBuf};

use toml_edit::Array;

use crate::engines::error::EngineError;
use crate::engines::hooks_d::directories::{
    ADMINISTRATORS, Engine, KEY, possible_sources, read_table,
};

/// After the files of administrators and other packages.
const FILE_NAME: &str = "99-oci-hostaliases.conf";
const HEAD: &str = "# Written by oci-hostaliases register";

/// Its path, where the engine reads it.
pub(crate) fn path(engine: Engine) -> PathBuf {
    directory(engine).join(FILE_NAME)
}

fn directory(engine: Engine) -> &'static Path {
    Path::new(match engine {
        Engine::Podman => "/etc/containers/containers.conf.d",
        Engine::CriO => "/etc/crio/crio.conf.d",
    })
}

/// Its text for an engine that reads `directories` without it.
pub(crate) fn text(engine: Engine, directories: &[PathBuf]) -> String {
    let table = match engine {
        Engine::Podman => "engine",
        Engine::CriO => "crio.runtime",
    };
    let read = directories
        .iter()
        .map(|directory| directory.display().to_string());
    let list: Array = read.chain([ADMINISTRATORS.to_owned()]).collect();
    let engine = engine.cli_name();
    format!(
        "{HEAD} {engine} --all; unregister {engine} removes it.\n[{table}]\nhooks_dir = {list}\n"
    )
}

/// Whether [`text`] made this file.
pub(crate) fn is_ours(text: &str) -> bool {
    text.starts_with(HEAD)
}

/// Refuses if the engine does not read it, or reads other files that set the directories after it.
pub(crate) fn check_counts(engine: Engine) -> Result<(), EngineError> {
    let ours = path(engine);
    let name = engine.name();
    let later = |what: &dyn fmt::Display| {
        let reason = format!(
            "sets hooks_dir, and {name} reads it after {}: add {ADMINISTRATORS} to that list",
            ours.display()
        );
        Err(EngineError::unusable(what, reason))
    };
    for sources in possible_sources(engine, Path::new("/"))?.0 {
        if sources.option.is_some() {
            return later(&"--hooks-dir");
        }
        let in_order = |file: &Path| {
            let mut relative = sources.drop_ins.iter().map(|it| file.strip_prefix(it));
            relative.find_map(|it| it.ok().map(Path::to_owned))
        };
        let Some(own) = in_order(&ours) else {
            let reason = format!("{name} reads its drop-ins elsewhere: set hooks_dir there");
            return Err(EngineError::unusable(ours.display(), reason));
        };
        for file in &sources.files {
            let sets_it =
                || Ok(read_table(file, sources.table)?.is_some_and(|it| it.contains_key(KEY)));
            if in_order(file).is_some_and(|it| it > own) && sets_it()? {
                return later(&file.display());
            }
        }
    }
    Ok(())
}
