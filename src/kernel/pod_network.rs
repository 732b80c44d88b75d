//! The network of a container, and the Pod's addresses on it.

use rustix::net::AddressFamily;

use crate::error::Error;
use crate::kernel::netlink::{DATAGRAM_MAX, DefaultRoute, InterfaceAddress, Netlink};
use crate::kernel::procfs::ProcDirectory;

/// The buffer size that `pod_addresses` needs.
pub(crate) const ANSWER_MAX: usize = DATAGRAM_MAX;

/// The network of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// The host's.
    Host,
    /// One of the Pod's own.
    Pod,
}

/// The network of `container`: the host's if its network namespace is `host`'s. A path in `config.json` does not
/// decide: containerd names one for the host's network too.
pub(crate) fn network_of(
    container: &ProcDirectory,
    host: &ProcDirectory,
) -> Result<Network, Error> {
    let same = container.namespace_name("net")? == host.namespace_name("net")?;
    Ok(if same { Network::Host } else { Network::Pod })
}

/// The Pod's addresses in the current network namespace. The kernel's answers are read into `buffer`.
pub(crate) fn pod_addresses(buffer: Vec<u8>) -> Result<Vec<String>, Error> {
    let mut kernel = Netlink::open(buffer)?;
    let addresses = kernel.addresses()?;
    let some_of = |is_ipv6| addresses.iter().any(|found| is_of_a_pod(found, is_ipv6));
    let mut routes = kernel.default_routes(AddressFamily::INET)?;
    // Not requested if it makes no difference.
    if some_of(true) || routes.is_empty() && some_of(false) {
        routes.extend(kernel.default_routes(AddressFamily::INET6)?);
    }
    // The process ends soon, which closes the socket without a call of its own.
    std::mem::forget(kernel);
    Ok(choose(&routes, &addresses))
}

/// The addresses of the default route's interface, of global scope, neither deprecated nor temporary: the first of
/// IPv4, then the first of IPv6. Each family uses its own best default route, or that of the other family if it has
/// none: a dual-stack CNI plugin may set the route of one family only.
pub fn choose(routes: &[DefaultRoute], addresses: &[InterfaceAddress]) -> Vec<String> {
    let best = |is_ipv6: bool| {
        routes
            .iter()
            .filter(|route| route.is_ipv6 == is_ipv6)
            .min_by_key(|route| route.metric)
            .map(|route| route.interface)
    };
    let (best4, best6) = (best(false), best(true));
    let first = |interface: Option<u32>, is_ipv6: bool| {
        addresses
            .iter()
            .find(|found| Some(found.interface) == interface && is_of_a_pod(found, is_ipv6))
    };
    [first(best4.or(best6), false), first(best6.or(best4), true)]
        .into_iter()
        .flatten()
        .map(|found| found.address.to_string())
        .collect()
}

/// Whether an address of this family can be the Pod's address.
fn is_of_a_pod(found: &InterfaceAddress, is_ipv6: bool) -> bool {
    // IFA_F_* of linux/if_addr.h
    const TEMPORARY: u32 = 0x01;
    const DAD_FAILED: u32 = 0x08;
    const DEPRECATED: u32 = 0x20;
    // The same bit means "secondary" for IPv4, where it does not matter.
    let unwanted = if is_ipv6 {
        TEMPORARY | DAD_FAILED | DEPRECATED
    } else {
        DEPRECATED
    };
    found.address.is_ipv6() == is_ipv6 && found.scope == 0 && found.flags & unwanted == 0
}
