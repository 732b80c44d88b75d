//! A sandbox and a container that opted out are left alone by the state's annotations, and `config.json` is not
//! opened: the decision is the one that `config.json` would lead to.

use std::path::PathBuf;

use oci_hostaliases::compose::{Decision, decide};
use oci_hostaliases::facts::annotations::Annotations;
use oci_hostaliases::facts::node_entries::NodeEntries;
use oci_hostaliases::facts::state::State;
use oci_hostaliases::plan::{Plan, Reason, left_alone};
use oci_hostaliases::text::node_lines;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use crate::fixtures::{annotations, config_fixture, container};

/// Each with the values that decide something, and with some that do not.
const VALUES: [(&str, &[&str]); 8] = [
    (
        "io.kubernetes.cri.container-type",
        &["sandbox", "container", "Sandbox", ""],
    ),
    (
        "io.kubernetes.cri-o.ContainerType",
        &["sandbox", "container", "sandbox "],
    ),
    (
        "oci-hostaliases.io/manage",
        &["false", "true", "False", "no", ""],
    ),
    (
        "oci-hostaliases.io/host-aliases",
        &["10.1.2.3 foo.remote", "nonsense", ""],
    ),
    ("oci-hostaliases.io/domain", &["example.com", "-"]),
    ("oci-hostaliases.io/unknown", &["x"]),
    ("io.container.manager", &["cri-o", "libpod"]),
    ("io.kubernetes.pod.namespace", &["default"]),
];

const CONFIGS: [&str; 10] = [
    "runc-1.1.5-spec",
    "containerd-sandbox",
    "containerd-kubelet",
    "containerd-own-volume",
    "crio",
    "crio-sandbox",
    "podman",
    "docker",
    "nerdctl",
    "own-volume",
];

fn some_annotations() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let pair = |(key, values): (&'static str, &'static [&'static str])| {
        select(values).prop_map(move |value| (key, value))
    };
    subsequence(VALUES.to_vec(), 0..=VALUES.len())
        .prop_flat_map(move |chosen| chosen.into_iter().map(pair).collect::<Vec<_>>())
}

/// The annotations as a runtime writes them to the hook's stdin; crun writes `\/` for each slash.
fn state(annotations: &Map<String, Value>, escapes: bool) -> State {
    let state = json!({"ociVersion": "1.0.2", "id": "web", "status": "created", "pid": 4711, "bundle": "/bundle",
        "annotations": annotations})
    .to_string();
    let state = if escapes {
        state.replace('/', "\\/")
    } else {
        state
    };
    State::read(state.as_bytes()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_state_decides_as_config_json_would(
        pairs in some_annotations(),
        name in select(&CONFIGS[..]),
        has_entries in any::<bool>(),
        escapes in any::<bool>(),
    ) {
        let mut config = config_fixture(name);
        // The fixture's own annotations too, but where one is replaced.
        let mut annotated = config["annotations"].as_object().cloned().unwrap_or_default();
        annotated.extend(pairs.iter().map(|(key, value)| ((*key).to_owned(), json!(value))));
        config["annotations"] = annotated.clone().into();
        let container = container(&config);
        let asks = container.annotations.ask_for_something();
        let node_entries = || {
            let mut entries = NodeEntries::default();
            if has_entries {
                let path = PathBuf::from("/etc/oci-hostaliases/hosts.d/a.hosts");
                entries.files.push((path, node_lines::read(b"10.9.9.9 node\n").0));
            }
            entries
        };
        let of_config = match decide(&container, asks, node_entries) {
            Ok(Decision::Leave(plan)) if [Reason::Sandbox, Reason::OptOut].contains(&plan.reason) => Some(plan),
            _ => None,
        };
        let state = state(&annotated, escapes);
        prop_assert_eq!(left_alone(&state.annotations), of_config);
        prop_assert_eq!(state.annotations.ask_for_something(), asks);
    }
}

#[test]
fn which_annotations_leave_a_container_alone() {
    let words =
        |annotations: &Annotations| left_alone(annotations).map(|plan: Plan| plan.to_string());
    let sandbox = "leave: the container is its Pod's sandbox";
    let opted_out = "leave: annotation oci-hostaliases.io/manage is \"false\"";
    for (pairs, expected) in [
        (&[][..], None),
        (
            &[("io.kubernetes.cri.container-type", "sandbox")],
            Some(sandbox),
        ),
        (
            &[("io.kubernetes.cri-o.ContainerType", "sandbox")],
            Some(sandbox),
        ),
        (&[("io.kubernetes.cri.container-type", "container")], None),
        (&[("oci-hostaliases.io/manage", "false")], Some(opted_out)),
        (&[("oci-hostaliases.io/manage", "true")], None),
        (&[("oci-hostaliases.io/manage", "no")], None),
        (
            &[
                ("oci-hostaliases.io/manage", "false"),
                ("oci-hostaliases.io/host-aliases", "nonsense"),
            ],
            Some(opted_out),
        ),
    ] {
        assert_eq!(words(&annotations(pairs)).as_deref(), expected, "{pairs:?}");
    }
}
