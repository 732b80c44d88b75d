//! A Pod's manifest, shallow: what the kubelet reads of it to write `/etc/hosts`, and our
//! annotations. Pure.
//!
//! The rules for the host name and the domain are those of `GeneratePodHostNameAndDomain` in
//! Kubernetes' `pkg/kubelet/kubelet_pods.go`; the refusals, those of its API server.

use crate::facts::annotations::Annotations;
use crate::facts::hosts_mount;
use crate::facts::manifest_field::Field;
use crate::facts::manifest_text::{self, NotAPod};
use crate::facts::request::Request;
use crate::text::host_alias::{self, HostAlias};
use crate::validation::field_error::{FieldError, FieldErrors, bare};
use crate::validation::names::{self, HOST_NAME_MAX};

/// The list's name in messages and for `explain`.
pub const SPEC_HOST_ALIASES: &str = "spec.hostAliases";

/// Longest host name that the kubelet gives to a Pod, in bytes: a label.
const LABEL_MAX: usize = 63;

/// What a Pod's manifest says, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodManifest {
    /// `metadata.name`; a Pod with `generateName` has none yet.
    pub name: Option<String>,
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.annotations`, those that we know.
    pub annotations: Annotations,
    /// What the annotations ask for; nothing when one of them says to leave the Pod alone.
    pub request: Request,
    /// `spec.hostAliases`
    pub aliases: Vec<HostAlias>,
    /// `spec.hostname`
    pub hostname: Option<String>,
    /// `spec.hostnameOverride`
    pub hostname_override: Option<String>,
    /// `spec.subdomain`
    pub subdomain: Option<String>,
    /// `spec.hostNetwork`
    pub host_network: bool,
    /// The containers that get a file, or mount one of their own.
    pub containers: Vec<PodContainer>,
    /// `status.podIPs`, of a Pod that was read back from the API server.
    pub status_pod_ips: Vec<String>,
}

/// One container of the Pod, of whichever sort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodContainer {
    /// Its name.
    pub name: String,
    /// The `mountPath` of its own volume on `/etc/hosts`, as it is spelled. Compared cleaned, as
    /// the hook does.
    pub own_hosts: Option<String>,
}

/// Why a manifest is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not the manifest of one Pod.
    #[error(transparent)]
    NotAPod(#[from] NotAPod),
    /// Fields of the Pod are wrong, each of which the API server would refuse.
    #[error(transparent)]
    Fields(#[from] FieldErrors),
}

impl PodManifest {
    /// Reads a manifest, YAML or JSON.
    ///
    /// # Errors
    ///
    /// It is not one Pod; or every field that the API server would refuse, by its path.
    pub fn read(text: &[u8]) -> Result<Self, Refusal> {
        let document = manifest_text::read_pod(text)?;
        let root = Field::root(&document);
        let errors = &mut Vec::new();
        let metadata = root.object("metadata", errors);
        let name = checked(&metadata, "name", names::name_refusals, errors);
        let namespace = checked(&metadata, "namespace", names::label_refusals, errors);
        let annotations = read_annotations(&metadata, errors);
        let request = read_request(&annotations, errors);
        let spec = root.object("spec", errors);
        let pod = Self {
            name,
            namespace: namespace.unwrap_or_else(|| "default".to_owned()),
            annotations,
            request,
            aliases: spec
                .member("hostAliases")
                .value()
                .map(|list| host_alias::read_value(SPEC_HOST_ALIASES, list.clone(), errors))
                .unwrap_or_default(),
            hostname: checked(&spec, "hostname", names::label_refusals, errors),
            hostname_override: read_override(&spec, errors),
            subdomain: checked(&spec, "subdomain", names::label_refusals, errors),
            host_network: spec.flag("hostNetwork", errors),
            containers: read_containers(&spec, errors),
            status_pod_ips: read_status(&root, errors),
        };
        Ok(FieldErrors::or(std::mem::take(errors), pod)?)
    }

    /// The host name that the kubelet gives to the Pod, and the field that it comes from. `None`:
    /// the Pod has no name yet.
    pub fn host_name(&self) -> Option<(&str, &'static str)> {
        [
            (&self.hostname_override, "spec.hostnameOverride"),
            (&self.hostname, "spec.hostname"),
            (&self.name, "metadata.name"),
        ]
        .into_iter()
        .find_map(|(name, field)| Some((cut(name.as_deref()?), field)))
    }

    /// The domain that the kubelet gives to the Pod.
    pub fn domain(&self, cluster_domain: &str) -> Option<String> {
        let subdomain = self.subdomain.as_deref()?;
        // The override is the whole name, whatever the subdomain says.
        self.hostname_override
            .is_none()
            .then(|| format!("{subdomain}.{}.svc.{cluster_domain}", self.namespace))
    }

    /// The containers that mount a volume of their own on `/etc/hosts`, with its `mountPath`.
    pub fn with_own_hosts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.containers.iter().filter_map(|container| {
            Some((container.name.as_str(), container.own_hosts.as_deref()?))
        })
    }
}

/// A host name cut as the kubelet cuts it. It starts with a letter or a digit, so something is
/// always left.
fn cut(name: &str) -> &str {
    match name.get(..LABEL_MAX) {
        Some(start) if name.len() > LABEL_MAX => start.trim_end_matches(['-', '.']),
        _ => name,
    }
}

/// The string `key`, when `refusals` has nothing against it.
fn checked(
    parent: &Field<'_>,
    key: &str,
    refusals: impl FnOnce(&str) -> Vec<&'static str>,
    errors: &mut Vec<FieldError>,
) -> Option<String> {
    let text = parent.string(key, errors)?;
    for detail in refusals(text) {
        errors.push(FieldError::invalid(parent.member(key).path(), text, detail));
    }
    Some(text.to_owned())
}

fn read_annotations(metadata: &Field<'_>, errors: &mut Vec<FieldError>) -> Annotations {
    let annotations = metadata.object("annotations", errors);
    let members = annotations.value().and_then(|value| value.as_object());
    members
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| {
            if value.is_null() {
                return Some((key.clone(), String::new()));
            }
            let text = value.as_str().map(str::to_owned);
            if text.is_none() {
                // `manage: false` without quotes is the one that everybody writes once.
                errors.push(FieldError::wrong_kind(
                    format!("{}[{}]", annotations.path(), bare(key)),
                    host_alias::kind(value),
                    "must be a string (in quotes)",
                ));
            }
            Some((key.clone(), text?))
        })
        .collect()
}

/// As the hook: what a Pod that is to be left alone says else is nobody's business.
fn read_request(annotations: &Annotations, errors: &mut Vec<FieldError>) -> Request {
    if annotations.opt_out() {
        return Request::default();
    }
    Request::read(annotations).unwrap_or_else(|refused| {
        errors.extend(refused.iter().cloned());
        Request::default()
    })
}

fn read_override(spec: &Field<'_>, errors: &mut Vec<FieldError>) -> Option<String> {
    let too_long = format!("must be no more than {HOST_NAME_MAX} characters");
    let name = checked(spec, "hostnameOverride", names::name_refusals, errors)?;
    let mut refuse = |detail: &str| {
        let field = spec.member("hostnameOverride");
        errors.push(FieldError::invalid(field.path(), &name, detail));
    };
    if name.len() > HOST_NAME_MAX {
        refuse(&too_long);
    }
    // Of the wrong kind they are reported where they are read.
    for other in ["hostNetwork", "setHostnameAsFQDN"] {
        if spec.flag(other, &mut Vec::new()) {
            refuse(&format!("may not be set together with {other}"));
        }
    }
    Some(name)
}

fn read_containers(spec: &Field<'_>, errors: &mut Vec<FieldError>) -> Vec<PodContainer> {
    let mut containers = Vec::new();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in spec.items(list, errors) {
            let container = container.as_object(errors);
            let mut own_hosts = None;
            for mount in container.items("volumeMounts", errors) {
                let path = mount.as_object(errors).string("mountPath", errors);
                own_hosts = own_hosts.or(path.filter(|path| hosts_mount::is_etc_hosts(path)));
            }
            containers.push(PodContainer {
                name: container
                    .string("name", errors)
                    .map_or_else(|| container.path().to_owned(), str::to_owned),
                own_hosts: own_hosts.map(str::to_owned),
            });
        }
    }
    containers
}

fn read_status(root: &Field<'_>, errors: &mut Vec<FieldError>) -> Vec<String> {
    let status = root.object("status", errors);
    let mut addresses = Vec::new();
    for entry in status.items("podIPs", errors) {
        let entry = entry.as_object(errors);
        let Some(address) = entry.string("ip", errors) else {
            continue;
        };
        if let Some(detail) = names::ip_refusal(address) {
            errors.push(FieldError::invalid(
                entry.member("ip").path(),
                address,
                detail,
            ));
        }
        addresses.push(address.to_owned());
    }
    addresses
}
