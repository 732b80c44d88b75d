//! The spec from which containerd's CRI plugin creates every container: `base_runtime_spec`.
//!
//! Without one, containerd takes its own default and removes the rlimits from it. With one, it removes nothing, and
//! `ctr oci spec` prints `RLIMIT_NOFILE` 1024, which would lower the limit of every container of the node. So
//! register removes the rlimits of the daemon's default before it adds the hook. A spec of the administrator keeps
//! everything.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};

use crate::engines::bounded_run::{self, find_program};
use crate::engines::error::EngineError;
use crate::engines::our_hook::{self, STAGE};

/// The path of register's base spec for the default configuration.
pub(crate) const BASE_SPEC_PATH: &str = "/etc/oci-hostaliases/containerd-base-spec.json";

/// The path of register's base spec for the configuration `main`. Each configuration has its own. `-` replaces `/`;
/// a `-`, `:` or `%` in the path is escaped.
pub(crate) fn default_path(main: &Path) -> PathBuf {
    let ours = Path::new(BASE_SPEC_PATH);
    if main == Path::new(super::CONFIG_PATH) {
        return ours.to_owned();
    }
    let path = main.to_string_lossy().replace('%', "%25");
    let path = path
        .replace('-', "%2D")
        .replace(':', "%3A")
        .replace('/', "-");
    ours.with_file_name(format!("{}{path}.json", stem(ours)))
}

/// The name of the daemon's default spec in messages.
pub(crate) const DAEMON_DEFAULT: &str = "the output of `ctr oci spec`";

/// The output of `ctr oci spec`: the default spec of containerd's CRI plugin. The command does not talk to the
/// daemon. `containerd`: the program of the daemon; its own ctr is beside it.
pub(crate) fn daemon_default(containerd: Option<&Path>) -> Result<Value, EngineError> {
    let output = bounded_run::run(ctr(containerd).args(["oci", "spec"]));
    let output = output.map_err(|source| EngineError::Call {
        what: "run `ctr oci spec`, which prints containerd's default spec; without ctr, \
               set base_runtime_spec to your own spec first"
            .to_owned(),
        source,
    })?;
    if !output.status.success() {
        return Err(EngineError::Failed {
            command: "ctr oci spec",
            status: output.status,
            stderr: output.stderr,
        });
    }
    let mut spec = parse(output.stdout.as_bytes(), DAEMON_DEFAULT)?;
    if let Some(process) = object(&mut spec, DAEMON_DEFAULT)?.get_mut("process") {
        if let Some(process) = process.as_object_mut() {
            // shift_remove: `remove` would move the last key into the gap.
            process.shift_remove("rlimits");
        }
    }
    Ok(spec)
}

/// RKE2 and microk8s have ctr only beside their containerd, k0s in its own binary.
fn ctr(containerd: Option<&Path>) -> Command {
    let beside = containerd.map(|containerd| containerd.with_file_name("ctr"));
    let ctr = beside
        .filter(|ctr| ctr.is_file())
        .or_else(|| find_program("ctr"));
    match (ctr, find_program("k0s")) {
        (None, Some(k0s)) => {
            let mut command = Command::new(k0s);
            command.arg("ctr");
            command
        }
        (ctr, _) => Command::new(ctr.unwrap_or_else(|| "ctr".into())),
    }
}

/// The administrator's own spec.
pub(crate) fn read(path: &Path) -> Result<Value, EngineError> {
    // containerd does not start its CRI plugin with a spec that it cannot read.
    let bytes = fs::read(path).map_err(|error| {
        let what = format!("read {}, named by base_runtime_spec", path.display());
        EngineError::unusable(what, error.to_string())
    })?;
    parse(&bytes, &path.display().to_string())
}

/// Whether the spec runs the hook, or another program at this path, at any stage.
pub(crate) fn has_hook(spec: &Value, hook: &Path) -> bool {
    our_hook::entries(spec)
        .any(|(_, entry)| our_hook::is_ours(entry) || our_hook::path_of(entry) == Some(hook))
}

/// The text of `spec` with the hook added after its other hooks. containerd reads it once, when it starts, so the
/// entry lets containers start even if the hook is gone later.
pub(crate) fn with_hook(mut spec: Value, hook: &Path, origin: &str) -> Result<String, EngineError> {
    let entry = serde_json::to_value(our_hook::guarded_entry(hook)?)
        .map_err(|error| EngineError::unusable(hook.display(), error.to_string()))?;
    let hooks = object(&mut spec, origin)?
        .entry("hooks")
        .or_insert_with(|| Value::Object(Map::new()));
    // Go writes an empty struct pointer as null.
    if hooks.is_null() {
        *hooks = Value::Object(Map::new());
    }
    let stage = hooks
        .as_object_mut()
        .ok_or_else(|| EngineError::unusable(origin, "hooks is not an object"))?
        .entry(STAGE)
        .or_insert_with(|| Value::Array(Vec::new()));
    if stage.is_null() {
        *stage = Value::Array(Vec::new());
    }
    stage
        .as_array_mut()
        .ok_or_else(|| EngineError::unusable(origin, "hooks.prestart is not a list"))?
        .push(entry);
    our_hook::to_json(&spec, hook)
}

/// The path of the copy of an administrator's spec: beside register's base spec, with the original's path in its
/// name, so that two originals never share a copy. `:` replaces `/`; a `:` or `%` in the path is escaped.
pub(crate) fn copy_path(base_spec: &Path, original: &str) -> PathBuf {
    base_spec.with_file_name(format!("{}{}", stem(base_spec), in_a_name(original)))
}

/// The `base_spec` for which [`copy_path`] makes this name, except for the extension of its file name.
pub(crate) fn of_copy(copy: &Path, original: &str) -> Option<PathBuf> {
    let name = copy.file_name()?.to_str()?;
    let stem = name.strip_suffix(&*in_a_name(original))?;
    Some(copy.with_file_name(format!("{stem}.json")))
}

/// Whether register wrote `path`: it is `base_spec` or a copy that [`copy_path`] names. Which `base_spec` a
/// configuration was registered with, [`super::marked_lines::base_spec`] says.
pub(crate) fn is_ours(base_spec: &Path, path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path == base_spec
        || (path.parent() == base_spec.parent()
            && name.starts_with(&format!("{}:", stem(base_spec))))
}

fn stem(base_spec: &Path) -> String {
    let stem = base_spec.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

fn in_a_name(path: &str) -> String {
    let escaped = path.replace('%', "%25").replace(':', "%3A");
    escaped.replace('/', ":")
}

fn parse(bytes: &[u8], origin: &str) -> Result<Value, EngineError> {
    serde_json::from_slice(bytes)
        .map_err(|error| EngineError::unusable(origin, format!("not JSON: {error}")))
}

fn object<'v>(
    spec: &'v mut Value,
    origin: &str,
) -> Result<&'v mut Map<String, Value>, EngineError> {
    spec.as_object_mut()
        .ok_or_else(|| EngineError::unusable(origin, "not a JSON object"))
}
