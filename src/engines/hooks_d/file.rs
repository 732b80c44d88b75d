//! The hooks.d file (oci-hooks(5), schema 1.0.0) that registers the hook.

use std::path::Path;

use oci_spec::runtime::Hook;
use serde::Serialize;
use serde_json::{Value, json};

use crate::engines::error::EngineError;
use crate::engines::hooks_d::directories::Engine;
use crate::engines::our_hook::{self, Containers, STAGE};

/// The file's name, for all containers or some: a second file would run the hook twice.
pub(crate) const FILE_NAME: &str = "oci-hostaliases.json";

/// The annotations for which the hook runs. Go's regular expressions are unanchored and every pair of the map must
/// match an annotation, so this is one pair. It matches mistyped keys too, so that the hook can report them.
const ASKING_ANNOTATIONS: &str = r"^oci-hostaliases\.io/";

#[derive(Serialize)]
struct File {
    version: &'static str,
    hook: Hook,
    when: Value,
    stages: [&'static str; 1],
}

/// The file's text. Podman reads it for every container and skips it if the program is gone; CRI-O would run that
/// program until it is restarted.
pub(crate) fn text(
    engine: Engine,
    hook: &Path,
    containers: Containers,
) -> Result<String, EngineError> {
    let hook_entry = match engine {
        Engine::Podman => our_hook::entry(hook)?,
        Engine::CriO => our_hook::guarded_entry(hook)?,
    };
    let file = File {
        version: "1.0.0",
        hook: hook_entry,
        when: when(containers),
        stages: [STAGE],
    };
    our_hook::to_json(&file, hook)
}

fn when(containers: Containers) -> Value {
    match containers {
        Containers::Asking => json!({ "annotations": { ASKING_ANNOTATIONS: ".*" } }),
        Containers::All => json!({ "always": true }),
    }
}

/// The containers for which `when` of a file runs the hook; `None` if [`text`] does not write such a condition.
pub(crate) fn containers(condition: &Value) -> Option<Containers> {
    let mut known = [Containers::Asking, Containers::All].into_iter();
    known.find(|it| when(*it) == *condition)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::path::Path;

    use super::{Containers, text};
    use crate::engines::hooks_d::directories::Engine;
    use crate::engines::our_hook::HOOK_PATH;

    #[test]
    fn the_shipped_files_are_what_register_writes() {
        for (name, containers) in [
            ("oci-hostaliases.json", Containers::Asking),
            ("oci-hostaliases-all.json", Containers::All),
        ] {
            let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks");
            let made = text(Engine::Podman, Path::new(HOOK_PATH), containers).unwrap();
            let shipped = fs::read_to_string(hooks.join(name)).unwrap();
            assert_eq!(shipped, made, "hooks/{name}");
        }
    }
}
