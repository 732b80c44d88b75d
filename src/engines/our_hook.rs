//! Writes and recognises the hook's entry in an engine's file: `{"path":…,"args":[…],"env":[…]}`.
//!
//! containerd and CRI-O keep an entry in memory until they are restarted, even if its file is removed. A hook that
//! is gone would then stop every container, so their entry starts a shell that runs the hook only if it exists.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use oci_spec::runtime::{Hook, HookBuilder};
use serde_json::{Map, Value};

use crate::engines::error::EngineError;
use crate::engines::hooks_d::directories::Engine;
use crate::files::{config, hosts_d};

/// Where the packages put the hook.
pub(crate) const HOOK_PATH: &str = "/usr/libexec/oci/hooks.d/oci-hostaliases-hook";

/// The hook's name in its argv.
pub(crate) const HOOK_NAME: &str = "oci-hostaliases-hook";

/// The stage for which it is registered, and its argument. Podman and CRI-O with containers/common >= 0.58 run a
/// `prestart` hook as `createRuntime`, which is the same moment.
pub(crate) const STAGE: &str = "prestart";

/// Not empty: Go drops an empty list (`omitempty`), and a hook without `env` gets the engine's
/// whole environment.
const ENVIRONMENT: &str = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

const SHELL: &str = "/bin/sh";

/// Starts [`GUARD`]. The entry is recognised by it, whatever the hook's name is.
const GUARD_START: &str = ": oci-hostaliases-hook;";

/// The shell's script; `$0` is the hook and `$@` its arguments. Without the hook it still reads the state: crun
/// before 1.17 treats a closed pipe as a failure.
const GUARD: &str = ": oci-hostaliases-hook; \
    [ ! -x \"$0\" ] || exec \"$0\" \"$@\"; while read -r _; do :; done";

/// Seconds after which the runtime kills it. It needs milliseconds.
const TIMEOUT: i64 = 10;

/// The hook's entry for `hooks` of a `config.json` or `hook` of a hooks.d file, for an engine that
/// reads it for every container.
pub(crate) fn entry(path: &Path) -> Result<Hook, EngineError> {
    entry_of(path, path, &[HOOK_NAME])
}

/// The same for an engine that reads it once: without the hook, containers still start.
pub(crate) fn guarded_entry(path: &Path) -> Result<Hook, EngineError> {
    fs::metadata(SHELL).map_err(EngineError::call("stat", Path::new(SHELL)))?;
    let hook = path.to_string_lossy();
    // busybox looks at its name.
    entry_of(path, Path::new(SHELL), &["sh", "-c", GUARD, &hook])
}

fn entry_of(path: &Path, program: &Path, args: &[&str]) -> Result<Hook, EngineError> {
    if !path.is_absolute() {
        return Err(EngineError::RelativeHook(path.to_owned()));
    }
    if path.to_str().is_none() {
        return Err(trouble(path, "the path is not UTF-8, which JSON requires"));
    }
    HookBuilder::default()
        .path(program)
        .args(
            [args, &[STAGE]]
                .concat()
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
        .env(vec![ENVIRONMENT.to_owned()])
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| trouble(path, error.to_string()))
}

/// The text of a file with the hook's entry in it.
pub(crate) fn to_json(value: &impl serde::Serialize, hook: &Path) -> Result<String, EngineError> {
    let text = serde_json::to_string_pretty(value);
    Ok(text.map_err(|error| trouble(hook, error.to_string()))? + "\n")
}

/// Checks that the runtime can execute the hook at `path`. Podman would silently ignore a missing hook; under
/// containerd, no container would start.
pub(crate) fn check_executable(path: &Path) -> Result<(), EngineError> {
    let metadata = fs::metadata(path).map_err(|error| {
        let reason = format!("cannot be used; install it or name it with --hook: {error}");
        trouble(path, reason)
    })?;
    let mode = metadata.permissions().mode() & 0o7777;
    if !metadata.is_file() || mode & 0o111 == 0 {
        let reason = format!("not an executable file (mode {mode:04o})");
        return Err(trouble(path, reason));
    }
    Ok(())
}

fn trouble(hook: &Path, reason: impl Into<String>) -> EngineError {
    EngineError::unusable(format_args!("hook {}", hook.display()), reason)
}

/// Whether an entry is for this hook: its argv starts with the hook's name, its program has that name, or it uses
/// the shell of [`guarded_entry`].
pub(crate) fn is_ours(entry: &Value) -> bool {
    let program = path_of(entry).and_then(Path::file_name);
    program == Some(OsStr::new(HOOK_NAME))
        || strings(entry, "args").first() == Some(&HOOK_NAME)
        || guarded(entry).is_some()
}

/// The program of an entry; the hook if a shell runs it.
pub(crate) fn path_of(entry: &Value) -> Option<&Path> {
    if let Some(hook) = guarded(entry).and_then(|call| call.first().copied()) {
        return Some(Path::new(hook));
    }
    Some(Path::new(field(entry.as_object()?, "path")?.as_str()?))
}

/// The program that the shell of [`guarded_entry`] runs, and its arguments.
fn guarded(entry: &Value) -> Option<Vec<&str>> {
    let mut args = strings(entry, "args");
    let is_guarded = args.get(2)?.starts_with(GUARD_START) && args.len() > 3;
    is_guarded.then(|| args.split_off(3))
}

/// A field by its name as Go finds it, whatever its case.
pub(super) fn field<'v>(object: &'v Map<String, Value>, key: &str) -> Option<&'v Value> {
    object.get(key).or_else(|| {
        let mut fields = object.iter();
        let same = fields.find(|(name, _)| name.eq_ignore_ascii_case(key));
        same.map(|(_, value)| value)
    })
}

fn strings<'v>(entry: &'v Value, key: &str) -> Vec<&'v str> {
    let list = entry.as_object().and_then(|entry| field(entry, key));
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).collect()
}

/// The entries of a spec's `hooks`, each with its stage.
pub(crate) fn entries(spec: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let stages = spec.get("hooks").and_then(Value::as_object);
    stages.into_iter().flatten().flat_map(|(stage, entries)| {
        let entries = entries.as_array().into_iter().flatten();
        entries.map(move |entry| (stage.as_str(), entry))
    })
}

/// For which containers an engine runs the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Containers {
    /// Those with an annotation that requests something.
    Asking,
    /// All containers, which entries for a node or a namespace need.
    All,
}

/// The hook as an engine runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegisteredHook {
    /// The engine whose hooks.d has it; `None` for containerd's base spec.
    pub(crate) engine: Option<Engine>,
    /// The stage at which the runtime runs it.
    pub(crate) stage: String,
    pub(crate) path: PathBuf,
    /// Its arguments, its name first.
    pub(crate) args: Vec<String>,
    /// Whether containers start if the hook does not exist.
    pub(crate) is_guarded: bool,
    /// Whether the entry has an environment. Without one, older runc gives the hook the container's.
    pub(crate) has_env: bool,
    /// `None`: those that match the administrator's own condition.
    pub(crate) containers: Option<Containers>,
}

impl RegisteredHook {
    /// Reads an entry of `hooks`; `None` if it is for another program.
    pub(crate) fn read(
        engine: Option<Engine>,
        stage: &str,
        entry: &Value,
        containers: Option<Containers>,
    ) -> Option<Self> {
        let path = path_of(entry)?.to_owned();
        let guarded = guarded(entry);
        is_ours(entry).then(|| Self {
            engine,
            stage: stage.to_owned(),
            path,
            is_guarded: guarded.is_some(),
            args: guarded
                .unwrap_or_else(|| strings(entry, "args"))
                .into_iter()
                .map(str::to_owned)
                .collect(),
            has_env: !strings(entry, "env").is_empty(),
            containers,
        })
    }

    /// What is wrong with the stage or the argument that names it.
    pub(crate) fn stage_trouble(&self) -> Option<String> {
        let told = self.args.get(1).map_or("", String::as_str);
        // createRuntime is the newer name of prestart; the hook does the same at both.
        let moment = |stage: &str| match stage {
            "prestart" | "createRuntime" => Some("prestart"),
            "createContainer" => Some("createContainer"),
            _ => None,
        };
        match (moment(&self.stage), moment(told)) {
            (None, _) => Some(format!(
                "runs the hook at {}, where it cannot mount anything",
                self.stage
            )),
            (Some(_), None) => Some(format!(
                "gives the hook the argument {told:?}, which is not a stage"
            )),
            (Some(at), Some(told_moment)) if at != told_moment => Some(format!(
                "runs the hook at {} with the argument {told}",
                self.stage
            )),
            _ => None,
        }
    }

    /// The configuration that the hook reads.
    pub(crate) fn config(&self) -> &Path {
        self.option("--config", config::DEFAULT_PATH)
    }

    /// The directory of entries that the hook reads.
    pub(crate) fn hosts_d(&self) -> &Path {
        self.option("--hosts-d", hosts_d::DEFAULT_PATH)
    }

    fn option<'a>(&'a self, name: &str, default: &'a str) -> &'a Path {
        let at = self.args.iter().rposition(|argument| argument == name);
        let value = at.and_then(|at| self.args.get(at + 1));
        Path::new(value.map_or(default, String::as_str))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use serde_json::json;

    use super::{Containers, RegisteredHook, entry, guarded_entry, is_ours};

    fn hook(stage: &str, args: &[&str]) -> RegisteredHook {
        let entry = json!({"path": "/opt/hook", "args": args, "env": ["A=b"]});
        RegisteredHook::read(None, stage, &entry, Some(Containers::All)).unwrap()
    }

    #[test]
    fn another_program_is_not_ours() {
        for (entry, expected) in [
            (json!({"path": "/x/oci-hostaliases-hook"}), true),
            (
                json!({"path": "/x/h", "args": ["oci-hostaliases-hook"]}),
                true,
            ),
            (
                json!({"path": "/x/h", "args": ["h", "oci-hostaliases-hook"]}),
                false,
            ),
            (
                json!({"path": "/bin/sh", "args": ["sh", "-c", ": oci-hostaliases-hook; x", "/x/h"]}),
                true,
            ),
            (
                json!({"path": "/bin/sh", "args": ["sh", "-c", ": oci-hostaliases-hook; x"]}),
                false,
            ),
            (
                json!({"path": "/bin/sh", "args": ["sh", "-c", "true", "/x/h"]}),
                false,
            ),
            (json!({"path": 1}), false),
            (json!("text"), false),
        ] {
            assert_eq!(is_ours(&entry), expected, "{entry}");
        }
    }

    /// `doctor` and `register` see the hook and its own arguments.
    #[test]
    fn a_guarded_entry_is_read_as_the_hook_that_it_runs() {
        let written = serde_json::to_value(guarded_entry(Path::new("/x/h")).unwrap()).unwrap();
        let read = RegisteredHook::read(None, "prestart", &written, None).unwrap();
        assert_eq!(
            (read.path.as_path(), read.is_guarded),
            (Path::new("/x/h"), true)
        );
        assert_eq!(read.args, ["/x/h", "prestart"]);
        assert_eq!(read.stage_trouble(), None);
    }

    #[test]
    fn a_path_that_json_cannot_name_is_refused() {
        let path = Path::new(OsStr::from_bytes(b"/\xff/hook"));
        let error = entry(path).unwrap_err().to_string();
        assert!(
            error.ends_with(": the path is not UTF-8, which JSON requires"),
            "{error}"
        );
    }

    #[test]
    fn stage_and_argument_belong_together() {
        const NAME: &str = "oci-hostaliases-hook";
        for (stage, told, right) in [
            ("prestart", "prestart", true),
            ("createRuntime", "prestart", true),
            ("createContainer", "createContainer", true),
            ("createContainer", "prestart", false),
            ("prestart", "createContainer", false),
            ("poststart", "prestart", false),
            ("prestart", "--config", false),
        ] {
            let trouble = hook(stage, &[NAME, told]).stage_trouble();
            assert_eq!(trouble.is_none(), right, "{stage} {told}: {trouble:?}");
        }
        assert!(hook("prestart", &[NAME]).stage_trouble().is_some());
    }

    #[test]
    fn options_say_where_the_hook_reads() {
        let hook = hook(
            "prestart",
            &["oci-hostaliases-hook", "prestart", "--hosts-d", "/h"],
        );
        assert_eq!(hook.hosts_d(), Path::new("/h"));
        assert_eq!(hook.config(), Path::new("/etc/oci-hostaliases/config.toml"));
    }
}
