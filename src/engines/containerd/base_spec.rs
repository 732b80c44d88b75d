//! The spec from which containerd's CRI makes every container: `base_runtime_spec`.
//!
//! Without one, containerd takes its own default and removes the rlimits from it. With one, it
//! removes nothing, and `ctr oci spec` prints `RLIMIT_NOFILE` 1024: taken as it is, it would lower
//! the limit of every container of the node. So the rlimits of the daemon's own default go out
//! before the hook goes in; a spec of the administrator's keeps all that it has.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use serde_json::{Map, Value};

use crate::engines::our_hook::{self, HookError, STAGE};

/// Where our spec goes when the administrator has none.
pub const BASE_SPEC_PATH: &str = "/etc/oci-hostaliases/containerd-base-spec.json";

/// What messages call the daemon's own default spec.
pub const DAEMON_DEFAULT: &str = "the output of `ctr oci spec`";

/// Why a base spec could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// `ctr` comes with containerd; without it nobody says what the daemon's default is.
    #[error(
        "run `ctr oci spec`, which prints containerd's default spec; where there is no ctr, \
         set base_runtime_spec to a spec of your own first"
    )]
    Ctr {
        /// Why it did not run.
        source: io::Error,
    },
    /// `ctr` ran and did not print a spec.
    #[error("`ctr oci spec` ended with {status}: {}", stderr.trim())]
    CtrFailed {
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// The administrator's spec is not there or not readable: containerd would not start its CRI.
    #[error("read {}, named by base_runtime_spec", path.display())]
    Read {
        /// The spec.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
    /// Not JSON.
    #[error("{origin} is not JSON")]
    Malformed {
        /// The file, or the command that printed it.
        origin: String,
        /// Where and why.
        source: serde_json::Error,
    },
    /// JSON, but not a spec.
    #[error("{origin}: {key} is not {expected}")]
    WrongType {
        /// The file, or the command that printed it.
        origin: String,
        /// The key.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The hook itself.
    #[error(transparent)]
    Hook(#[from] HookError),
}

/// What `ctr oci spec` prints: the spec that containerd's CRI starts from when it has no other.
/// The command does not talk to the daemon.
///
/// # Errors
///
/// There is no `ctr`, or it failed, or what it printed is not a spec.
pub fn daemon_default() -> Result<Value, SpecError> {
    let output = Command::new("ctr")
        .args(["oci", "spec"])
        .output()
        .map_err(|source| SpecError::Ctr { source })?;
    if !output.status.success() {
        return Err(SpecError::CtrFailed {
            status: output.status,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    let mut spec = parse(&output.stdout, DAEMON_DEFAULT)?;
    if let Some(process) = object(&mut spec, DAEMON_DEFAULT)?.get_mut("process") {
        if let Some(process) = process.as_object_mut() {
            // shift_remove: `remove` would move the last key into the gap.
            process.shift_remove("rlimits");
        }
    }
    Ok(spec)
}

/// The administrator's own spec.
///
/// # Errors
///
/// It cannot be read or is not a spec.
pub fn read(path: &Path) -> Result<Value, SpecError> {
    let bytes = fs::read(path).map_err(|source| SpecError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(&bytes, &path.display().to_string())
}

/// Whether the spec runs the hook at this path already, at whatever stage.
#[must_use]
pub fn has_hook(spec: &Value, hook: &Path) -> bool {
    let stages = spec.get("hooks").and_then(Value::as_object);
    stages
        .into_iter()
        .flat_map(Map::values)
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(|entry| entry.get("path").and_then(Value::as_str))
        .any(|path| Path::new(path) == hook)
}

/// The text of `spec` with the hook added behind those that it has.
///
/// # Errors
///
/// `hooks` or `hooks.prestart` is not what the specification says, or the hook's path is bad.
pub fn with_hook(mut spec: Value, hook: &Path, origin: &str) -> Result<String, SpecError> {
    let wrong = |key, expected| SpecError::WrongType {
        origin: origin.to_owned(),
        key,
        expected,
    };
    let unwritable = |source: serde_json::Error| HookError::NotWritable {
        path: hook.to_owned(),
        source: Box::new(source),
    };
    let entry = serde_json::to_value(our_hook::hook(hook)?).map_err(unwritable)?;
    let hooks = object(&mut spec, origin)?
        .entry("hooks")
        .or_insert_with(|| Value::Object(Map::new()));
    // Go writes an empty struct pointer as null.
    if hooks.is_null() {
        *hooks = Value::Object(Map::new());
    }
    let stage = hooks
        .as_object_mut()
        .ok_or_else(|| wrong("hooks", "an object"))?
        .entry(STAGE)
        .or_insert_with(|| Value::Array(Vec::new()));
    if stage.is_null() {
        *stage = Value::Array(Vec::new());
    }
    stage
        .as_array_mut()
        .ok_or_else(|| wrong("hooks.prestart", "a list"))?
        .push(entry);
    let mut text = serde_json::to_string_pretty(&spec).map_err(unwritable)?;
    text.push('\n');
    Ok(text)
}

/// Where the copy of an administrator's spec goes: beside ours, its path in its name, so that two
/// originals never share a copy. `:` stands for `/`; a `:` or `%` in the path is escaped.
#[must_use]
pub fn copy_path(base_spec: &Path, original: &str) -> PathBuf {
    let stem = base_spec.file_stem().unwrap_or_default().to_string_lossy();
    let escaped = original
        .replace('%', "%25")
        .replace(':', "%3A")
        .replace('/', ":");
    base_spec.with_file_name(format!("{stem}{escaped}"))
}

/// Whether `path` is `base_spec` or a copy that [`copy_path`] named.
#[must_use]
pub fn is_ours(base_spec: &Path, path: &Path) -> bool {
    let stem = base_spec.file_stem().unwrap_or_default().to_string_lossy();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path == base_spec
        || (path.parent() == base_spec.parent() && name.starts_with(&format!("{stem}:")))
}

fn parse(bytes: &[u8], origin: &str) -> Result<Value, SpecError> {
    serde_json::from_slice(bytes).map_err(|source| SpecError::Malformed {
        origin: origin.to_owned(),
        source,
    })
}

fn object<'v>(spec: &'v mut Value, origin: &str) -> Result<&'v mut Map<String, Value>, SpecError> {
    spec.as_object_mut().ok_or_else(|| SpecError::WrongType {
        origin: origin.to_owned(),
        key: "the whole",
        expected: "an object",
    })
}
