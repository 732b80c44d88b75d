//! One file as it is and as it shall be: shown as a diff, then made so.

use std::path::PathBuf;

use similar::TextDiff;

use crate::register::replace_file::{self, ReplaceError};

/// A file that shall change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Which file.
    pub path: PathBuf,
    /// Its text now; `None` when there is no such file.
    pub before: Option<String>,
    /// Its text afterwards; `None` when it shall go.
    pub after: Option<String>,
}

impl FileChange {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.before == self.after
    }

    /// The change as a unified diff, as `diff -u` would print it.
    #[must_use]
    pub fn diff(&self) -> String {
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

    /// Makes the change.
    ///
    /// # Errors
    ///
    /// The file was changed since, or could not be replaced or removed; it is then as it was.
    pub fn apply(&self) -> Result<(), ReplaceError> {
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
