//! The engine's drop-in that makes it read the administrator's directory too.
//!
//! `hooks_dir` of a later file replaces the list of an earlier one, so the drop-in repeats what the
//! engine reads without it. Podman before 5 knows no `{append=true}`, and does not start with one.

use std::path::{Path, PathBuf};

use toml_edit::Array;

use crate::engines::error::EngineError;
use crate::engines::hooks_d::directories::{self, ADMINISTRATORS, Engine};

/// Behind what administrators and other packages number.
const FILE_NAME: &str = "99-oci-hostaliases.conf";
const HEAD: &str = "# Written by oci-hostaliases register";

/// Where the engine looks for it.
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

/// Refuses where a file that the engine reads later names other directories.
pub(crate) fn check_counts(engine: Engine) -> Result<(), EngineError> {
    let ours = path(engine);
    for file in directories::files(engine, directory(engine), true)? {
        if file > ours && directories::hooks_dir(engine, &file)?.is_some() {
            let reason = format!(
                "sets hooks_dir, and {} reads it after {}: add {ADMINISTRATORS} to that list",
                engine.name(),
                ours.display()
            );
            return Err(EngineError::unusable(file.display(), reason));
        }
    }
    Ok(())
}
