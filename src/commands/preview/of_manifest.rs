//! The file of a Pod, from its manifest: the kubelet's with `spec.hostAliases`, and behind it the
//! section for our annotation, as the hook would extend the kubelet's file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::commands::Failure;
use crate::commands::preview::{
    DOMAIN_SOURCE, FILE_MAX, Findings, Preview, PreviewOptions, RefusedFields, note_on, size_limit,
};
use crate::compose::{self, Notice};
use crate::error::Error;
use crate::exit::Exit;
use crate::facts::annotations::{HOST_ALIASES, POD_IPS};
use crate::facts::pod_manifest::{PodManifest, Refusal, SPEC_HOST_ALIASES};
use crate::plan::{self, Action, Plan};
use crate::pod_line::MissingFact;
use crate::text::hosts_file::{HostsFile, PodName};
use crate::validation::field_error::{FieldError, FieldErrors};

/// The path that stands for stdin.
const STDIN: &str = "-";

pub(super) fn preview(path: &Path, options: &PreviewOptions) -> Result<Preview, Failure> {
    let (path, text) = if path == Path::new(STDIN) {
        let path = Path::new("stdin");
        (path, read_bounded(io::stdin().lock(), path)?)
    } else {
        // Also a pipe: `-f <(kubectl get pod web -o yaml)`.
        let file = File::open(path).map_err(|source| Error::file("open", path, source))?;
        (path, read_bounded(file, path)?)
    };
    let mut pod = PodManifest::read(&text).map_err(|refusal| match refusal {
        Refusal::NotAPod(situation) => {
            Failure::new(Exit::Annotation, format!("{}: {situation}", path.display()))
        }
        Refusal::Fields(errors) => RefusedFields::failure(path, errors),
    })?;
    if let Some(namespace) = &options.namespace {
        pod.namespace.clone_from(namespace);
    }
    of_pod(path, &pod, options)
}

fn read_bounded(source: impl Read, path: &Path) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    source
        .take(FILE_MAX + 1)
        .read_to_end(&mut text)
        .map_err(|error| Error::file("read", path, error))?;
    if text.len() as u64 > FILE_MAX {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            limit: FILE_MAX,
        });
    }
    Ok(text)
}

fn of_pod(path: &Path, pod: &PodManifest, options: &PreviewOptions) -> Result<Preview, Failure> {
    let name = pod.name.as_deref().unwrap_or("(not named yet)");
    let mut findings = Findings {
        choices: vec![("pod", format!("{}/{name}", pod.namespace))],
        notes: Vec::new(),
        provenance: options.provenance(pod.annotations.get(HOST_ALIASES)),
    };
    let plan = plan_of(pod);
    if plan.action == Action::Leave {
        return Ok(findings.preview(plan, None));
    }
    findings.notes.extend(pod.with_own_hosts().map(own_volume));
    let mut file = if pod.host_network {
        findings
            .choices
            .push(("network", "the host's (spec.hostNetwork)".to_owned()));
        HostsFile::for_host_network(&options.read_node_hosts()?)
    } else {
        pod_network_file(path, pod, options, &mut findings)?
    };
    file.add_host_aliases(SPEC_HOST_ALIASES, &pod.aliases);
    file.add_host_aliases(HOST_ALIASES, &pod.request.aliases);
    for aliases in [&pod.aliases, &pod.request.aliases] {
        let notices = compose::long_lines(aliases);
        findings
            .notes
            .extend(notices.map(|notice| note_on(&notice)));
    }
    if let Some(hosts_d) = &options.hosts_d {
        let node_entries = findings.read_node_entries(hosts_d, Some(&pod.namespace));
        let notices = compose::add_node_entries(&mut file, &node_entries, size_limit());
        findings.notes.extend(notices.iter().map(note_on));
    }
    Ok(findings.preview(plan, Some(file)))
}

/// One file for all containers of the Pod, but not for those that bring their own.
fn plan_of(pod: &PodManifest) -> Plan {
    plan::left_alone_by_annotation(&pod.annotations).unwrap_or_else(|| {
        let entries = !(pod.aliases.is_empty() && pod.request.aliases.is_empty());
        plan::for_pod(pod.containers.len(), pod.with_own_hosts().count(), entries)
    })
}

fn own_volume((container, mount_path): (&str, &str)) -> String {
    if mount_path == "/etc/hosts" {
        format!("container {container} is left alone: it has a volume of its own on /etc/hosts")
    } else {
        // The kubelet compares the spelling and mounts its file too, over or under the volume.
        format!(
            "container {container} is left alone: it has a volume of its own on {mount_path}, which the kubelet does not take for /etc/hosts"
        )
    }
}

fn pod_network_file(
    path: &Path,
    pod: &PodManifest,
    options: &PreviewOptions,
    findings: &mut Findings,
) -> Result<HostsFile, Failure> {
    let Some((hostname, hostname_source)) = options.hostname().or(pod.host_name()) else {
        let unnamed = FieldError::required(
            "metadata.name",
            "the host name is made from it (or from spec.hostname, or give --hostname)",
        );
        let refused = FieldErrors::or(vec![unnamed], ());
        return refused
            .map(|()| HostsFile::default())
            .map_err(|errors| RefusedFields::failure(path, errors));
    };
    let kubelets = pod.domain(&options.cluster_domain);
    let domain = options.domain(&[
        (pod.request.domain.as_deref(), DOMAIN_SOURCE),
        (kubelets.as_deref(), "spec.subdomain"),
    ]);
    let annotation = format!("annotation {POD_IPS}");
    let (addresses, addresses_source) = options.choose_addresses(&[
        (
            pod.request.pod_ips.as_deref().unwrap_or_default(),
            &annotation,
        ),
        (&pod.status_pod_ips, "status.podIPs"),
    ]);
    if addresses.is_empty() {
        let missing = Notice::Missing(MissingFact::Address);
        findings.notes.push(note_on(&missing));
    }
    findings.pod_network(Some((hostname, hostname_source)), domain);
    findings.provenance.addresses = addresses_source;
    // As the kubelet, which does not ask whether the name ends in the domain already.
    let name = PodName {
        hostname,
        domain: domain.map(|(domain, _)| domain),
    };
    Ok(HostsFile::for_pod_network(&addresses, Some(name)))
}
