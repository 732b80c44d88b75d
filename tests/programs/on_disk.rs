//! A bundle on disk, as an engine leaves it.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

/// A directory with `bundle/config.json` in it, to be the tool's working directory.
pub(crate) fn bundle(config: &Value) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    write(
        directory.path(),
        "bundle/config.json",
        config.to_string().as_bytes(),
    );
    directory
}

/// Writes a file and the directories above it, with the modes that an administrator gives them.
pub(crate) fn write(directory: &Path, path: &str, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    let mut parent = directory.to_owned();
    for component in Path::new(path).parent().unwrap().components() {
        parent.push(component);
        if !parent.exists() {
            fs::create_dir(&parent).unwrap();
            fs::set_permissions(&parent, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    let file = directory.join(path);
    fs::write(&file, bytes).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
}
