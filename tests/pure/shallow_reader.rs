//! The shallow reading of `config.json` and of the state, compared with `oci-spec`: if `oci-spec` accepts a text,
//! both see the same facts; if it refuses an unused field, the hook accepts the text.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fixtures::{config_fixture, container};
use crate::skipped::skipped;
use oci_hostaliases::facts::config_json::ConfigJson;
use oci_hostaliases::facts::container::{Container, Identity, NamespaceSource};
use oci_hostaliases::facts::state::State;
use oci_spec::runtime::{
    LinuxBuilder, LinuxNamespaceBuilder, LinuxNamespaceType, MountBuilder, ProcessBuilder,
    RootBuilder, Spec, SpecBuilder, StateBuilder,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// Fails if the two readings of the same bytes differ in a field that the hook uses.
#[track_caller]
fn assert_same_facts(bytes: &[u8]) {
    let theirs: Spec = serde_json::from_slice(bytes).expect("oci-spec accepts it");
    let ours = ConfigJson::read(bytes).expect("and so do we");
    let shown = String::from_utf8_lossy(bytes);

    let root = theirs
        .root()
        .as_ref()
        .map(|root| root.path().to_str().unwrap());
    assert_eq!(ours.root.as_ref().map(|root| &*root.path), root, "{shown}");
    assert_eq!(
        ours.hostname.as_deref(),
        theirs.hostname().as_deref(),
        "{shown}"
    );
    let env = theirs
        .process()
        .as_ref()
        .and_then(|process| process.env().as_ref());
    // Of several the last one, which the runtime's process sees.
    let their_hostname = env
        .iter()
        .flat_map(|env| env.iter())
        .filter_map(|pair| pair.strip_prefix("HOSTNAME="))
        .next_back();
    let our_hostname = ours
        .process
        .as_ref()
        .and_then(|process| process.env.hostname.as_deref());
    assert_eq!(our_hostname, their_hostname, "{shown}");
    let our_process = ours.process.as_ref();
    assert_eq!(
        our_process.and_then(|process| process.selinux_label.as_deref()),
        theirs
            .process()
            .as_ref()
            .and_then(|process| process.selinux_label().as_deref()),
        "{shown}"
    );
    let mounts: Vec<(&str, Option<&str>)> = theirs
        .mounts()
        .iter()
        .flatten()
        .map(|mount| {
            (
                mount.destination().to_str().unwrap(),
                mount.source().as_deref().map(|path| path.to_str().unwrap()),
            )
        })
        .collect();
    let our_mounts: Vec<(&str, Option<&str>)> = ours
        .mounts
        .iter()
        .flatten()
        .map(|mount| (&*mount.destination, mount.source.as_deref()))
        .collect();
    assert_eq!(our_mounts, mounts, "{shown}");

    let linux = theirs.linux().as_ref();
    let our_linux = ours.linux.as_ref();
    assert_eq!(
        our_linux.and_then(|linux| linux.mount_label.as_deref()),
        linux.and_then(|linux| linux.mount_label().as_deref()),
        "{shown}"
    );
    let kind = |kind: LinuxNamespaceType| match kind {
        LinuxNamespaceType::Mount => "mount",
        LinuxNamespaceType::Cgroup => "cgroup",
        LinuxNamespaceType::Uts => "uts",
        LinuxNamespaceType::Ipc => "ipc",
        LinuxNamespaceType::User => "user",
        LinuxNamespaceType::Pid => "pid",
        LinuxNamespaceType::Network => "network",
        LinuxNamespaceType::Time => "time",
    };
    let namespaces: Vec<(&str, Option<&str>)> = linux
        .and_then(|linux| linux.namespaces().as_ref())
        .iter()
        .flat_map(|namespaces| namespaces.iter())
        .map(|namespace| {
            (
                kind(namespace.typ()),
                namespace
                    .path()
                    .as_deref()
                    .map(|path| path.to_str().unwrap()),
            )
        })
        .collect();
    let our_namespaces: Vec<(&str, Option<&str>)> = our_linux
        .and_then(|linux| linux.namespaces.as_ref())
        .iter()
        .flat_map(|namespaces| namespaces.iter())
        .map(|namespace| (&*namespace.kind, namespace.path.as_deref()))
        .collect();
    assert_eq!(our_namespaces, namespaces, "{shown}");
    assert_same_annotations(
        |key| ours.annotations.get(key).map(str::to_owned),
        theirs.annotations().as_ref(),
    );
}

/// The known annotations; all others are skipped.
fn is_known(key: &str) -> bool {
    key.starts_with("oci-hostaliases.io/")
        || key.starts_with("io.kubernetes.cri-o.IP.")
        || [
            "io.container.manager",
            "io.kubernetes.container.name",
            "io.kubernetes.cri-o.ContainerType",
            "io.kubernetes.cri-o.Volumes",
            "io.kubernetes.cri.container-name",
            "io.kubernetes.cri.container-type",
            "io.kubernetes.cri.sandbox-name",
            "io.kubernetes.cri.sandbox-namespace",
            "io.kubernetes.pod.name",
            "io.kubernetes.pod.namespace",
        ]
        .contains(&key)
}

#[track_caller]
fn assert_same_annotations(
    ours: impl Fn(&str) -> Option<String>,
    theirs: Option<&HashMap<String, String>>,
) {
    for (key, value) in theirs.into_iter().flatten() {
        let expected = is_known(key).then(|| value.clone());
        assert_eq!(ours(key), expected, "{key}");
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9./=_-]{0,16}",
        any::<String>(),
        select(vec![
            "",
            "/",
            "/etc/hosts",
            "\\/\"\n\t\0",
            "é\u{2028}\u{1f600}"
        ])
        .prop_map(str::to_owned),
    ]
}

prop_compose! {
    fn namespaces()(
        kinds in subsequence(
            vec![
                LinuxNamespaceType::Mount,
                LinuxNamespaceType::Cgroup,
                LinuxNamespaceType::Uts,
                LinuxNamespaceType::Ipc,
                LinuxNamespaceType::User,
                LinuxNamespaceType::Pid,
                LinuxNamespaceType::Network,
                LinuxNamespaceType::Time,
            ],
            0..=8,
        )
        .prop_shuffle(),
        paths in vec(option::of(text()), 8),
    ) -> Vec<oci_spec::runtime::LinuxNamespace> {
        kinds
            .into_iter()
            .zip(paths)
            .map(|(kind, path)| {
                let namespace = LinuxNamespaceBuilder::default().typ(kind);
                match path {
                    Some(path) => namespace.path(path),
                    None => namespace,
                }
                .build()
                .unwrap()
            })
            .collect()
    }
}

prop_compose! {
    fn mount()(
        destination in prop_oneof![Just("/etc/hosts".to_owned()), text()],
        source in option::of(text()),
        options in option::of(vec(text(), 0..3)),
    ) -> oci_spec::runtime::Mount {
        let mut mount = MountBuilder::default().destination(destination).typ("bind");
        if let Some(source) = source {
            mount = mount.source(source);
        }
        if let Some(options) = options {
            mount = mount.options(options);
        }
        mount.build().unwrap()
    }
}

fn annotations() -> impl Strategy<Value = HashMap<String, String>> {
    let key = prop_oneof![
        select(vec![
            "oci-hostaliases.io/host-aliases",
            "oci-hostaliases.io/domain",
            "oci-hostaliases.io/pod-ips",
            "oci-hostaliases.io/manage",
            "oci-hostaliases.io/unknown",
            "io.kubernetes.cri.container-type",
            "io.kubernetes.cri.sandbox-name",
            "io.kubernetes.cri-o.IP.0",
            "io.kubernetes.pod.namespace",
            "io.kubernetes.container.name",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    proptest::collection::hash_map(key, text(), 0..6)
}

prop_compose! {
    fn spec()(
        root in option::of((text(), any::<bool>())),
        hostname in option::of(text()),
        env in option::of(vec(prop_oneof!["HOSTNAME=[a-z]{0,5}", text()], 0..4)),
        mounts in option::of(vec(mount(), 0..4)),
        namespaces in option::of(namespaces()),
        label in option::of(text()),
        process_label in option::of(text()),
        annotations in option::of(annotations()),
        linux in any::<bool>(),
    ) -> Spec {
        // The default has values of its own for the process and all the rest.
        let mut spec = SpecBuilder::default().build().unwrap();
        spec.set_root(root.map(|(path, readonly)| {
            RootBuilder::default().path(path).readonly(readonly).build().unwrap()
        }));
        spec.set_hostname(hostname);
        let mut process = ProcessBuilder::default().build().unwrap();
        process.set_env(env);
        process.set_selinux_label(process_label);
        spec.set_process(Some(process));
        spec.set_mounts(mounts);
        spec.set_annotations(annotations);
        let mut ours = LinuxBuilder::default().build().unwrap();
        ours.set_namespaces(namespaces);
        ours.set_mount_label(label);
        spec.set_linux(linux.then_some(ours));
        spec
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_see_the_same_facts_in_every_spec_that_oci_spec_writes(spec in spec()) {
        assert_same_facts(&serde_json::to_vec(&spec).unwrap());
        assert_same_facts(&serde_json::to_vec_pretty(&spec).unwrap());
    }

    #[test]
    fn both_see_the_same_state(
        id in text(),
        pid in option::of(any::<i32>()),
        bundle in text(),
        annotations in option::of(annotations()),
    ) {
        let mut state = StateBuilder::default()
            .version("1.0.2")
            .id(id.clone())
            .status(oci_spec::runtime::ContainerState::Creating)
            .bundle(bundle.clone());
        if let Some(pid) = pid {
            state = state.pid(pid);
        }
        if let Some(annotations) = &annotations {
            state = state.annotations(annotations.clone());
        }
        let bytes = serde_json::to_vec(&state.build().unwrap()).unwrap();
        let ours = State::read(&bytes).unwrap();
        prop_assert_eq!(&ours.id, &id);
        prop_assert_eq!(ours.pid, pid.map(i64::from));
        prop_assert_eq!(&ours.bundle, &bundle);
        assert_same_annotations(|key| ours.annotations.get(key).map(str::to_owned), annotations.as_ref());
    }
}

#[test]
fn both_see_the_same_facts_in_every_fixture() {
    let directory = format!("{}/tests/data/config", env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        assert_same_facts(&std::fs::read(entry.unwrap().path()).unwrap());
        seen += 1;
    }
    assert_eq!(seen, 17);
}

#[test]
fn both_see_the_same_facts_in_what_the_installed_runtimes_write() {
    for (runtime, arguments) in [
        ("runc", &["spec"][..]),
        ("runc", &["spec", "--rootless"]),
        ("crun", &["spec"]),
        ("crun", &["spec", "--rootless"]),
    ] {
        let bundle = tempfile::tempdir().unwrap();
        match Command::new(runtime)
            .args(arguments)
            .current_dir(&bundle)
            .status()
        {
            Ok(status) => {
                assert!(status.success(), "{runtime} {arguments:?}");
                assert_same_facts(&std::fs::read(bundle.path().join("config.json")).unwrap());
            }
            Err(error) => skipped(&format!("{runtime} {arguments:?}: {error}")),
        }
    }
}

#[test]
fn what_oci_spec_refuses_and_we_do_not_use_is_accepted() {
    for config in [
        // A later invention.
        r#"{"root":{"path":"r"},"process":{"user":{"uid":0,"gid":0},"cwd":"/","capabilities":{"bounding":["CAP_TELEPORT"]}}}"#,
        r#"{"root":{"path":"r"},"linux":{"namespaces":[{"type":"galaxy"}]}}"#,
        r#"{"root":{"path":"r"},"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ASK"}}}"#,
        r#"{"root":{"path":"r"},"process":{"user":{"uid":0,"gid":0},"cwd":"/","rlimits":[{"type":"RLIMIT_NEW","hard":1,"soft":1}]}}"#,
        // Wrong types in unused fields.
        r#"{"ociVersion":1,"root":{"path":"r","readonly":"yes"}}"#,
        r#"{"root":{"path":"r"},"hooks":"none","solaris":[],"vm":7}"#,
        r#"{"root":{"path":"r"},"process":{"args":{"0":"sh"},"user":[],"cwd":null}}"#,
        r#"{"root":{"path":"r"},"mounts":[{"destination":"/x","type":7,"options":"ro"}]}"#,
        r#"{"root":{"path":"r"},"linux":{"resources":[],"uidMappings":"0 0 1"}}"#,
        // Other annotations that are not strings.
        r#"{"root":{"path":"r"},"annotations":{"a":7,"b":null,"c":["x"],"d":{"e":true}}}"#,
    ] {
        assert!(
            serde_json::from_str::<Spec>(config).is_err(),
            "oci-spec accepts it now: {config}"
        );
        let config =
            ConfigJson::read(config.as_bytes()).unwrap_or_else(|error| panic!("{config}: {error}"));
        let container = Container::new(config, Path::new("/b")).unwrap();
        assert_eq!(container.rootfs, PathBuf::from("/b/r"));
        assert_eq!(container.hosts_mount, None);
    }
    for status in [r#""""#, r#""starting""#, "7", "null"] {
        let state = format!(r#"{{"ociVersion":"","id":"web","status":{status},"bundle":"/b"}}"#);
        assert!(
            serde_json::from_str::<oci_spec::runtime::State>(&state).is_err(),
            "{state}"
        );
        assert_eq!(State::read(state.as_bytes()).unwrap().id, "web");
    }
}

#[test]
fn what_is_null_is_not_there() {
    let config = r#"{"root":{"path":"r"},"hostname":null,"process":null,"mounts":null,"annotations":null,"linux":null}"#;
    let nothing = Container::new(
        ConfigJson::read(br#"{"root":{"path":"r"}}"#).unwrap(),
        Path::new("/b"),
    );
    let read = |config: &str| {
        Container::new(
            ConfigJson::read(config.as_bytes()).unwrap(),
            Path::new("/b"),
        )
    };
    assert_eq!(read(config), nothing);
    assert_eq!(
        read(
            r#"{"root":{"path":"r"},"process":{"env":null},"linux":{"namespaces":null,"mountLabel":null}}"#
        ),
        nothing
    );
    // Empty is not there either.
    assert_eq!(
        read(
            r#"{"root":{"path":"r"},"hostname":"","process":{"env":[]},"mounts":[],"annotations":{},"linux":{"namespaces":[],"mountLabel":""}}"#
        ),
        nothing
    );
    for config in ["{}", r#"{"root":null}"#, r#"{"root":{"path":""}}"#] {
        assert_eq!(
            read(config).unwrap_err().to_string(),
            "root.path: Required value",
            "{config}"
        );
    }
}

#[test]
fn slashes_may_be_escaped_and_lines_broken() {
    let config = "{\r\n \"root\" : { \"path\" : \"\\/r\\u006fot\" },\n\t\"mounts\":[{\"destination\":\"\\/etc\\/hosts\",\n\
        \"source\":\"\\/etc\\/hosts\"}],\"annotations\":{\"oci-hostaliases.io\\/domain\":\"a\\u002eb\"},\n\
        \"process\":{\"user\":{\"uid\":0,\"gid\":0},\"cwd\":\"/\",\"env\":[\"HOSTNAME=\\u0061\"]},\"hostname\":\"\\u0062\",\n\
        \"linux\":{\"mountLabel\":\"a\\/b\",\"namespaces\":[{\"type\":\"net\\u0077ork\",\"path\":\"\\/n\"}]}}\n\n";
    assert_same_facts(config.as_bytes());
    let container = Container::new(
        ConfigJson::read(config.as_bytes()).unwrap(),
        Path::new("/b"),
    )
    .unwrap();
    assert_eq!(container.rootfs, PathBuf::from("/root"));
    assert_eq!(
        container.annotations.get("oci-hostaliases.io/domain"),
        Some("a.b")
    );
    assert_eq!(container.network, NamespaceSource::Joined("/n".into()));
}

/// The facts that decide anything, as one line.
fn summary(fixture: &str) -> String {
    let container = container(&config_fixture(fixture));
    let namespace = |namespace: &NamespaceSource| match namespace {
        NamespaceSource::Runtime => "the runtime's".to_owned(),
        NamespaceSource::New => "new".to_owned(),
        NamespaceSource::Joined(path) => path.display().to_string(),
    };
    format!(
        "hostname {}, HOSTNAME {}, network {}, uts {}, userns {}, label {}, namespace {}, CRI-O IPs {:?}",
        container.hostname.as_deref().unwrap_or("-"),
        container.env_hostname.as_deref().unwrap_or("-"),
        namespace(&container.network),
        namespace(&container.uts),
        container.has_user_namespace,
        container.mount_label.as_deref().unwrap_or("-"),
        Identity::new("web", &container.annotations)
            .namespace
            .as_deref()
            .unwrap_or("-"),
        container.crio_pod_ips(),
    )
}

#[test]
fn the_facts_of_each_engine() {
    for (fixture, facts) in [
        (
            "runc-1.1.5-spec",
            "hostname runc, HOSTNAME -, network new, uts new, userns false, label -, namespace -, CRI-O IPs []",
        ),
        (
            "runc-1.1.5-spec-rootless",
            "hostname runc, HOSTNAME -, network the runtime's, uts new, userns true, label -, namespace -, CRI-O IPs []",
        ),
        (
            "crun-1.8.1-spec",
            "hostname crun, HOSTNAME -, network new, uts new, userns false, label -, namespace -, CRI-O IPs []",
        ),
        (
            "containerd-1.7",
            "hostname -, HOSTNAME web-0, network /proc/31415/ns/net, uts /proc/31415/ns/uts, userns false, label -, namespace shop, CRI-O IPs []",
        ),
        (
            "containerd-kubelet",
            "hostname -, HOSTNAME web-0, network /proc/31415/ns/net, uts /proc/31415/ns/uts, userns false, label system_u:object_r:container_file_t:s0:c144,c823, namespace shop, CRI-O IPs []",
        ),
        (
            "crio",
            "hostname web-0, HOSTNAME web-0, network /var/run/netns/8f2d3f6c-2f0b-4f9f-9b1a-1d2e3f4a5b6c, uts /var/run/utsns/8f2d3f6c-2f0b-4f9f-9b1a-1d2e3f4a5b6c, userns false, label -, namespace shop, CRI-O IPs [\"10.88.77.5\", \"fd77::5\"]",
        ),
        (
            "crio-host-network",
            "hostname node-1, HOSTNAME node-1, network the runtime's, uts the runtime's, userns false, label -, namespace shop, CRI-O IPs []",
        ),
        (
            "podman-rootless",
            "hostname 0d1cbd0b3b0b, HOSTNAME 0d1cbd0b3b0b, network /run/netns/netns-5c1c2f3e-0f1d-2c3b-4a59-687785961a2b, uts new, userns true, label -, namespace -, CRI-O IPs []",
        ),
        (
            "docker",
            "hostname 0d1cbd0b3b0b, HOSTNAME 0d1cbd0b3b0b, network new, uts new, userns false, label -, namespace -, CRI-O IPs []",
        ),
    ] {
        assert_eq!(summary(fixture), facts, "{fixture}");
    }
}

#[test]
fn root_path_is_relative_to_the_bundle_or_absolute() {
    let rootfs = |fixture: &str| container(&config_fixture(fixture)).rootfs;
    assert_eq!(rootfs("containerd-1.7"), PathBuf::from("/bundle/rootfs"));
    assert_eq!(
        rootfs("podman"),
        PathBuf::from(
            "/var/lib/containers/storage/overlay/2b8f0b5f3cfa1d5a6d7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5/merged"
        )
    );
}

#[test]
fn the_last_hostname_of_the_environment_counts() {
    let read = |env: &str| {
        let config = format!(r#"{{"root":{{"path":"r"}},"process":{{"env":{env}}}}}"#);
        let config = ConfigJson::read(config.as_bytes()).unwrap();
        Container::new(config, Path::new("/b"))
            .unwrap()
            .env_hostname
    };
    // containerd puts its own first; the image's and the user's come behind it.
    assert_eq!(
        read(r#"["HOSTNAME=web-0","PATH=/bin","HOSTNAME=mine"]"#).as_deref(),
        Some("mine")
    );
    assert_eq!(
        read(r#"["XHOSTNAME=a","hostname=b","HOSTNAME"]"#).as_deref(),
        None
    );
    assert_eq!(read(r#"["HOSTNAME=a=b"]"#).as_deref(), Some("a=b"));
}
