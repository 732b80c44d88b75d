//! The file that is mounted where a runtime passes over hooks: what it is made from. An engine's file is opened by
//! its path here, which a Pod's author may have chosen.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use oci_hostaliases::agent::entries::Entries;
use oci_hostaliases::agent::node_state::NodeState;
use oci_hostaliases::agent::nri::answer::{Answer, decide};
use oci_hostaliases::agent::nri::event::Event;
use oci_hostaliases::agent::nri::messages::{
    Container, LinuxContainer, LinuxNamespace, Mount, PodSandbox,
};
use oci_hostaliases::agent::nri::mount_file;
use oci_hostaliases::error::on_one_line;
use oci_hostaliases::files::agent_config::AgentConfig;
use oci_hostaliases::files::config::Config;

use crate::skipped::skipped;

const LIMIT: u64 = 1024 * 1024;
const UID: &str = "0000-1";

/// The file of a container with this source on `/etc/hosts`, or why there is none.
fn composed(source: Option<&Path>, ips: &[&str], hostname: Option<&str>) -> Result<String, String> {
    let pod = PodSandbox {
        name: "web-0".into(),
        uid: UID.into(),
        namespace: "shop".into(),
        annotations: [(
            "oci-hostaliases.io/host-aliases".into(),
            "10.1.2.3 foo".into(),
        )]
        .into(),
        runtime_handler: "kata".into(),
        ips: ips.iter().map(|ip| (*ip).into()).collect(),
        ..PodSandbox::default()
    };
    let mount = source.map(|source| Mount {
        destination: "/etc//hosts".into(),
        source: source.display().to_string(),
        ..Mount::default()
    });
    let container = Container {
        id: "c1".into(),
        annotations: [(
            "io.kubernetes.cri.container-type".into(),
            "container".into(),
        )]
        .into(),
        env: hostname
            .map(|name| format!("HOSTNAME={name}"))
            .into_iter()
            .collect(),
        mounts: mount.into_iter().collect(),
        linux: Some(LinuxContainer {
            namespaces: vec![LinuxNamespace {
                r#type: "network".into(),
                path: "/nowhere/ns/net".into(),
            }],
        }),
        ..Container::default()
    };
    let node = NodeState {
        entries: Entries::default(),
        hook: Ok(Config::default()),
        agent: AgentConfig {
            mount_handlers: ["kata".to_owned()].into(),
            ..AgentConfig::default()
        },
    };
    let event = Event::new(&pod, &container);
    let Answer::Mount(mut draft) = decide(&event, &node) else {
        panic!("no mount");
    };
    match mount_file::compose(&event, &mut draft, LIMIT) {
        Ok(composed) => Ok(String::from_utf8_lossy(composed.file.bytes()).into_owned()),
        Err(error) => Err(on_one_line(&error)),
    }
}

const ENTRIES: &str = "\n# Entries added by HostAliases.\n10.1.2.3\tfoo\n";

#[test]
fn the_pods_line_is_from_the_event() {
    for (ips, hostname, lines) in [
        (
            &["192.0.2.7", "2001:db8::7"][..],
            Some("host"),
            "192.0.2.7\thost\n2001:db8::7\thost\n",
        ),
        // Without one: the kubelet's host name is the Pod's name.
        (&["192.0.2.7"], None, "192.0.2.7\tweb-0\n"),
    ] {
        let text = composed(None, ips, hostname).expect("a file");
        assert!(
            text.ends_with(&format!("fe00::2\tip6-allrouters\n{lines}{ENTRIES}")),
            "{text}"
        );
    }
}

#[test]
fn the_kubelets_file_of_this_pod_and_no_other_is_opened() {
    let home = tempfile::tempdir().expect("a directory");
    let is_root = fs::metadata(home.path()).expect("status").uid() == 0;
    let file = |uid: &str| home.path().join("pods").join(uid).join("etc-hosts");
    let write = |path: &Path| {
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, "127.0.0.1\tlocalhost\n").expect("a file");
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("a mode");
    };
    let refused = |path: &Path| composed(Some(path), &[], None).expect_err("refused");

    let other = file("0000-2");
    write(&other);
    assert_eq!(
        refused(&other),
        format!("{} is not the kubelet's file of this Pod", other.display())
    );

    let own = file(UID);
    fs::create_dir_all(own.parent().expect("a parent")).expect("a directory");
    symlink(&other, &own).expect("a symlink");
    let symlinks = format!(
        "open {}: Too many levels of symbolic links (os error 40)",
        own.display()
    );
    assert_eq!(refused(&own), symlinks);
    fs::remove_dir_all(own.parent().expect("a parent")).expect("removed");
    symlink(
        other.parent().expect("a parent"),
        own.parent().expect("a parent"),
    )
    .expect("a symlink");
    assert_eq!(refused(&own), symlinks);
    fs::remove_file(own.parent().expect("a parent")).expect("removed");

    write(&own);
    fs::set_permissions(&own, fs::Permissions::from_mode(0o666)).expect("a mode");
    if !is_root {
        return skipped("the_kubelets_file_of_this_pod_and_no_other_is_opened: not root");
    }
    assert_eq!(
        refused(&own),
        format!(
            "{}: users other than root can write to it (mode 0666)",
            own.display()
        )
    );
    fs::set_permissions(&own, fs::Permissions::from_mode(0o644)).expect("a mode");
    let text = composed(Some(&own), &[], None).expect("a file");
    assert_eq!(text, format!("127.0.0.1\tlocalhost\n{ENTRIES}"));
}
