//! The file of a bundle's container: the hook's own facts and plan, without a runtime.

use std::path::Path;

use crate::commands::Failure;
use crate::commands::preview::{
    DOMAIN_SOURCE, Preview, PreviewOptions, RefusedFields, note_on, size_limit,
};
use crate::error::{Error, on_one_line};
use crate::facts::annotations::HOST_ALIASES;
use crate::facts::container::{Container, Identity, NamespaceSource};
use crate::facts::hosts_mount::HostsMount;
use crate::facts::request::Request;
use crate::files::admin_file;
use crate::files::bundle::Bundle;
use crate::files::hosts_d;
use crate::kernel::procfs::{NamespaceId, ProcDirectory};
use crate::plan::{self, Action};
use crate::pod_line;
use crate::text::hosts_file::HostsFile;

pub(super) fn preview(directory: &Path, options: &PreviewOptions) -> Result<Preview, Failure> {
    let container = Bundle::of_directory(directory)?.container()?;
    let mut preview = Preview {
        plan: plan::for_mount(None, false, false),
        choices: vec![("bundle", directory.display().to_string())],
        notes: Vec::new(),
        file: None,
        provenance: options.provenance(container.annotations.get(HOST_ALIASES)),
    };
    if let Some(plan) = plan::left_alone(&container) {
        preview.plan = plan;
        return Ok(preview);
    }
    let request = Request::read(&container.annotations)
        .map_err(|errors| RefusedFields::failure(&directory.join("config.json"), errors))?;
    let hosts_d = options
        .hosts_d
        .as_deref()
        .unwrap_or(hosts_d::DEFAULT_PATH.as_ref());
    // A bundle does not tell its container's ID, and the namespace does not hang on it.
    let identity = Identity::new("", &container.annotations);
    let namespace = options
        .namespace
        .as_deref()
        .or(identity.namespace.as_deref());
    let node_entries = preview.read_node_entries(hosts_d, namespace);
    let entries = !request.aliases.is_empty() || !node_entries.is_empty();
    preview.plan = plan::for_mount(
        container.hosts_mount.as_ref(),
        entries,
        container.annotations.ask_for_something(),
    );
    let limit = size_limit();
    let mut file = match (preview.plan.action, &container.hosts_mount) {
        (Action::Leave, _) => return Ok(preview),
        (Action::Extend, Some(HostsMount::Engine { source, .. })) => {
            preview.provenance.engine_hosts.clone_from(source);
            match read_engine_hosts(&directory.join(source), limit)? {
                empty if empty.is_empty() => {
                    preview.plan = preview.plan.engine_file_is_empty();
                    managed_file(&container, &request, options, &mut preview)?
                }
                engine_hosts => HostsFile::from_engine(engine_hosts),
            }
        }
        _ => managed_file(&container, &request, options, &mut preview)?,
    };
    file.add_host_aliases(HOST_ALIASES, &request.aliases);
    preview.notes.extend(node_entries.add_to(&mut file, limit));
    preview.file = Some(file);
    Ok(preview)
}

/// By the source path of `config.json`, which the hook never does: there it would let a tenant,
/// who may choose that path, read files with root's eyes. Here an administrator reads with his own,
/// and nothing is mounted whose content could be read instead.
fn read_engine_hosts(source: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let cannot = |error: Error| {
        let situation = format!(
            "the engine's file that config.json mounts on /etc/hosts cannot be had: {}",
            on_one_line(&error)
        );
        Failure::new(error.exit(), situation)
    };
    admin_file::read(source, limit).map_err(cannot)
}

fn managed_file(
    container: &Container,
    request: &Request,
    options: &PreviewOptions,
    preview: &mut Preview,
) -> Result<HostsFile, Failure> {
    if is_on_host_network(container) {
        preview.choices.push(("network", "the host's".to_owned()));
        return options.host_network_file();
    }
    let (annotated, key) = pod_line::annotated_addresses(container, request).unwrap_or_default();
    let (addresses, source) =
        options.choose_addresses(&[(&annotated, &format!("annotation {key}"))]);
    preview.provenance.addresses = source;
    // The name of a UTS namespace that is joined is not in the bundle.
    let told = pod_line::host_name(container, None);
    let hostname = options.hostname().or(told);
    let domain = options.domain(&[(request.domain.as_deref(), DOMAIN_SOURCE)]);
    preview.pod_network(hostname, domain);
    let (file, missing) = pod_line::managed_file(
        &addresses,
        hostname.map(|(hostname, _)| hostname),
        domain.map(|(domain, _)| domain),
    );
    preview.notes.extend(missing.as_ref().map(note_on));
    Ok(file)
}

/// Whether the container's network is the one that we are on. Where we may not look, it has one of
/// its own: engines bind what they make, and have no reason to bind the host's.
fn is_on_host_network(container: &Container) -> bool {
    match &container.network {
        NamespaceSource::Runtime => true,
        NamespaceSource::New => false,
        NamespaceSource::Joined(path) => {
            let ours = ProcDirectory::of_self().and_then(|ours| ours.namespace("net"));
            matches!((NamespaceId::at(path), ours), (Ok(theirs), Ok(ours)) if theirs == ours)
        }
    }
}
