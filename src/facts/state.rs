//! The OCI state that a runtime writes to a hook's stdin.
//!
//! Only the needed fields are read: runtimes differ in what they write (`"status":""` from Kata, `"starting"` and
//! `"root"` from crun, no `pid` from youki in `createContainer`), and an unused field must not stop a container.
//! Source: "State" in the runtime specification's `runtime.md`.

use serde::Deserialize;

use crate::facts::annotations::Annotations;
use crate::facts::json_object;

/// The fields of the state that are read.
#[derive(Debug, Clone, Deserialize)]
pub struct State {
    /// The container's ID, unique on this host.
    pub id: String,
    /// The container process as seen by the runtime. It is valid only at the stages that run in the runtime's
    /// namespaces.
    #[serde(default)]
    pub pid: Option<i64>,
    /// The bundle's directory, absolute. crun reports `/` where it has not changed to the bundle.
    pub bundle: String,
    /// The container's annotations, the same as in `config.json`.
    #[serde(default)]
    pub annotations: Annotations,
}

impl State {
    /// Reads the state.
    ///
    /// # Errors
    ///
    /// The text is not JSON, or `id` or `bundle` is missing or has the wrong type.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        json_object::read(bytes)
    }
}

/// Whether the container of this unreadable state may have requested something: its annotations are in the state,
/// so a state without their prefix requests nothing.
pub fn unreadable_state_asks(bytes: &[u8]) -> bool {
    // Without the slash, which crun writes as `\/`.
    let prefix = crate::facts::annotations::PREFIX
        .trim_end_matches('/')
        .as_bytes();
    bytes.is_empty() || bytes.windows(prefix.len()).any(|window| window == prefix)
}
