//! Pods and containers as a kubelet asks for them, and what came out.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::containerd_daemon::Containerd;
use crate::cri_client::Refused;
use crate::cri_messages::*;
use crate::hook_program;
use crate::image_archive::IMAGE;
use crate::node_log::NodeLog;

const EXITED: i32 = 2;
const EXIT_LIMIT: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(crate) struct PodSpec<'a> {
    pub(crate) annotations: &'a [(&'a str, &'a str)],
    pub(crate) host_network: bool,
    /// By the handler without the hook.
    pub(crate) plain: bool,
}

pub(crate) struct Pod {
    id: String,
    pub(crate) uid: String,
    /// As PodSandboxStatus tells them, which is where a kubelet has them from.
    pub(crate) addresses: Vec<String>,
    config: PodSandboxConfig,
}

pub(crate) struct ContainerSpec<'a> {
    pub(crate) name: &'a str,
    pub(crate) script: &'a str,
    /// This file at /etc/hosts.
    pub(crate) hosts_mount: Option<&'a Path>,
    pub(crate) read_only: bool,
}

impl Default for ContainerSpec<'_> {
    fn default() -> Self {
        Self {
            name: "main",
            script: "cat /etc/hosts",
            hosts_mount: None,
            read_only: false,
        }
    }
}

/// A container that ran to its end.
pub(crate) struct Run {
    pub(crate) output: String,
    /// With whatever belongs to this one Pod and container (names, process ids) replaced by a word.
    pub(crate) config_json: Value,
}

pub(crate) struct Node {
    containerd: Containerd,
    pub(crate) log: NodeLog,
    pub(crate) home: PathBuf,
    pub(crate) runtime: &'static str,
    pods: RefCell<Vec<String>>,
    pods_made: RefCell<u32>,
}

impl Node {
    pub(crate) fn new(
        containerd: Containerd,
        log: NodeLog,
        home: &Path,
        runtime: &'static str,
    ) -> Self {
        Self {
            containerd,
            log,
            home: home.to_owned(),
            runtime,
            pods: RefCell::default(),
            pods_made: RefCell::default(),
        }
    }

    pub(crate) fn restart_containerd(&mut self) {
        self.containerd.restart();
    }

    pub(crate) fn pod(&self, spec: &PodSpec) -> Pod {
        *self.pods_made.borrow_mut() += 1;
        let uid = format!("00000000-0000-4000-8000-{:012}", self.pods_made.borrow());
        let config = PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                name: "web-0".into(),
                uid: uid.clone(),
                namespace: "default".into(),
            }),
            // A kubelet leaves it out with the node's network.
            hostname: if spec.host_network {
                String::new()
            } else {
                "web-0".into()
            },
            log_directory: self.home.join("logs").join(&uid).display().to_string(),
            annotations: spec
                .annotations
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into()))
                .collect(),
            linux: Some(LinuxPodSandboxConfig {
                security_context: Some(LinuxSandboxSecurityContext {
                    namespace_options: namespaces(spec.host_network),
                }),
            }),
            ..PodSandboxConfig::default()
        };
        fs::create_dir_all(&config.log_directory).expect("log directory");
        let handler = if spec.plain {
            format!("{}-plain", self.runtime)
        } else {
            self.runtime.to_owned()
        };
        let request = RunPodSandboxRequest {
            config: Some(config.clone()),
            runtime_handler: handler,
        };
        let answer: RunPodSandboxResponse = self
            .containerd
            .cri
            .call("RunPodSandbox", &request)
            .expect("a sandbox");
        self.pods.borrow_mut().push(answer.pod_sandbox_id.clone());

        let id = PodSandboxRequest {
            pod_sandbox_id: answer.pod_sandbox_id,
        };
        let status: PodSandboxStatusResponse = self
            .containerd
            .cri
            .call("PodSandboxStatus", &id)
            .expect("its status");
        let network = status
            .status
            .and_then(|status| status.network)
            .unwrap_or_default();
        let addresses =
            std::iter::once(network.ip).chain(network.additional_ips.into_iter().map(|ip| ip.ip));
        Pod {
            id: id.pod_sandbox_id,
            uid,
            addresses: addresses.collect(),
            config,
        }
    }

    /// Creates and starts a container; its id.
    pub(crate) fn start(&self, pod: &Pod, spec: &ContainerSpec) -> Result<String, Refused> {
        let host_network = pod.config.hostname.is_empty();
        let mount = |file: &Path| Mount {
            container_path: "/etc/hosts".into(),
            host_path: file.display().to_string(),
        };
        let config = ContainerConfig {
            metadata: Some(ContainerMetadata {
                name: spec.name.into(),
            }),
            image: Some(ImageSpec {
                image: IMAGE.into(),
            }),
            command: ["/bin/sh", "-c", spec.script].map(String::from).into(),
            mounts: spec.hosts_mount.map(mount).into_iter().collect(),
            log_path: format!("{}.log", spec.name),
            linux: Some(LinuxContainerConfig {
                security_context: Some(LinuxContainerSecurityContext {
                    namespace_options: namespaces(host_network),
                    readonly_rootfs: spec.read_only,
                }),
            }),
        };
        let request = CreateContainerRequest {
            pod_sandbox_id: pod.id.clone(),
            config: Some(config),
            sandbox_config: Some(pod.config.clone()),
        };
        let answer: CreateContainerResponse =
            self.containerd.cri.call("CreateContainer", &request)?;
        let id = StartContainerRequest {
            container_id: answer.container_id,
        };
        let _: Empty = self.containerd.cri.call("StartContainer", &id)?;
        Ok(id.container_id)
    }

    /// Runs a container to its end.
    pub(crate) fn run(&self, pod: &Pod, spec: &ContainerSpec) -> Run {
        let id = self.start(pod, spec).expect("a container");
        assert!(!hook_program::is_seen_on_the_node());
        self.finish(pod, spec, &id)
    }

    /// Waits for a started container's end.
    pub(crate) fn finish(&self, pod: &Pod, spec: &ContainerSpec, id: &str) -> Run {
        let config_json = self.wait(pod, id);
        let log = Path::new(&pod.config.log_directory).join(format!("{}.log", spec.name));
        Run {
            output: log_text(&fs::read_to_string(log).expect("the container's log")),
            config_json,
        }
    }

    /// What a container that ran to its end has printed.
    pub(crate) fn output(&self, pod: &Pod, spec: &ContainerSpec) -> String {
        self.run(pod, spec).output
    }

    /// Waits for a container's end and returns the config.json that its runtime was given.
    fn wait(&self, pod: &Pod, id: &str) -> Value {
        let end = Instant::now() + EXIT_LIMIT;
        let request = ContainerStatusRequest {
            container_id: id.to_owned(),
            verbose: true,
        };
        loop {
            let answer: ContainerStatusResponse = self
                .containerd
                .cri
                .call("ContainerStatus", &request)
                .expect("status");
            let status = answer.status.unwrap_or_default();
            if status.state == EXITED {
                assert_eq!(status.exit_code, 0, "the container's exit status");
                return neutral(&answer.info["info"], pod, id);
            }
            assert!(
                Instant::now() < end,
                "the container still runs after {EXIT_LIMIT:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// And what they left in the log.
    pub(crate) fn remove_pods(&self) {
        print!("{}", self.log.records());
        for pod_sandbox_id in self.pods.take() {
            let request = PodSandboxRequest { pod_sandbox_id };
            for method in ["StopPodSandbox", "RemovePodSandbox"] {
                let _: Empty = self
                    .containerd
                    .cri
                    .call(method, &request)
                    .expect("removal of a Pod");
            }
        }
    }
}

fn namespaces(host_network: bool) -> Option<NamespaceOption> {
    Some(NamespaceOption {
        network: if host_network { 2 } else { 0 },
        pid: 1,
    })
}

/// The config.json in a verbose status, names and process ids of this one container replaced.
fn neutral(info: &str, pod: &Pod, id: &str) -> Value {
    let text = info
        .replace(id, "CONTAINER")
        .replace(&pod.id, "SANDBOX")
        .replace(&pod.uid, "UID");
    let mut info: Value = serde_json::from_str(&text).expect("JSON");
    let mut spec = info["runtimeSpec"].take();
    for namespace in spec["linux"]["namespaces"]
        .as_array_mut()
        .expect("namespaces")
    {
        if let Some(path) = namespace.get_mut("path") {
            let name = path
                .as_str()
                .and_then(|path| path.rsplit('/').next())
                .expect("/proc/PID/ns/NAME");
            *path = format!("/proc/SANDBOX/ns/{name}").into();
        }
    }
    spec
}

/// A container's log without CRI's prefix: time, stream, and F for a full line or P for a part of one.
fn log_text(log: &str) -> String {
    let mut text = String::new();
    for line in log.lines() {
        let mut fields = line.splitn(4, ' ').skip(2);
        let part = fields.next().expect("F or P");
        text += fields.next().unwrap_or_default();
        text += if part == "F" { "\n" } else { "" };
    }
    text
}
