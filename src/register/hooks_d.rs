//! Registration by a hooks.d file, with Podman, Buildah and CRI-O.

use std::path::Path;

use crate::engines::error::EngineError;
use crate::engines::hooks_d::directories::{self, ADMINISTRATORS, DEFAULT, Engine};
use crate::engines::hooks_d::file::{self, FILE_NAME};
use crate::engines::hooks_d::{drop_in, loader};
use crate::engines::our_hook::{Containers, HOOK_NAME, HOOK_PATH};
use crate::register::error::RegisterError;
use crate::register::file_change::FileChange;

/// The changes that register the hook in `directory`, or in the directory that the engine reads. Empty if it is
/// registered so already.
///
/// For every container that is never the package's own directory, whose file an upgrade brings back: it is
/// the administrator's, with a drop-in where the engine does not read that. A file of the same name in a
/// later directory hides the package's.
pub(crate) fn register(
    engine: Engine,
    directory: Option<&Path>,
    hook: &Path,
    containers: Containers,
) -> Result<Vec<FileChange>, RegisterError> {
    let root = Path::new("/");
    let directory = match directory {
        Some(directory) => Some(directory.to_owned()),
        None => Some(directories::find(engine, root)?)
            .filter(|found| found != Path::new(DEFAULT) || containers == Containers::Asking),
    };
    if let Some(directory) = directory {
        let change = change(&directory, |before| {
            text(&directory, before, engine, hook, containers)
        })?;
        return Ok(only_changes([change]));
    }
    drop_in::check_counts(engine)?;
    let read = drop_in::text(engine, &directories::all(engine, root)?);
    let drop_in = FileChange::to(&drop_in::path(engine), Some(read))?;
    let administrators = Path::new(ADMINISTRATORS);
    let is_ours = |text: &String| drop_in::is_ours(text);
    if !drop_in.before.as_ref().is_none_or(is_ours) {
        let (path, why) = (drop_in.path, "it has another first line".to_owned());
        return Err(RegisterError::NotOurs { path, why });
    }
    Ok(only_changes([
        change(administrators, |before| {
            text(administrators, before, engine, hook, containers)
        })?,
        drop_in,
        // Earlier versions wrote this registration into the package's file.
        change(Path::new(DEFAULT), |before| match before {
            Some(text) if is_for_all(text) => {
                file::text(Engine::Podman, hook, Containers::Asking).map(Some)
            }
            before => Ok(before.map(str::to_owned)),
        })?,
    ]))
}

/// The changes that remove the hook from `directory`, or from the directory that the engine reads. Empty if the
/// hook is not registered there. The administrator's file stays if the other engine's drop-in needs it.
pub(crate) fn unregister(
    engine: Engine,
    directory: Option<&Path>,
) -> Result<Vec<FileChange>, RegisterError> {
    if let Some(directory) = directory {
        return Ok(only_changes([change(directory, |_| Ok(None))?]));
    }
    let drop_in = own_drop_in(engine)?;
    let found = match drop_in {
        Some(_) => ADMINISTRATORS.into(),
        None => directories::find(engine, Path::new("/"))?,
    };
    let other = match engine {
        Engine::Podman => Engine::CriO,
        Engine::CriO => Engine::Podman,
    };
    let is_needed = found == Path::new(ADMINISTRATORS) && own_drop_in(other)?.is_some();
    let file = change(&found, |before| {
        Ok(before.filter(|_| is_needed).map(str::to_owned))
    })?;
    Ok(only_changes(std::iter::once(file).chain(drop_in)))
}

/// The removal of the drop-in that register wrote, if it exists.
fn own_drop_in(engine: Engine) -> Result<Option<FileChange>, RegisterError> {
    let removal = FileChange::to(&drop_in::path(engine), None)?;
    let is_ours = removal.before.as_deref().is_some_and(drop_in::is_ours);
    Ok(is_ours.then_some(removal))
}

/// The file's new text. CRI-O may read Podman's directories, so what is safe for CRI-O stays. The package's file
/// stays unchanged, because the package removes it before the hook.
fn text(
    directory: &Path,
    before: Option<&str>,
    engine: Engine,
    hook: &Path,
    containers: Containers,
) -> Result<Option<String>, EngineError> {
    let is_packages = directory == Path::new(DEFAULT) && hook == Path::new(HOOK_PATH);
    let guarded = file::text(Engine::CriO, hook, containers)?;
    let direct = file::text(Engine::Podman, hook, containers)?;
    Ok(Some(match before {
        Some(before) if before == guarded => guarded,
        Some(before) if before == direct && is_packages => direct,
        _ => match engine {
            Engine::CriO => guarded,
            Engine::Podman => direct,
        },
    }))
}

/// The change of the registration's file in `directory`. Refuses to change a file that is not for this hook,
/// wherever the hook is installed.
fn change(
    directory: &Path,
    after: impl FnOnce(Option<&str>) -> Result<Option<String>, EngineError>,
) -> Result<FileChange, RegisterError> {
    let mut change = FileChange::to(&directory.join(FILE_NAME), None)?;
    let before = change.before.as_deref();
    let why = match before.map(|text| loader::is_ours(text.as_bytes())) {
        None | Some(Ok(true)) => {
            change.after = after(before)?;
            return Ok(change);
        }
        Some(Ok(false)) => format!(
            "its hook.args does not start with {HOOK_NAME}, and its hook.path does not end with it"
        ),
        Some(Err(reason)) => reason,
    };
    let path = change.path;
    Err(RegisterError::NotOurs { path, why })
}

/// Whether a file that register wrote is for every container.
fn is_for_all(text: &str) -> bool {
    loader::parse(text.as_bytes())
        .is_ok_and(|it| file::containers(&it.when) == Some(Containers::All))
}

fn only_changes(changes: impl IntoIterator<Item = FileChange>) -> Vec<FileChange> {
    let changes = changes.into_iter();
    changes.filter(|change| !change.is_empty()).collect()
}
