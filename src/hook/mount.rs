//! The second half of the way: into the container, and the file onto its `/etc/hosts`.

use crate::error::Error;
use crate::facts::annotations::HOST_ALIASES;
use crate::facts::container::{Container, Identity, NamespaceSource};
use crate::facts::request::Request;
use crate::files::admin_file;
use crate::files::config::Config;
use crate::files::hosts_d::NodeEntries;
use crate::hook::{Outcome, Stage};
use crate::kernel::attach::attach_hosts_file;
use crate::kernel::container_process::ContainerProcess;
use crate::kernel::hosts_tmpfs::HostsFileOptions;
use crate::kernel::pod_network::{self, Network};
use crate::kernel::procfs::ProcDirectory;
use crate::kernel::rootfs::{HostsTarget, Rootfs};
use crate::plan::{Action, Plan};
use crate::pod_line;
use crate::stamp::Stamp;
use crate::text::hosts_file::HostsFile;

const NODE_HOSTS: &str = "/etc/hosts";
/// More than any node's file has; read whole, so bounded.
const NODE_HOSTS_MAX: u64 = 16 * 1024 * 1024;

/// What the file is made from: all of it read and checked before a namespace is entered.
pub(super) struct Wanted<'a> {
    pub(super) identity: Identity,
    pub(super) container: &'a Container,
    pub(super) request: &'a Request,
    pub(super) node_entries: &'a NodeEntries,
    pub(super) config: &'a Config,
}

/// The container's network, and of the host's what the text needs.
enum Observed {
    Host { node_hosts: Result<Vec<u8>, Error> },
    Pod,
}

/// Everything with an effect, in the order in which it must happen.
pub(super) fn mount(
    stage: Stage,
    pid: Option<i64>,
    wanted: Wanted<'_>,
    plan: Plan,
) -> Result<Outcome, Error> {
    let container = wanted.container;
    let ours = ProcDirectory::of_self()?;
    let (network, owner) = match stage {
        Stage::Prestart | Stage::CreateRuntime => {
            let process = ContainerProcess::open(pid, &ours)?;
            let owner = if container.has_user_namespace {
                process.root_owner()?
            } else {
                None
            };
            let network = observe(pod_network::network_of(process.proc(), &ours)?);
            process.enter_namespaces()?;
            (network, owner)
        }
        // The state's pid is 0, 1 or missing here, and /proc/1 is the host's init.
        Stage::CreateContainer => (observe(network_inside(container, &ours)), None),
    };
    let rootfs = Rootfs::open(&container.rootfs)?;
    let target = rootfs.open_or_create_hosts(owner)?;
    if rootfs.is_ours(&target, &ours)? {
        return Ok(Outcome::AlreadyThere);
    }
    let limit = wanted.config.size_limit;
    let mut notices = Vec::new();
    let (mut file, plan) = base(&target, &wanted, network, plan, &ours, &mut notices)?;
    file.add_host_aliases(HOST_ALIASES, &wanted.request.aliases);
    let own = file.bytes().len();
    notices.extend(wanted.node_entries.add_to(&mut file, limit));
    let (own, node) = file.bytes().split_at_checked(own).unwrap_or_default();
    let stamp = Stamp::new(wanted.identity, own, node)
        .bytes()
        .unwrap_or_default();
    let options = HostsFileOptions {
        size_limit: limit,
        owner,
        label: container.mount_label.as_deref(),
        read_only: wanted.config.read_only,
        stamp: &stamp,
    };
    attach_hosts_file(&rootfs, &target, file.bytes(), &options, &ours)?;
    Ok(Outcome::Mounted(plan, notices))
}

/// What stands before the sections, and the plan as it is now that the engine's file is known.
fn base(
    target: &HostsTarget,
    wanted: &Wanted<'_>,
    network: Observed,
    plan: Plan,
    ours: &ProcDirectory,
    notices: &mut Vec<String>,
) -> Result<(HostsFile, Plan), Error> {
    if plan.action != Action::Extend {
        return Ok((managed_file(wanted, network, notices)?, plan));
    }
    let engine_hosts = target.read(ours, wanted.config.size_limit)?;
    if engine_hosts.is_empty() {
        return Ok((
            managed_file(wanted, network, notices)?,
            plan.engine_file_is_empty(),
        ));
    }
    Ok((HostsFile::from_engine(engine_hosts), plan))
}

fn observe(network: Network) -> Observed {
    match network {
        Network::Host => Observed::Host {
            node_hosts: admin_file::read(NODE_HOSTS.as_ref(), NODE_HOSTS_MAX),
        },
        Network::Pod => Observed::Pod,
    }
}

/// Which network we are on when we are in the container's namespaces already. The host's is that
/// of process 1 of the procfs we see, which is the host's; where we may not look (a user
/// namespace), a container without a network namespace in `config.json` is on the host's.
fn network_inside(container: &Container, ours: &ProcDirectory) -> Network {
    let compared = ProcDirectory::of(1).and_then(|init| pod_network::network_of(ours, &init));
    compared.unwrap_or(match container.network {
        NamespaceSource::Runtime => Network::Host,
        NamespaceSource::New | NamespaceSource::Joined(_) => Network::Pod,
    })
}

/// The text as the kubelet would write it, without the aliases.
fn managed_file(
    wanted: &Wanted<'_>,
    network: Observed,
    notices: &mut Vec<String>,
) -> Result<HostsFile, Error> {
    let Wanted {
        container, request, ..
    } = wanted;
    if let Observed::Host { node_hosts } = network {
        let node_hosts = node_hosts.map_err(|error| Error::NodeHosts(Box::new(error)))?;
        return Ok(HostsFile::for_host_network(&node_hosts));
    }
    let addresses = match pod_line::annotated_addresses(container, request) {
        Some((addresses, _)) => addresses,
        None => pod_network::pod_addresses()?,
    };
    let uts_name = if pod_line::needs_uts_name(container) {
        uts_name()?
    } else {
        None
    };
    let hostname = pod_line::host_name(container, uts_name.as_deref()).map(|(name, _)| name);
    let (file, missing) = pod_line::managed_file(&addresses, hostname, request.domain.as_deref());
    notices.extend(missing.map(|missing| missing.to_string()));
    Ok(file)
}

/// The name in the UTS namespace in which we are.
fn uts_name() -> Result<Option<String>, Error> {
    let name = nix::sys::utsname::uname().map_err(|errno| Error::call("uname", errno))?;
    Ok(name
        .nodename()
        .to_str()
        .filter(|name| !name.is_empty())
        .map(str::to_owned))
}
