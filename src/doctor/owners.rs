//! Files that decide what root runs in every container: only root may change them and the
//! directories that lead to them.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::doctor::report::{Finding, Harm, word};
use crate::files::admin_file::{OwnerTrouble, owner_trouble};

const STICKY: u32 = 0o1000;
/// Directories whose mode the system chooses: others need it as it is.
const SYSTEM: [&str; 5] = ["/", "/tmp", "/var/tmp", "/run", "/dev/shm"];

/// The problem that others than root could change this file or a directory on the way to it, also
/// where a symlink leads.
pub(super) fn judge(subject: &str, file: &Path) -> Option<Finding> {
    let mut paths: Vec<PathBuf> = file.ancestors().map(Path::to_owned).collect();
    if let Ok(real) = fs::canonicalize(file) {
        paths.extend(real.ancestors().map(Path::to_owned));
    }
    paths.iter().find_map(|path| {
        let status = fs::metadata(path).ok()?;
        let trouble = owner_trouble(&status)?;
        let text = format!("{}: {trouble}", path.display());
        let remedy = remedy(file, path, &status, trouble);
        Some(Finding::problem(Harm::Insecure, subject, text, remedy).about(path))
    })
}

/// What makes `path`, which leads to `file`, root's alone; `None` when it is.
pub(super) fn remedy_for(file: &Path, path: &Path) -> Option<String> {
    let status = fs::metadata(path).ok()?;
    let trouble = owner_trouble(&status)?;
    Some(remedy(file, path, &status, trouble))
}

fn remedy(file: &Path, path: &Path, status: &Metadata, trouble: OwnerTrouble) -> String {
    let is_shared = status.is_dir() && status.mode() & STICKY != 0;
    if is_shared || SYSTEM.iter().any(|system| path == Path::new(system)) {
        return format!(
            "move {} to a directory that only root can write",
            file.display()
        );
    }
    match trouble {
        OwnerTrouble::Owner(_) => format!("chown root:root {}", word(path)),
        OwnerTrouble::Mode(_) => format!("chmod go-w {}", word(path)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::judge;

    #[test]
    fn directories_for_everyone_stay_as_they_are() {
        let file = Path::new("/tmp/oci-hostaliases-hook");
        let finding = judge("hook", file);
        let remedy = finding.and_then(|it| it.remedy);
        let expected = "move /tmp/oci-hostaliases-hook to a directory that only root can write";
        assert_eq!(remedy.as_deref(), Some(expected));
    }
}
