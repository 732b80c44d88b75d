//! What the hook does with a container's `/etc/hosts`, by its mount: each row of the plan table with a
//! `config.json` as the engine writes it.

use crate::fixtures::{annotated, annotations, config_fixture, container};
use oci_hostaliases::compose::{self, Decision, NetworkFacts, Surroundings, TooLarge};
use oci_hostaliases::facts::hosts_mount::{HostsMount, HostsWriter};
use oci_hostaliases::facts::node_entries::NodeEntries;
use oci_hostaliases::facts::request::Request;
use oci_hostaliases::plan::{Action, Plan};
use serde_json::{Value, json};

const ENTRIES: (&str, &str) = (
    "oci-hostaliases.io/host-aliases",
    r#"[{"ip":"10.1.2.3","hostnames":["foo.remote"]}]"#,
);
const NO_ENTRIES: (&str, &str) = ("oci-hostaliases.io/host-aliases", "[]");
const DOMAIN: (&str, &str) = ("oci-hostaliases.io/domain", "shop.example");
const LEFT: (&str, &str) = ("oci-hostaliases.io/manage", "false");
const MANAGED: (&str, &str) = ("oci-hostaliases.io/manage", "true");

/// The plan, or what is refused.
fn plan_for(config: Value, ours: &[(&str, &str)]) -> Result<Plan, String> {
    let container = container(&annotated(config, ours));
    let asks = container.annotations.ask_for_something();
    match compose::decide(&container, asks, NodeEntries::default) {
        Ok(Decision::Leave(plan)) => Ok(plan),
        Ok(Decision::Write(draft)) => Ok(draft.plan().clone()),
        Err(errors) => Err(errors.to_string()),
    }
}

#[track_caller]
fn assert_plan(
    config: Value,
    ours: &[(&str, &str)],
    (action, is_warning, reason): (Action, bool, &str),
) {
    let plan = plan_for(config, ours).unwrap();
    assert_eq!(
        (plan.action, plan.is_warning, plan.reason.to_string()),
        (action, is_warning, reason.to_owned()),
        "with {ours:?}"
    );
}

/// The fixture with this mount added, behind all others.
fn with_mount(fixture: &str, destination: &str, source: &str) -> Value {
    let mut config = config_fixture(fixture);
    config["mounts"].as_array_mut().unwrap().push(json!({
        "destination": destination, "type": "bind", "source": source, "options": ["rbind", "rprivate"]
    }));
    config
}

#[test]
fn managed_whether_entries_are_asked_for_or_not() {
    let copy = "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/4bd67bba5d4b0e2a6a7a27fa9a6ea7ac8ef8a6a0a5e8c22e3a7b1a0b0f4a4cd1/hosts is containerd's copy of the node's file";
    for (fixture, reason) in [
        ("runc-1.1.5-spec", "nothing is mounted on /etc/hosts"),
        (
            "runc-1.1.5-spec-rootless",
            "nothing is mounted on /etc/hosts",
        ),
        ("crun-1.8.1-spec", "nothing is mounted on /etc/hosts"),
        ("crio", "nothing is mounted on /etc/hosts"),
        ("containerd-1.7", copy),
        ("containerd-2.1", copy),
        ("crio-host-network", "the node's own /etc/hosts is mounted"),
    ] {
        for ours in [
            &[][..],
            &[ENTRIES],
            &[NO_ENTRIES],
            &[DOMAIN],
            &[MANAGED],
            &[ENTRIES, MANAGED],
        ] {
            assert_plan(
                config_fixture(fixture),
                ours,
                (Action::Manage, false, reason),
            );
        }
    }
}

#[test]
fn an_engines_own_file_is_extended_only_when_entries_are_asked_for() {
    for (fixture, made) in [
        (
            "containerd-kubelet",
            "/var/lib/kubelet/pods/6f0ad0e1-8b2f-4a4f-9f2e-0c3a2d7b9f10/etc-hosts was made by the kubelet",
        ),
        (
            "crio-kubelet",
            "/var/lib/kubelet/pods/6f0ad0e1-8b2f-4a4f-9f2e-0c3a2d7b9f10/etc-hosts was made by the kubelet",
        ),
        (
            "podman",
            "/run/containers/storage/overlay-containers/0d1cbd0b3b0b8b4e7d66f2f7a3b6f3a9d3a4b2a1c0d9e8f7a6b5c4d3e2f1a0b9/userdata/hosts was made by Podman",
        ),
        (
            "podman-rootless",
            "/run/user/1000/containers/overlay-containers/0d1cbd0b3b0b8b4e7d66f2f7a3b6f3a9d3a4b2a1c0d9e8f7a6b5c4d3e2f1a0b9/userdata/hosts was made by Podman",
        ),
        (
            "docker",
            "/var/lib/docker/containers/0d1cbd0b3b0b8b4e7d66f2f7a3b6f3a9d3a4b2a1c0d9e8f7a6b5c4d3e2f1a0b9/hosts was made by Docker",
        ),
        (
            "nerdctl",
            "/var/lib/nerdctl/1935db59/etchosts/default/0d1cbd0b3b0b8b4e7d66f2f7a3b6f3a9d3a4b2a1c0d9e8f7a6b5c4d3e2f1a0b9/hosts was made by nerdctl",
        ),
    ] {
        for ours in [&[ENTRIES][..], &[ENTRIES, DOMAIN], &[ENTRIES, MANAGED]] {
            assert_plan(config_fixture(fixture), ours, (Action::Extend, false, made));
        }
        for ours in [&[][..], &[MANAGED]] {
            assert_plan(
                config_fixture(fixture),
                ours,
                (
                    Action::Leave,
                    false,
                    &format!("{made} and no entries are requested"),
                ),
            );
        }
        // Requests something, but no entries: the request needs a file of the hook.
        for ours in [&[DOMAIN][..], &[NO_ENTRIES]] {
            assert_plan(
                config_fixture(fixture),
                ours,
                (
                    Action::Leave,
                    true,
                    &format!("{made} and there are no entries for it: it stays unchanged"),
                ),
            );
        }
    }
}

#[test]
fn an_engines_file_that_is_still_empty_is_managed_with_a_warning() {
    let container = container(&annotated(config_fixture("podman"), &[ENTRIES]));
    let Ok(Decision::Write(mut draft)) = compose::decide(&container, true, NodeEntries::default)
    else {
        panic!("it asks for entries");
    };
    let plan = draft.compose(4096, &mut EmptyEngineFile).unwrap().plan;
    assert_eq!(
        (
            plan.action,
            plan.is_warning,
            plan.reason.to_string().as_str()
        ),
        (
            Action::Manage,
            true,
            "/run/containers/storage/overlay-containers/0d1cbd0b3b0b8b4e7d66f2f7a3b6f3a9d3a4b2a1c0d9e8f7a6b5c4d3e2f1a0b9/userdata/hosts was made by Podman, but it is still empty: the engine's own later entries (--add-host) are hidden until oci-hostaliases refresh runs",
        )
    );
}

/// The engine has not written its file yet.
struct EmptyEngineFile;

impl Surroundings for EmptyEngineFile {
    type Error = TooLarge;

    fn engine_hosts(&mut self, _: &str, _: u64) -> Result<Vec<u8>, TooLarge> {
        Ok(Vec::new())
    }

    fn network(&mut self, _: &Request) -> Result<NetworkFacts, TooLarge> {
        Ok(NetworkFacts::Host {
            node_hosts: Vec::new(),
        })
    }
}

#[test]
fn the_users_own_volume_is_left_alone() {
    for (fixture, own) in [
        (
            "own-volume",
            "/srv/web/hosts is the user's own volume on /etc/hosts",
        ),
        (
            "containerd-own-volume",
            "/var/lib/kubelet/pods/6f0ad0e1-8b2f-4a4f-9f2e-0c3a2d7b9f10/volume-subpaths/hosts/web/0 is the user's own volume on /etc/hosts",
        ),
    ] {
        assert_plan(config_fixture(fixture), &[], (Action::Leave, false, own));
        assert_plan(
            config_fixture(fixture),
            &[MANAGED],
            (Action::Leave, false, own),
        );
        for ours in [&[ENTRIES][..], &[DOMAIN], &[NO_ENTRIES]] {
            assert_plan(
                config_fixture(fixture),
                ours,
                (
                    Action::Leave,
                    true,
                    &format!("{own}: the requested entries are not added"),
                ),
            );
        }
    }
}

#[test]
fn a_sandbox_is_left_alone_whatever_is_asked_for() {
    for fixture in ["containerd-sandbox", "crio-sandbox"] {
        for ours in [
            &[][..],
            &[ENTRIES],
            &[LEFT],
            &[("oci-hostaliases.io/host-aliases", "nonsense")],
            &[("oci-hostaliases.io/hots-aliases", "[]")],
        ] {
            assert_plan(
                config_fixture(fixture),
                ours,
                (Action::Leave, false, "the container is its Pod's sandbox"),
            );
        }
    }
    // Whatever it has mounted.
    assert_plan(
        with_mount("containerd-sandbox", "/etc/hosts", "/etc/hosts"),
        &[ENTRIES],
        (Action::Leave, false, "the container is its Pod's sandbox"),
    );
}

#[test]
fn manage_false_leaves_alone_also_when_the_other_annotations_are_wrong() {
    for fixture in [
        "runc-1.1.5-spec",
        "containerd-1.7",
        "containerd-kubelet",
        "crio",
        "crio-host-network",
        "podman",
        "docker",
        "nerdctl",
        "own-volume",
    ] {
        for ours in [
            &[LEFT][..],
            &[LEFT, ENTRIES],
            &[LEFT, ("oci-hostaliases.io/host-aliases", "[[[")],
            &[LEFT, ("oci-hostaliases.io/domain", "Not A Domain")],
            &[LEFT, ("oci-hostaliases.io/hots-aliases", "[]")],
        ] {
            assert_plan(
                config_fixture(fixture),
                ours,
                (
                    Action::Leave,
                    false,
                    "annotation oci-hostaliases.io/manage is \"false\"",
                ),
            );
        }
    }
    // Only "false" is false.
    for other in ["False", "no", "0", " false", ""] {
        assert_eq!(
            plan_for(
                config_fixture("crio"),
                &[("oci-hostaliases.io/manage", other)]
            ),
            Err(format!(
                "oci-hostaliases.io/manage: Invalid value: {other:?}: must be \"true\" or \"false\""
            ))
        );
    }
}

/// podman-run(1): with `--no-hosts` "the image's /etc/hosts will be preserved unmodified".
#[test]
fn a_podman_container_without_a_mount_keeps_the_images_file_unless_there_is_something_to_add() {
    let no_hosts = || {
        let mut config = config_fixture("podman");
        let mounts = config["mounts"].as_array_mut().unwrap();
        mounts.retain(|mount| mount["destination"] != "/etc/hosts");
        config
    };
    assert_plan(
        no_hosts(),
        &[],
        (
            Action::Leave,
            false,
            "Podman mounts nothing on /etc/hosts (--no-hosts) and nothing is requested",
        ),
    );
    let managed = (Action::Manage, false, "nothing is mounted on /etc/hosts");
    for ours in [ENTRIES, NO_ENTRIES, DOMAIN] {
        assert_plan(no_hosts(), &[ours], managed);
    }
    // Entries of the node are something to add, and other engines have no such option.
    let container = container(&no_hosts());
    let aliases = crate::fixtures::request(&[ENTRIES]).unwrap().aliases;
    let node = || NodeEntries {
        files: vec![("/n.hosts".into(), aliases.clone())],
        ..NodeEntries::default()
    };
    assert!(matches!(
        compose::decide(&container, false, node),
        Ok(Decision::Write(draft)) if draft.plan().action == Action::Manage
    ));
    assert_plan(config_fixture("crio"), &[], managed);
}

/// An agent that follows a cluster's objects: what was left alone could not be brought up to date later.
#[test]
fn entries_that_may_come_extend_the_kubelets_file_alone() {
    let kubelet = "/var/lib/kubelet/pods/0000-1/etc-hosts";
    let to_come = || NodeEntries {
        may_come: true,
        ..NodeEntries::default()
    };
    for (source, action, reason) in [
        (
            kubelet,
            Action::Extend,
            "/var/lib/kubelet/pods/0000-1/etc-hosts was made by the kubelet, and entries may appear while the container runs",
        ),
        (
            "/srv/hosts",
            Action::Leave,
            "/srv/hosts is the user's own volume on /etc/hosts",
        ),
    ] {
        let container = container(&with_mount("runc-1.1.5-spec", "/etc/hosts", source));
        let plan = match compose::decide(&container, false, to_come) {
            Ok(Decision::Write(draft)) => draft.plan().clone(),
            Ok(Decision::Leave(plan)) => plan,
            Err(errors) => panic!("{errors}"),
        };
        assert_eq!(
            (plan.action, plan.reason.to_string().as_str()),
            (action, reason)
        );
    }
}

#[test]
fn the_destination_is_compared_cleaned() {
    for destination in [
        "/etc/hosts",
        "/etc//hosts",
        "//etc/hosts",
        "/etc/hosts/",
        "/etc/./hosts",
        "/etc/../etc/hosts",
        "/../etc/hosts",
        "/var/../etc/hosts/.",
        // Relative to the root, as runc takes it.
        "etc/hosts",
    ] {
        assert_plan(
            with_mount("runc-1.1.5-spec", destination, "/srv/hosts"),
            &[ENTRIES],
            (
                Action::Leave,
                true,
                "/srv/hosts is the user's own volume on /etc/hosts: the requested entries are not added",
            ),
        );
    }
    for destination in [
        "/etc",
        "/etc/hosts.allow",
        "/etc/hosts/x",
        "/etc/Hosts",
        "/mnt/etc/hosts",
        "/etc/hostname",
        "/",
        "",
    ] {
        assert_plan(
            with_mount("runc-1.1.5-spec", destination, "/srv/hosts"),
            &[ENTRIES],
            (Action::Manage, false, "nothing is mounted on /etc/hosts"),
        );
    }
}

#[test]
fn the_last_of_two_mounts_hides_the_first() {
    assert_plan(
        with_mount("docker", "/etc/../etc/hosts", "/srv/hosts"),
        &[],
        (
            Action::Leave,
            false,
            "/srv/hosts is the user's own volume on /etc/hosts",
        ),
    );
    assert_plan(
        with_mount("own-volume", "/etc//hosts", "pods/x/etc-hosts"),
        &[],
        (
            Action::Leave,
            false,
            "pods/x/etc-hosts was made by the kubelet and no entries are requested",
        ),
    );
}

#[test]
fn the_source_tells_who_made_the_file() {
    let engine = |writer, source: &str| HostsMount::Engine {
        writer,
        source: source.to_owned(),
    };
    let copy = |source: &str| HostsMount::CopyOfNodeHosts {
        source: source.to_owned(),
    };
    let own = |source: &str| HostsMount::Own {
        source: source.to_owned(),
    };
    let cases = [
        ("/etc/hosts", own("/etc/hosts")),
        ("//etc/./hosts", own("//etc/./hosts")),
        // Directories of the kubelet, containerd and the others can be anywhere.
        (
            "/data/kubelet/pods/6f0ad0e1/etc-hosts",
            engine(
                HostsWriter::Kubelet,
                "/data/kubelet/pods/6f0ad0e1/etc-hosts",
            ),
        ),
        (
            "/var/lib/rancher/k3s/agent/containerd/io.containerd.grpc.v1.cri/sandboxes/4bd6/hosts",
            copy(
                "/var/lib/rancher/k3s/agent/containerd/io.containerd.grpc.v1.cri/sandboxes/4bd6/hosts",
            ),
        ),
        (
            "/run/user/1000/containers/overlay-containers/0d1c/userdata/hosts",
            engine(
                HostsWriter::Podman,
                "/run/user/1000/containers/overlay-containers/0d1c/userdata/hosts",
            ),
        ),
        (
            "/mnt/docker/containers/0d1c/hosts",
            engine(HostsWriter::Docker, "/mnt/docker/containers/0d1c/hosts"),
        ),
        (
            "/home/user/.local/share/nerdctl/1935db59/etchosts/k8s.io/0d1c/hosts",
            engine(
                HostsWriter::Nerdctl,
                "/home/user/.local/share/nerdctl/1935db59/etchosts/k8s.io/0d1c/hosts",
            ),
        ),
        // A user's volumes under an engine's directories.
        (
            "/var/lib/kubelet/pods/6f0ad0e1/volumes/kubernetes.io~configmap/hosts/hosts",
            own("/var/lib/kubelet/pods/6f0ad0e1/volumes/kubernetes.io~configmap/hosts/hosts"),
        ),
        (
            "/var/lib/kubelet/pods/6f0ad0e1/volumes/etc-hosts",
            own("/var/lib/kubelet/pods/6f0ad0e1/volumes/etc-hosts"),
        ),
        (
            "/var/lib/docker/volumes/web/_data/hosts",
            own("/var/lib/docker/volumes/web/_data/hosts"),
        ),
        ("/srv/hosts", own("/srv/hosts")),
        ("/mnt/etc/hosts", own("/mnt/etc/hosts")),
        ("/etc/hosts.d/web", own("/etc/hosts.d/web")),
        ("", own("")),
        ("tmpfs", own("tmpfs")),
        // Relative to the bundle: the hook must not hide it.
        ("etc/hosts", own("etc/hosts")),
        ("sandboxes/4bd6/hosts", own("sandboxes/4bd6/hosts")),
    ];
    for (source, expected) in cases {
        let found = HostsMount::of_source(Some(source), &annotations(&[]));
        assert_eq!(found, expected, "{source}");
    }
    let found = HostsMount::of_source(None, &annotations(&[]));
    assert_eq!(found, own("no source"));
}

/// A Pod's author can name a hostPath like any engine's file: in a container that a CRI engine made,
/// only the kubelet makes files, and the node's own is mounted by CRI-O or by the author.
#[test]
fn in_a_cri_container_only_the_kubelet_makes_files() {
    const CONTAINERD: (&str, &str) = ("io.kubernetes.cri.container-type", "container");
    const CRIO: (&str, &str) = ("io.container.manager", "cri-o");
    const VOLUMES: &str = "io.kubernetes.cri-o.Volumes";
    let own = |source: &str| HostsMount::Own {
        source: source.to_owned(),
    };
    let kubelets = |source: &str| HostsMount::Engine {
        writer: HostsWriter::Kubelet,
        source: source.to_owned(),
    };
    for creator in [CONTAINERD, CRIO] {
        for source in [
            "/srv/containers/app/hosts",
            "/srv/userdata/hosts",
            "/srv/etchosts/a/b/hosts",
        ] {
            let found = HostsMount::of_source(Some(source), &annotations(&[creator]));
            assert_eq!(found, own(source), "{creator:?}");
        }
        let source = "/var/lib/kubelet/pods/6f0ad0e1/etc-hosts";
        let found = HostsMount::of_source(Some(source), &annotations(&[creator]));
        assert_eq!(found, kubelets(source), "{creator:?}");
    }
    let user = r#"[{"container_path":"/etc/hosts","host_path":"/etc/hosts","readonly":false,"propagation":0}]"#;
    let odd = r#"[{"container_path":"/etc//hosts","host_path":"/etc/hosts"}]"#;
    let other = r#"[{"container_path":"/data","host_path":"/srv","readonly":true}]"#;
    for (pairs, expected) in [
        (&[CONTAINERD][..], own("/etc/hosts")),
        (&[CRIO], HostsMount::NodeHosts),
        (&[CRIO, (VOLUMES, "[]")], HostsMount::NodeHosts),
        (&[CRIO, (VOLUMES, "null")], HostsMount::NodeHosts),
        (&[CRIO, (VOLUMES, other)], HostsMount::NodeHosts),
        (&[CRIO, (VOLUMES, user)], own("/etc/hosts")),
        (&[CRIO, (VOLUMES, odd)], own("/etc/hosts")),
        (&[CRIO, (VOLUMES, "not JSON")], own("/etc/hosts")),
        (&[("io.container.manager", "libpod")], own("/etc/hosts")),
        (
            &[
                ("io.container.manager", "libpod"),
                ("io.kubernetes.cri-o.ContainerType", "container"),
            ],
            own("/etc/hosts"),
        ),
        (
            &[("io.kubernetes.cri-o.ContainerType", "container")],
            HostsMount::NodeHosts,
        ),
    ] {
        let found = HostsMount::of_source(Some("/etc/hosts"), &annotations(pairs));
        assert_eq!(found, expected, "{pairs:?}");
    }
}
