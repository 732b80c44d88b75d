//! One file before and after a change: shown as a diff, then written.

use std::path::{Path, PathBuf};

use similar::TextDiff;

use crate::register::error::RegisterError;
use crate::register::replace_file;

/// A file to change. A text of `None` means no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileChange {
    pub(crate) path: PathBuf,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

impl FileChange {
    /// The change from the present content of `path` to `after`.
    pub(crate) fn to(path: &Path, after: Option<String>) -> Result<Self, RegisterError> {
        Ok(Self {
            path: path.to_owned(),
            before: replace_file::read(path)?,
            after,
        })
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.before == self.after
    }

    /// The change as a unified diff, as `diff -u` would print it.
    pub(crate) fn diff(&self) -> String {
        let path = self.path.display().to_string();
        let name = |text: &Option<String>| match text {
            Some(_) => path.clone(),
            None => "/dev/null".to_owned(),
        };
        TextDiff::from_lines(
            self.before.as_deref().unwrap_or_default(),
            self.after.as_deref().unwrap_or_default(),
        )
        .unified_diff()
        .header(&name(&self.before), &name(&self.after))
        .to_string()
    }

    fn taken_back(&self) -> Self {
        Self {
            path: self.path.clone(),
            before: self.after.clone(),
            after: self.before.clone(),
        }
    }

    /// Makes the change.
    fn apply(&self) -> Result<(), RegisterError> {
        if self.is_empty() {
            return Ok(());
        }
        let before = self.before.as_deref();
        match &self.after {
            Some(text) => replace_file::replace(&self.path, before, text),
            None => replace_file::remove(&self.path, before),
        }
    }
}

/// Makes the changes in this order, or none of them.
///
/// # Errors
///
/// A change could not be made. The changes before it are undone as far as possible.
pub(crate) fn apply_all(changes: &[FileChange]) -> Result<(), RegisterError> {
    for (done, change) in changes.iter().enumerate() {
        if let Err(error) = change.apply() {
            for made in changes.iter().take(done).rev() {
                // The first error is the one to report.
                let _ = made.taken_back().apply();
            }
            return Err(error);
        }
    }
    Ok(())
}
