//! The hooks.d file (oci-hooks(5), schema 1.0.0) by which Podman, Buildah and CRI-O know the hook.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use oci_spec::runtime::Hook;
use serde::Serialize;
use serde_json::Value;

use crate::exit::Exit;
use crate::registration::file_change::FileChange;
use crate::registration::hook_definition::{self, HOOK_NAME, HookError, STAGE};
use crate::registration::hooks_directory::HooksDirectoryError;
use crate::registration::replace_file::{self, ReplaceError};

/// The file's name, whichever containers it is for: a second file would run the hook twice.
pub const FILE_NAME: &str = "oci-hostaliases.json";

/// The annotations that ask for something. Go's regexps are unanchored and every pair of the map
/// must match some annotation, so this is one pair.
pub const ASKING_ANNOTATIONS: &str = r"^oci-hostaliases\.io/(host-aliases|domain|pod-ips)$";

/// For which containers the engine runs the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Containers {
    /// Those with an annotation of ours that asks for something.
    Asking,
    /// Every one, as entries for a node or a namespace need it.
    All,
}

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

#[derive(Serialize)]
struct File {
    version: &'static str,
    hook: Hook,
    when: When,
    stages: [&'static str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum When {
    Always(bool),
    Annotations(BTreeMap<&'static str, &'static str>),
}

/// The file's text.
///
/// # Errors
///
/// The hook's path is relative or not UTF-8.
pub fn text(hook: &Path, containers: Containers) -> Result<String, HookError> {
    let file = File {
        version: "1.0.0",
        hook: hook_definition::hook(hook)?,
        when: match containers {
            Containers::Asking => When::Annotations(BTreeMap::from([(ASKING_ANNOTATIONS, ".*")])),
            Containers::All => When::Always(true),
        },
        stages: [STAGE],
    };
    let mut text =
        serde_json::to_string_pretty(&file).map_err(|source| HookError::NotWritable {
            path: hook.to_owned(),
            source: Box::new(source),
        })?;
    text.push('\n');
    Ok(text)
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
