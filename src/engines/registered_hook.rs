//! Our hook as an engine's file has it: `{"path":…,"args":[…],"env":[…]}`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::engines::our_hook::HOOK_NAME;
use crate::files::{config, hosts_d};

/// For which containers an engine runs the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunFor {
    /// Every one.
    All,
    /// Those with an annotation of ours that asks for something.
    Asking,
    /// A condition of the administrator's own.
    Other,
}

/// A hook of ours that an engine runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredHook {
    /// The engine, as messages name it.
    pub engine: String,
    /// The stage at which the runtime runs it.
    pub stage: String,
    /// The program.
    pub path: PathBuf,
    /// Its arguments, its name first.
    pub args: Vec<String>,
    /// Whether it is given an environment; without one, older runc gives it the container's.
    pub has_env: bool,
    /// For which containers.
    pub run_for: RunFor,
}

impl RegisteredHook {
    /// Reads an entry of `hooks`; `None` when it is another program's.
    #[must_use]
    pub fn read(engine: &str, stage: &str, entry: &Value, run_for: RunFor) -> Option<Self> {
        let path = PathBuf::from(entry.get("path")?.as_str()?);
        let strings = |key| {
            let items = entry
                .get(key)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            items
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect::<Vec<_>>()
        };
        let args = strings("args");
        let is_ours = args.first().is_some_and(|name| name == HOOK_NAME)
            || path.file_name() == Some(OsStr::new(HOOK_NAME));
        is_ours.then(|| Self {
            engine: engine.to_owned(),
            stage: stage.to_owned(),
            path,
            args,
            has_env: !strings("env").is_empty(),
            run_for,
        })
    }

    /// What is wrong with the stage or the argument that tells the hook its stage.
    #[must_use]
    pub fn stage_trouble(&self) -> Option<String> {
        let told = self.args.get(1).map_or("", String::as_str);
        // createRuntime is prestart under its newer name; the hook does the same at both.
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
                "gives the hook the argument {told:?}, which is no stage"
            )),
            (Some(at), Some(told_moment)) if at != told_moment => Some(format!(
                "runs the hook at {} and tells it that this is {told}",
                self.stage
            )),
            _ => None,
        }
    }

    /// The configuration that the hook reads.
    #[must_use]
    pub fn config(&self) -> &Path {
        self.option("--config", config::DEFAULT_PATH)
    }

    /// The directory of entries that the hook reads.
    #[must_use]
    pub fn hosts_d(&self) -> &Path {
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

    use std::path::Path;

    use serde_json::json;

    use super::{RegisteredHook, RunFor};

    fn hook(stage: &str, args: &[&str]) -> RegisteredHook {
        let entry = json!({"path": "/opt/hook", "args": args, "env": ["A=b"]});
        RegisteredHook::read("x", stage, &entry, RunFor::All).unwrap()
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
            (json!({"path": 1}), false),
            (json!("text"), false),
        ] {
            let read = RegisteredHook::read("x", "prestart", &entry, RunFor::All);
            assert_eq!(read.is_some(), expected, "{entry}");
        }
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
