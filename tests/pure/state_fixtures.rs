//! The state as each runtime writes it to a hook's stdin. Those of runc and crun are recorded, the
//! others written down from the runtimes' sources.

use crate::fixtures::{aliases, annotations};
use oci_hostaliases::facts::container::Identity;
use oci_hostaliases::facts::state::{State, unreadable_state_asks};

fn fixture(name: &str) -> Vec<u8> {
    let path = format!(
        "{}/tests/data/state/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_state_of_each_runtime_and_stage() {
    let there = "/run/bundles/web";
    for (name, pid, bundle) in [
        ("runc-1.1.5-createRuntime", Some(4711), there),
        ("runc-1.1.5-createContainer", Some(1), there),
        ("runc-1.1.5-poststop", None, there),
        ("crun-1.8.1-createRuntime", Some(4711), there),
        ("crun-1.8.1-createContainer", Some(0), there),
        // The bundle's path does not exist any more inside; "starting" is no status of the specification's.
        ("crun-1.8.1-startContainer", Some(0), "/"),
        ("crun-1.8.1-poststop", Some(0), there),
        // Several lines, and `\/` for each slash, in keys too.
        ("crun-1.28-createRuntime", Some(4711), there),
        ("crun-1.28-createContainer", Some(0), there),
        ("crun-1.28-poststop", Some(0), there),
        ("youki-0.7.0-createRuntime", Some(4711), there),
        ("youki-0.7.0-createContainer", None, there),
        ("youki-0.5.7-createContainer", None, there),
        // Version and status are empty.
        ("kata-createRuntime", Some(4711), there),
        ("gvisor-createRuntime", Some(4711), there),
        ("gvisor-createContainer", Some(-1), there),
    ] {
        let state = State::read(&fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            (state.id.as_str(), state.pid, state.bundle.as_str()),
            ("web", pid, bundle),
            "{name}"
        );
        assert!(state.annotations.ask_for_something(), "{name}");
        assert_eq!(
            state.annotations.get("io.kubernetes.pod.name"),
            Some("web-0"),
            "{name}"
        );
        assert_eq!(
            Identity::new(&state.id, &state.annotations).to_string(),
            "pod default/web-0, container web",
            "{name}"
        );
        let request = oci_hostaliases::facts::request::Request::read(&state.annotations).unwrap();
        assert_eq!(
            aliases(&request),
            [("10.1.2.3", vec!["foo.remote"])],
            "{name}"
        );
    }
}

#[test]
fn every_fixture_is_tested() {
    let directory = format!("{}/tests/data/state", env!("CARGO_MANIFEST_DIR"));
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 16);
}

#[test]
fn what_is_odd_and_not_ours_does_not_matter() {
    for state in [
        // Kata's, and statuses that were invented later.
        r#"{"id":"web","bundle":"/b","status":""}"#,
        r#"{"id":"web","bundle":"/b","status":"checkpointing","ociVersion":"9"}"#,
        r#"{"id":"web","bundle":"/b","status":7,"ociVersion":null,"root":["x"],"extra":{"a":[{}]}}"#,
        // No annotations, said in every way there is.
        r#"{"id":"web","bundle":"/b","annotations":null}"#,
        r#"{"id":"web","bundle":"/b","annotations":{}}"#,
        // Other annotations are not read.
        r#"{"id":"web","bundle":"/b","annotations":{"a":7,"b":null,"c":{"d":[1]},"e":"\ud83d"}}"#,
        "\n\t {\r\n \"bundle\" : \"\\/b\" , \"id\" : \"w\\u0065b\" }\n\n",
    ] {
        let state =
            State::read(state.as_bytes()).unwrap_or_else(|error| panic!("{state}: {error}"));
        assert_eq!((state.id.as_str(), state.bundle.as_str()), ("web", "/b"));
        assert_eq!(state.pid, None);
        assert!(!state.annotations.ask_for_something());
    }
}

#[test]
fn what_is_no_state_is_refused_with_the_place() {
    for (state, error) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("{", "EOF while parsing an object at line 1 column 1"),
        ("state", "expected an object"),
        (r#" ["web",1,"/b",{}]"#, "expected an object"),
        (
            r#"{"id":"web"}"#,
            "missing field `bundle` at line 1 column 12",
        ),
        (
            r#"{"bundle":"/b"}"#,
            "missing field `id` at line 1 column 15",
        ),
        (
            r#"{"id":7,"bundle":"/b"}"#,
            "invalid type: integer `7`, expected a string at line 1 column 7",
        ),
        (
            r#"{"id":"web","bundle":"/b","pid":"1"}"#,
            "invalid type: string \"1\", expected i64 at line 1 column 35",
        ),
        (
            r#"{"id":"web","bundle":"/b"} {}"#,
            "trailing characters at line 1 column 28",
        ),
        (
            r#"{"id":"web","bundle":"/b","annotations":{"oci-hostaliases.io/domain":7}}"#,
            "invalid type: integer `7`, expected a string at line 1 column 70",
        ),
    ] {
        assert_eq!(
            State::read(state.as_bytes()).unwrap_err().to_string(),
            error,
            "{state}"
        );
    }
    assert!(State::read(b"{\"id\":\"\xff\",\"bundle\":\"/b\"}").is_err());
}

#[test]
fn an_unreadable_state_that_does_not_name_us_asked_for_nothing() {
    for (state, asks) in [
        // Nothing at all is a call by hand.
        ("", true),
        ("nonsense", false),
        (r#"{"annotations":{"oci-hostaliases.io/domain":"a"#, true),
        (r#"{"annotations":{"oci-hostaliases.io\/domain":7}}"#, true),
        (r#"{"annotations":{"example.io/domain":"a"#, false),
    ] {
        assert_eq!(unreadable_state_asks(state.as_bytes()), asks, "{state}");
    }
    assert!(unreadable_state_asks(
        b"\xff\xfe{\"oci-hostaliases.io/domain"
    ));
}

#[test]
fn a_container_is_named_as_its_engine_names_it() {
    for (pairs, name) in [
        (&[][..], "container web"),
        (
            &[
                ("io.kubernetes.cri.sandbox-name", "web-0"),
                ("io.kubernetes.cri.sandbox-namespace", "shop"),
                ("io.kubernetes.cri.container-name", "nginx"),
            ],
            "pod shop/web-0, container nginx web",
        ),
        (
            &[
                ("io.kubernetes.pod.name", "web-0"),
                ("io.kubernetes.pod.namespace", "shop"),
                ("io.kubernetes.container.name", "nginx"),
            ],
            "pod shop/web-0, container nginx web",
        ),
        (
            &[("io.kubernetes.container.name", "nginx")],
            "container nginx web",
        ),
        // A name that could be taken for something else is quoted.
        (
            &[
                ("io.kubernetes.pod.name", "web\n0: done"),
                ("io.kubernetes.pod.namespace", ""),
            ],
            r#"pod ""/"web\n0: done", container web"#,
        ),
    ] {
        assert_eq!(
            Identity::new("web", &annotations(pairs)).to_string(),
            name,
            "{pairs:?}"
        );
    }
    assert_eq!(
        Identity::new("a b", &annotations(&[])).to_string(),
        r#"container "a b""#
    );
}
