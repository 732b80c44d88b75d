//! The CRDs that are installed, held against what the agent reads.

use oci_hostaliases::kubernetes::set::{
    AliasSet, ENTRIES_MAX, GROUP, Kind, NAMES_MAX, NAMESPACES_MAX, SetName, VERSION,
};
use oci_hostaliases::kubernetes::set_file;
use serde_json::{Value, json};

fn crd(kind: Kind) -> Value {
    let path = format!(
        "{}/packaging/kubernetes/crds/{}.yaml",
        env!("CARGO_MANIFEST_DIR"),
        kind.plural()
    );
    serde_norway::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn both_say_what_the_agent_asks_for() {
    for (kind, scope, singular, short) in [
        (Kind::HostAliasSet, "Namespaced", "hostaliasset", "has"),
        (
            Kind::ClusterHostAliasSet,
            "Cluster",
            "clusterhostaliasset",
            "chas",
        ),
    ] {
        let crd = crd(kind);
        assert_eq!(
            crd["metadata"]["name"],
            format!("{}.{GROUP}", kind.plural())
        );
        assert_eq!(crd["spec"]["group"], GROUP);
        assert_eq!(crd["spec"]["scope"], scope);
        assert_eq!(
            crd["spec"]["names"],
            json!({
                "kind": kind.name(),
                "listKind": format!("{}List", kind.name()),
                "plural": kind.plural(),
                "singular": singular,
                "shortNames": [short],
            })
        );
        let versions = crd["spec"]["versions"].as_array().unwrap();
        assert_eq!(versions.len(), 1);
        assert_eq!(versions[0]["name"], VERSION);
    }
}

/// The fields of the schema are those that the agent reads, and no others: it takes an object with all of them
/// whole.
#[test]
fn the_fields_are_those_that_the_agent_reads() {
    for (kind, fields) in [
        (Kind::HostAliasSet, vec!["hostAliases"]),
        (Kind::ClusterHostAliasSet, vec!["hostAliases", "namespaces"]),
    ] {
        let spec = &schema(kind)["properties"]["spec"];
        assert_eq!(keys(&spec["properties"]), fields);
        let entry = &spec["properties"]["hostAliases"]["items"];
        assert_eq!(keys(&entry["properties"]), ["hostnames", "ip"]);
        assert_eq!(entry["required"], json!(["ip", "hostnames"]));

        let name = SetName {
            kind,
            namespace: Some("shop".to_owned()),
            name: "a".to_owned(),
        };
        let object = json!({
            "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}],
            "namespaces": ["web"],
        });
        let set = AliasSet::read(name, &object).unwrap();
        assert_eq!((set.aliases.len(), set.left_out), (1, 0));
    }
}

#[test]
fn the_limits_are_the_agents() {
    for kind in Kind::ALL {
        let schema = schema(kind);
        let list = &schema["properties"]["spec"]["properties"]["hostAliases"];
        assert_eq!(list["maxItems"], ENTRIES_MAX);
        // A Pod's list may have an address twice.
        assert_eq!(list["x-kubernetes-list-type"], "atomic");
        let names = &list["items"]["properties"]["hostnames"];
        assert_eq!(names["maxItems"], NAMES_MAX);
        assert_eq!(names["items"]["maxLength"], 253);

        let longest = &schema["properties"]["metadata"]["properties"]["name"]["maxLength"];
        let name = SetName {
            kind,
            namespace: Some("shop".to_owned()),
            name: "a".repeat(longest.as_u64().unwrap() as usize),
        };
        let set = AliasSet::read(name, &json!({})).unwrap();
        assert!(set_file::paths(&set).is_ok());
    }
    let namespaces =
        &schema(Kind::ClusterHostAliasSet)["properties"]["spec"]["properties"]["namespaces"];
    assert_eq!(namespaces["maxItems"], NAMESPACES_MAX);
}

/// `kubectl explain` shows them.
#[test]
fn every_field_is_described() {
    fn undescribed(path: &str, schema: &Value, found: &mut Vec<String>) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            if path == ".metadata" {
                continue;
            }
            if !field["description"].is_string() {
                found.push(path.clone());
            }
            undescribed(&path, field, found);
            undescribed(&path, &field["items"], found);
        }
    }
    for kind in Kind::ALL {
        let mut found = Vec::new();
        undescribed("", &schema(kind), &mut found);
        assert_eq!(found, [""; 0]);
    }
}

fn schema(kind: Kind) -> Value {
    crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}
