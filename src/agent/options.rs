//! The agent's command line, and the options that `config.toml` can set too.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

use crate::agent::node_setup::Registration;
use crate::engines::our_hook::HOOK_PATH;
use crate::files::agent_config::AgentConfig;
use crate::files::agent_state::NRI_SOCKET;
use crate::files::{config, hosts_d};

/// Make the engine run the hook through NRI, and update running containers when hosts.d changes
///
/// Run one per node, as a service. It needs no change of the engine's configuration and no restart.
#[derive(Debug, Clone, Parser)]
#[command(name = "oci-hostaliases-agent", version)]
pub struct Options {
    /// The configuration of the agent and the hook
    #[arg(long, value_name = "PATH", default_value = config::DEFAULT_PATH)]
    pub(crate) config: PathBuf,
    /// The directory with the entries for the node and its namespaces
    #[arg(long, value_name = "DIR", default_value = hosts_d::DEFAULT_PATH)]
    pub(crate) hosts_d: PathBuf,
    /// The hook that containers get [default: /usr/libexec/oci/hooks.d/oci-hostaliases-hook]
    #[arg(long, value_name = "PATH")]
    hook: Option<PathBuf>,
    /// The engine's NRI socket [default: /var/run/nri/nri.sock]
    #[arg(long, value_name = "PATH")]
    nri_socket: Option<PathBuf>,
    /// Serve /healthz, /readyz and /metrics at this address and port
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Write the HostAliasSets and ClusterHostAliasSets of the Kubernetes API server to hosts.d, with the service
    /// account of this Pod
    #[cfg(feature = "kubernetes")]
    #[arg(long)]
    pub(super) kubernetes: bool,
    /// Use this kubeconfig instead of a service account
    #[cfg(feature = "kubernetes")]
    #[arg(long, value_name = "PATH", requires = "kubernetes")]
    pub(super) kubeconfig: Option<PathBuf>,
    /// Copy the hook to this directory, unless it is already there, and exit
    #[arg(long, value_name = "DIR")]
    pub(super) copy_hook_to: Option<PathBuf>,
    /// For the first step of a DaemonSet's Pods: also copy oci-hostaliases, set up the node of process 1, and check
    /// it
    #[arg(long, value_name = "WHAT", requires = "copy_hook_to")]
    pub(super) registration: Option<Registration>,
}

impl Options {
    /// Whether entries come from a cluster's objects.
    pub(super) fn follows_a_cluster(&self) -> bool {
        #[cfg(feature = "kubernetes")]
        return self.kubernetes;
        #[cfg(not(feature = "kubernetes"))]
        false
    }

    /// The hook, by the command line, the configuration or the package.
    pub(super) fn hook(&self, config: &AgentConfig) -> PathBuf {
        let given = self.hook.clone().or_else(|| config.hook.clone());
        given.unwrap_or_else(|| HOOK_PATH.into())
    }

    /// The engine's socket.
    pub(super) fn nri_socket(&self, config: &AgentConfig) -> PathBuf {
        let given = self.nri_socket.clone();
        let given = given.or_else(|| config.nri_socket.clone());
        given.unwrap_or_else(|| NRI_SOCKET.into())
    }

    /// Where health and metrics are served, if anywhere.
    pub(super) fn listen(&self, config: &AgentConfig) -> Option<SocketAddr> {
        self.listen.or(config.listen)
    }
}
