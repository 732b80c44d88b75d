//! The bytes of `/etc/hosts`, exactly as the kubelet writes them, and where each line comes from.
//!
//! Source: `managedHostsFileContent`, `nodeHostsFileContent` and `hostsEntriesFromHostAliases` in Kubernetes'
//! `pkg/kubelet/kubelet_pods.go`. Nothing is sorted, merged or corrected here: the odd `fe00::` addresses are the
//! kubelet's.

use crate::text::host_alias::HostAlias;
use crate::validation::names::{self, HOST_NAME_MAX};

const POD_HEADER: &str = "# Kubernetes-managed hosts file.\n";
const HOST_NETWORK_HEADER: &str = "# Kubernetes-managed hosts file (host network).\n";
const BOILERPLATE: &str = "127.0.0.1\tlocalhost\n\
    ::1\tlocalhost ip6-localhost ip6-loopback\n\
    fe00::0\tip6-localnet\n\
    fe00::0\tip6-mcastprefix\n\
    fe00::1\tip6-allnodes\n\
    fe00::2\tip6-allrouters\n";
const ALIASES_HEADER: &str = "\n# Entries added by HostAliases.\n";
/// How each section of `hosts.d` begins; its file's path, a full stop and a newline follow.
pub(crate) const NODE_HEADER: &str = "\n# Entries added by oci-hostaliases from ";

/// The text of one container's `/etc/hosts` and, for `explain`, the origin of its lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostsFile {
    bytes: Vec<u8>,
    sources: Vec<String>,
    /// Where a run of lines starts, and its origin with an index of `sources`.
    parts: Vec<(usize, Origin<usize>)>,
}

/// Where a line of the file comes from. Lists and files are identified by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<S> {
    /// The lines that the kubelet writes into every file.
    Kubelet,
    /// One of the Pod's addresses.
    PodAddress,
    /// The node's own `/etc/hosts`, for a container on the host's network.
    Node,
    /// The file that an engine made for this container or Pod.
    Engine,
    /// The heading of the section for this list or file.
    Heading(S),
    /// An entry of this list or file, with its index or line number there.
    Entry(S, usize),
}

/// The names on a Pod's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodName<'a> {
    /// The short host name.
    pub hostname: &'a str,
    /// The domain: with it the line reads `IP<TAB>hostname.domain<TAB>hostname`.
    pub(crate) domain: Option<&'a str>,
}

impl<'a> PodName<'a> {
    /// The names for a host name; `None` if it is not valid in the file. A host name that already ends in the
    /// domain (`setHostnameAsFQDN`) is cut to its first label, because the kubelet writes `FQDN<TAB>short` then
    /// too.
    pub fn new(hostname: &'a str, domain: Option<&'a str>) -> Option<Self> {
        let short = domain
            .and_then(|domain| hostname.strip_suffix(domain)?.strip_suffix('.'))
            .unwrap_or(hostname);
        (short.len() <= HOST_NAME_MAX && names::is_name(short)).then_some(Self {
            hostname: short,
            domain,
        })
    }
}

/// The longest line of a section of `hosts.d`, including its newline: musl reads the file in pieces of that length
/// and ignores the rest of a longer line (`docs/resolvers.md`).
pub const LINE_MAX: usize = 511;

impl HostsFile {
    /// The file of a Pod with its own network: the header, the boilerplate and one line for each address, in the
    /// given order. Without a name there is no line for the addresses.
    pub fn for_pod_network(addresses: &[String], name: Option<PodName<'_>>) -> Self {
        let mut file = Self::default();
        file.push(Origin::Kubelet, &[POD_HEADER, BOILERPLATE]);
        if let Some(PodName { hostname, domain }) = name {
            for address in addresses {
                match domain {
                    Some(domain) => {
                        file.push(
                            Origin::PodAddress,
                            &[address, "\t", hostname, ".", domain, "\t", hostname, "\n"],
                        );
                    }
                    None => file.push(Origin::PodAddress, &[address, "\t", hostname, "\n"]),
                }
            }
        }
        file
    }

    /// The file of a Pod on the host's network: the node's own file, byte for byte, under a header. It has no line
    /// for the Pod's address, because the node's file has the node's.
    pub fn for_host_network(node_hosts: &[u8]) -> Self {
        let mut file = Self::default();
        file.push(Origin::Kubelet, &[HOST_NETWORK_HEADER]);
        if !node_hosts.is_empty() {
            file.parts.push((file.bytes.len(), Origin::Node));
            file.bytes.extend_from_slice(node_hosts);
        }
        file
    }

    /// The file that an engine made, to be extended.
    pub fn from_engine(engine_hosts: Vec<u8>) -> Self {
        Self {
            bytes: engine_hosts,
            sources: Vec::new(),
            parts: vec![(0, Origin::Engine)],
        }
    }

    /// Adds the section of the Pod's own aliases, if there are any. `source` names the list for `explain`.
    pub fn add_host_aliases(&mut self, source: &str, aliases: &[HostAlias]) {
        self.add_section(ALIASES_HEADER, source, aliases, usize::MAX);
    }

    /// Adds the section of a file of node-wide or namespace entries, unless the text would then have more than
    /// `limit` bytes. Returns whether it fits. Names that do not fit on a line of [`LINE_MAX`] bytes go on the next
    /// one, behind the same address.
    pub fn add_node_entries(&mut self, path: &str, aliases: &[HostAlias], limit: u64) -> bool {
        let before = (self.bytes.len(), self.parts.len());
        let heading = format!("{NODE_HEADER}{path}.\n");
        self.add_section(&heading, path, aliases, LINE_MAX);
        let fits = self.bytes.len() as u64 <= limit;
        if !fits {
            self.bytes.truncate(before.0);
            self.parts.truncate(before.1);
        }
        fits
    }

    /// Adds sections as [`Self::add_node_entries`] has made them, those that fit. The paths of the others. The
    /// origin of their lines is not told.
    pub fn add_sections(&mut self, mut sections: Vec<u8>, limit: u64) -> Vec<String> {
        if (self.bytes.len() + sections.len()) as u64 <= limit {
            // Half a megabyte stays in its own memory: to get new memory for it takes longer than to move it.
            let (before, added) = (self.bytes.len(), sections.len());
            sections.resize(before + added, 0);
            sections.copy_within(..added, before);
            if let Some(start) = sections.get_mut(..before) {
                start.copy_from_slice(&self.bytes);
            }
            self.bytes = sections;
            return Vec::new();
        }
        let mut paths = Vec::new();
        let mut rest = sections.as_slice();
        while !rest.is_empty() {
            // No entry begins with `#`.
            let next = rest.windows(2).skip(1).position(|two| two == b"\n#");
            let (section, behind) = rest
                .split_at_checked(next.map_or(rest.len(), |at| at + 1))
                .unwrap_or((rest, &[]));
            if (self.bytes.len() + section.len()) as u64 <= limit {
                self.bytes.extend_from_slice(section);
            } else {
                let path = section.get(NODE_HEADER.len()..).unwrap_or_default();
                let path = path.split(|byte| *byte == b'\n').next().unwrap_or_default();
                let path = path.strip_suffix(b".").unwrap_or(path);
                paths.push(String::from_utf8_lossy(path).into_owned());
            }
            rest = behind;
        }
        paths
    }

    /// The whole text.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Each line, without its newline, with its origin.
    pub fn lines(&self) -> impl Iterator<Item = (&[u8], Origin<&str>)> {
        let mut parts = self.parts.iter().peekable();
        let mut origin = Origin::Kubelet;
        let mut offset = 0;
        let text = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        text.split(|byte| *byte == b'\n').map(move |line| {
            // The part with the line's first byte.
            while let Some((_, part)) = parts.next_if(|(start, _)| *start <= offset) {
                origin = self.named(*part);
            }
            offset += line.len() + 1;
            (line, origin)
        })
    }

    fn named(&self, origin: Origin<usize>) -> Origin<&str> {
        let name = |source: usize| self.sources.get(source).map_or("", String::as_str);
        match origin {
            Origin::Kubelet => Origin::Kubelet,
            Origin::PodAddress => Origin::PodAddress,
            Origin::Node => Origin::Node,
            Origin::Engine => Origin::Engine,
            Origin::Heading(source) => Origin::Heading(name(source)),
            Origin::Entry(source, position) => Origin::Entry(name(source), position),
        }
    }

    fn add_section(&mut self, heading: &str, name: &str, aliases: &[HostAlias], line_max: usize) {
        if aliases.is_empty() {
            return;
        }
        let source = self.sources.len();
        self.sources.push(name.to_owned());
        // A file without a final newline gets no extra one: the heading's first byte ends its last line, and there
        // is no empty line. The kubelet does the same.
        self.push(Origin::Heading(source), &[heading]);
        for alias in aliases {
            let run = Origin::Entry(source, alias.position());
            let mut start = self.bytes.len();
            self.push(run, &[alias.ip()]);
            if alias.hostnames().is_empty() {
                self.bytes.push(b'\t');
            }
            for (nth, hostname) in alias.hostnames().iter().enumerate() {
                let length = self.bytes.len() - start + hostname.len() + "\t\n".len();
                if nth > 0 && length > line_max {
                    self.bytes.push(b'\n');
                    start = self.bytes.len();
                    self.push(run, &[alias.ip()]);
                }
                self.bytes.push(b'\t');
                self.bytes.extend_from_slice(hostname.as_bytes());
            }
            self.bytes.push(b'\n');
        }
    }

    fn push(&mut self, part: Origin<usize>, pieces: &[&str]) {
        self.parts.push((self.bytes.len(), part));
        for piece in pieces {
            self.bytes.extend_from_slice(piece.as_bytes());
        }
    }
}
