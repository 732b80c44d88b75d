//! Reads a manifest field by field, so that a field of the wrong type is reported by its path, as the API server
//! does it, and the reading continues. Pure.

use serde_json::Value;

use crate::text::host_alias::kind;
use crate::validation::field_error::FieldError;

/// A place in a manifest: its path and its value. `null` means absent, as in the API.
#[derive(Debug, Clone)]
pub(crate) struct Field<'a> {
    path: String,
    value: Option<&'a Value>,
}

impl<'a> Field<'a> {
    /// The whole document.
    pub(crate) fn root(document: &'a Value) -> Self {
        Self {
            path: String::new(),
            value: Some(document),
        }
    }

    /// `spec.hostname`
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Its value.
    pub(crate) fn value(&self) -> Option<&'a Value> {
        self.value
    }

    /// The member `key`, of any type.
    pub(crate) fn member(&self, key: &str) -> Self {
        let path = match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        };
        let value = self.value.and_then(|value| value.get(key));
        Self {
            path,
            value: value.filter(|value| !value.is_null()),
        }
    }

    /// The member `key`, which must be an object.
    pub(crate) fn object(&self, key: &str, errors: &mut Vec<FieldError>) -> Self {
        self.member(key).into_object(errors)
    }

    /// The member `key`, which must be a string. An empty string means absent, as in the API.
    pub(crate) fn string(&self, key: &str, errors: &mut Vec<FieldError>) -> Option<&'a str> {
        let member = self.member(key);
        let text = member.of_kind("a string", Value::as_str, errors)?;
        (!text.is_empty()).then_some(text)
    }

    /// The member `key`, which must be true or false; false if absent.
    pub(crate) fn flag(&self, key: &str, errors: &mut Vec<FieldError>) -> bool {
        let member = self.member(key);
        member
            .of_kind("true or false", Value::as_bool, errors)
            .unwrap_or_default()
    }

    /// The items, of any kind, of the member `key`, which must be a list.
    pub(crate) fn items(&self, key: &str, errors: &mut Vec<FieldError>) -> Vec<Self> {
        let member = self.member(key);
        let items = member.of_kind("a list", Value::as_array, errors);
        let path = |nth| format!("{}[{nth}]", member.path);
        items
            .into_iter()
            .flatten()
            .enumerate()
            .map(|(nth, item)| Self {
                path: path(nth),
                value: Some(item),
            })
            .collect()
    }

    /// The same place, which must be an object.
    pub(crate) fn into_object(self, errors: &mut Vec<FieldError>) -> Self {
        let is_object = self
            .of_kind("an object", Value::as_object, errors)
            .is_some();
        Self {
            value: self.value.filter(|_| is_object),
            ..self
        }
    }

    fn of_kind<T>(
        &self,
        wanted: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
        errors: &mut Vec<FieldError>,
    ) -> Option<T> {
        let value = self.value?;
        let found = read(value);
        if found.is_none() {
            errors.push(FieldError::wrong_kind(
                self.path.clone(),
                kind(value),
                format!("must be {wanted}"),
            ));
        }
        found
    }
}
