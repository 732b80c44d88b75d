//! The stages at which the hook can run.

/// A stage, as `hooks` of `config.json` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// In the runtime's namespaces, after the container's mounts are made, before its root changes.
    Prestart,
    /// The same stage under its newer name.
    CreateRuntime,
    /// In the container's namespaces, before its root changes.
    CreateContainer,
}
