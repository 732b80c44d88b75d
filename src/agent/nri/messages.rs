//! NRI's messages, with the fields that are used; protobuf skips the others. Numbers are those of
//! `pkg/api/api.proto` of containerd/nri, which keeps them from 0.2 (containerd 1.7) on.

use std::collections::BTreeMap;

/// The service that a plugin offers.
pub(crate) const PLUGIN_SERVICE: &str = "nri.pkg.api.v1alpha1.Plugin";
/// The service that an engine offers.
pub(crate) const RUNTIME_SERVICE: &str = "nri.pkg.api.v1alpha1.Runtime";

/// `Event.CREATE_CONTAINER`
pub const CREATE_CONTAINER: i32 = 4;
/// `Event.REMOVE_CONTAINER`
pub const REMOVE_CONTAINER: i32 = 11;
/// `ContainerState.CONTAINER_STOPPED`
pub(crate) const STOPPED: i32 = 4;

/// The bits of a subscription: an event's is one lower than its number. None would mean all.
pub const fn subscription<const N: usize>(events: [i32; N]) -> i32 {
    let (mut bits, mut nth) = (0, 0);
    while nth < N {
        #[allow(clippy::indexing_slicing)] // nth < N
        let event = events[nth];
        bits |= 1 << (event - 1);
        nth += 1;
    }
    bits
}

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field:meta])* $key:ident: $type:ty,)* })*) => {
        $($(#[$doc])* #[derive(Clone, PartialEq, Eq, prost::Message)]
        #[allow(missing_docs)] // api.proto has them
        pub struct $name { $($(#[$field])* pub $key: $type,)* })*
    };
}

messages! {
    /// Calls `RegisterPlugin`.
    RegisterPluginRequest {
        #[prost(string, tag = "1")] plugin_name: String,
        #[prost(string, tag = "2")] plugin_idx: String,
    }
    /// An answer or a request without content.
    Empty {}
    /// The engine's first call.
    ConfigureRequest {
        #[prost(string, tag = "2")] runtime_name: String,
        #[prost(string, tag = "3")] runtime_version: String,
    }
    /// Which events the plugin wants.
    ConfigureResponse {
        #[prost(int32, tag = "2")] events: i32,
    }
    /// The running containers, possibly in several parts.
    SynchronizeRequest {
        #[prost(message, repeated, tag = "1")] pods: Vec<PodSandbox>,
        #[prost(message, repeated, tag = "2")] containers: Vec<Container>,
        #[prost(bool, tag = "3")] more: bool,
    }
    /// `more`: several parts are supported.
    SynchronizeResponse {
        #[prost(bool, tag = "2")] more: bool,
    }
    /// A container is made.
    CreateContainerRequest {
        #[prost(message, optional, tag = "1")] pod: Option<PodSandbox>,
        #[prost(message, optional, tag = "2")] container: Option<Container>,
    }
    /// The adjustment of it.
    CreateContainerResponse {
        #[prost(message, optional, tag = "1")] adjust: Option<ContainerAdjustment>,
    }
    /// A container is gone, from NRI 0.12 on.
    RemoveContainerRequest {
        #[prost(message, optional, tag = "2")] container: Option<Container>,
    }
    /// The same before, and any other event that has no call of its own.
    StateChangeEvent {
        #[prost(int32, tag = "1")] event: i32,
        #[prost(message, optional, tag = "3")] container: Option<Container>,
    }
    /// A Pod.
    PodSandbox {
        #[prost(string, tag = "1")] id: String,
        #[prost(string, tag = "2")] name: String,
        #[prost(string, tag = "3")] uid: String,
        #[prost(string, tag = "4")] namespace: String,
        #[prost(btree_map = "string, string", tag = "6")] annotations: BTreeMap<String, String>,
        #[prost(string, tag = "7")] runtime_handler: String,
        #[prost(string, repeated, tag = "10")] ips: Vec<String>,
    }
    /// A container.
    Container {
        #[prost(string, tag = "1")] id: String,
        #[prost(string, tag = "2")] pod_sandbox_id: String,
        #[prost(string, tag = "3")] name: String,
        #[prost(int32, tag = "4")] state: i32,
        #[prost(btree_map = "string, string", tag = "6")] annotations: BTreeMap<String, String>,
        #[prost(string, repeated, tag = "8")] env: Vec<String>,
        #[prost(message, repeated, tag = "9")] mounts: Vec<Mount>,
        #[prost(message, optional, tag = "10")] hooks: Option<Hooks>,
        #[prost(message, optional, tag = "11")] linux: Option<LinuxContainer>,
    }
    /// A mount of a container.
    Mount {
        #[prost(string, tag = "1")] destination: String,
        #[prost(string, tag = "2")] r#type: String,
        #[prost(string, tag = "3")] source: String,
        #[prost(string, repeated, tag = "4")] options: Vec<String>,
    }
    /// A container's hooks.
    Hooks {
        #[prost(message, repeated, tag = "1")] prestart: Vec<Hook>,
        #[prost(message, repeated, tag = "2")] create_runtime: Vec<Hook>,
        #[prost(message, repeated, tag = "3")] create_container: Vec<Hook>,
    }
    /// One hook.
    Hook {
        #[prost(string, tag = "1")] path: String,
        #[prost(string, repeated, tag = "2")] args: Vec<String>,
        #[prost(string, repeated, tag = "3")] env: Vec<String>,
        #[prost(message, optional, tag = "4")] timeout: Option<OptionalInt>,
    }
    /// A number that may be missing.
    OptionalInt {
        #[prost(int64, tag = "1")] value: i64,
    }
    /// The Linux-specific part.
    LinuxContainer {
        #[prost(message, repeated, tag = "1")] namespaces: Vec<LinuxNamespace>,
    }
    /// A namespace of a container.
    LinuxNamespace {
        #[prost(string, tag = "1")] r#type: String,
        #[prost(string, tag = "2")] path: String,
    }
    /// The adjustment of a container.
    ContainerAdjustment {
        #[prost(btree_map = "string, string", tag = "2")] annotations: BTreeMap<String, String>,
        #[prost(message, repeated, tag = "3")] mounts: Vec<Mount>,
        #[prost(message, optional, tag = "5")] hooks: Option<Hooks>,
    }
}

impl Hooks {
    /// All stages that the hook can have.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Hook> {
        let stages = [&self.prestart, &self.create_runtime, &self.create_container];
        stages.into_iter().flatten()
    }
}
