//! What `render` and `explain` share: the options, and the file that a Pod or a bundle's container would get, with
//! notes about it.

mod of_bundle;
mod of_manifest;

use std::path::{Path, PathBuf};

use clap::Args;

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::commands::styled::{Role, Text};
use crate::compose::Notice;
use crate::error::Error;
use crate::exit::Exit;
use crate::facts::node_entries::NodeEntries;
use crate::facts::request;
use crate::files::admin_file;
use crate::files::config::{self, Config};
use crate::plan::Plan;
use crate::pod_line::MissingFact;
use crate::text::hosts_file::HostsFile;
use crate::validation::names;

/// The longest file that is read, in bytes: the hook's own limit.
const FILE_MAX: u64 = 16 * 1024 * 1024;
const NODE_HOSTS: &str = "/etc/hosts";
const DOMAIN_SOURCE: &str = "annotation oci-hostaliases.io/domain";

/// The Pod or bundle, and what its manifest or config.json does not say.
#[derive(Debug, Args)]
pub(super) struct PreviewOptions {
    #[command(flatten)]
    subject: Subject,

    /// An address of the Pod; can be given several times [default: the annotation's or the manifest's status]
    #[arg(long = "pod-ip", value_name = "IP", value_parser = pod_ip)]
    pod_ips: Vec<String>,

    /// The host name [default: the kubelet's choice, or what the bundle says]
    #[arg(long, value_name = "NAME", value_parser = hostname)]
    hostname: Option<String>,

    /// The domain of the Pod's line [default: the annotation's, or made from spec.subdomain]
    #[arg(long, value_name = "DOMAIN", value_parser = domain)]
    domain: Option<String>,

    /// The cluster's domain, which the kubelet adds to spec.subdomain
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local", value_parser = domain, conflicts_with = "bundle")]
    cluster_domain: String,

    /// The node's hosts file, for Pods on the host's network
    #[arg(long, value_name = "FILE", default_value = NODE_HOSTS)]
    node_hosts: PathBuf,

    // A manifest must give the same file on every machine; a bundle is on its node.
    /// The directory with the entries for the node and its namespaces [default: the node's for a bundle, none
    /// for a manifest]
    #[arg(long, value_name = "DIR")]
    hosts_d: Option<PathBuf>,

    /// HostAliasSets and ClusterHostAliasSets to apply, YAML or JSON
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    with: Vec<PathBuf>,

    /// The Pod's namespace [default: what the manifest or the bundle says]
    #[arg(long, value_name = "NAMESPACE", value_parser = namespace)]
    namespace: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Subject {
    /// Manifests of Pods or workloads (Deployment, Job, ...), YAML or JSON; a directory of them; - for stdin
    #[arg(short = 'f', value_name = "FILE")]
    file: Option<PathBuf>,

    /// An OCI bundle: the directory with config.json
    #[arg(long, value_name = "DIR")]
    bundle: Option<PathBuf>,
}

/// The file that a container would get, with notes about it.
pub(super) struct Preview {
    /// What would be done, and why.
    pub(super) plan: Plan,
    /// The text; `None` if the plan is to leave the container's file.
    pub(super) file: Option<HostsFile>,
    /// What was found while the file was made.
    pub(super) findings: Findings,
}

/// What is found while the file is made.
#[derive(Debug)]
pub(super) struct Findings {
    /// Whose file it is, for the heading if there are several.
    pub(super) label: String,
    /// What was chosen: the name, the value and, in brackets, its source.
    pub(super) choices: Vec<(&'static str, String)>,
    /// What the reader should know.
    pub(super) notes: Vec<String>,
    /// Where the lines come from.
    pub(super) provenance: Provenance,
}

/// Details of where lines come from.
#[derive(Debug, Default)]
pub(super) struct Provenance {
    /// The source of the addresses: an option, an annotation, a field.
    pub(super) addresses: String,
    /// The file that is used as the node's `/etc/hosts`.
    pub(super) node_hosts: PathBuf,
    /// The engine's file.
    pub(super) engine_hosts: String,
    /// Whether the annotation's positions are indices, not line numbers.
    pub(super) annotation_is_list: bool,
}

impl Preview {
    /// The heading of this file if there are several, in the form of tail(1).
    pub(super) fn heading(&self, is_first: bool) -> Text {
        let mut text = Text::default();
        text.plain(if is_first { "" } else { "\n" });
        text.add(Role::Heading, format!("==> {} <==", self.findings.label));
        text.plain("\n");
        text
    }
}

impl Findings {
    fn preview(self, plan: Plan, file: Option<HostsFile>) -> Preview {
        Preview {
            plan,
            file,
            findings: self,
        }
    }

    /// Notes the names that were chosen for the line of a Pod with its own network, each with its source.
    fn pod_network(&mut self, hostname: Option<(&str, &str)>, domain: Option<(&str, &str)>) {
        self.choices.push(("network", "the Pod's own".to_owned()));
        for (what, chosen) in [("hostname", hostname), ("domain", domain)] {
            let chosen = chosen.map(|(name, source)| (what, format!("{name} ({source})")));
            self.choices.extend(chosen);
        }
    }

    fn read_node_entries(&mut self, hosts_d: &Path, namespace: Option<&str>) -> NodeEntries {
        let entries = NodeEntries::read(hosts_d, namespace);
        let left_out = entries.left_out.iter();
        self.notes
            .extend(left_out.map(|entry| format!("left out: {entry}")));
        entries
    }
}

impl PreviewOptions {
    /// Reads the manifests or the bundle and composes the files, at least one.
    pub(super) fn previews(&self, output: &mut Output<'_>) -> Result<Vec<Preview>, Failure> {
        match (&self.subject.file, &self.subject.bundle) {
            (Some(file), _) => of_manifest::previews(file, self, output),
            (None, Some(bundle)) => Ok(vec![of_bundle::preview(bundle, self)?]),
            (None, None) => Err(Failure::new(Exit::Usage, "neither -f nor --bundle given")),
        }
    }

    fn provenance(&self, annotation: Option<&str>) -> Provenance {
        Provenance {
            node_hosts: self.node_hosts.clone(),
            annotation_is_list: annotation.is_some_and(request::is_list),
            ..Provenance::default()
        }
    }

    /// The node's own hosts file.
    fn read_node_hosts(&self) -> Result<Vec<u8>, Error> {
        admin_file::read(&self.node_hosts, FILE_MAX)
            .map_err(|error| Error::NodeHosts(Box::new(error)))
    }

    fn hostname(&self) -> Option<(&str, &'static str)> {
        Some((self.hostname.as_deref()?, "--hostname"))
    }

    /// The option, or the first of `others` that is set, with its source.
    fn domain<'a>(
        &'a self,
        others: &[(Option<&'a str>, &'static str)],
    ) -> Option<(&'a str, &'static str)> {
        std::iter::once((self.domain.as_deref(), "--domain"))
            .chain(others.iter().copied())
            .find_map(|(domain, source)| Some((domain?, source)))
    }

    /// The first list that is not empty, with its source.
    fn choose_addresses(&self, others: &[(&[String], &str)]) -> (Vec<String>, String) {
        std::iter::once((self.pod_ips.as_slice(), "--pod-ip"))
            .chain(others.iter().copied())
            .find(|(addresses, _)| !addresses.is_empty())
            .map(|(addresses, source)| (addresses.to_vec(), source.to_owned()))
            .unwrap_or_default()
    }
}

/// What is refused, one a line.
fn refused(lines: &[String]) -> Failure {
    Failure::new(Exit::Annotation, lines.join("\n"))
}

/// The notice. If something is missing, with the option for it.
fn note_on(notice: &Notice) -> String {
    let option = match notice {
        Notice::Missing(MissingFact::Address) => "--pod-ip",
        Notice::Missing(MissingFact::HostName | MissingFact::ValidHostName(_)) => "--hostname",
        Notice::DoesNotFit { .. } | Notice::LongLine { .. } => return notice.to_string(),
    };
    format!("{notice}: give {option}")
}

/// The most bytes that the hook would write. `doctor` reports a configuration that cannot be read; here it is
/// ignored.
fn size_limit() -> u64 {
    Config::load(config::DEFAULT_PATH.as_ref())
        .unwrap_or_default()
        .size_limit
}

fn pod_ip(text: &str) -> Result<String, String> {
    names::ip_refusal(text).map_or_else(|| Ok(text.to_owned()), |detail| Err(detail.to_owned()))
}

fn hostname(text: &str) -> Result<String, String> {
    let mut refusals = names::name_refusals(text);
    if refusals.is_empty() && text.len() > names::HOST_NAME_MAX {
        refusals.push("must be no more than 64 characters");
    }
    accept(text, &refusals.join("; "))
}

fn namespace(text: &str) -> Result<String, String> {
    accept(text, &names::label_refusals(text).join("; "))
}

fn domain(text: &str) -> Result<String, String> {
    accept(text, &request::domain_refusals(text).join("; "))
}

fn accept(text: &str, refusal: &str) -> Result<String, String> {
    if refusal.is_empty() {
        Ok(text.to_owned())
    } else {
        Err(refusal.to_owned())
    }
}
