//! Facts from the container's surroundings, which are only read if the file needs them.

use crate::compose::{NetworkFacts, Surroundings};
use crate::error::Error;
use crate::facts::container::{Container, NamespaceSource};
use crate::facts::request::Request;
use crate::facts::told::Told;
use crate::files::admin_file;
use crate::kernel::pod_network::{self, Network};
use crate::kernel::procfs::ProcDirectory;
use crate::kernel::rootfs::HostsTarget;
use crate::kernel::uts;
use crate::pod_line;

const NODE_HOSTS: &str = "/etc/hosts";
/// More than any node's file has. The file is read whole, so this limits it.
const NODE_HOSTS_MAX: u64 = 16 * 1024 * 1024;

/// The surroundings, seen from inside the container's namespaces.
pub(super) struct Inside<'a> {
    pub(super) container: &'a Container,
    pub(super) target: &'a HostsTarget,
    pub(super) own_proc: &'a ProcDirectory,
    pub(super) network: Observed,
    pub(super) told: &'a Told,
    /// A buffer for the kernel's answers.
    pub(super) buffer: Vec<u8>,
}

/// The container's network, with what the text needs from the host, which cannot be read inside the container.
pub(super) enum Observed {
    /// The host's, with the node's own file.
    Host { node_hosts: Result<Vec<u8>, Error> },
    /// One of the Pod's own.
    Pod,
}

impl Observed {
    /// Reads the facts while the host's files are visible.
    pub(super) fn of(network: Network) -> Self {
        match network {
            Network::Host => Self::Host {
                node_hosts: admin_file::read(NODE_HOSTS.as_ref(), NODE_HOSTS_MAX),
            },
            Network::Pod => Self::Pod,
        }
    }

    /// Reads the facts in the container's namespaces. The host's network is that of process 1 in procfs, which is
    /// still the host's. Without permission (in a user namespace), a container without a network namespace in
    /// `config.json` is on the host's network.
    pub(super) fn inside(container: &Container, own_proc: &ProcDirectory) -> Self {
        let compared =
            ProcDirectory::of(1).and_then(|init| pod_network::network_of(own_proc, &init));
        Self::of(compared.unwrap_or(match container.network {
            NamespaceSource::Runtime => Network::Host,
            NamespaceSource::New | NamespaceSource::Joined(_) => Network::Pod,
        }))
    }
}

impl Surroundings for Inside<'_> {
    type Error = Error;

    /// Through the rootfs: a tenant can choose the path in `config.json`, so it is never opened.
    fn engine_hosts(&mut self, _source: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let read = self.target.read(self.own_proc, limit);
        read.map_err(Error::of_engine_hosts)
    }

    fn network(&mut self, request: &Request) -> Result<NetworkFacts, Error> {
        if let Observed::Host { node_hosts } = std::mem::replace(&mut self.network, Observed::Pod) {
            let node_hosts = node_hosts.map_err(|error| Error::NodeHosts(Box::new(error)))?;
            return Ok(NetworkFacts::Host { node_hosts });
        }
        let addresses = match pod_line::annotated_addresses(self.container, request) {
            Some((addresses, _)) => addresses,
            None if !self.told.pod_ips.is_empty() => self.told.pod_ips.clone(),
            None => pod_network::pod_addresses(std::mem::take(&mut self.buffer))?,
        };
        let uts_name = if pod_line::needs_uts_name(self.container) {
            uts::name()?
        } else {
            None
        };
        let hostname = pod_line::host_name(self.container, uts_name.as_deref());
        Ok(NetworkFacts::Pod {
            addresses,
            hostname: hostname.map(|(name, _)| name.to_owned()),
            domain: request.domain.clone(),
        })
    }
}
