//! The messages of the CRI, `runtime.v1`, with the fields that the tests use. Numbers are those of
//! `cri-api/pkg/apis/runtime/v1/api.proto`; protobuf skips what is not named.

use std::collections::HashMap;

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field:meta])* $key:ident: $type:ty,)* })*) => {
        $($(#[$doc])* #[derive(Clone, PartialEq, prost::Message)]
        pub(crate) struct $name { $($(#[$field])* pub(crate) $key: $type,)* })*
    };
}

messages! {
    PodSandboxMetadata {
        #[prost(string, tag = "1")] name: String,
        #[prost(string, tag = "2")] uid: String,
        #[prost(string, tag = "3")] namespace: String,
    }
    PodSandboxConfig {
        #[prost(message, optional, tag = "1")] metadata: Option<PodSandboxMetadata>,
        #[prost(string, tag = "2")] hostname: String,
        #[prost(string, tag = "3")] log_directory: String,
        #[prost(map = "string, string", tag = "6")] labels: HashMap<String, String>,
        #[prost(map = "string, string", tag = "7")] annotations: HashMap<String, String>,
        #[prost(message, optional, tag = "8")] linux: Option<LinuxPodSandboxConfig>,
    }
    LinuxPodSandboxConfig {
        #[prost(message, optional, tag = "2")] security_context: Option<LinuxSandboxSecurityContext>,
    }
    LinuxSandboxSecurityContext {
        #[prost(message, optional, tag = "1")] namespace_options: Option<NamespaceOption>,
    }
    NamespaceOption {
        /// 0: the Pod's, 1: the container's, 2: the node's.
        #[prost(int32, tag = "1")] network: i32,
        #[prost(int32, tag = "2")] pid: i32,
    }
    RunPodSandboxRequest {
        #[prost(message, optional, tag = "1")] config: Option<PodSandboxConfig>,
        #[prost(string, tag = "2")] runtime_handler: String,
    }
    RunPodSandboxResponse {
        #[prost(string, tag = "1")] pod_sandbox_id: String,
    }
    /// Of StopPodSandbox and RemovePodSandbox too.
    PodSandboxRequest {
        #[prost(string, tag = "1")] pod_sandbox_id: String,
    }
    PodIp {
        #[prost(string, tag = "1")] ip: String,
    }
    PodSandboxNetworkStatus {
        #[prost(string, tag = "1")] ip: String,
        #[prost(message, repeated, tag = "2")] additional_ips: Vec<PodIp>,
    }
    PodSandboxStatus {
        #[prost(message, optional, tag = "5")] network: Option<PodSandboxNetworkStatus>,
    }
    PodSandboxStatusResponse {
        #[prost(message, optional, tag = "1")] status: Option<PodSandboxStatus>,
    }
    ContainerMetadata {
        #[prost(string, tag = "1")] name: String,
    }
    ImageSpec {
        #[prost(string, tag = "1")] image: String,
    }
    Mount {
        #[prost(string, tag = "1")] container_path: String,
        #[prost(string, tag = "2")] host_path: String,
    }
    ContainerConfig {
        #[prost(message, optional, tag = "1")] metadata: Option<ContainerMetadata>,
        #[prost(message, optional, tag = "2")] image: Option<ImageSpec>,
        #[prost(string, repeated, tag = "3")] command: Vec<String>,
        #[prost(message, repeated, tag = "7")] mounts: Vec<Mount>,
        #[prost(string, tag = "11")] log_path: String,
        #[prost(message, optional, tag = "15")] linux: Option<LinuxContainerConfig>,
    }
    LinuxContainerConfig {
        #[prost(message, optional, tag = "2")] security_context: Option<LinuxContainerSecurityContext>,
    }
    LinuxContainerSecurityContext {
        #[prost(message, optional, tag = "3")] namespace_options: Option<NamespaceOption>,
        #[prost(bool, tag = "7")] readonly_rootfs: bool,
    }
    CreateContainerRequest {
        #[prost(string, tag = "1")] pod_sandbox_id: String,
        #[prost(message, optional, tag = "2")] config: Option<ContainerConfig>,
        #[prost(message, optional, tag = "3")] sandbox_config: Option<PodSandboxConfig>,
    }
    CreateContainerResponse {
        #[prost(string, tag = "1")] container_id: String,
    }
    StartContainerRequest {
        #[prost(string, tag = "1")] container_id: String,
    }
    ContainerStatusRequest {
        #[prost(string, tag = "1")] container_id: String,
        #[prost(bool, tag = "2")] verbose: bool,
    }
    ContainerStatus {
        /// 0: created, 1: running, 2: exited.
        #[prost(int32, tag = "3")] state: i32,
        #[prost(int32, tag = "7")] exit_code: i32,
    }
    ContainerStatusResponse {
        #[prost(message, optional, tag = "1")] status: Option<ContainerStatus>,
        #[prost(map = "string, string", tag = "2")] info: HashMap<String, String>,
    }
    StatusRequest {}
    RuntimeCondition {
        #[prost(string, tag = "1")] r#type: String,
        #[prost(bool, tag = "2")] status: bool,
    }
    RuntimeStatus {
        #[prost(message, repeated, tag = "1")] conditions: Vec<RuntimeCondition>,
    }
    StatusResponse {
        #[prost(message, optional, tag = "1")] status: Option<RuntimeStatus>,
    }
    /// An answer of which nothing is wanted.
    Empty {}
}
