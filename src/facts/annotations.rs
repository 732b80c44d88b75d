//! The annotations of a container that the hook reads.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

/// The prefix of this project's annotations.
pub(crate) const PREFIX: &str = "oci-hostaliases.io/";
/// The Pod's own entries.
pub const HOST_ALIASES: &str = "oci-hostaliases.io/host-aliases";
/// The domain of the Pod's line.
pub const DOMAIN: &str = "oci-hostaliases.io/domain";
/// The Pod's addresses.
pub const POD_IPS: &str = "oci-hostaliases.io/pod-ips";
/// `"false"`: leave this container alone.
pub const MANAGE: &str = "oci-hostaliases.io/manage";

/// The mounts that were requested from CRI-O, as JSON, without those that CRI-O adds itself.
pub(crate) const CRIO_VOLUMES: &str = "io.kubernetes.cri-o.Volumes";

/// All of them.
const KEYS: [&str; 4] = [HOST_ALIASES, DOMAIN, POD_IPS, MANAGE];

/// The keys of containerd's CRI plugin, CRI-O and the kubelet that the hook reads.
const ENGINE_KEYS: [&str; 11] = [
    CRIO_VOLUMES,
    "io.container.manager",
    "io.kubernetes.cri.container-type",
    "io.kubernetes.cri.container-name",
    "io.kubernetes.cri.sandbox-name",
    "io.kubernetes.cri.sandbox-namespace",
    "io.kubernetes.cri-o.ContainerType",
    "io.kubernetes.container.name",
    "io.kubernetes.pod.name",
    "io.kubernetes.pod.namespace",
    "io.kubernetes.cri-o.IP.",
];

/// The known annotations, by key. All others are skipped while reading, whatever their value is: an unused
/// annotation must not stop a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotations(BTreeMap<String, String>);

impl Annotations {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The value of the first of `keys` that is set: engines use different names for the same thing.
    pub(crate) fn first_of(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|key| self.get(key))
    }

    /// The annotations of this project, in the order of their keys.
    pub(crate) fn ours(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter(|(key, _)| key.starts_with(PREFIX))
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether the container is the Pod's sandbox, in the words of containerd's CRI and of CRI-O.
    pub(crate) fn of_sandbox(&self) -> bool {
        [
            "io.kubernetes.cri.container-type",
            "io.kubernetes.cri-o.ContainerType",
        ]
        .iter()
        .any(|key| self.get(key) == Some("sandbox"))
    }

    /// Whether the container is to be left alone, whatever else its annotations say.
    pub(crate) fn opt_out(&self) -> bool {
        self.get(MANAGE) == Some("false")
    }

    /// Whether the container requests something. The hook never stops a container that does not. An unknown key is
    /// a request too: its author meant a known one.
    pub fn ask_for_something(&self) -> bool {
        self.ours().any(|(key, _)| key != MANAGE)
    }
}

impl FromIterator<(String, String)> for Annotations {
    /// Keeps the known ones.
    fn from_iter<I: IntoIterator<Item = (String, String)>>(all: I) -> Self {
        Self(all.into_iter().filter(|(key, _)| is_known(key)).collect())
    }
}

/// The key that the author of `key` most likely meant.
pub(crate) fn nearest_key(key: &str) -> Option<&'static str> {
    KEYS.into_iter().min_by_key(|known| distance(key, known))
}

/// What it costs to make one word of the other: 1 for a letter that is missing, since people
/// shorten words, 2 for one too many, 3 for a wrong one. (Levenshtein's distance, weighted.)
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (nth, byte) in from.bytes().enumerate() {
        let mut diagonal = nth * 2;
        let mut left = diagonal + 2;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, wanted) in row.iter_mut().skip(1).zip(to.bytes()) {
            let kept = diagonal + if byte == wanted { 0 } else { 3 };
            diagonal = *cell;
            left = kept.min(diagonal + 2).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

fn is_known(key: &str) -> bool {
    key.starts_with(PREFIX)
        || ENGINE_KEYS
            .iter()
            .any(|known| match known.strip_suffix('.') {
                Some(_) => key.starts_with(known),
                None => key == *known,
            })
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnnotationsVisitor;

        impl<'de> Visitor<'de> for AnnotationsVisitor {
            type Value = Annotations;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of annotations")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations, A::Error> {
                let mut known = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    if is_known(&key) {
                        known.insert(key, map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Annotations(known))
            }

            fn visit_unit<E>(self) -> Result<Annotations, E> {
                Ok(Annotations::default())
            }
        }

        deserializer.deserialize_any(AnnotationsVisitor)
    }
}
