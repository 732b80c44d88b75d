//! The bytes of the file: kubelet-written files are the model, section by section.

use oci_hostaliases::text::host_alias::HostAlias;
use oci_hostaliases::text::hosts_file::{HostsFile, Origin, PodName};
use oci_hostaliases::text::node_lines;

/// What every file of a Pod with its own network starts with. The odd `fe00::` addresses are the
/// kubelet's.
const BOILERPLATE: &str = "# Kubernetes-managed hosts file.\n\
    127.0.0.1\tlocalhost\n\
    ::1\tlocalhost ip6-localhost ip6-loopback\n\
    fe00::0\tip6-localnet\n\
    fe00::0\tip6-mcastprefix\n\
    fe00::1\tip6-allnodes\n\
    fe00::2\tip6-allrouters\n";

fn entries(list: &str) -> Vec<HostAlias> {
    crate::fixtures::request(&[("oci-hostaliases.io/host-aliases", list)])
        .unwrap()
        .aliases
}

fn pod(addresses: &[&str], hostname: &str, domain: Option<&str>) -> HostsFile {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    HostsFile::for_pod_network(&addresses, PodName::new(hostname, domain))
}

fn text(file: &HostsFile) -> &str {
    std::str::from_utf8(file.bytes()).unwrap()
}

#[test]
fn boilerplate_is_these_bytes() {
    assert_eq!(
        HostsFile::for_pod_network(&[], None).bytes(),
        b"# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
    );
}

#[test]
fn a_pod_has_one_line_per_address() {
    let cases: [(&[&str], &str, Option<&str>, &str); 9] = [
        (&["10.200.0.5"], "web-0", None, "10.200.0.5\tweb-0\n"),
        (
            &["10.200.0.5", "fd00::5"],
            "web-0",
            None,
            "10.200.0.5\tweb-0\nfd00::5\tweb-0\n",
        ),
        // The order is the caller's, and an address is spelled as it came.
        (
            &["FD00:0:0::5", "10.200.0.5"],
            "web-0",
            None,
            "FD00:0:0::5\tweb-0\n10.200.0.5\tweb-0\n",
        ),
        (
            &["10.0.0.2", "10.0.0.1", "10.0.0.2"],
            "web-0",
            None,
            "10.0.0.2\tweb-0\n10.0.0.1\tweb-0\n10.0.0.2\tweb-0\n",
        ),
        (
            &["10.200.0.5"],
            "web-0",
            Some("nginx.shop.svc.cluster.local"),
            "10.200.0.5\tweb-0.nginx.shop.svc.cluster.local\tweb-0\n",
        ),
        (
            &["10.200.0.5", "fd00::5"],
            "web-0",
            Some("nginx.shop.svc.cluster.local"),
            "10.200.0.5\tweb-0.nginx.shop.svc.cluster.local\tweb-0\n\
             fd00::5\tweb-0.nginx.shop.svc.cluster.local\tweb-0\n",
        ),
        // setHostnameAsFQDN: the kernel's host name has the domain already.
        (
            &["10.200.0.5"],
            "web-0.nginx.shop.svc.cluster.local",
            Some("nginx.shop.svc.cluster.local"),
            "10.200.0.5\tweb-0.nginx.shop.svc.cluster.local\tweb-0\n",
        ),
        // A Pod's name may have dots; alone they do not make a domain.
        (&["10.200.0.5"], "web.v1", None, "10.200.0.5\tweb.v1\n"),
        (&[], "web-0", None, ""),
    ];
    for (addresses, hostname, domain, lines) in cases {
        assert_eq!(
            text(&pod(addresses, hostname, domain)),
            format!("{BOILERPLATE}{lines}"),
            "{addresses:?} {hostname} {domain:?}"
        );
    }
}

#[test]
fn a_host_name_that_may_not_stand_in_the_file_is_no_name() {
    let sixty_four = "a".repeat(64);
    assert!(PodName::new(&sixty_four, None).is_some());
    for bad in [
        "",
        "Web",
        "web_0",
        "web-",
        "web 0",
        "web\n10.0.0.1 bank.example",
        "web#",
        "wéb",
        &"a".repeat(65),
    ] {
        assert_eq!(PodName::new(bad, None), None, "{bad:?}");
    }
    // Nothing is left of it without its domain.
    assert_eq!(
        PodName::new("shop.example", Some("shop.example")).map(|name| name.hostname),
        Some("shop.example")
    );
    assert_eq!(PodName::new(".shop.example", Some("shop.example")), None);
}

#[test]
fn host_network_is_the_nodes_file_under_a_header() {
    let cases: [(&[u8], &[u8]); 5] = [
        (
            b"127.0.0.1 localhost\n10.0.0.1 node-1\n",
            b"# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n10.0.0.1 node-1\n",
        ),
        // The node's bytes are not looked at: no newline is added, nothing is decoded.
        (
            b"127.0.0.1 localhost",
            b"# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost",
        ),
        (
            b"\n\n  # caf\xe9\r\n\0",
            b"# Kubernetes-managed hosts file (host network).\n\n\n  # caf\xe9\r\n\0",
        ),
        (b"", b"# Kubernetes-managed hosts file (host network).\n"),
        // A header that is there already is not taken away.
        (
            b"# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n",
            b"# Kubernetes-managed hosts file (host network).\n# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n",
        ),
    ];
    for (node, file) in cases {
        assert_eq!(HostsFile::for_host_network(node).bytes(), file);
    }
}

#[test]
fn the_documentations_example() {
    let mut file = pod(&["10.200.0.5"], "hostaliases-pod", None);
    file.add_host_aliases(
        "spec.hostAliases",
        &entries(
            r#"[{"ip":"127.0.0.1","hostnames":["foo.local","bar.local"]},{"ip":"10.1.2.3","hostnames":["foo.remote","bar.remote"]}]"#,
        ),
    );
    assert_eq!(
        text(&file),
        format!(
            "{BOILERPLATE}10.200.0.5\thostaliases-pod\n\
             \n# Entries added by HostAliases.\n\
             127.0.0.1\tfoo.local\tbar.local\n\
             10.1.2.3\tfoo.remote\tbar.remote\n"
        )
    );
}

#[test]
fn aliases_are_written_as_given() {
    let cases = [
        ("[]", ""),
        ("# nothing but a comment", ""),
        (
            r#"[{"ip":"10.1.2.3","hostnames":["foo.remote"]}]"#,
            "\n# Entries added by HostAliases.\n10.1.2.3\tfoo.remote\n",
        ),
        // No names: the tab stays.
        (
            r#"[{"ip":"10.0.0.8"}]"#,
            "\n# Entries added by HostAliases.\n10.0.0.8\t\n",
        ),
        (
            r#"[{"ip":"10.0.0.8","hostnames":[]}]"#,
            "\n# Entries added by HostAliases.\n10.0.0.8\t\n",
        ),
        // The same address twice is two lines, the same name twice is written twice.
        (
            r#"[{"ip":"10.1.2.3","hostnames":["b","a","b"]},{"ip":"10.1.2.3","hostnames":["a"]}]"#,
            "\n# Entries added by HostAliases.\n10.1.2.3\tb\ta\tb\n10.1.2.3\ta\n",
        ),
        // Nothing is sorted and no address is put into another form.
        (
            r#"[{"ip":"fd00::2","hostnames":["z"]},{"ip":"2001:DB8:0:0::A","hostnames":["y"]},{"ip":"10.0.0.1","hostnames":["x"]},{"ip":"0.0.0.0","hostnames":["localhost"]}]"#,
            "\n# Entries added by HostAliases.\nfd00::2\tz\n2001:DB8:0:0::A\ty\n10.0.0.1\tx\n0.0.0.0\tlocalhost\n",
        ),
        // The lines form loses its white space and comments, nothing else.
        (
            "  10.0.0.2   b\ta # why\r\n\n10.0.0.1 c",
            "\n# Entries added by HostAliases.\n10.0.0.2\tb\ta\n10.0.0.1\tc\n",
        ),
    ];
    for (annotation, section) in cases {
        let mut file = HostsFile::for_pod_network(&[], None);
        file.add_host_aliases("", &entries(annotation));
        assert_eq!(
            text(&file),
            format!("{BOILERPLATE}{section}"),
            "{annotation}"
        );
    }
}

#[test]
fn a_heading_ends_a_last_line_that_has_no_newline() {
    let aliases = entries("10.0.0.1 a");
    let mut file = HostsFile::for_host_network(b"127.0.0.1 localhost");
    file.add_host_aliases("", &aliases);
    assert_eq!(
        text(&file),
        "# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n# Entries added by HostAliases.\n10.0.0.1\ta\n"
    );
    let mut file = HostsFile::for_host_network(b"127.0.0.1 localhost\n");
    file.add_host_aliases("", &aliases);
    assert_eq!(
        text(&file),
        "# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n\n# Entries added by HostAliases.\n10.0.0.1\ta\n"
    );
}

#[test]
fn an_engines_file_is_extended_byte_for_byte() {
    let aliases = entries("10.0.0.1 a");
    // A kubelet's file that has aliases of its own keeps them.
    let engine = b"# Kubernetes-managed hosts file.\n10.0.0.9\tweb-0\n\n# Entries added by HostAliases.\n10.0.0.2\tb\n";
    let mut file = HostsFile::from_engine(engine.to_vec());
    file.add_host_aliases("", &aliases);
    assert_eq!(
        text(&file),
        "# Kubernetes-managed hosts file.\n10.0.0.9\tweb-0\n\n# Entries added by HostAliases.\n10.0.0.2\tb\n\n# Entries added by HostAliases.\n10.0.0.1\ta\n"
    );
    let mut file = HostsFile::from_engine(b"\xff\xfe no newline".to_vec());
    file.add_host_aliases("", &aliases);
    assert_eq!(
        file.bytes(),
        b"\xff\xfe no newline\n# Entries added by HostAliases.\n10.0.0.1\ta\n"
    );
    let mut file = HostsFile::from_engine(b"10.0.0.9 web\n".to_vec());
    file.add_host_aliases("", &[]);
    assert_eq!(file.bytes(), b"10.0.0.9 web\n");
}

#[test]
fn node_entries_name_their_file_and_follow_the_pods_own() {
    let lines = |text: &str| node_lines::read(text.as_bytes()).0;
    let mut file = pod(&["10.200.0.5"], "web-0", None);
    file.add_host_aliases("", &entries("10.0.0.1 own"));
    for (path, lines) in [
        (
            "/etc/oci-hostaliases/hosts.d/shop/db.hosts",
            lines("10.0.0.2 db\n"),
        ),
        (
            "/etc/oci-hostaliases/hosts.d/empty.hosts",
            lines("# nobody\n"),
        ),
        (
            "/etc/oci-hostaliases/hosts.d/proxy.hosts",
            lines("10.0.0.3 proxy\n10.0.0.4"),
        ),
    ] {
        assert!(file.add_node_entries(path, &lines, u64::MAX), "{path}");
    }
    assert_eq!(
        text(&file),
        format!(
            "{BOILERPLATE}10.200.0.5\tweb-0\n\
             \n# Entries added by HostAliases.\n\
             10.0.0.1\town\n\
             \n# Entries added by oci-hostaliases from /etc/oci-hostaliases/hosts.d/shop/db.hosts.\n\
             10.0.0.2\tdb\n\
             \n# Entries added by oci-hostaliases from /etc/oci-hostaliases/hosts.d/proxy.hosts.\n\
             10.0.0.3\tproxy\n\
             10.0.0.4\t\n"
        )
    );
}

#[test]
fn node_entries_that_do_not_fit_are_left_out_whole() {
    let aliases = entries("10.0.0.2 db");
    let mut file = HostsFile::from_engine(b"10.0.0.9 web\n".to_vec());
    let section = "\n# Entries added by oci-hostaliases from /n.hosts.\n10.0.0.2\tdb\n";
    let limit = 13 + section.len() as u64;
    assert!(!file.add_node_entries("/n.hosts", &aliases, limit - 1));
    assert_eq!(text(&file), "10.0.0.9 web\n");
    assert_eq!(file.lines().count(), 1);
    assert!(file.add_node_entries("/n.hosts", &aliases, limit));
    assert_eq!(text(&file), format!("10.0.0.9 web\n{section}"));
}

#[test]
fn each_line_knows_where_it_comes_from() {
    let mut file = pod(&["10.0.0.5", "fd00::5"], "web-0", None);
    file.add_host_aliases(
        "oci-hostaliases.io/host-aliases",
        &entries("# three lines\n10.0.0.1 a\n10.0.0.2 b"),
    );
    file.add_node_entries("/n.hosts", &entries(r#"[{"ip":"10.0.0.3"}]"#), u64::MAX);
    let lines: Vec<(&str, Origin<&str>)> = file
        .lines()
        .map(|(line, origin)| (std::str::from_utf8(line).unwrap(), origin))
        .collect();
    let aliases = "oci-hostaliases.io/host-aliases";
    assert_eq!(
        lines,
        [
            ("# Kubernetes-managed hosts file.", Origin::Kubelet),
            ("127.0.0.1\tlocalhost", Origin::Kubelet),
            ("::1\tlocalhost ip6-localhost ip6-loopback", Origin::Kubelet),
            ("fe00::0\tip6-localnet", Origin::Kubelet),
            ("fe00::0\tip6-mcastprefix", Origin::Kubelet),
            ("fe00::1\tip6-allnodes", Origin::Kubelet),
            ("fe00::2\tip6-allrouters", Origin::Kubelet),
            ("10.0.0.5\tweb-0", Origin::PodAddress),
            ("fd00::5\tweb-0", Origin::PodAddress),
            ("", Origin::Heading(aliases)),
            ("# Entries added by HostAliases.", Origin::Heading(aliases)),
            ("10.0.0.1\ta", Origin::Entry(aliases, 2)),
            ("10.0.0.2\tb", Origin::Entry(aliases, 3)),
            ("", Origin::Heading("/n.hosts")),
            (
                "# Entries added by oci-hostaliases from /n.hosts.",
                Origin::Heading("/n.hosts")
            ),
            ("10.0.0.3\t", Origin::Entry("/n.hosts", 0)),
        ]
    );
}

#[test]
fn lines_of_the_node_and_of_an_engine_keep_their_origin_to_the_last() {
    let aliases = entries("10.0.0.1 a");
    let origins = |file: &HostsFile| -> Vec<String> {
        file.lines()
            .map(|(line, origin)| format!("{} <- {origin:?}", String::from_utf8_lossy(line)))
            .collect()
    };
    // Without a final newline: the heading's first byte only ends the line.
    let mut file = HostsFile::for_host_network(b"127.0.0.1 localhost\n10.0.0.9 node");
    file.add_host_aliases("x", &aliases);
    assert_eq!(
        origins(&file),
        [
            "# Kubernetes-managed hosts file (host network). <- Kubelet",
            "127.0.0.1 localhost <- Node",
            "10.0.0.9 node <- Node",
            "# Entries added by HostAliases. <- Heading(\"x\")",
            "10.0.0.1\ta <- Entry(\"x\", 1)",
        ]
    );
    let mut file = HostsFile::from_engine(b"\n10.0.0.9 web\n".to_vec());
    file.add_host_aliases("x", &aliases);
    assert_eq!(
        origins(&file),
        [
            " <- Engine",
            "10.0.0.9 web <- Engine",
            " <- Heading(\"x\")",
            "# Entries added by HostAliases. <- Heading(\"x\")",
            "10.0.0.1\ta <- Entry(\"x\", 1)",
        ]
    );
    assert_eq!(
        origins(&HostsFile::for_host_network(b"")),
        ["# Kubernetes-managed hosts file (host network). <- Kubelet"]
    );
}
