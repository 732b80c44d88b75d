//! The files of the Pods in manifests: the kubelet's file with `spec.hostAliases`, followed by the section for the
//! annotation, as the hook would add it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::commands::preview::{
    DOMAIN_SOURCE, FILE_MAX, Findings, Preview, PreviewOptions, note_on, refused, size_limit,
};
use crate::compose::{self, Notice};
use crate::error::Error;
use crate::exit::Exit;
use crate::facts::annotations::{HOST_ALIASES, POD_IPS};
use crate::facts::manifests::Manifests;
use crate::facts::node_entries::NodeEntries;
use crate::facts::pod_manifest::{PodManifest, SPEC_HOST_ALIASES};
use crate::files::{admin_file, hosts_d};
use crate::kubernetes::manifest::Sets;
use crate::plan::{self, Action, Plan};
use crate::pod_line::MissingFact;
use crate::text::hosts_file::{HostsFile, PodName};

/// The path that means stdin.
const STDIN: &str = "-";

/// The files of a directory that kubectl reads too.
const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];

/// Reports everything that is refused at once. Then there is no file.
pub(super) fn previews(
    path: &Path,
    options: &PreviewOptions,
    output: &mut Output<'_>,
) -> Result<Vec<Preview>, Failure> {
    let mut pods = Vec::new();
    let mut passed_over = BTreeMap::new();
    let mut refusals = Vec::new();
    for (path, text) in read_texts(path)? {
        let path = path.display();
        match Manifests::read(&text) {
            Ok(found) => {
                pods.extend(found.pods);
                refusals.extend(found.refused.iter().map(|line| format!("{path}: {line}")));
                for (kind, count) in found.passed_over {
                    *passed_over.entry(kind).or_default() += count;
                }
            }
            Err(unreadable) => refusals.push(format!("{path}: {unreadable}")),
        }
    }
    if refusals.is_empty() && pods.is_empty() {
        let found = match passed_over.is_empty() {
            true => "empty".to_owned(),
            false => format!("only {}", in_words(&passed_over)),
        };
        refusals.push(format!(
            "{}: {found}, expected {} or a List of them",
            shown(path).display(),
            Manifests::kinds()
        ));
    }
    if !refusals.is_empty() {
        return Err(refused(&refusals));
    }
    if !passed_over.is_empty() {
        output.say(format_args!("skipped: {}", in_words(&passed_over)));
    }
    let mut previews = Vec::new();
    for mut pod in pods {
        if let Some(namespace) = &options.namespace {
            pod.namespace.clone_from(namespace);
        }
        previews.push(of_pod(&pod, options)?);
    }
    Ok(previews)
}

/// `ConfigMap, Service (2)`
fn in_words(kinds: &BTreeMap<String, usize>) -> String {
    let words: Vec<_> = kinds
        .iter()
        .map(|(kind, count)| match count {
            1 => kind.clone(),
            count => format!("{kind} ({count})"),
        })
        .collect();
    words.join(", ")
}

fn shown(path: &Path) -> &Path {
    match path.as_os_str() == STDIN {
        true => Path::new("stdin"),
        false => path,
    }
}

/// The file, or the files of the directory sorted by name, each with its path for messages.
fn read_texts(path: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, Failure> {
    let read_file = |path: PathBuf| {
        // Also a pipe: `-f <(kubectl get pod web -o yaml)`.
        let file = File::open(&path).map_err(|source| Error::file("open", &path, source))?;
        let text = read_bounded(file, &path)?;
        Ok((path, text))
    };
    if path.as_os_str() == STDIN {
        let text = read_bounded(io::stdin().lock(), shown(path))?;
        return Ok(vec![(shown(path).to_owned(), text)]);
    }
    if !path.is_dir() {
        return Ok(vec![read_file(path.to_owned())?]);
    }
    let unreadable = |source| Error::file("read", path, source);
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let extension = file.extension().and_then(|extension| extension.to_str());
        if extension.is_some_and(|it| EXTENSIONS.contains(&it)) && !file.is_dir() {
            files.push(file);
        }
    }
    if files.is_empty() {
        let situation = format!(
            "{}: no file whose name ends in .json, .yaml or .yml",
            path.display()
        );
        return Err(refused(&[situation]));
    }
    files.sort();
    files.into_iter().map(read_file).collect()
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

fn of_pod(pod: &PodManifest, options: &PreviewOptions) -> Result<Preview, Failure> {
    let whose = match pod.is_template() {
        true => ("template", pod.label()),
        false => ("pod", format!("{}/{}", pod.namespace, pod.object_name())),
    };
    let mut findings = Findings {
        label: pod.label(),
        choices: vec![whose],
        notes: pod
            .misplaced
            .iter()
            .map(|key| misplaced(key, pod.kind))
            .collect(),
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
        pod_network_file(pod, options, &mut findings)
    };
    file.add_host_aliases(SPEC_HOST_ALIASES, &pod.aliases);
    file.add_host_aliases(HOST_ALIASES, &pod.request.aliases);
    for aliases in [&pod.aliases, &pod.request.aliases] {
        let notices = compose::long_lines(aliases);
        findings
            .notes
            .extend(notices.map(|notice| note_on(&notice)));
    }
    if options.hosts_d.is_some() || !options.with.is_empty() {
        let mut node_entries = node_entries(pod, options, &mut findings)?;
        let notices = compose::add_node_entries(&mut file, &mut node_entries, size_limit());
        findings.notes.extend(notices.iter().map(note_on));
    }
    Ok(findings.preview(plan, Some(file)))
}

/// The entries of `--hosts-d`, and of the objects of `--with` where an agent would put them.
fn node_entries(
    pod: &PodManifest,
    options: &PreviewOptions,
    findings: &mut Findings,
) -> Result<NodeEntries, Failure> {
    let hosts_d = options.hosts_d.as_deref();
    let mut entries = hosts_d.map_or_else(NodeEntries::default, |hosts_d| {
        findings.read_node_entries(hosts_d, Some(&pod.namespace))
    });
    let before = entries.left_out.len();
    for path in &options.with {
        let bytes = admin_file::read(path, FILE_MAX)?;
        let refused = |why| Failure::new(Exit::Annotation, format!("{}: {why}", path.display()));
        let sets = Sets::read(&String::from_utf8_lossy(&bytes)).map_err(refused)?;
        let hosts_d = hosts_d.unwrap_or(hosts_d::DEFAULT_PATH.as_ref());
        sets.add_to(&mut entries, hosts_d, &pod.namespace);
    }
    let left_out = entries.left_out.iter().skip(before);
    let notes = left_out.map(|entry| format!("left out: {entry}"));
    findings.notes.extend(notes);
    Ok(entries)
}

/// One file for all containers of the Pod, except those with a volume of their own on `/etc/hosts`.
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
            "container {container} is left alone: it has a volume of its own on {mount_path}, which the kubelet does not treat as /etc/hosts"
        )
    }
}

/// A common mistake with ReplicaSets.
fn misplaced(annotation: &str, kind: &str) -> String {
    format!(
        "annotation {annotation} of the {kind} itself has no effect: its Pods have the annotations of its template"
    )
}

fn pod_network_file(
    pod: &PodManifest,
    options: &PreviewOptions,
    findings: &mut Findings,
) -> HostsFile {
    let hostname = options.hostname().or(pod.host_name());
    let kubelets = pod.domain(&options.cluster_domain);
    let domain = options.domain(&[
        (pod.request.domain.as_deref(), DOMAIN_SOURCE),
        (kubelets.as_deref(), pod.subdomain_field()),
    ]);
    let annotation = format!("annotation {POD_IPS}");
    let (addresses, addresses_source) = options.choose_addresses(&[
        (
            pod.request.pod_ips.as_deref().unwrap_or_default(),
            &annotation,
        ),
        (&pod.status_pod_ips, "status.podIPs"),
    ]);
    if hostname.is_none() {
        findings.notes.push(
            "no line for the Pod's addresses, because its name is generated later: give --hostname"
                .to_owned(),
        );
    }
    if addresses.is_empty() {
        let missing = Notice::Missing(MissingFact::Address);
        findings.notes.push(note_on(&missing));
    }
    findings.pod_network(hostname, domain);
    findings.provenance.addresses = addresses_source;
    // As the kubelet does it, even if the name already ends in the domain.
    let name = hostname.map(|(hostname, _)| PodName {
        hostname,
        domain: domain.map(|(domain, _)| domain),
    });
    HostsFile::for_pod_network(&addresses, name)
}
