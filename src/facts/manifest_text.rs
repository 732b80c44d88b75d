//! The text of a manifest: one document out of YAML or JSON, and that it is a Pod. Pure.

use serde::Deserialize;
use serde_json::Value;

use crate::validation::field_error::bare;

/// Why a text is not the manifest of one Pod.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAPod {
    /// No document, or none with anything in it.
    #[error("empty, expected a Pod (apiVersion: v1, kind: Pod)")]
    Empty,
    /// Not a text at all.
    #[error("not UTF-8")]
    NotUtf8,
    /// More than one document.
    #[error("{0} documents, expected one Pod: give them one at a time")]
    Several(usize),
    /// Neither YAML nor JSON, or a key stands twice in one object.
    #[error("not {format}: {situation}")]
    Syntax {
        /// What it was read as.
        format: &'static str,
        /// What is wrong, and where.
        situation: String,
    },
    /// A list, a word, a number.
    #[error("not a manifest: it has no fields, expected a Pod (apiVersion: v1, kind: Pod)")]
    NotAnObject,
    /// Nothing says what it is.
    #[error("no kind, expected a Pod (apiVersion: v1, kind: Pod)")]
    NoKind,
    /// Another kind of object; with a word on how to come to a Pod.
    #[error("kind {kind}: {advice}")]
    Kind {
        /// As the manifest has it.
        kind: String,
        /// What to give instead.
        advice: String,
    },
    /// A Pod of another API than the one that we know.
    #[error("apiVersion {0}: expected v1")]
    ApiVersion(String),
    /// Nothing says of which API it is.
    #[error("no apiVersion, expected v1")]
    NoApiVersion,
}

/// The only document in `text`, a `v1` Pod as far as its head says.
///
/// # Errors
///
/// Why it is not.
pub fn read_pod(text: &[u8]) -> Result<Value, NotAPod> {
    let text = std::str::from_utf8(text).map_err(|_| NotAPod::NotUtf8)?;
    // Editors of another system put one there, and neither YAML nor JSON counts it as text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = read_documents(text)?;
    // `---` at the end or twice in a row makes an empty one, which kubectl passes over too.
    documents.retain(|document| !document.is_null());
    let count = documents.len();
    match (documents.pop(), count) {
        (None, _) => Err(NotAPod::Empty),
        (Some(document), 1) => check_head(&document).map(|()| document),
        (Some(_), several) => Err(NotAPod::Several(several)),
    }
}

/// JSON is read by a reader of JSON: YAML 1.2 contains it in theory, but not a tab in its
/// indentation. What starts with a brace and is no JSON may still be YAML in its flow style.
fn read_documents(text: &str) -> Result<Vec<Value>, NotAPod> {
    if !text.trim_start().starts_with('{') {
        return read_yaml(text);
    }
    let json: Result<Vec<serde_norway::Value>, _> = serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect();
    match json {
        Ok(documents) => documents
            .into_iter()
            .map(|document| plain(document, "JSON"))
            .collect(),
        Err(error) => read_yaml(text).map_err(|_| NotAPod::Syntax {
            format: "JSON",
            situation: error.to_string(),
        }),
    }
}

fn read_yaml(text: &str) -> Result<Vec<Value>, NotAPod> {
    let syntax = |error: serde_norway::Error| NotAPod::Syntax {
        format: "YAML",
        situation: error.to_string(),
    };
    let mut documents = Vec::new();
    for document in serde_norway::Deserializer::from_str(text) {
        let mut value = serde_norway::Value::deserialize(document).map_err(syntax)?;
        value.apply_merge().map_err(syntax)?;
        documents.push(plain(value, "YAML")?);
    }
    Ok(documents)
}

/// Both formats go through YAML's values, because those refuse a key that stands twice in one
/// object; `serde_json` would take the last and tell nobody.
fn plain(value: serde_norway::Value, format: &'static str) -> Result<Value, NotAPod> {
    serde_json::to_value(value).map_err(|error| NotAPod::Syntax {
        format,
        situation: error.to_string(),
    })
}

fn check_head(document: &Value) -> Result<(), NotAPod> {
    if !document.is_object() {
        return Err(NotAPod::NotAnObject);
    }
    let text = |key: &str| document.get(key).and_then(Value::as_str);
    let kind = text("kind").ok_or(NotAPod::NoKind)?;
    if kind != "Pod" {
        return Err(NotAPod::Kind {
            kind: bare(kind),
            advice: advice(kind),
        });
    }
    match text("apiVersion") {
        Some("v1") => Ok(()),
        Some(other) => Err(NotAPod::ApiVersion(bare(other))),
        None => Err(NotAPod::NoApiVersion),
    }
}

/// How to come from this kind of object to a Pod.
fn advice(kind: &str) -> String {
    let template = match kind {
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "ReplicationController"
        | "Job" => "spec.template",
        "CronJob" => "spec.jobTemplate.spec.template",
        "PodTemplate" => "template",
        "List" | "PodList" => return "give one of its Pods".to_owned(),
        _ => return "expected a Pod".to_owned(),
    };
    format!("give the Pod itself ({template} as a Pod)")
}
