//! The plan table by NRI's event, and what the engine is answered.

use std::collections::BTreeMap;
use std::path::Path;

use oci_hostaliases::agent::entries::Entries;
use oci_hostaliases::agent::node_state::NodeState;
use oci_hostaliases::agent::nri::answer::{Answer, HookCall, decide, with_hook};
use oci_hostaliases::agent::nri::event::Event;
use oci_hostaliases::agent::nri::messages::{Container, Hook, Hooks, Mount, PodSandbox};
use oci_hostaliases::files::agent_config::AgentConfig;
use oci_hostaliases::files::config::{Config, OnError};

const KEY: &str = "oci-hostaliases.io/host-aliases";

fn pod(annotations: &[(&str, &str)]) -> PodSandbox {
    let annotations = annotations
        .iter()
        .map(|(key, value)| ((*key).into(), (*value).into()));
    PodSandbox {
        name: "web-0".into(),
        uid: "0000-1".into(),
        namespace: "shop".into(),
        annotations: annotations.collect(),
        runtime_handler: "runc".into(),
        ips: vec!["192.0.2.7".into(), "2001:db8::7".into()],
        ..PodSandbox::default()
    }
}

/// As containerd makes it, with this source on `/etc/hosts`.
fn container(hosts: Option<&str>) -> Container {
    let mount = |source: &str| Mount {
        destination: "/etc/hosts".into(),
        source: source.into(),
        ..Mount::default()
    };
    let annotation = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    Container {
        id: "c1".into(),
        name: "main".into(),
        annotations: BTreeMap::from([
            annotation("io.kubernetes.cri.container-type", "container"),
            annotation("io.kubernetes.cri.container-name", "main"),
            annotation("io.kubernetes.cri.sandbox-name", "web-0"),
            annotation("io.kubernetes.cri.sandbox-namespace", "shop"),
        ]),
        mounts: hosts.map(mount).into_iter().collect(),
        ..Container::default()
    }
}

fn node() -> NodeState {
    NodeState {
        entries: Entries::default(),
        hook: Ok(Config::default()),
        agent: AgentConfig {
            mount_handlers: ["kata".to_owned()].into(),
            ..AgentConfig::default()
        },
    }
}

/// In a word or two.
fn answer(pod: &PodSandbox, container: &Container, node: &NodeState) -> String {
    match decide(&Event::new(pod, container), node) {
        Answer::Leave(plan) => format!("nothing: {plan}"),
        Answer::HasHook => "nothing: it has the hook".into(),
        Answer::Hook(plan) => format!("hook: {plan}"),
        Answer::Mount(draft) => format!("mount: {}", draft.plan()),
        Answer::StartsWithout(why) => format!("without: {why}"),
        Answer::Refuse(why) => format!("refused: {why}"),
    }
}

const ALIASES: (&str, &str) = (KEY, "10.1.2.3 foo.remote");
const COPY: &str = "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/s1/hosts";
const KUBELET: &str = "/var/lib/kubelet/pods/0000-1/etc-hosts";
const OWN: &str = "/srv/hosts";
const OURS: &str = "/run/oci-hostaliases/files/c0";

#[test]
fn each_row_of_the_plan_table() {
    let opted_out = [ALIASES, ("oci-hostaliases.io/manage", "false")];
    for (annotations, hosts, expected) in [
        (
            &[][..],
            None,
            "hook: manage: nothing is mounted on /etc/hosts",
        ),
        (
            &[],
            Some(COPY),
            "hook: manage: /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/s1/hosts is containerd's copy of the node's file",
        ),
        (
            &[],
            Some(KUBELET),
            "nothing: leave: /var/lib/kubelet/pods/0000-1/etc-hosts was made by the kubelet and no entries are requested",
        ),
        (
            &[ALIASES],
            Some(KUBELET),
            "hook: extend: /var/lib/kubelet/pods/0000-1/etc-hosts was made by the kubelet",
        ),
        (
            &[],
            Some(OWN),
            "nothing: leave: /srv/hosts is the user's own volume on /etc/hosts",
        ),
        (
            &[ALIASES],
            Some(OWN),
            "nothing: leave: /srv/hosts is the user's own volume on /etc/hosts: the requested entries are not added",
        ),
        (
            &[ALIASES],
            Some("/srv/../run/oci-hostaliases/files/c0"),
            "nothing: leave: the agent has mounted the file already",
        ),
        (
            &[ALIASES],
            Some(OURS),
            "nothing: leave: the agent has mounted the file already",
        ),
        (
            &opted_out,
            None,
            "nothing: leave: annotation oci-hostaliases.io/manage is \"false\"",
        ),
    ] {
        assert_eq!(
            answer(&pod(annotations), &container(hosts), &node()),
            expected
        );
    }
}

#[test]
fn a_mount_where_the_handler_is_listed_and_nowhere_else() {
    let kata = PodSandbox {
        runtime_handler: "kata".into(),
        ..pod(&[ALIASES])
    };
    let mut registered = container(None);
    registered.hooks = Some(Hooks {
        prestart: vec![Hook {
            path: "/opt/oci-hostaliases-hook".into(),
            ..Hook::default()
        }],
        ..Hooks::default()
    });
    for (pod, container, expected) in [
        (
            &kata,
            container(None),
            "mount: manage: nothing is mounted on /etc/hosts",
        ),
        // Its runtime passes over the registered one.
        (
            &kata,
            registered.clone(),
            "mount: manage: nothing is mounted on /etc/hosts",
        ),
        (&pod(&[ALIASES]), registered, "nothing: it has the hook"),
    ] {
        assert_eq!(answer(pod, &container, &node()), expected);
    }
}

#[test]
fn a_wrong_request_is_refused_in_the_words_of_the_hook_unless_the_administrator_wants_it_started() {
    let bad = pod(&[(KEY, r#"[{"ip":"010.0.0.5","hostnames":["a"]}]"#)]);
    let why = "pod shop/web-0, container main c1: \
        oci-hostaliases.io/host-aliases[0].ip: Invalid value: \"010.0.0.5\": must not have leading 0s";
    assert_eq!(
        answer(&bad, &container(None), &node()),
        format!("refused: {why}")
    );
    // A manage that is no boolean asks for nothing.
    let odd = pod(&[("oci-hostaliases.io/manage", "no")]);
    assert!(answer(&odd, &container(None), &node()).starts_with("without: "));
    let warns = NodeState {
        hook: Ok(Config {
            on_error: OnError::Warn,
            ..Config::default()
        }),
        ..node()
    };
    assert_eq!(
        answer(&bad, &container(None), &warns),
        format!("without: {why}")
    );
    let unreadable = NodeState {
        hook: Err("line 1: nothing".into()),
        ..node()
    };
    assert_eq!(
        answer(&bad, &container(None), &unreadable),
        format!("refused: {why}")
    );
}

/// The arguments and the annotations that the hook gets.
fn call(pod: &PodSandbox, container: &Container) -> (Vec<String>, Vec<(String, String)>) {
    let call = HookCall {
        program: Path::new("/opt/hook"),
        config: Path::new("/etc/oci-hostaliases/config.toml"),
        hosts_d: Path::new("/srv/hosts.d"),
        entries_to_come: false,
    };
    let adjustment = with_hook(&Event::new(pod, container), call).expect("a hook");
    assert!(adjustment.mounts.is_empty());
    let [hook] = adjustment
        .hooks
        .expect("hooks")
        .prestart
        .try_into()
        .expect("one hook");
    assert_eq!(hook.path, "/opt/hook");
    assert_eq!(hook.env, ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]);
    assert_eq!(hook.timeout.map(|timeout| timeout.value), Some(10));
    (hook.args, adjustment.annotations.into_iter().collect())
}

#[test]
fn the_hook_is_told_what_the_container_does_not_tell_and_nothing_twice() {
    let asking = pod(&[ALIASES, ("example.org/other", "x")]);
    let annotation = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let start = [
        "oci-hostaliases-hook",
        "prestart",
        "--hosts-d",
        "/srv/hosts.d",
    ];
    let addresses = ["--pod-ips", "192.0.2.7,2001:db8::7"];

    let (args, annotations) = call(&asking, &container(None));
    assert_eq!(args, [&start[..], &addresses].concat());
    assert_eq!(annotations, [annotation(ALIASES)]);

    // An engine that passes annotations on, and one that tells nothing.
    let mut passed = container(None);
    passed.annotations.extend([annotation((KEY, "10.9.9.9 x"))]);
    assert_eq!(call(&asking, &passed).1, []);
    let mut bare = container(None);
    bare.annotations.clear();
    let names = ["--namespace", "shop", "--pod", "web-0"];
    assert_eq!(
        call(&asking, &bare).0,
        [&start[..], &addresses, &names].concat()
    );

    // CRI-O's own annotations have the addresses; containerd 2.0 has none.
    let mut crio = container(None);
    crio.annotations
        .extend([annotation(("io.kubernetes.cri-o.IP.0", "192.0.2.7"))]);
    assert_eq!(call(&asking, &crio).0, start);
    let older = PodSandbox {
        ips: Vec::new(),
        ..pod(&[])
    };
    assert_eq!(
        call(&older, &container(None)),
        (start.map(String::from).to_vec(), vec![])
    );
}
