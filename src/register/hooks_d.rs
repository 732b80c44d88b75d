//! Registration by a hooks.d file, with Podman, Buildah and CRI-O.

use std::path::Path;

use crate::engines::hooks_d::file::{FILE_NAME, text};
use crate::engines::hooks_d::loader;
use crate::engines::our_hook::{Containers, HOOK_NAME};
use crate::register::error::RegisterError;
use crate::register::file_change::FileChange;

/// The change that registers the hook in `directory`. Empty when it is registered so already.
pub(crate) fn register(
    directory: &Path,
    hook: &Path,
    containers: Containers,
) -> Result<FileChange, RegisterError> {
    change(directory, Some(text(hook, containers)?))
}

/// The change that removes the hook from `directory`. Empty when it is not registered there.
pub(crate) fn unregister(directory: &Path) -> Result<FileChange, RegisterError> {
    change(directory, None)
}

/// Refuses to touch a file that is not for our hook, wherever that is installed.
fn change(directory: &Path, after: Option<String>) -> Result<FileChange, RegisterError> {
    let change = FileChange::to(&directory.join(FILE_NAME), after)?;
    let before = change.before.as_ref();
    let why = match before.map(|text| loader::is_ours(text.as_bytes())) {
        None | Some(Ok(true)) => return Ok(change),
        Some(Ok(false)) => format!(
            "its hook.args does not start with {HOOK_NAME}, and its hook.path does not end with it"
        ),
        Some(Err(reason)) => reason,
    };
    let path = change.path;
    Err(RegisterError::NotOurs { path, why })
}
