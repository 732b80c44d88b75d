//! Whatever a tenant writes into an annotation: it is refused, or each line of the file is one of
//! ours or an address followed by names.

use std::net::IpAddr;

use crate::fixtures::annotations;
use oci_hostaliases::facts::request::Request;
use oci_hostaliases::text::hosts_file::{HostsFile, PodName};
use oci_hostaliases::text::node_lines;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const HOST_ALIASES: &str = "oci-hostaliases.io/host-aliases";
const DOMAIN: &str = "oci-hostaliases.io/domain";
const POD_IPS: &str = "oci-hostaliases.io/pod-ips";

/// The comments that the hook's file can have. A whole line must be one of them.
const COMMENTS: [&str; 2] = [
    "# Kubernetes-managed hosts file.",
    "# Entries added by HostAliases.",
];

/// The first seven lines of each managed file.
const BOILERPLATE: [&str; 7] = [
    "# Kubernetes-managed hosts file.",
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "fe00::0\tip6-mcastprefix",
    "fe00::1\tip6-allnodes",
    "fe00::2\tip6-allrouters",
];

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.…)*`, at most 253 bytes. Not the code's own reading of it.
fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn is_strict_address(text: &str) -> bool {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => true,
        Ok(IpAddr::V6(address)) => address.to_ipv4_mapped().is_none(),
        Err(_) => false,
    }
}

/// The text that a container gets, when its annotations are not refused.
fn file_of(pairs: &[(&str, &str)]) -> Option<String> {
    let request = Request::read(&annotations(pairs)).ok()?;
    let name = PodName::new("web-0", request.domain.as_deref());
    let mut file = HostsFile::for_pod_network(request.pod_ips.as_deref().unwrap_or(&[]), name);
    file.add_host_aliases(HOST_ALIASES, &request.aliases);
    Some(String::from_utf8(file.bytes().to_vec()).expect("what was read from text is text"))
}

/// Fails when the file has anything that a tenant may not write.
fn check_file(text: &str) -> Result<(), TestCaseError> {
    prop_assert!(text.ends_with('\n'));
    let lines: Vec<&str> = text[..text.len() - 1].split('\n').collect();
    prop_assert_eq!(&lines[..7], &BOILERPLATE[..]);
    for line in &lines[7..] {
        if line.is_empty() || COMMENTS.contains(line) {
            continue;
        }
        let mut words = line.split('\t');
        let address = words.next().unwrap();
        prop_assert!(is_strict_address(address), "{:?} in {:?}", address, line);
        let names: Vec<&str> = words.collect();
        let alone = names == [""];
        prop_assert!(
            alone || (!names.is_empty() && names.iter().all(|name| is_name(name))),
            "{:?}",
            line
        );
    }
    Ok(())
}

/// An address, most of the time a valid one.
fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        16 => any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
        16 => any::<std::net::Ipv6Addr>().prop_map(|ip| ip.to_string()),
        1 => select(vec![
            "010.0.0.1", "::ffff:1.2.3.4", "::FFFF:102:304", "fe80::1%eth0", "10.0.0.1/8", "[::1]", "", " ::1", "::1\n",
            "10.0.0.1\t10.0.0.2", "10.0.0.1 #",
        ])
        .prop_map(str::to_owned),
        1 => "[0-9a-f:.%/ ]{0,20}",
    ]
}

/// A name, most of the time a valid one.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        40 => "[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?){0,3}",
        1 => select(vec![
            "", "A", "a_b", "*.a", "a.", "a\n10.0.0.1 b", "a\tb", "a b", "a#b", "a\0", "\u{430}", "-a", "a\r",
        ])
        .prop_map(str::to_owned),
        1 => "\\PC{0,12}",
        1 => any::<String>(),
    ]
}

/// A list as an author writes it, with now and then a fault.
fn list() -> impl Strategy<Value = Value> {
    let entry = (address(), vec(name(), 0..4))
        .prop_map(|(ip, names)| json!({"ip": ip, "hostnames": names}));
    let odd = prop_oneof![
        Just(json!(null)),
        Just(json!({})),
        Just(json!([])),
        Just(json!("10.0.0.1 a")),
        Just(json!({"ip": "10.0.0.1", "hostames": ["a"]})),
        Just(json!({"ip": 7, "hostnames": {"a": ["b"]}})),
        Just(json!({"ip": "10.0.0.1", "hostnames": [null, ["a"]]})),
    ];
    vec(prop_oneof![20 => entry, 1 => odd], 0..5).prop_map(Value::from)
}

/// Any JSON.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(vec!["ip", "hostnames", "10.0.0.1", "a"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let key = prop_oneof![
            select(vec!["ip", "hostnames", "hostames"]).prop_map(str::to_owned),
            any::<String>()
        ];
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((key, inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// JSON with a piece cut out, put in twice, or replaced.
fn broken_json() -> impl Strategy<Value = String> {
    (
        list(),
        any::<prop::sample::Index>(),
        0_usize..8,
        prop_oneof![
            select(vec![
                "", "[", "]", "{", "}", "\"", ",", ":", "\\", "\n", "\0", "\\u0000", "\\ud800",
                "é", "1e999"
            ])
            .prop_map(str::to_owned),
            any::<String>(),
        ],
    )
        .prop_map(|(list, at, cut, piece)| {
            let chars: Vec<char> = list.to_string().chars().collect();
            let at = at.index(chars.len());
            let end = (at + cut).min(chars.len());
            let mut text: String = chars[..at].iter().collect();
            text.push_str(&piece);
            text.extend(&chars[end..]);
            text
        })
}

/// Lines as an author writes them, with now and then a fault.
fn lines() -> impl Strategy<Value = String> {
    let blank =
        || prop_oneof![15 => select(vec![" ", "\t", "  \t"]), 1 => select(vec!["\u{b}", "\u{a0}"])];
    let entry = (address(), vec((blank(), name()), 0..4)).prop_map(|(ip, names)| {
        names
            .into_iter()
            .fold(ip, |line, (blank, name)| line + blank + &name)
    });
    let comment = "#[^\n]{0,10}";
    let line = prop_oneof![8 => entry, 1 => comment, 1 => Just(String::new())];
    let end = prop_oneof![
        15 => select(vec!["\n", "\r\n", " # why\n"]),
        1 => select(vec!["\r", "\u{85}", "\u{2028}"]),
    ];
    vec((line, end), 0..6)
        .prop_map(|lines| lines.into_iter().map(|(line, end)| line + end).collect())
}

/// What may be in the annotation.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => any::<String>(),
        1 => any_json().prop_map(|json| json.to_string()),
        3 => list().prop_map(|list| list.to_string()),
        2 => broken_json(),
        3 => lines(),
    ]
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_alias_writes_a_line_that_is_not_one_entry(value in value()) {
        if let Some(text) = file_of(&[(HOST_ALIASES, &value)]) {
            check_file(&text)?;
        }
    }

    #[test]
    fn no_domain_or_address_writes_a_line_that_is_not_the_pods(
        domain in prop_oneof![name(), any::<String>()],
        addresses in prop_oneof![vec(address(), 0..4).prop_map(|all| all.join(",")), any::<String>()],
    ) {
        if let Some(text) = file_of(&[(DOMAIN, &domain), (POD_IPS, &addresses)]) {
            check_file(&text)?;
        }
    }

    #[test]
    fn what_was_written_reads_back_as_the_same_entries(
        entries in prop_oneof![list().prop_map(|list| list.to_string()), lines()],
    ) {
        let Ok(request) = Request::read(&annotations(&[(HOST_ALIASES, &entries)])) else {
            return Ok(());
        };
        let mut file = HostsFile::from_engine(Vec::new());
        file.add_host_aliases(HOST_ALIASES, &request.aliases);
        let (read, unread) = node_lines::read(file.bytes());
        prop_assert!(unread.is_empty(), "{:?}", unread);
        let plain = |aliases: &[oci_hostaliases::text::host_alias::HostAlias]| -> Vec<(String, Vec<String>)> {
            aliases
                .iter()
                .map(|alias| (alias.ip().to_owned(), alias.hostnames().to_vec()))
                .collect()
        };
        prop_assert_eq!(plain(&read), plain(&request.aliases));
    }

    #[test]
    fn a_valid_list_is_never_refused(
        entries in vec(
            (
                prop_oneof![
                    any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
                    // Not one of the mapped ones.
                    any::<std::net::Ipv6Addr>()
                        .prop_filter("mapped", |ip| ip.to_ipv4_mapped().is_none())
                        .prop_map(|ip| ip.to_string()),
                ],
                vec("[a-z0-9]([-a-z0-9]{0,70}[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?){0,3}", 0..4),
            ),
            0..6,
        ),
    ) {
        let json = Value::from(
            entries
                .iter()
                .map(|(ip, names)| json!({"ip": ip, "hostnames": names}))
                .collect::<Vec<_>>(),
        )
        .to_string();
        let request = Request::read(&annotations(&[(HOST_ALIASES, &json)])).unwrap();
        let read: Vec<(String, Vec<String>)> = request
            .aliases
            .iter()
            .map(|alias| (alias.ip().to_owned(), alias.hostnames().to_vec()))
            .collect();
        prop_assert_eq!(read, entries);
    }

    #[test]
    fn a_refusal_is_one_line_of_what_can_be_printed(value in value()) {
        if let Err(errors) = Request::read(&annotations(&[(HOST_ALIASES, &value)])) {
            let said = errors.to_string();
            prop_assert!(!said.is_empty());
            prop_assert!(!said.chars().any(char::is_control), "{:?}", said);
        }
    }
}
