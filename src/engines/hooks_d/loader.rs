//! A hooks.d file as the loader of Podman and CRI-O reads it (containers/common, `pkg/hooks`).
//!
//! The loader reads every `*.json` of every directory. An invalid file makes every `podman run` and the start of
//! CRI-O fail, even if it is for another hook. A file whose program is missing is silently dropped.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::engines::our_hook::{self, field};
use crate::error::on_one_line;
use crate::files::admin_file;

/// The longest file that is read. No hook needs more.
const FILE_MAX: u64 = 1024 * 1024;
const STAGES: [&str; 7] = [
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
    // Podman's own.
    "precreate",
];

/// What the loader does with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// It uses it.
    Used(Definition),
    /// It silently drops it, because its program does not exist.
    Dropped(Definition),
    /// It fails, and so does the engine.
    Refused(String),
    /// It skips it.
    Ignored,
}

/// The content of such a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition {
    /// The hook's entry for config.json.
    pub(crate) hook: Value,
    pub(crate) program: PathBuf,
    /// For which containers.
    pub(crate) when: Value,
    pub(crate) stages: Vec<String>,
}

/// Reads a file as the loader would.
pub(crate) fn load(path: &Path) -> Loaded {
    let bytes = match admin_file::read(path, FILE_MAX) {
        Ok(bytes) => bytes,
        // A dangling symlink.
        Err(error) if error.is_missing_file() => return Loaded::Ignored,
        Err(error) => return Loaded::Refused(on_one_line(&error)),
    };
    match parse(&bytes) {
        Err(reason) => Loaded::Refused(reason),
        Ok(definition) => match fs::metadata(&definition.program) {
            Ok(_) => Loaded::Used(definition),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Loaded::Dropped(definition),
            Err(error) => {
                Loaded::Refused(format!("stat {}: {error}", definition.program.display()))
            }
        },
    }
}

/// Reads the text of a file of schema 1.0.0, or of 0.1.0, which has no version.
pub(crate) fn parse(bytes: &[u8]) -> Result<Definition, String> {
    let file = object(bytes)?;
    let version = match field(&file, "version") {
        None | Some(Value::Null) => "",
        Some(Value::String(version)) => version,
        Some(_) => return Err("version is not a string".to_owned()),
    };
    match version {
        "1.0.0" => current(&file),
        "" | "0.1.0" => former(&file),
        other => Err(format!("version {other:?}: only \"1.0.0\" is supported")),
    }
}

/// Whether a file is for this hook, even if the loader does not accept it otherwise.
pub(crate) fn is_ours(bytes: &[u8]) -> Result<bool, String> {
    Ok(match field(&object(bytes)?, "hook") {
        Some(Value::String(path)) => our_hook::is_ours(&serde_json::json!({ "path": path })),
        Some(entry) => our_hook::is_ours(entry),
        None => false,
    })
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(file)) => Ok(file),
        Ok(_) => Err("not a JSON object".to_owned()),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

fn current(file: &Map<String, Value>) -> Result<Definition, String> {
    let hook = match field(file, "hook") {
        Some(hook @ Value::Object(_)) => hook.clone(),
        None | Some(Value::Null) => return Err("hook.path is missing".to_owned()),
        Some(_) => return Err("hook is not an object".to_owned()),
    };
    let of_hook = |key| hook.as_object().and_then(|hook| field(hook, key));
    let program = match of_hook("path") {
        Some(Value::String(path)) if !path.is_empty() => PathBuf::from(path),
        None | Some(Value::Null | Value::String(_)) => {
            return Err("hook.path is missing".to_owned());
        }
        Some(_) => return Err("hook.path is not a string".to_owned()),
    };
    for key in ["args", "env"] {
        strings(of_hook(key)).ok_or_else(|| format!("hook.{key} is not a list of strings"))?;
    }
    if !matches!(of_hook("timeout"), None | Some(Value::Null))
        && of_hook("timeout").and_then(Value::as_i64).is_none()
    {
        return Err("hook.timeout is not a whole number".to_owned());
    }
    let when = field(file, "when").cloned().unwrap_or_default();
    check_when(&when)?;
    let stages = match field(file, "stages") {
        None | Some(Value::Null) => return Err("stages is missing".to_owned()),
        stages => strings(stages).ok_or("stages is not a list of strings")?,
    };
    if let Some(unknown) = stages.iter().find(|it| !STAGES.contains(&it.as_str())) {
        return Err(format!("stages has {unknown:?}, which is not a stage"));
    }
    Ok(Definition {
        hook,
        program,
        when,
        stages,
    })
}

fn check_when(when: &Value) -> Result<(), String> {
    let when = match when {
        Value::Object(when) => when,
        Value::Null => return Ok(()),
        _ => return Err("when is not an object".to_owned()),
    };
    for key in ["always", "hasBindMounts"] {
        if !matches!(field(when, key), None | Some(Value::Null | Value::Bool(_))) {
            return Err(format!("when.{key} is not true or false"));
        }
    }
    strings(field(when, "commands")).ok_or("when.commands is not a list of strings")?;
    let annotations = match field(when, "annotations") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(annotations)) => annotations,
        Some(_) => return Err("when.annotations is not an object".to_owned()),
    };
    let is_string = |value: &Value| value.is_string() || value.is_null();
    if annotations.values().all(is_string) {
        Ok(())
    } else {
        Err("when.annotations has a value that is not a string".to_owned())
    }
}

/// The schema before 1.0.0: the program's path is `hook` itself.
fn former(file: &Map<String, Value>) -> Result<Definition, String> {
    let program = match field(file, "hook") {
        Some(Value::String(path)) if !path.is_empty() => PathBuf::from(path),
        Some(Value::Object(_)) => return Err("version is missing".to_owned()),
        _ => return Err("hook is missing (and version, for the present schema)".to_owned()),
    };
    let stages = field(file, "stages")
        .or_else(|| field(file, "stage"))
        .ok_or("stages is missing")?;
    Ok(Definition {
        hook: serde_json::json!({ "path": program }),
        program,
        when: Value::Null,
        stages: strings(Some(stages)).ok_or("stages is not a list of strings")?,
    })
}

/// A list of strings, which can be absent; `None` if it is something else. Go reads null as an empty string.
fn strings(value: Option<&Value>) -> Option<Vec<String>> {
    match value {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| match item {
                Value::String(text) => Some(text.clone()),
                Value::Null => Some(String::new()),
                _ => None,
            })
            .collect(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::parse;
    use crate::engines::hooks_d::directories::Engine;
    use crate::engines::hooks_d::file;
    use crate::engines::our_hook::{Containers, HOOK_PATH};

    #[test]
    fn what_register_writes_is_taken() {
        for (engine, containers, program) in [
            (Engine::Podman, Containers::Asking, HOOK_PATH),
            (Engine::CriO, Containers::All, "/bin/sh"),
        ] {
            let text = file::text(engine, Path::new(HOOK_PATH), containers).unwrap();
            let definition = parse(text.as_bytes()).unwrap();
            assert_eq!(definition.program, Path::new(program));
            assert_eq!(definition.stages, ["prestart"]);
        }
    }

    #[test]
    fn what_go_takes_is_taken() {
        for text in [
            r#"{"Version":"1.0.0","HOOK":{"Path":"/x"},"stages":[]}"#,
            r#"{"version":"1.0.0","hook":{"path":"/x","timeout":3,"more":1},"stages":["precreate"],"x":1}"#,
            r#"{"version":"1.0.0","hook":{"path":"/x","args":null},"when":null,"stages":["poststop"]}"#,
            r#"{"version":"1.0.0","hook":{"path":"/x","args":[null]},"when":{"annotations":{"a":null}},"stages":["poststop"]}"#,
            r#"{"hook":"/x","stages":["prestart"],"cmds":[".*"]}"#,
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap().program, Path::new("/x"));
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        const CASES: &str = r#"
{ => not JSON: EOF while parsing an object at line 1 column 1
[] => not a JSON object
{} => hook is missing (and version, for the present schema)
{"hook":"/x"} => stages is missing
{REST} => version is missing
{"version":1,REST} => version is not a string
{"version":"2",REST} => version "2": only "1.0.0" is supported
{"version":"1.0.0","stages":[]} => hook.path is missing
{"version":"1.0.0","hook":{"path":""},"stages":[]} => hook.path is missing
{"version":"1.0.0","hook":"/x","stages":[]} => hook is not an object
{"version":"1.0.0","hook":{"path":"/x"}} => stages is missing
{"version":"1.0.0","hook":{"path":"/x"},"stages":["preStart"]} => stages has "preStart", which is not a stage
{"version":"1.0.0","hook":{"path":"/x","args":"a"},"stages":[]} => hook.args is not a list of strings
{"version":"1.0.0","hook":{"path":"/x","timeout":"1"},"stages":[]} => hook.timeout is not a whole number
{"version":"1.0.0","when":{"always":1},REST} => when.always is not true or false
{"version":"1.0.0","when":{"annotations":{"a":1}},REST} => when.annotations has a value that is not a string
"#;
        let cases: Vec<_> = CASES
            .lines()
            .filter_map(|line| line.split_once(" => "))
            .collect();
        assert_eq!(cases.len(), 16);
        for (text, reason) in cases {
            let text = text.replace("REST", r#""hook":{"path":"/x"},"stages":["prestart"]"#);
            assert_eq!(parse(text.as_bytes()).unwrap_err(), reason, "{text}");
        }
        let empty = parse(b"").unwrap_err();
        assert_eq!(
            empty,
            "not JSON: EOF while parsing a value at line 1 column 0"
        );
    }
}
