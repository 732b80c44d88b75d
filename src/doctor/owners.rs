//! Checks files that decide what root runs in every container: only root may change them and their parent
//! directories.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::doctor::report::{Finding, Harm, word};
use crate::files::admin_file::{OwnerTrouble, owner_trouble};

const STICKY: u32 = 0o1000;
/// Only root should write here. Elsewhere, a directory's mode has its reason (a home, /srv, /tmp).
const ROOTS: [&str; 3] = ["/etc", "/usr", "/opt"];

/// The problem that users other than root can change this file, its symlink's target, or a parent directory.
/// `instead`: the remedy if the place is not meant to be root's.
pub(super) fn judge(subject: &str, file: &Path, instead: &str) -> Option<Finding> {
    let mut paths: Vec<PathBuf> = file.ancestors().map(Path::to_owned).collect();
    if let Ok(real) = fs::canonicalize(file) {
        paths.extend(real.ancestors().map(Path::to_owned));
    }
    let troubled = paths.iter().filter_map(|path| Some((path, trouble(path)?)));
    let troubled: Vec<_> = troubled.collect();
    let (path, trouble) = troubled.first()?;
    let is_elsewhere = |path: &Path| path.is_dir() && !ROOTS.iter().any(|it| path.starts_with(it));
    let is_to_be_kept = |path: &Path| is_elsewhere(path) || is_sticky(path);
    let remedy = if troubled.iter().any(|(path, _)| is_to_be_kept(path)) {
        instead.to_owned()
    } else {
        mend(path, *trouble)
    };
    let text = format!("{}: {trouble}", path.display());
    Some(Finding::problem(Harm::Insecure, subject, text, remedy).about(path))
}

/// The command that leaves only root with write access to a file or directory of this program; `None` if that is
/// so.
pub(super) fn remedy_for(path: &Path) -> Option<String> {
    let trouble = trouble(path)?;
    Some(if is_sticky(path) {
        format!(
            "move {} to a directory that only root can write",
            path.display()
        )
    } else {
        mend(path, trouble)
    })
}

fn trouble(path: &Path) -> Option<OwnerTrouble> {
    let status = fs::metadata(path).ok()?;
    owner_trouble(status.uid(), status.mode())
}

/// A directory that everyone can write to.
fn is_sticky(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|it| it.is_dir() && it.mode() & STICKY != 0)
}

fn mend(path: &Path, trouble: OwnerTrouble) -> String {
    match trouble {
        OwnerTrouble::Owner(_) => format!("chown root:root {}", word(path)),
        OwnerTrouble::Mode(_) => format!("chmod go-w {}", word(path)),
    }
}
