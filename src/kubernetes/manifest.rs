//! Objects in a manifest, for `render` and `explain`: the entries that a Pod would get from them, without an API
//! server.

use std::path::Path;

use serde::Deserialize as _;
use serde_json::Value;

use crate::facts::node_entries::{LeftOut, NodeEntries};
use crate::kubernetes::set::{AliasSet, GROUP, Kind, SetName};
use crate::kubernetes::set_file;
use crate::text::node_lines;
use crate::validation::field_error::{FieldErrors, bare};

/// kubectl's namespace for an object that names none.
const DEFAULT_NAMESPACE: &str = "default";

/// The objects of a manifest.
#[derive(Debug)]
pub struct Sets(Vec<AliasSet>);

impl Sets {
    /// Reads YAML or JSON, several documents, or the list that `kubectl get -o yaml` prints.
    ///
    /// # Errors
    ///
    /// It is not YAML, or an object is of another kind.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut sets = Vec::new();
        for document in serde_norway::Deserializer::from_str(text) {
            match Value::deserialize(document).map_err(|error| error.to_string())? {
                Value::Null => {}
                object => match object.get("items").and_then(Value::as_array) {
                    Some(items) => {
                        for item in items {
                            sets.push(read_one(item)?);
                        }
                    }
                    None => sets.push(read_one(&object)?),
                },
            }
        }
        Ok(Self(sets))
    }

    /// Adds their entries for the Pods of this namespace to those of `hosts_d`, as if the agent had written its
    /// files there.
    pub fn add_to(&self, entries: &mut NodeEntries, hosts_d: &Path, namespace: &str) {
        let in_namespace = hosts_d.join(namespace);
        for set in &self.0 {
            let paths = match set_file::paths(set) {
                Ok(paths) => paths,
                Err(why) => {
                    entries.left_out.push(left_out(set, &why));
                    continue;
                }
            };
            let places = paths.iter().map(|path| hosts_d.join(path));
            let mut places = places
                .filter(|path| path.parent() == Some(hosts_d) || path.starts_with(&in_namespace));
            let Some(path) = places.next() else {
                continue;
            };
            if let Err(refusals) = FieldErrors::or(set.refusals.clone(), ()) {
                entries.left_out.push(left_out(set, &refusals.to_string()));
            }
            if let Some(text) = set_file::text(set) {
                entries
                    .files
                    .push((path, node_lines::read(text.as_bytes()).0));
            }
        }
        // As the hook reads them: the namespace's directory, then its parent, each in order.
        entries.files.sort_by(|(one, _), (other, _)| {
            let key = |path: &Path| (path.parent() == Some(hosts_d), path.to_owned());
            key(one).cmp(&key(other))
        });
    }
}

fn left_out(set: &AliasSet, why: &str) -> LeftOut {
    LeftOut {
        path: set.name.to_string().into(),
        line: None,
        why: format!("{}: {why}", set.name),
    }
}

fn read_one(object: &Value) -> Result<AliasSet, String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let (version, kind) = (text("/apiVersion"), text("/kind"));
    let of_ours = version.and_then(|version| version.strip_prefix(GROUP));
    let known = Kind::ALL
        .into_iter()
        .find(|known| Some(known.name()) == kind);
    let (Some(kind), Some(_)) = (known, of_ours.filter(|rest| rest.starts_with('/'))) else {
        return Err(format!(
            "kind {} of {} is neither HostAliasSet nor ClusterHostAliasSet of {GROUP}",
            bare(kind.unwrap_or_default(), "-_./"),
            bare(version.unwrap_or_default(), "-_./")
        ));
    };
    let namespace = match kind {
        Kind::HostAliasSet => Some(text("/metadata/namespace").unwrap_or(DEFAULT_NAMESPACE)),
        Kind::ClusterHostAliasSet => None,
    };
    let name = SetName {
        kind,
        namespace: namespace.map(str::to_owned),
        name: text("/metadata/name").unwrap_or_default().to_owned(),
    };
    AliasSet::read(name, object.get("spec").unwrap_or(&Value::Null))
}
