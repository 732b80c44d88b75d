//! What several of the tests that need no root share.

use oci_hostaliases::facts::annotations::Annotations;
use oci_hostaliases::facts::config_json::ConfigJson;
use oci_hostaliases::facts::container::Container;
use oci_hostaliases::facts::request::Request;
use serde_json::Value;

/// A set of annotations.
pub(crate) fn annotations(pairs: &[(&str, &str)]) -> Annotations {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// What these annotations ask for; when they are refused, each refusal.
pub(crate) fn request(pairs: &[(&str, &str)]) -> Result<Request, Vec<String>> {
    Request::read(&annotations(pairs))
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

/// The aliases of an annotation as `(address, names)`.
pub(crate) fn aliases(request: &Request) -> Vec<(&str, Vec<&str>)> {
    request
        .aliases
        .iter()
        .map(|alias| {
            let names = alias.hostnames().iter().map(String::as_str).collect();
            (alias.ip(), names)
        })
        .collect()
}

/// A `config.json` of `tests/data/config`.
pub(crate) fn config_fixture(name: &str) -> Value {
    let path = format!(
        "{}/tests/data/config/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The same with more annotations, as an engine passes them on.
pub(crate) fn annotated(mut config: Value, pairs: &[(&str, &str)]) -> Value {
    if config.get("annotations").is_none() {
        config["annotations"] = Value::Object(serde_json::Map::new());
    }
    for (key, value) in pairs {
        config["annotations"][*key] = Value::from(*value);
    }
    config
}

/// The facts in a `config.json` whose bundle is `/bundle`.
pub(crate) fn container(config: &Value) -> Container {
    let bytes = config.to_string();
    let config = ConfigJson::read(bytes.as_bytes()).unwrap();
    Container::new(config, "/bundle".as_ref()).unwrap()
}
