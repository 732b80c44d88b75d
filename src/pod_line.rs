//! The Pod's own line in a managed file: its addresses, its name, and a notice if one of them is missing. Pure.

use std::fmt;

use crate::facts::annotations::POD_IPS;
use crate::facts::container::{Container, NamespaceSource};
use crate::facts::request::Request;
use crate::text::hosts_file::{HostsFile, PodName};

/// Why the Pod's line is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MissingFact {
    /// The container's host name is not known.
    HostName,
    /// The host name is not valid in the file.
    ValidHostName(String),
    /// No address is known.
    Address,
}

impl fmt::Display for MissingFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostName => {
                f.write_str("the host name is not known: no line for the Pod's addresses")
            }
            Self::ValidHostName(name) => write!(
                f,
                "host name {name:?} is not a lowercase RFC 1123 subdomain: no line for the Pod's addresses"
            ),
            Self::Address => f.write_str("the Pod's address is not known"),
        }
    }
}

/// The Pod's addresses in its annotations, with the annotation's key: this project's first, then CRI-O's. `None`:
/// only the container's network namespace has them.
pub fn annotated_addresses(
    container: &Container,
    request: &Request,
) -> Option<(Vec<String>, &'static str)> {
    let crio = || Some(container.crio_pod_ips()).filter(|addresses| !addresses.is_empty());
    match &request.pod_ips {
        Some(addresses) => Some((addresses.clone(), POD_IPS)),
        None => crio().map(|addresses| (addresses, "io.kubernetes.cri-o.IP.N")),
    }
}

/// Whether the UTS namespace's name is needed: `config.json` has none, and joins a namespace in which the engine
/// has set one.
pub fn needs_uts_name(container: &Container) -> bool {
    container.hostname.is_none() && matches!(container.uts, NamespaceSource::Joined(_))
}

/// The container's host name and its source, in words: `hostname` of `config.json`, else the UTS namespace's if it
/// is known, else `HOSTNAME` of the process's environment.
pub fn host_name<'a>(
    container: &'a Container,
    uts_name: Option<&'a str>,
) -> Option<(&'a str, &'static str)> {
    [
        (container.hostname.as_deref(), "hostname of config.json"),
        (uts_name, "name of the UTS namespace"),
        (container.env_hostname.as_deref(), "HOSTNAME of process.env"),
    ]
    .into_iter()
    .find_map(|(name, teller)| Some((name?, teller)))
}

/// The file, without the aliases, of a container that is not on the host's network.
pub fn managed_file(
    addresses: &[String],
    hostname: Option<&str>,
    domain: Option<&str>,
) -> (HostsFile, Option<MissingFact>) {
    let name = hostname.and_then(|hostname| PodName::new(hostname, domain));
    let missing = match (hostname, &name) {
        (None, _) => Some(MissingFact::HostName),
        (Some(hostname), None) => Some(MissingFact::ValidHostName(hostname.to_owned())),
        (Some(_), Some(_)) => addresses.is_empty().then_some(MissingFact::Address),
    };
    (HostsFile::for_pod_network(addresses, name), missing)
}
