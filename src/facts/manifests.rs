//! The Pods in a manifest: Pods, the templates of controllers, and lists of them, as `kubectl get -o yaml` prints
//! them. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::facts::manifest_field::Field;
use crate::facts::manifest_text::{self, Unreadable};
use crate::facts::pod_manifest::PodManifest;
use crate::validation::field_error::{FieldError, bare};

/// A kind that has Pods: its name, its `apiVersion`, and where in it the Pod's `metadata` and `spec` are.
type Kind = (&'static str, &'static str, &'static [&'static str]);

const KINDS: [Kind; 9] = [
    ("Pod", "v1", &[]),
    ("PodTemplate", "v1", &["template"]),
    ("ReplicationController", "v1", &["spec", "template"]),
    ("Deployment", "apps/v1", &["spec", "template"]),
    ("StatefulSet", "apps/v1", &["spec", "template"]),
    ("DaemonSet", "apps/v1", &["spec", "template"]),
    ("ReplicaSet", "apps/v1", &["spec", "template"]),
    ("Job", "batch/v1", &["spec", "template"]),
    (
        "CronJob",
        "batch/v1",
        &["spec", "jobTemplate", "spec", "template"],
    ),
];

/// The objects of a text.
#[derive(Debug, Default)]
pub(crate) struct Manifests {
    /// The valid Pods, in the order of the text.
    pub(crate) pods: Vec<PodManifest>,
    /// How many objects of other kinds there are, by kind.
    pub(crate) passed_over: BTreeMap<String, usize>,
    /// What is refused, each with the document's number, the object's name and the field's path.
    pub(crate) refused: Vec<String>,
}

/// An object that has a Pod.
pub(crate) struct PodObject<'a> {
    /// `Deployment`
    pub(crate) kind: &'static str,
    /// The object itself, with its name and namespace.
    pub(crate) object: Field<'a>,
    /// What the template is a member of: `spec`, but for a CronJob.
    pub(crate) template_parent: Field<'a>,
    /// Where the Pod's `metadata` and `spec` are: the object itself if it is a Pod.
    pub(crate) template: Field<'a>,
}

impl PodObject<'_> {
    /// Whether a controller makes Pods from it, whose names are not in it.
    pub(crate) fn is_template(&self) -> bool {
        self.kind != "Pod"
    }
}

impl Manifests {
    /// Reads a text, YAML or JSON.
    pub(crate) fn read(text: &[u8]) -> Result<Self, Unreadable> {
        let documents = manifest_text::read(text)?;
        let mut manifests = Self::default();
        for (number, document) in &documents {
            let place = match documents.len() {
                1 => String::new(),
                _ => format!("document {number}"),
            };
            let (mut objects, mut errors) = (Vec::new(), Vec::new());
            manifests.find(Field::root(document), None, &mut objects, &mut errors);
            manifests.refuse(&place, &errors);
            for object in objects {
                let mut errors = Vec::new();
                let pod = PodManifest::read(&object, &mut errors);
                // A single object needs no name.
                let is_named = object.is_template() || !object.object.path().is_empty();
                let of_pod = match (place.as_str(), pod.label()) {
                    ("", _) if !is_named => String::new(),
                    ("", label) => label,
                    (place, label) => format!("{place}, {label}"),
                };
                manifests.refuse(&of_pod, &errors);
                manifests.pods.push(pod);
            }
        }
        Ok(manifests)
    }

    /// The kinds that have Pods, for a message.
    pub(crate) fn kinds() -> String {
        KINDS.map(|(kind, ..)| kind).join(", ")
    }

    fn refuse(&mut self, place: &str, errors: &[FieldError]) {
        let place = match place {
            "" => String::new(),
            place => format!("{place}: "),
        };
        self.refused
            .extend(errors.iter().map(|error| format!("{place}{error}")));
    }

    /// Finds the objects with Pods in `object`; `of_list` is the kind of the list's items, which have
    /// none of their own where the API server's answer is the text.
    fn find<'a>(
        &mut self,
        object: Field<'a>,
        of_list: Option<Kind>,
        objects: &mut Vec<PodObject<'a>>,
        errors: &mut Vec<FieldError>,
    ) {
        let own = |key| object.value().and_then(|value| value.get(key));
        let Some(name) = own("kind").and_then(Value::as_str) else {
            match of_list {
                Some(kind) if own("kind").is_none() => objects.push(pod_object(kind, object)),
                _ => errors.push(FieldError::required(
                    object.member("kind").path(),
                    "expected a Pod (apiVersion: v1, kind: Pod) or what makes Pods",
                )),
            }
            return;
        };
        let kind = |name: &str| KINDS.into_iter().find(|(kind, ..)| *kind == name);
        let of_items = name.strip_suffix("List").map(kind);
        let expected = match (kind(name), of_items) {
            (Some((_, api_version, _)), _) | (_, Some(Some((_, api_version, _)))) => api_version,
            (None, _) if name == "List" => "v1",
            (None, _) => return self.pass_over(name),
        };
        match own("apiVersion").and_then(Value::as_str) {
            Some(found) if found == expected => {}
            // Other APIs have a Job too. Kubernetes' own old groups have no dot.
            Some(other) if other.contains('.') => return self.pass_over(name),
            other => {
                let path = object.member("apiVersion").path().to_owned();
                errors.push(match other {
                    Some(other) => FieldError::invalid(path, other, format!("expected {expected}")),
                    None => FieldError::required(path, format!("expected {expected}")),
                });
                return;
            }
        }
        if let Some(kind) = kind(name) {
            objects.push(pod_object(kind, object));
            return;
        }
        for item in object.items("items", errors) {
            self.find(item, of_items.flatten(), objects, errors);
        }
    }

    fn pass_over(&mut self, kind: &str) {
        *self.passed_over.entry(bare(kind, "-_./")).or_default() += 1;
    }
}

fn pod_object((kind, _, path): Kind, object: Field<'_>) -> PodObject<'_> {
    let mut template_parent = object.clone();
    let mut template = object.clone();
    for key in path {
        let member = template.member(key);
        template_parent = std::mem::replace(&mut template, member);
    }
    PodObject {
        kind,
        object,
        template_parent,
        template,
    }
}
