//! The fields of a Pod's manifest that the kubelet reads to write `/etc/hosts`, and the annotations of this
//! project. Pure.
//!
//! The rules for the host name and the domain are those of `GeneratePodHostNameAndDomain` in
//! Kubernetes' `pkg/kubelet/kubelet_pods.go`; the refusals, those of its API server.

use crate::facts::annotations::{Annotations, PREFIX};
use crate::facts::hosts_mount;
use crate::facts::manifest_field::Field;
use crate::facts::manifests::PodObject;
use crate::facts::request::Request;
use crate::text::host_alias::{self, HostAlias};
use crate::validation::field_error::{FieldError, bare};
use crate::validation::names::{self, HOST_NAME_MAX};

/// The list's name for `explain`.
pub(crate) const SPEC_HOST_ALIASES: &str = "spec.hostAliases";

/// Longest host name that the kubelet gives to a Pod, in bytes: a label.
const LABEL_MAX: usize = 63;

/// A Pod's manifest, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodManifest {
    /// The object's kind: `Pod`, or that of the object whose template it is.
    pub(crate) kind: &'static str,
    /// `metadata.name` of the object; one with `generateName` has none yet.
    object_name: Option<String>,
    /// `metadata.namespace`
    pub(crate) namespace: String,
    /// The Pod's known annotations.
    pub(crate) annotations: Annotations,
    /// What the annotations request; nothing if one says to leave the Pod alone.
    pub(crate) request: Request,
    /// Annotations of a template's owner, which its Pods do not get.
    pub(crate) misplaced: Vec<String>,
    /// `spec.hostAliases`
    pub(crate) aliases: Vec<HostAlias>,
    /// `spec.hostname`
    hostname: Option<String>,
    /// `spec.hostnameOverride`
    hostname_override: Option<String>,
    /// `spec.subdomain`, or what the controller puts there.
    subdomain: Option<String>,
    /// `spec.hostNetwork`
    pub(crate) host_network: bool,
    /// The containers that get a file, or mount one of their own.
    pub(crate) containers: Vec<PodContainer>,
    /// `status.podIPs`, of a Pod that was read back from the API server.
    pub(crate) status_pod_ips: Vec<String>,
}

/// One container of the Pod, of whichever sort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodContainer {
    /// Its name.
    name: String,
    /// The `mountPath` of its own volume on `/etc/hosts`, unchanged. It is compared in cleaned form, as in the
    /// hook.
    own_hosts: Option<String>,
}

impl PodManifest {
    /// Reads the Pod of `of`. Every field that the API server would refuse goes to `errors`, by its path.
    pub(crate) fn read(of: &PodObject<'_>, errors: &mut Vec<FieldError>) -> Self {
        let object = of.object.object("metadata", errors);
        let object_name = checked(&object, "name", names::name_refusals, errors);
        if object_name.is_none() && object.string("generateName", errors).is_none() {
            errors.push(FieldError::required(
                object.member("name").path(),
                "name or generateName is required",
            ));
        }
        let namespace = checked(&object, "namespace", names::label_refusals, errors);
        let is_template = of.is_template();
        if is_template && of.template.value().is_none() {
            let path = of.template.path();
            errors.push(FieldError::required(path, "the Pods are made from it"));
        }
        let template = of.template.clone().into_object(errors);
        let metadata = match is_template {
            true => template.object("metadata", errors),
            false => object.clone(),
        };
        let annotations = read_annotations(&metadata, errors);
        let request = read_request(&annotations, errors);
        let spec = template.object("spec", errors);
        let mut pod = Self {
            kind: of.kind,
            object_name,
            namespace: namespace.unwrap_or_else(|| "default".to_owned()),
            annotations,
            request,
            misplaced: Vec::new(),
            aliases: read_aliases(&spec.member("hostAliases"), errors),
            hostname: checked(&spec, "hostname", names::label_refusals, errors),
            hostname_override: read_override(&spec, errors),
            subdomain: checked(&spec, "subdomain", names::label_refusals, errors),
            host_network: spec.flag("hostNetwork", errors),
            containers: read_containers(&spec, errors),
            status_pod_ips: Vec::new(),
        };
        if is_template {
            pod.add_controllers_part(of, &object, errors);
        } else {
            pod.status_pod_ips = read_status(&of.object, errors);
        }
        pod
    }

    /// The fields that the controller sets in its Pods, and those that it does not: `initIdentity` in
    /// `pkg/controller/statefulset/stateful_set_utils.go`; `pkg/controller/job/job_controller.go`.
    fn add_controllers_part(
        &mut self,
        of: &PodObject<'_>,
        metadata: &Field<'_>,
        errors: &mut Vec<FieldError>,
    ) {
        let annotations = metadata.member("annotations").value();
        let annotations = annotations.and_then(|value| value.as_object());
        let keys = annotations.into_iter().flat_map(|members| members.keys());
        self.misplaced = keys
            .filter(|key| key.starts_with(PREFIX))
            .map(|key| bare(key, "-_./"))
            .collect();
        match self.kind {
            "StatefulSet" => {
                self.hostname = None;
                let refusals = names::label_refusals;
                self.subdomain = checked(&of.template_parent, "serviceName", refusals, errors);
            }
            "Job" | "CronJob" => {
                let mode = of.template_parent.string("completionMode", errors);
                self.hostname = self.hostname.take().filter(|_| mode != Some("Indexed"));
            }
            _ => {}
        }
    }

    /// `shop/Deployment/web`, for messages and headings.
    pub(crate) fn label(&self) -> String {
        let (namespace, name) = (bare(&self.namespace, "-_./"), self.object_name());
        format!("{namespace}/{}/{name}", self.kind)
    }

    /// `metadata.name` of the object, or that there is none.
    pub(crate) fn object_name(&self) -> String {
        let name = self.object_name.as_deref().map(|name| bare(name, "-_./"));
        name.unwrap_or_else(|| "(not named yet)".to_owned())
    }

    /// The host name that the kubelet gives to the Pod, and the field that it comes from. `None`:
    /// the Pod has no name yet.
    pub(crate) fn host_name(&self) -> Option<(&str, &'static str)> {
        let pod_name = self.object_name.as_ref().filter(|_| self.kind == "Pod");
        [
            (self.hostname_override.as_ref(), "spec.hostnameOverride"),
            (self.hostname.as_ref(), "spec.hostname"),
            (pod_name, "metadata.name"),
        ]
        .into_iter()
        .find_map(|(name, field)| Some((cut(name?), field)))
    }

    /// The domain that the kubelet gives to the Pod.
    pub(crate) fn domain(&self, cluster_domain: &str) -> Option<String> {
        let subdomain = self.subdomain.as_deref()?;
        // The override is the whole name, whatever the subdomain says.
        self.hostname_override
            .is_none()
            .then(|| format!("{subdomain}.{}.svc.{cluster_domain}", self.namespace))
    }

    /// Where the domain comes from.
    pub(crate) fn subdomain_field(&self) -> &'static str {
        match self.kind {
            "StatefulSet" => "spec.serviceName",
            _ => "spec.subdomain",
        }
    }

    /// Whether a controller makes Pods from it, whose names are not in it.
    pub(crate) fn is_template(&self) -> bool {
        self.kind != "Pod"
    }

    /// The containers that mount a volume of their own on `/etc/hosts`, with its `mountPath`.
    pub(crate) fn with_own_hosts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.containers.iter().filter_map(|container| {
            Some((container.name.as_str(), container.own_hosts.as_deref()?))
        })
    }
}

fn read_aliases(list: &Field<'_>, errors: &mut Vec<FieldError>) -> Vec<HostAlias> {
    list.value()
        .map(|value| host_alias::read_value(list.path(), value.clone(), errors))
        .unwrap_or_default()
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
                // `manage: false` without quotes is a common mistake.
                errors.push(FieldError::wrong_kind(
                    format!("{}[{}]", annotations.path(), bare(key, "-_./")),
                    host_alias::kind(value),
                    "must be a string (in quotes)",
                ));
            }
            Some((key.clone(), text?))
        })
        .collect()
}

/// As in the hook: the other annotations of a Pod that is left alone are ignored.
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
    // Values of the wrong type are reported where they are read.
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
            let container = container.into_object(errors);
            let mut own_hosts = None;
            for mount in container.items("volumeMounts", errors) {
                let path = mount.into_object(errors).string("mountPath", errors);
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
        let entry = entry.into_object(errors);
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
