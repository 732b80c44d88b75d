//! Registration by a hooks.d file, with Podman, Buildah and CRI-O.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::engines::hooks_d::directories::HooksDirectoryError;
use crate::engines::hooks_d::file::{Containers, FILE_NAME, text};
use crate::engines::our_hook::{HOOK_NAME, HookError};
use crate::exit::Exit;
use crate::register::file_change::FileChange;
use crate::register::replace_file::{self, ReplaceError};

/// Why a hooks.d file could not be made or removed.
#[derive(Debug, thiserror::Error)]
pub enum HooksDError {
    /// The hook itself.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// The engine's configuration.
    #[error(transparent)]
    Directory(#[from] HooksDirectoryError),
    /// A file could not be read or replaced.
    #[error(transparent)]
    File(#[from] ReplaceError),
    /// A file of that name is there and is for another hook.
    #[error("{} is there already and is not ours ({why}): look at it, then move it away", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// How one can tell.
        why: String,
    },
}

impl HooksDError {
    /// The exit status that stands for this situation.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Hook(HookError::Relative { .. }) => Exit::Usage,
            Self::Directory(HooksDirectoryError::Call { .. }) | Self::File(_) => Exit::System,
            _ => Exit::NodeConfiguration,
        }
    }
}

/// The change that registers the hook in `directory`. Empty when it is registered so already.
///
/// # Errors
///
/// There is a file of that name for another hook, or it cannot be read.
pub fn register(
    directory: &Path,
    hook: &Path,
    containers: Containers,
) -> Result<FileChange, HooksDError> {
    let path = directory.join(FILE_NAME);
    let before = ours(&path)?;
    Ok(FileChange {
        path,
        before,
        after: Some(text(hook, containers)?),
    })
}

/// The change that removes the hook from `directory`. Empty when it is not registered there.
///
/// # Errors
///
/// The file of that name is for another hook, or it cannot be read.
pub fn unregister(directory: &Path) -> Result<FileChange, HooksDError> {
    let path = directory.join(FILE_NAME);
    let before = ours(&path)?;
    Ok(FileChange {
        path,
        before,
        after: None,
    })
}

/// The text at `path`, when it registers our hook, wherever that is installed.
fn ours(path: &Path) -> Result<Option<String>, HooksDError> {
    let Some(text) = replace_file::read(path)? else {
        return Ok(None);
    };
    let not_ours = |why: String| HooksDError::NotOurs {
        path: path.to_owned(),
        why,
    };
    let file: Value =
        serde_json::from_str(&text).map_err(|error| not_ours(format!("not JSON: {error}")))?;
    let argument = file.pointer("/hook/args/0").and_then(Value::as_str);
    if argument == Some(HOOK_NAME) {
        Ok(Some(text))
    } else {
        Err(not_ours(format!(
            "its hook.args does not start with {HOOK_NAME}"
        )))
    }
}
