//! The file of a bundle's container: the hook's own facts and composition, without a runtime.

use std::path::Path;

use crate::commands::Failure;
use crate::commands::preview::{
    DOMAIN_SOURCE, Findings, Preview, PreviewOptions, note_on, refused, size_limit,
};
use crate::compose::{self, Decision, NetworkFacts, Surroundings, TooLarge};
use crate::error::{Error, on_one_line};
use crate::facts::annotations::HOST_ALIASES;
use crate::facts::container::{Container, Identity, NamespaceSource};
use crate::facts::request::Request;
use crate::files::admin_file;
use crate::files::bundle::Bundle;
use crate::files::hosts_d;
use crate::kernel::procfs::{NamespaceId, ProcDirectory};
use crate::pod_line;

pub(super) fn preview(directory: &Path, options: &PreviewOptions) -> Result<Preview, Failure> {
    let container = Bundle::of_directory(directory)?.container()?;
    let hosts_d = options
        .hosts_d
        .as_deref()
        .unwrap_or(hosts_d::DEFAULT_PATH.as_ref());
    // A bundle does not have its container's ID, and the namespace does not depend on it.
    let identity = Identity::new("", &container.annotations);
    let namespace = options
        .namespace
        .as_deref()
        .or(identity.namespace.as_deref());
    let mut findings = Findings {
        label: directory.display().to_string(),
        choices: vec![("bundle", directory.display().to_string())],
        notes: Vec::new(),
        provenance: options.provenance(container.annotations.get(HOST_ALIASES)),
    };
    let asks = container.annotations.ask_for_something();
    let decision = compose::decide(&container, asks, || {
        findings.read_node_entries(hosts_d, namespace)
    })
    .map_err(|errors| {
        let path = directory.join("config.json");
        let line = |error| format!("{}: {error}", path.display());
        refused(&errors.iter().map(line).collect::<Vec<_>>())
    })?;
    let mut draft = match decision {
        Decision::Leave(plan) => return Ok(findings.preview(plan, None)),
        Decision::Write(draft) => draft,
    };
    let mut outside = Outside {
        directory,
        container: &container,
        options,
        findings: &mut findings,
    };
    let composed = draft.compose(size_limit(), &mut outside)?;
    findings.notes.extend(composed.notices.iter().map(note_on));
    Ok(findings.preview(composed.plan, Some(composed.file)))
}

/// The surroundings without the container: what it would find on this node.
struct Outside<'a> {
    directory: &'a Path,
    container: &'a Container,
    options: &'a PreviewOptions,
    findings: &'a mut Findings,
}

impl Surroundings for Outside<'_> {
    type Error = Failure;

    /// Opens the source path of `config.json`. The hook never does that: a tenant can choose that path, and would
    /// read files as root. Here you read with your own rights, and no mount exists to read from instead.
    fn engine_hosts(&mut self, source: &str, limit: u64) -> Result<Vec<u8>, Failure> {
        source.clone_into(&mut self.findings.provenance.engine_hosts);
        let read = admin_file::read(&self.directory.join(source), limit);
        read.map_err(Error::of_engine_hosts).map_err(|error| {
            if matches!(error, Error::EngineHostsTooLarge { .. }) {
                return error.into();
            }
            let situation = format!(
                "the engine's file that config.json mounts on /etc/hosts cannot be read: {}",
                on_one_line(&error)
            );
            Failure::new(error.exit(), situation)
        })
    }

    fn network(&mut self, request: &Request) -> Result<NetworkFacts, Failure> {
        let Self {
            container,
            options,
            findings,
            ..
        } = self;
        if is_on_host_network(container) {
            findings.choices.push(("network", "the host's".to_owned()));
            let node_hosts = options.read_node_hosts()?;
            return Ok(NetworkFacts::Host { node_hosts });
        }
        let (annotated, key) =
            pod_line::annotated_addresses(container, request).unwrap_or_default();
        let (addresses, source) =
            options.choose_addresses(&[(&annotated, &format!("annotation {key}"))]);
        findings.provenance.addresses = source;
        // The bundle does not have the name of a UTS namespace that the container joins.
        let hostname = options.hostname().or(pod_line::host_name(container, None));
        let domain = options.domain(&[(request.domain.as_deref(), DOMAIN_SOURCE)]);
        findings.pod_network(hostname, domain);
        Ok(NetworkFacts::Pod {
            addresses,
            hostname: hostname.map(|(hostname, _)| hostname.to_owned()),
            domain: domain.map(|(domain, _)| domain.to_owned()),
        })
    }
}

impl From<TooLarge> for Failure {
    fn from(too_large: TooLarge) -> Self {
        Error::from(too_large).into()
    }
}

/// Whether the container uses this process's network. If the namespace cannot be opened, the container has its own:
/// engines bind namespaces that they make, and have no reason to bind the host's.
fn is_on_host_network(container: &Container) -> bool {
    match &container.network {
        NamespaceSource::Runtime => true,
        NamespaceSource::New => false,
        NamespaceSource::Joined(path) => {
            let own = ProcDirectory::of_self().and_then(|own_proc| own_proc.namespace("net"));
            matches!((NamespaceId::at(path), own), (Ok(theirs), Ok(own)) if theirs == own)
        }
    }
}
