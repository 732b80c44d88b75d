//! The OCI state that a runtime writes to a hook's stdin.
//!
//! A shallow reading: runtimes differ in what they put there (`"status":""` from Kata,
//! `"starting"` and `"root"` from crun, no `pid` from youki in `createContainer`), and a field that
//! we do not use must not be able to stop a container. Source: "State" in the runtime
//! specification's `runtime.md`.

use serde::Deserialize;

use crate::facts::annotations::Annotations;
use crate::facts::json_object;

/// What we read of the state.
#[derive(Debug, Clone, Deserialize)]
pub struct State {
    /// The container's ID, unique on this host.
    pub id: String,
    /// The container process as seen by the runtime. Only the stages that run in the runtime's
    /// namespaces have a true one.
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
    /// What is not JSON, or has no `id` or `bundle`, or has them in another kind.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        json_object::read(bytes)
    }
}

/// Whether the container that this unreadable state is about may have asked us for something: its
/// annotations are in the state, so one that does not even hold our prefix did not.
pub fn unreadable_state_asks(bytes: &[u8]) -> bool {
    // Without the slash, which crun writes as `\/`.
    let prefix = crate::facts::annotations::PREFIX
        .trim_end_matches('/')
        .as_bytes();
    bytes.is_empty() || bytes.windows(prefix.len()).any(|window| window == prefix)
}
