//! One entry of `hostAliases`, and the strict reader of a JSON list of them.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::validation::field_error::{FieldError, bare, quote};
use crate::validation::names;

/// An IP address and its names: Kubernetes' `HostAlias`. They are valid by the API server's rules or, in the node's
/// own files, for resolvers. The address keeps its author's spelling, as in the kubelet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAlias {
    ip: String,
    hostnames: Vec<String>,
    position: usize,
}

impl HostAlias {
    /// An entry if the API server accepts `ip` and all `hostnames`. An entry can have no names. `position` is its
    /// position in the source: the index in a list, or the line number in a file. Refused values go to `errors`,
    /// the address under `ip_field` and each name under `name_field(index)`.
    pub(crate) fn check(
        ip: &str,
        hostnames: Vec<String>,
        position: usize,
        ip_field: impl FnOnce() -> String,
        name_field: impl Fn(usize) -> String,
        errors: &mut Vec<FieldError>,
    ) -> Option<Self> {
        let mut is_refused = false;
        if let Some(detail) = names::ip_refusal(ip) {
            is_refused = true;
            FieldError::add(errors, FieldError::invalid(ip_field(), ip, detail));
        }
        for (nth, name) in hostnames
            .iter()
            .enumerate()
            .filter(|(_, name)| !names::is_name(name))
        {
            is_refused = true;
            for detail in names::name_refusals(name) {
                FieldError::add(errors, FieldError::invalid(name_field(nth), name, detail));
            }
        }
        (!is_refused).then(|| Self {
            ip: ip.to_owned(),
            hostnames,
            position,
        })
    }

    /// An entry of the node's own files, whose reader has checked both.
    pub(super) fn as_written(ip: &str, hostnames: Vec<String>, position: usize) -> Self {
        Self {
            ip: ip.to_owned(),
            hostnames,
            position,
        }
    }

    /// The address, as spelled by its author.
    pub fn ip(&self) -> &str {
        &self.ip
    }

    /// The names, in the author's order.
    pub fn hostnames(&self) -> &[String] {
        &self.hostnames
    }

    /// Index in its list, or line number in its file.
    pub(crate) fn position(&self) -> usize {
        self.position
    }
}

/// Reads `[{"ip":"10.1.2.3","hostnames":["foo.remote","bar.remote"]}]`, the list of `.spec.hostAliases`, as
/// strictly as the API server does with `fieldValidation=Strict`: unknown and repeated fields are errors. `field`
/// is the list's own name. All refused values go to `errors`; valid entries are returned.
pub(crate) fn read_list(field: &str, json: &str, errors: &mut Vec<FieldError>) -> Vec<HostAlias> {
    match serde_json::from_str::<Vec<Item>>(json) {
        Ok(items) => check_items(field, items, errors),
        Err(error) => {
            FieldError::add(
                errors,
                FieldError::invalid(
                    field,
                    json,
                    format!("must be a JSON list of objects: {error}"),
                ),
            );
            Vec::new()
        }
    }
}

/// The same for a list that a manifest's reader has already parsed. `null` is an empty list.
#[cfg(feature = "cli")]
pub(crate) fn read_value(
    field: &str,
    value: Value,
    errors: &mut Vec<FieldError>,
) -> Vec<HostAlias> {
    if value.is_null() {
        return Vec::new();
    }
    match value {
        Value::Array(items) => {
            check_items(field, items.into_iter().map(Item::from).collect(), errors)
        }
        other => {
            FieldError::add(
                errors,
                FieldError::wrong_kind(field, kind(&other), "must be a list"),
            );
            Vec::new()
        }
    }
}

fn check_items(field: &str, items: Vec<Item>, errors: &mut Vec<FieldError>) -> Vec<HostAlias> {
    let mut aliases = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        match item {
            Item::Object(members) => aliases.extend(check_item(field, index, members, errors)),
            Item::Other(value) => FieldError::add(
                errors,
                FieldError::wrong_kind(
                    format!("{field}[{index}]"),
                    kind(&value),
                    "must be an object with \"ip\" and \"hostnames\"",
                ),
            ),
        }
    }
    aliases
}

fn check_item(
    field: &str,
    index: usize,
    members: Vec<(String, Value)>,
    errors: &mut Vec<FieldError>,
) -> Option<HostAlias> {
    let before = FieldError::count(errors);
    let (mut ip, mut hostnames) = (None, None);
    for (key, value) in members {
        let place = match key.as_str() {
            "ip" => &mut ip,
            "hostnames" => &mut hostnames,
            _ => {
                FieldError::add(
                    errors,
                    FieldError::unknown(format!("{field}[{index}].{}", bare(&key, "_-")), None),
                );
                continue;
            }
        };
        if place.replace(value).is_some() {
            FieldError::add(
                errors,
                FieldError::duplicate(format!("{field}[{index}].{key}")),
            );
        }
    }
    // A missing address is the empty one, as in the API server's decoder.
    let ip = string(
        ip.unwrap_or(Value::Null),
        || format!("{field}[{index}].ip"),
        errors,
    );
    let hostnames = strings(
        hostnames.unwrap_or(Value::Null),
        &format!("{field}[{index}].hostnames"),
        errors,
    );
    let alias = HostAlias::check(
        ip.as_deref().unwrap_or("0.0.0.0"),
        hostnames,
        index,
        || format!("{field}[{index}].ip"),
        |nth| format!("{field}[{index}].hostnames[{nth}]"),
        errors,
    );
    alias.filter(|_| FieldError::count(errors) == before)
}

fn string(
    value: Value,
    field: impl FnOnce() -> String,
    errors: &mut Vec<FieldError>,
) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Null => Some(String::new()),
        other => {
            FieldError::add(
                errors,
                FieldError::wrong_kind(field(), kind(&other), "must be a string"),
            );
            None
        }
    }
}

fn strings(value: Value, field: &str, errors: &mut Vec<FieldError>) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items
            .into_iter()
            .enumerate()
            .filter_map(|(nth, item)| string(item, || format!("{field}[{nth}]"), errors))
            .collect(),
        other => {
            FieldError::add(
                errors,
                FieldError::wrong_kind(field, kind(&other), "must be a list of strings"),
            );
            Vec::new()
        }
    }
}

/// A word for a value of the wrong type: a small value itself, or the type.
pub(crate) fn kind(value: &Value) -> String {
    match value {
        Value::Array(_) => "list".to_owned(),
        Value::Object(_) => "object".to_owned(),
        Value::String(text) => quote(text),
        small => small.to_string(),
    }
}

/// A member of the list before it is checked. An object keeps its members in order, including duplicates:
/// `serde_json::Value` would silently keep the last.
enum Item {
    Object(Vec<(String, Value)>),
    Other(Value),
}

impl From<Value> for Item {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(members) => Self::Object(members.into_iter().collect()),
            other => Self::Other(other),
        }
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemVisitor;

        impl<'de> Visitor<'de> for ItemVisitor {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Item::Object(members))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Item, A::Error> {
                Deserialize::deserialize(de::value::SeqAccessDeserializer::new(seq))
                    .map(Item::Other)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Item, E> {
                Ok(Item::Other(Value::from(text)))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Item, E> {
                Ok(Item::Other(Value::from(value)))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Item, E> {
                Ok(Item::Other(Value::from(value)))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Item, E> {
                Ok(Item::Other(Value::from(value)))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Item, E> {
                Ok(Item::Other(Value::from(value)))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Item, E> {
                Ok(Item::Other(Value::Null))
            }
        }

        deserializer.deserialize_any(ItemVisitor)
    }
}
