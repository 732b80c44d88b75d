//! One object of the two kinds, checked entry by entry.
//!
//! The CRD's schema refuses an invalid entry. An older API server or a changed CRD may accept more, so everything
//! is checked again; invalid entries are left out and reported.

use std::fmt;

use serde_json::Value;

use crate::text::host_alias::{self, HostAlias};
use crate::validation::field_error::{FieldError, quote};
use crate::validation::names;

/// The API group.
pub const GROUP: &str = "oci-hostaliases.io";
/// Its version.
pub const VERSION: &str = "v1alpha1";
/// How many entries an object may have, names an entry, and namespaces a `ClusterHostAliasSet`: the schema's
/// `maxItems`.
pub const ENTRIES_MAX: usize = 1000;
/// See [`ENTRIES_MAX`].
pub const NAMES_MAX: usize = 64;
/// See [`ENTRIES_MAX`].
pub const NAMESPACES_MAX: usize = 256;

const ALIASES: &str = "spec.hostAliases";

/// The two kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// For the Pods of its namespace.
    HostAliasSet,
    /// For the Pods of all namespaces, or of those that it names.
    ClusterHostAliasSet,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::HostAliasSet, Self::ClusterHostAliasSet];

    /// As in `kind:`.
    pub fn name(self) -> &'static str {
        match self {
            Self::HostAliasSet => "HostAliasSet",
            Self::ClusterHostAliasSet => "ClusterHostAliasSet",
        }
    }

    /// As in a URL.
    pub fn plural(self) -> &'static str {
        match self {
            Self::HostAliasSet => "hostaliassets",
            Self::ClusterHostAliasSet => "clusterhostaliassets",
        }
    }
}

/// The object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SetName {
    /// Its kind.
    pub kind: Kind,
    /// The namespace of a `HostAliasSet`.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
}

impl SetName {
    /// Why the name is not valid in a path.
    fn trouble(&self) -> Option<String> {
        let namespace = match (self.kind, &self.namespace) {
            (Kind::HostAliasSet, None) => return Some("it has no namespace".to_owned()),
            (Kind::HostAliasSet, Some(namespace)) => Some(namespace),
            (Kind::ClusterHostAliasSet, _) => None,
        };
        if !names::is_name(&self.name) {
            return Some(format!("{} is not a name", quote(&self.name)));
        }
        namespace
            .filter(|namespace| !names::label_refusals(namespace).is_empty())
            .map(|namespace| format!("{} is not the name of a namespace", quote(namespace)))
    }
}

/// `HostAliasSet shop/payment`, `ClusterHostAliasSet corp`.
impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        match &self.namespace {
            Some(namespace) => write!(f, " {namespace}/{}", self.name),
            None => write!(f, " {}", self.name),
        }
    }
}

/// An object's valid entries, and what was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasSet {
    /// The object.
    pub name: SetName,
    /// The namespaces of a `ClusterHostAliasSet`; `None`: every one.
    pub namespaces: Option<Vec<String>>,
    /// The entries.
    pub aliases: Vec<HostAlias>,
    /// How many entries were left out.
    pub left_out: usize,
    /// Why, by field. After the first twenty they are only counted.
    pub refusals: Vec<FieldError>,
}

impl AliasSet {
    /// Reads `spec` of the object of this name.
    ///
    /// # Errors
    ///
    /// The object's name is not valid in a path. The API server accepts no such object.
    pub fn read(name: SetName, spec: &Value) -> Result<Self, String> {
        if let Some(trouble) = name.trouble() {
            return Err(format!("{name}: {trouble}"));
        }
        let mut refusals = Vec::new();
        let list = spec.get("hostAliases").cloned().unwrap_or(Value::Null);
        let listed = match &list {
            Value::Array(items) => items.len(),
            Value::Null => 0,
            _ => 1,
        };
        let mut aliases = host_alias::read_value(ALIASES, list, &mut refusals);
        aliases.retain(|alias| is_within_limits(alias, &mut refusals));
        let namespaces = match name.kind {
            Kind::HostAliasSet => None,
            Kind::ClusterHostAliasSet => read_namespaces(spec.get("namespaces"), &mut refusals),
        };
        Ok(Self {
            name,
            namespaces,
            left_out: listed - aliases.len(),
            aliases,
            refusals,
        })
    }
}

fn is_within_limits(alias: &HostAlias, refusals: &mut Vec<FieldError>) -> bool {
    let field = format!("{ALIASES}[{}]", alias.position());
    let error = if alias.position() >= ENTRIES_MAX {
        let detail = format!("after the first {ENTRIES_MAX} entries");
        FieldError::invalid(field, alias.ip(), detail)
    } else if alias.hostnames().len() > NAMES_MAX {
        let shown = format!("{} names", alias.hostnames().len());
        let detail = format!("must have at most {NAMES_MAX}");
        FieldError::wrong_kind(format!("{field}.hostnames"), shown, detail)
    } else if alias.hostnames().is_empty() {
        FieldError::required(format!("{field}.hostnames"), "at least one name")
    } else {
        return true;
    };
    FieldError::add(refusals, error);
    false
}

/// `None` if the field is absent. An invalid field selects no namespace: entries for a few namespaces must not
/// become entries for all.
fn read_namespaces(field: Option<&Value>, refusals: &mut Vec<FieldError>) -> Option<Vec<String>> {
    const FIELD: &str = "spec.namespaces";
    let items = match field {
        None | Some(Value::Null) => return None,
        Some(Value::Array(items)) => items,
        Some(other) => {
            let shown = host_alias::kind(other);
            FieldError::add(
                refusals,
                FieldError::wrong_kind(FIELD, shown, "must be a list of strings"),
            );
            return Some(Vec::new());
        }
    };
    let mut namespaces = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let field = || format!("{FIELD}[{index}]");
        let detail = match item.as_str() {
            None => "must be a string".to_owned(),
            Some(_) if index >= NAMESPACES_MAX => {
                format!("after the first {NAMESPACES_MAX} namespaces")
            }
            Some(text) => match names::label_refusals(text).first() {
                Some(reason) => (*reason).to_owned(),
                None => {
                    namespaces.push(text.to_owned());
                    continue;
                }
            },
        };
        let shown = host_alias::kind(item);
        FieldError::add(refusals, FieldError::wrong_kind(field(), shown, detail));
    }
    namespaces.sort_unstable();
    namespaces.dedup();
    Some(namespaces)
}
