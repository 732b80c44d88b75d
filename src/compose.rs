//! Composes the whole `/etc/hosts` of one container from its facts. Pure, and the only place that combines the
//! steps, so `render` shows what the hook mounts.
//!
//! There are two steps, [`decide`] and [`Draft::compose`]: before the hook enters the container it must know
//! whether there is anything to write, and only afterwards does it know the container's surroundings.

use std::fmt;
use std::path::Path;

use crate::facts::annotations::HOST_ALIASES;
use crate::facts::container::{Container, Identity};
use crate::facts::hosts_mount::HostsMount;
use crate::facts::node_entries::NodeEntries;
use crate::facts::request::Request;
use crate::plan::{self, Action, Plan};
use crate::pod_line::{self, MissingFact};
use crate::stamp::{EngineFile, FileId, Stamp};
use crate::text::host_alias::HostAlias;
use crate::text::hosts_file::{HostsFile, LINE_MAX};
use crate::validation::field_error::FieldErrors;

/// What happens to a container.
#[derive(Debug)]
pub enum Decision<'a> {
    /// It keeps what it has.
    Leave(Plan),
    /// It gets a file.
    Write(Draft<'a>),
}

/// A file that is decided, but not composed yet.
#[derive(Debug)]
pub struct Draft<'a> {
    container: &'a Container,
    request: Request,
    node_entries: NodeEntries,
    plan: Plan,
}

/// Facts that are not in the bundle. Each method is called at most once, and only if the file needs the answer: an
/// engine's file if it is extended, the network if the file is managed.
pub trait Surroundings {
    /// Why a fact is not available, or the file cannot be written.
    type Error: From<TooLarge>;

    /// The bytes of the engine's file, at most `limit`. `source` is the path in `config.json`.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    fn engine_hosts(&mut self, source: &str, limit: u64) -> Result<Vec<u8>, Self::Error>;

    /// The container's network for the file.
    ///
    /// # Errors
    ///
    /// It is not available.
    fn network(&mut self, request: &Request) -> Result<NetworkFacts, Self::Error>;
}

/// The container's network for a managed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkFacts {
    /// The container is on the host's network.
    Host {
        /// The node's own `/etc/hosts`.
        node_hosts: Vec<u8>,
    },
    /// It has its own network.
    Pod {
        /// The Pod's addresses, in the order of their lines.
        addresses: Vec<String>,
        /// The container's host name.
        hostname: Option<String>,
        /// The domain of the Pod's line.
        domain: Option<String>,
    },
}

/// The composed file. It has at most as many bytes as the limit that it was composed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// The plan, now that the engine's file is known.
    pub plan: Plan,
    /// The text.
    pub file: HostsFile,
    /// Notices for the administrator.
    pub notices: Vec<Notice>,
    base_length: usize,
    own_length: usize,
    /// The source of the engine's file that is extended, even if that is still empty.
    engine_source: Option<String>,
}

/// A notice about a file for the administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The Pod's own line is missing.
    Missing(MissingFact),
    /// One of the Pod's entries is longer than the longest line that every resolver reads.
    LongLine {
        /// Its address.
        ip: String,
        /// The line's length with its newline, in bytes.
        length: usize,
    },
    /// A file of `hosts.d` does not fit.
    DoesNotFit {
        /// The file.
        path: String,
        /// How many bytes fit.
        limit: u64,
    },
}

impl Notice {
    /// Whether something that was requested is missing. A container without a host name is normal.
    pub(crate) fn is_warning(&self) -> bool {
        *self != Self::Missing(MissingFact::HostName)
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(missing) => missing.fmt(f),
            Self::LongLine { ip, length } => write!(
                f,
                "the line of {ip} has {length} bytes, of which musl reads {LINE_MAX}: write several entries with that address"
            ),
            Self::DoesNotFit { path, limit } => write!(
                f,
                "{path}: left out, because the file would have more than {limit} bytes"
            ),
        }
    }
}

/// The Pod's own part has more bytes than the file's file system may hold. A tmpfs has whole pages and would accept
/// some more, so the limit is checked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the hosts file has {bytes} bytes, more than size-limit ({limit}) in the hook's configuration allows"
)]
pub struct TooLarge {
    /// The text's length.
    pub bytes: usize,
    /// The limit.
    pub limit: u64,
}

/// Decides what happens to a container. `asks`: whether an annotation requests something. The node's entries are
/// read only if the container's annotations are valid and do not opt out.
///
/// # Errors
///
/// The annotations are invalid: every refused field.
pub fn decide(
    container: &Container,
    asks: bool,
    node_entries: impl FnOnce() -> NodeEntries,
) -> Result<Decision<'_>, FieldErrors> {
    if let Some(plan) = plan::left_alone(&container.annotations) {
        return Ok(Decision::Leave(plan));
    }
    let request = Request::read(&container.annotations)?;
    let node_entries = node_entries();
    let entries = !request.aliases.is_empty() || !node_entries.is_empty();
    let plan = if node_entries.may_come && !entries {
        plan::for_mount_with_entries_to_come(container, asks)
    } else {
        plan::for_mount(container, entries, asks)
    };
    Ok(match plan.action {
        Action::Leave => Decision::Leave(plan),
        Action::Manage | Action::Extend => Decision::Write(Draft {
            container,
            request,
            node_entries,
            plan,
        }),
    })
}

impl Draft<'_> {
    /// The plan by `config.json`.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Composes the file. Only once: it takes the sections that are ready out of the draft.
    ///
    /// # Errors
    ///
    /// A fact is not available, or the Pod's own part has more than `size_limit` bytes.
    pub fn compose<S: Surroundings>(
        &mut self,
        size_limit: u64,
        surroundings: &mut S,
    ) -> Result<Composed, S::Error> {
        let mut empty = None;
        let mut engine_source = None;
        let mut engine_hosts = Vec::new();
        if let (Action::Extend, Some(HostsMount::Engine { writer, source })) =
            (self.plan.action, &self.container.hosts_mount)
        {
            engine_hosts = surroundings.engine_hosts(source, size_limit)?;
            engine_source = Some(source.clone());
            if engine_hosts.is_empty() {
                empty = Some(plan::engine_file_is_empty(*writer, source));
            }
        }
        let (mut file, missing) = if engine_hosts.is_empty() {
            managed_file(&surroundings.network(&self.request)?)
        } else {
            (HostsFile::from_engine(engine_hosts), None)
        };
        let base_length = file.bytes().len();
        file.add_host_aliases(HOST_ALIASES, &self.request.aliases);
        let own_length = file.bytes().len();
        if own_length as u64 > size_limit {
            return Err(TooLarge {
                bytes: own_length,
                limit: size_limit,
            }
            .into());
        }
        let mut notices: Vec<Notice> = missing.map(Notice::Missing).into_iter().collect();
        notices.extend(long_lines(&self.request.aliases));
        notices.extend(add_node_entries(
            &mut file,
            &mut self.node_entries,
            size_limit,
        ));
        Ok(Composed {
            plan: empty.unwrap_or_else(|| self.plan.clone()),
            file,
            notices,
            base_length,
            own_length,
            engine_source,
        })
    }
}

impl Composed {
    /// The container's own part, without the sections of `hosts.d`.
    #[cfg(feature = "agent")]
    pub(crate) fn own_length(&self) -> usize {
        self.own_length
    }

    /// The stamp for `refresh`, with the directory of the node's entries, and the file that was mounted on
    /// `/etc/hosts` before.
    pub fn stamp(&self, identity: Identity, hosts_d: &Path, covered: FileId) -> Stamp {
        let whole = self.file.bytes();
        let (own, node) = whole
            .split_at_checked(self.own_length)
            .unwrap_or((whole, &[]));
        let engine = self.engine_source.as_ref().map(|source| EngineFile {
            source: source.clone(),
            file: covered,
            aliases: self.own_length - self.base_length,
        });
        Stamp::new(identity, hosts_d, engine, own, node)
    }
}

/// The text that the kubelet would write, without the aliases.
fn managed_file(network: &NetworkFacts) -> (HostsFile, Option<MissingFact>) {
    match network {
        NetworkFacts::Host { node_hosts } => (HostsFile::for_host_network(node_hosts), None),
        NetworkFacts::Pod {
            addresses,
            hostname,
            domain,
        } => pod_line::managed_file(addresses, hostname.as_deref(), domain.as_deref()),
    }
}

/// The entries that some resolvers do not read to the end. Their lines are not changed: they are the kubelet's
/// bytes.
pub(crate) fn long_lines(aliases: &[HostAlias]) -> impl Iterator<Item = Notice> {
    let line = |alias: &HostAlias| {
        let names = alias.hostnames().iter().map(|name| 1 + name.len());
        alias.ip().len() + names.sum::<usize>() + 1
    };
    aliases
        .iter()
        .filter(move |alias| line(alias) > LINE_MAX)
        .map(move |alias| Notice::LongLine {
            ip: alias.ip().to_owned(),
            length: line(alias),
        })
}

/// Adds the section of each file of `hosts.d` after the Pod's own part, with those that are ready in their places;
/// they are taken out of `entries`. These entries cannot stop a container: a section that would make the text longer
/// than `limit` bytes is left out and reported.
pub(crate) fn add_node_entries(
    file: &mut HostsFile,
    entries: &mut NodeEntries,
    limit: u64,
) -> Vec<Notice> {
    let NodeEntries { files, ready, .. } = entries;
    let mut notices = Vec::new();
    let mut ready = std::mem::take(ready).into_iter().peekable();
    for nth in 0..=files.len() {
        while let Some(ready) = ready.next_if(|ready| ready.after == nth) {
            let left_out = file.add_sections(ready.text, limit).into_iter();
            notices.extend(left_out.map(|path| Notice::DoesNotFit { path, limit }));
        }
        let Some((path, aliases)) = files.get(nth) else {
            break;
        };
        let path = path.display().to_string();
        if !file.add_node_entries(&path, aliases, limit) {
            notices.push(Notice::DoesNotFit { path, limit });
        }
    }
    notices
}
