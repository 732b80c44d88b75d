//! Splits the text of a manifest, YAML or JSON, into its documents. Pure.

use serde::Deserialize;
use serde_json::Value;

/// Why a text has no documents that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// Not a text at all.
    #[error("not UTF-8")]
    NotUtf8,
    /// Neither YAML nor JSON, or an object has a key twice. The first document needs no number: the line is enough.
    #[error("{}not {format}: {situation}", match document { 1 => String::new(), _ => format!("document {document}: ") })]
    Syntax {
        /// The document's number, from 1 on.
        document: usize,
        /// The format that it was read as.
        format: &'static str,
        /// What is wrong, and where.
        situation: String,
    },
}

impl Unreadable {
    fn document(&self) -> usize {
        match self {
            Self::NotUtf8 => 0,
            Self::Syntax { document, .. } => *document,
        }
    }
}

/// The documents in `text`, in their order, each with its number from 1 on. `---` at the end or twice in a row
/// makes an empty document, which is skipped, as in kubectl.
pub(crate) fn read(text: &[u8]) -> Result<Vec<(usize, Value)>, Unreadable> {
    let text = std::str::from_utf8(text).map_err(|_| Unreadable::NotUtf8)?;
    // Some editors add a byte order mark, which is not part of the YAML or JSON.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents: Vec<_> = (1..).zip(read_all(text)?).collect();
    documents.retain(|(_, document)| !document.is_null());
    Ok(documents)
}

/// JSON has its own reader: YAML 1.2 includes JSON in theory, but does not allow tabs in its indentation. Text that
/// starts with a brace and is not JSON may still be YAML in flow style. If it is neither, the error of the reader
/// that got further is reported.
fn read_all(text: &str) -> Result<Vec<Value>, Unreadable> {
    if !text.trim_start().starts_with('{') {
        return read_yaml(text);
    }
    read_json(text).or_else(|of_json| {
        read_yaml(text).map_err(|of_yaml| {
            if of_yaml.document() > of_json.document() {
                of_yaml
            } else {
                of_json
            }
        })
    })
}

fn read_json(text: &str) -> Result<Vec<Value>, Unreadable> {
    let mut documents = Vec::new();
    for json in serde_json::Deserializer::from_str(text).into_iter::<serde_norway::Value>() {
        let document = documents.len() + 1;
        let value = json.map_err(|error| Unreadable::Syntax {
            document,
            format: "JSON",
            situation: error.to_string(),
        })?;
        documents.push(plain(value, document, "JSON")?);
    }
    Ok(documents)
}

fn read_yaml(text: &str) -> Result<Vec<Value>, Unreadable> {
    let mut documents = Vec::new();
    for yaml in serde_norway::Deserializer::from_str(text) {
        let document = documents.len() + 1;
        let syntax = |error: serde_norway::Error| Unreadable::Syntax {
            document,
            format: "YAML",
            situation: error.to_string(),
        };
        let mut value = serde_norway::Value::deserialize(yaml).map_err(syntax)?;
        value.apply_merge().map_err(syntax)?;
        documents.push(plain(value, document, "YAML")?);
    }
    Ok(documents)
}

/// Both formats go through YAML's values, because those refuse duplicate keys; `serde_json` would silently take the
/// last.
fn plain(
    value: serde_norway::Value,
    document: usize,
    format: &'static str,
) -> Result<Value, Unreadable> {
    serde_json::to_value(value).map_err(|error| Unreadable::Syntax {
        document,
        format,
        situation: error.to_string(),
    })
}
