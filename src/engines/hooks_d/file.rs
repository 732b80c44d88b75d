//! The hooks.d file (oci-hooks(5), schema 1.0.0) that registers the hook.

use std::collections::BTreeMap;
use std::path::Path;

use oci_spec::runtime::Hook;
use serde::Serialize;

use crate::engines::our_hook::{self, HookError, STAGE};

/// The file's name, whichever containers it is for: a second file would run the hook twice.
pub const FILE_NAME: &str = "oci-hostaliases.json";

/// The annotations that ask for something. Go's regexps are unanchored and every pair of the map
/// must match some annotation, so this is one pair.
pub const ASKING_ANNOTATIONS: &str = r"^oci-hostaliases\.io/(host-aliases|domain|pod-ips)$";

/// For which containers the engine runs the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Containers {
    /// Those with an annotation of ours that asks for something.
    Asking,
    /// Every one, as entries for a node or a namespace need it.
    All,
}

#[derive(Serialize)]
struct File {
    version: &'static str,
    hook: Hook,
    when: When,
    stages: [&'static str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum When {
    Always(bool),
    Annotations(BTreeMap<&'static str, &'static str>),
}

/// The file's text.
///
/// # Errors
///
/// The hook's path is relative or not UTF-8.
pub fn text(hook: &Path, containers: Containers) -> Result<String, HookError> {
    let file = File {
        version: "1.0.0",
        hook: our_hook::hook(hook)?,
        when: match containers {
            Containers::Asking => When::Annotations(BTreeMap::from([(ASKING_ANNOTATIONS, ".*")])),
            Containers::All => When::Always(true),
        },
        stages: [STAGE],
    };
    let mut text =
        serde_json::to_string_pretty(&file).map_err(|source| HookError::NotWritable {
            path: hook.to_owned(),
            source: Box::new(source),
        })?;
    text.push('\n');
    Ok(text)
}
