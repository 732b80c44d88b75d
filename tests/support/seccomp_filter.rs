//! A real seccomp filter before a program: the kernel answers it as the filter says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/support/seccomp_filter.c"
);

/// Makes a program in `directory` that installs a filter and becomes the one that it is given: `listed` is
/// the answer to the calls (names with commas between them), `others` to all the rest; both in the words of
/// seccomp(2), `SECCOMP_RET_ALLOW`.
pub(crate) fn build(directory: &Path, calls: &str, listed: &str, others: &str) -> PathBuf {
    let calls: String = calls
        .split(',')
        .map(|name| format!(" CALL({name})"))
        .collect();
    let rules = format!("#define CALLS{calls}\n#define LISTED {listed}\n#define OTHERS {others}\n");
    let (written, program) = (directory.join("filter.h"), directory.join("filter"));
    if fs::read_to_string(&written).is_ok_and(|before| before == rules) {
        return program;
    }
    fs::write(&written, rules).unwrap();
    let status = Command::new("gcc")
        .args(["-Wall", "-include"])
        .arg(&written)
        .arg("-o")
        .args([program.as_os_str(), SOURCE.as_ref()])
        .status()
        .unwrap();
    assert!(status.success(), "gcc {}", written.display());
    program
}
