//! Files that decide what root runs in every container: they and the way to them are root's.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::doctor::report::{Finding, Harm};

/// A file or directory as its inode has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The path.
    pub path: PathBuf,
    /// Its owner.
    pub uid: u32,
    /// Its permission bits.
    pub mode: u32,
}

/// The file and the directories on the way to it, also where a symlink leads.
#[must_use]
pub fn path_and_ancestors(path: &Path) -> Vec<Owned> {
    let mut paths: Vec<PathBuf> = path.ancestors().map(Path::to_owned).collect();
    if let Ok(real) = fs::canonicalize(path) {
        for ancestor in real.ancestors() {
            if !paths.iter().any(|known| known == ancestor) {
                paths.push(ancestor.to_owned());
            }
        }
    }
    let look = |path: PathBuf| {
        let status = fs::metadata(&path).ok()?;
        Some(Owned {
            path,
            uid: status.uid(),
            mode: status.mode() & 0o7777,
        })
    };
    paths.into_iter().filter_map(look).collect()
}

/// The problem that somebody other than root could change one of these.
#[must_use]
pub fn judge(subject: &str, way: &[Owned]) -> Option<Finding> {
    way.iter().find_map(|owned| {
        let (text, remedy) = trouble(owned)?;
        Some(Finding::problem(Harm::Insecure, subject, text, remedy))
    })
}

/// What is wrong with who may change it, and the command that mends it.
#[must_use]
pub fn trouble(owned: &Owned) -> Option<(String, String)> {
    let path = owned.path.display();
    if owned.uid != 0 {
        return Some((
            format!("{path} belongs to user {}, not to root", owned.uid),
            format!("chown root:root {path}"),
        ));
    }
    (owned.mode & 0o022 != 0).then(|| {
        (
            format!(
                "others than root may write {path} (mode {:04o})",
                owned.mode
            ),
            format!("chmod go-w {path}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{Owned, trouble};

    #[test]
    fn only_root_may_write() {
        let at = |uid, mode| {
            let owned = Owned {
                path: "/x".into(),
                uid,
                mode,
            };
            trouble(&owned).map(|(_, remedy)| remedy)
        };
        assert_eq!(at(0, 0o755), None);
        assert_eq!(at(0, 0o775).as_deref(), Some("chmod go-w /x"));
        assert_eq!(at(0, 0o1777).as_deref(), Some("chmod go-w /x"));
        assert_eq!(at(1000, 0o755).as_deref(), Some("chown root:root /x"));
    }
}
