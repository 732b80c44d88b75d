//! The whole file of one container: the requested entries and nothing else, and what does not fit.

use std::path::{Path, PathBuf};

use oci_hostaliases::compose::{
    self, Composed, Decision, NetworkFacts, Notice, Surroundings, TooLarge,
};
use oci_hostaliases::facts::container::Identity;
use oci_hostaliases::facts::node_entries::{NodeEntries, ReadySections};
use oci_hostaliases::facts::request::Request;
use oci_hostaliases::pod_line::MissingFact;
use oci_hostaliases::running::sections;
use oci_hostaliases::stamp::{EngineFile, FileId, Stamp};
use oci_hostaliases::text::node_lines;
use serde_json::{Value, json};

use crate::fixtures::container;

const BOILERPLATE: &str = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n";
const SECTION: &str = "\n# Entries added by HostAliases.\n10.1.2.3\tfoo.remote\n";
const NODE_SECTION: &str = "\n# Entries added by oci-hostaliases from /d/a.hosts.\n10.9.0.1\tdb\n";
const COVERED: FileId = FileId([0, 45, 4711, 1_700_000_000, 5]);
const ENGINE: &str = "10.0.0.9 web\n";

/// Surroundings that note what they are asked for.
struct Asked {
    engine_hosts: &'static str,
    network: NetworkFacts,
    asked: Vec<String>,
}

impl Asked {
    fn new(engine_hosts: &'static str) -> Self {
        Self {
            engine_hosts,
            network: NetworkFacts::Pod {
                addresses: vec!["10.0.0.5".to_owned()],
                hostname: Some("web".to_owned()),
                domain: Some("shop.example".to_owned()),
            },
            asked: Vec::new(),
        }
    }
}

impl Surroundings for Asked {
    type Error = TooLarge;

    fn engine_hosts(&mut self, source: &str, limit: u64) -> Result<Vec<u8>, TooLarge> {
        self.asked.push(format!("{source}, {limit} bytes"));
        Ok(self.engine_hosts.into())
    }

    fn network(&mut self, _: &Request) -> Result<NetworkFacts, TooLarge> {
        self.asked.push("network".to_owned());
        Ok(self.network.clone())
    }
}

fn config(mount: Option<&str>, annotations: Value) -> Value {
    let mounts = mount.map(|source| json!({"destination": "/etc/hosts", "source": source}));
    json!({
        "root": {"path": "rootfs"},
        "mounts": mounts.into_iter().collect::<Vec<_>>(),
        "annotations": annotations,
    })
}

fn entries() -> Value {
    json!({"oci-hostaliases.io/host-aliases": "10.1.2.3 foo.remote"})
}

fn node_entries(files: &[(&str, &str)]) -> NodeEntries {
    let read = |text: &str| node_lines::read(text.as_bytes()).0;
    let files = files
        .iter()
        .map(|(path, text)| (PathBuf::from(path), read(text)));
    NodeEntries {
        files: files.collect(),
        ..NodeEntries::default()
    }
}

fn one_node_file() -> NodeEntries {
    node_entries(&[("/d/a.hosts", "10.9.0.1 db")])
}

fn composed(
    config: &Value,
    node: NodeEntries,
    limit: u64,
    surroundings: &mut Asked,
) -> Result<Composed, TooLarge> {
    let container = container(config);
    let asks = container.annotations.ask_for_something();
    match compose::decide(&container, asks, || node).unwrap() {
        Decision::Write(mut draft) => draft.compose(limit, surroundings),
        Decision::Leave(plan) => panic!("{plan}"),
    }
}

/// Sections that are ready come after as many files as they say, whether they are shorter or longer than the text
/// before them, and those that do not fit are left out one by one.
#[test]
fn ready_sections_are_copied_in_their_places() {
    const READY: &str = "\n# Entries added by oci-hostaliases from /d/r.hosts.\n10.9.0.8\tready\n";
    const LONG: &str = "\n# Entries added by oci-hostaliases from /d/l.hosts.\n10.9.0.9\tlong\n";
    let long = LONG.repeat(100);
    let ready = |after, text: &str| ReadySections {
        after,
        text: text.into(),
    };
    let own = format!("{BOILERPLATE}10.0.0.5\tweb.shop.example\tweb\n{SECTION}");
    let does_not_fit = |path: &str, limit| Notice::DoesNotFit {
        path: path.to_owned(),
        limit,
    };
    let all = own.len() + READY.len() + NODE_SECTION.len() + long.len();
    for (what, sections, limit, expected, notices) in [
        (
            "none",
            vec![],
            65536,
            format!("{own}{NODE_SECTION}"),
            vec![],
        ),
        (
            "before",
            vec![ready(0, READY)],
            65536,
            format!("{own}{READY}{NODE_SECTION}"),
            vec![],
        ),
        (
            "behind",
            vec![ready(1, &long)],
            65536,
            format!("{own}{NODE_SECTION}{long}"),
            vec![],
        ),
        (
            "both, as many bytes as may be",
            vec![ready(0, READY), ready(1, &long)],
            all,
            format!("{own}{READY}{NODE_SECTION}{long}"),
            vec![],
        ),
        (
            "one byte less",
            vec![ready(0, READY), ready(1, &long)],
            all - 1,
            format!("{own}{READY}{NODE_SECTION}{}", LONG.repeat(99)),
            vec![does_not_fit("/d/l.hosts", all as u64 - 1)],
        ),
    ] {
        let mut surroundings = Asked::new("must not be read");
        let config = config(None, entries());
        let mut node = one_node_file();
        node.ready = sections;
        let composed = composed(&config, node, limit as u64, &mut surroundings).unwrap();
        let text = String::from_utf8_lossy(composed.file.bytes());
        assert_eq!(text, expected, "{what}");
        assert_eq!(composed.notices, notices, "{what}");
    }
}

#[test]
fn a_managed_file_asks_for_the_network_alone() {
    let mut surroundings = Asked::new("must not be read");
    let config = config(None, entries());
    let composed = composed(&config, one_node_file(), 4096, &mut surroundings).unwrap();
    assert_eq!(
        String::from_utf8_lossy(composed.file.bytes()),
        format!("{BOILERPLATE}10.0.0.5\tweb.shop.example\tweb\n{SECTION}{NODE_SECTION}")
    );
    assert_eq!(
        composed.plan.to_string(),
        "manage: nothing is mounted on /etc/hosts"
    );
    assert_eq!(composed.notices, []);
    assert_eq!(surroundings.asked, ["network"]);
}

#[test]
fn an_engines_file_that_is_extended_does_not_ask_for_the_network() {
    let mut surroundings = Asked::new(ENGINE);
    let config = config(Some("/run/userdata/hosts"), entries());
    let composed = composed(&config, one_node_file(), 4096, &mut surroundings).unwrap();
    assert_eq!(
        String::from_utf8_lossy(composed.file.bytes()),
        format!("{ENGINE}{SECTION}{NODE_SECTION}")
    );
    assert_eq!(
        composed.plan.to_string(),
        "extend: /run/userdata/hosts was made by Podman"
    );
    assert_eq!(surroundings.asked, ["/run/userdata/hosts, 4096 bytes"]);
}

#[test]
fn an_engines_file_that_is_empty_asks_for_both() {
    let mut surroundings = Asked::new("");
    let config = config(Some("/run/userdata/hosts"), entries());
    let composed = composed(&config, NodeEntries::default(), 4096, &mut surroundings).unwrap();
    assert_eq!(
        String::from_utf8_lossy(composed.file.bytes()),
        format!("{BOILERPLATE}10.0.0.5\tweb.shop.example\tweb\n{SECTION}")
    );
    assert_eq!(
        surroundings.asked,
        ["/run/userdata/hosts, 4096 bytes", "network"]
    );
}

#[test]
fn the_hosts_network_gets_the_nodes_file() {
    let mut surroundings = Asked::new("");
    surroundings.network = NetworkFacts::Host {
        node_hosts: b"127.0.0.1 localhost".to_vec(),
    };
    let mut annotations = entries();
    annotations["io.container.manager"] = json!("cri-o");
    let config = config(Some("/etc/hosts"), annotations);
    let composed = composed(&config, NodeEntries::default(), 4096, &mut surroundings).unwrap();
    assert_eq!(
        String::from_utf8_lossy(composed.file.bytes()),
        format!("# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost{SECTION}")
    );
}

#[test]
fn what_is_missing_is_a_notice() {
    let mut surroundings = Asked::new("");
    surroundings.network = NetworkFacts::Pod {
        addresses: Vec::new(),
        hostname: Some("web".to_owned()),
        domain: None,
    };
    let composed = composed(
        &config(None, json!({})),
        NodeEntries::default(),
        4096,
        &mut surroundings,
    );
    let composed = composed.unwrap();
    assert_eq!(composed.notices, [Notice::Missing(MissingFact::Address)]);
    assert_eq!(
        composed.notices[0].to_string(),
        "the Pod's address is not known"
    );
}

/// The node's entries are not even read.
#[test]
fn who_is_left_alone_or_refused_needs_no_node_entries() {
    let unread = || panic!("read");
    for annotations in [
        json!({"oci-hostaliases.io/manage": "false"}),
        json!({"io.kubernetes.cri.container-type": "sandbox"}),
    ] {
        let container = container(&config(None, annotations));
        let decision = compose::decide(&container, false, unread);
        assert!(matches!(decision, Ok(Decision::Leave(_))), "{decision:?}");
    }
    let annotations = json!({"oci-hostaliases.io/host-aliases": "x y"});
    let container = container(&config(None, annotations));
    assert_eq!(
        compose::decide(&container, true, unread)
            .unwrap_err()
            .to_string(),
        "oci-hostaliases.io/host-aliases: line 1: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
    );
}

#[test]
fn the_pods_own_part_must_fit() {
    let config = config(Some("/run/userdata/hosts"), entries());
    let bytes = ENGINE.len() + SECTION.len();
    let at = |limit| {
        composed(
            &config,
            NodeEntries::default(),
            limit,
            &mut Asked::new(ENGINE),
        )
    };
    assert_eq!(at(bytes as u64).unwrap().file.bytes().len(), bytes);
    let limit = bytes as u64 - 1;
    let refused = at(limit).unwrap_err();
    assert_eq!(refused, TooLarge { bytes, limit });
    assert_eq!(
        refused.to_string(),
        "the hosts file has 66 bytes, more than size-limit (65) in the hook's configuration allows"
    );
}

/// What the hook composes and what `refresh` puts behind the own part are the same bytes, at each limit.
#[test]
fn node_entries_that_do_not_fit_are_left_out_in_the_same_way_at_each_refresh() {
    let config = config(Some("/run/userdata/hosts"), entries());
    let node = node_entries(&[
        ("/d/a.hosts", "10.9.0.1 db"),
        ("/d/b.hosts", "10.9.0.2 a-name-that-is-much-longer.example"),
        ("/d/c.hosts", "10.9.0.3 q"),
    ]);
    let own = ENGINE.len() + SECTION.len();
    let mut seen = std::collections::BTreeSet::new();
    for limit in own as u64..own as u64 + 400 {
        let composed = composed(&config, node.clone(), limit, &mut Asked::new(ENGINE)).unwrap();
        assert!(composed.file.bytes().len() as u64 <= limit);
        let (sections, does_not_fit) = sections::renewed(b"", &node, own as u64, limit);
        assert_eq!(&composed.file.bytes()[own..], sections);
        let notices: Vec<String> = composed.notices.iter().map(ToString::to_string).collect();
        assert_eq!(notices, does_not_fit);
        let identity = Identity::default();
        let stamp = composed.stamp(identity, Path::new("/d"), COVERED);
        let parts = stamp.split(composed.file.bytes()).unwrap();
        assert_eq!((parts.own.len(), parts.node), (own, sections.as_slice()));
        seen.insert(notices.len());
        for notice in notices {
            let suffix = format!(": left out, because the file would have more than {limit} bytes");
            assert!(notice.ends_with(&suffix), "{notice}");
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    // An own part that is larger than the file system is now: all of them are left out.
    let (sections, notices) = sections::renewed(b"", &node, own as u64, own as u64 - 1);
    assert_eq!((sections.len(), notices.len()), (0, 3));
}

/// The engine's file is recorded wherever its later text is wanted: also one that is still empty.
#[test]
fn the_stamp_names_the_engines_file_and_the_directory() {
    let source = "/run/userdata/hosts";
    for (mount, engine_hosts, aliases) in [
        (Some(source), ENGINE, Some(SECTION.len())),
        (Some(source), "", Some(SECTION.len())),
        (None, "", None),
    ] {
        let config = config(mount, entries());
        let mut surroundings = Asked::new(engine_hosts);
        let composed = composed(&config, one_node_file(), 4096, &mut surroundings).unwrap();
        let hosts_d = Path::new("/srv/hosts.d");
        let stamp = composed.stamp(Identity::default(), hosts_d, COVERED);
        let text = composed.file.bytes();
        let node = text.len() - NODE_SECTION.len();
        let engine = aliases.map(|aliases| EngineFile {
            source: source.to_owned(),
            file: COVERED,
            aliases,
        });
        let expected = Stamp::new(
            Identity::default(),
            hosts_d,
            engine,
            &text[..node],
            NODE_SECTION.as_bytes(),
        );
        assert_eq!(stamp, expected, "{mount:?}, {engine_hosts:?}");
    }
}

#[test]
fn a_line_that_some_resolvers_cut_off_is_a_notice_and_stays_as_it_is() {
    // 8 bytes of address, names of 100 bytes with a tab, a newline: 4 are 413, 5 are 514.
    let names: Vec<String> = (0..5)
        .map(|nth| format!("{nth}{}", "x".repeat(99)))
        .collect();
    let list = json!([
        {"ip": "10.1.2.3", "hostnames": names[..4]},
        {"ip": "10.1.2.4", "hostnames": names},
    ]);
    let asks = json!({"oci-hostaliases.io/host-aliases": list.to_string()});
    let mut surroundings = Asked::new("");
    let composed = composed(
        &config(None, asks),
        NodeEntries::default(),
        4096,
        &mut surroundings,
    )
    .unwrap();
    let notices: Vec<String> = composed.notices.iter().map(ToString::to_string).collect();
    assert_eq!(
        notices,
        [
            "the line of 10.1.2.4 has 514 bytes, of which musl reads 511: write several entries with that address"
        ]
    );
    let text = String::from_utf8_lossy(composed.file.bytes()).into_owned();
    assert!(
        text.ends_with(&format!("10.1.2.4\t{}\n", names.join("\t"))),
        "{text}"
    );
}
