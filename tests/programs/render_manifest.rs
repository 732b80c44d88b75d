//! `render -f`: a Pod's manifest in, the kubelet's bytes or the API server's refusals out.

use std::path::Path;

use crate::tool::tool;

const BOILERPLATE: &str = "\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
";

const BAD_LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', \
    and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation \
    is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const BAD_NAME: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
    '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

fn data() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data"))
}

/// A Pod in one address, with this metadata and this spec in YAML's flow style.
fn pod(metadata: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{{metadata}}}\nspec: {{{spec}}}\nstatus: {{podIPs: [{{ip: 10.0.0.5}}]}}\n"
    )
}

#[track_caller]
fn assert_renders(manifest: &str, options: &[&str], lines: &str) {
    let arguments = [&["render", "-f", "-"], options].concat();
    let ran = tool(data(), &arguments, manifest.as_bytes());
    let text = format!("{BOILERPLATE}{lines}");
    assert_eq!(ran, (0, text, String::new()), "{manifest}");
}

/// `stderr` without the program's name before each line.
#[track_caller]
fn assert_refused(manifest: &[u8], status: i32, stderr: &[&str]) {
    let ran = tool(data(), &["render", "-f", "-"], manifest);
    let lines: String = stderr
        .iter()
        .map(|line| format!("oci-hostaliases: {line}\n"))
        .collect();
    let shown = manifest.get(..300).unwrap_or(manifest).escape_ascii();
    assert_eq!(ran, (status, String::new(), lines), "{shown}");
}

#[test]
fn documentation_example() {
    let arguments = [
        "render",
        "-f",
        "hostaliases-pod.yaml",
        "--pod-ip",
        "10.200.0.5",
    ];
    let text = "\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
10.200.0.5\thostaliases-pod

# Entries added by HostAliases.
127.0.0.1\tfoo.local\tbar.local
10.1.2.3\tfoo.remote\tbar.remote
";
    let ran = tool(data(), &arguments, b"");
    assert_eq!(ran, (0, text.to_owned(), String::new()));
}

#[test]
fn json_with_tabs_and_a_byte_order_mark() {
    let manifest = "\u{feff}{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\",\n\t\"metadata\": {\"name\": \"web\"},\n\t\"spec\": {\"hostAliases\": [\n\t\t{\"ip\": \"10.1.2.3\", \"hostnames\": [\"a\"]}\n\t]}\n}\n";
    assert_renders(
        manifest,
        &["--pod-ip", "10.0.0.5"],
        "10.0.0.5\tweb\n\n# Entries added by HostAliases.\n10.1.2.3\ta\n",
    );
}

#[test]
fn yaml_that_kubectl_takes() {
    for manifest in [
        // In flow style, which starts like JSON.
        "{apiVersion: v1, kind: Pod, metadata: {name: web}}\n",
        // Empty documents around it.
        "# a comment\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n---\n",
        // Merged from an anchor.
        "x: &x {name: web}\napiVersion: v1\nkind: Pod\nmetadata: {<<: *x}\n",
        // Nothing where something may be.
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: , annotations: }\nspec: {hostAliases: , hostname: \"\", containers: }\n",
    ] {
        assert_renders(manifest, &["--pod-ip", "10.0.0.5"], "10.0.0.5\tweb\n");
    }
}

#[test]
fn host_name_and_domain_by_the_kubelets_rules() {
    let a63 = "a".repeat(63);
    let long = |middle: &str| format!("name: {}{middle}bbb", "a".repeat(60));
    let a60 = "a".repeat(60);
    for (metadata, spec, line) in [
        ("name: web", "", "web"),
        ("name: web.v2", "", "web.v2"),
        ("name: web", "hostname: custom", "custom"),
        (
            "name: web",
            "hostname: custom, setHostnameAsFQDN: true",
            "custom",
        ),
        // 63 bytes, then trailing dashes and dots off.
        (&format!("name: {}", "a".repeat(253)), "", &a63),
        (&format!("name: {a63}"), "", &a63),
        (&long("bbb"), "", &format!("{a60}bbb")),
        (&long("--c"), "", &format!("{a60}--c")),
        (&long("b--"), "", &format!("{a60}b")),
        (&long("b.c"), "", &format!("{a60}b.c")),
        (&format!("name: {}.b", "a".repeat(62)), "", &"a".repeat(62)),
        // A domain, by the namespace.
        (
            "name: web",
            "subdomain: sub",
            "web.sub.default.svc.cluster.local\tweb",
        ),
        (
            "name: web, namespace: shop",
            "hostname: custom, subdomain: sub, setHostnameAsFQDN: true",
            "custom.sub.shop.svc.cluster.local\tcustom",
        ),
        // Whatever the name looks like.
        (
            "name: web.sub.default.svc.cluster.local",
            "subdomain: sub",
            "web.sub.default.svc.cluster.local.sub.default.svc.cluster.local\tweb.sub.default.svc.cluster.local",
        ),
        // The override is the whole name.
        (
            "name: web",
            "hostname: custom, subdomain: sub, hostnameOverride: db.example.org",
            "db.example.org",
        ),
        (
            "name: web",
            &format!("hostnameOverride: {}", "a".repeat(64)),
            &a63,
        ),
        // Not named yet, and no need.
        ("generateName: web-", "hostname: custom", "custom"),
        // The annotation before the subdomain.
        (
            "name: web, annotations: {oci-hostaliases.io/domain: example.org}",
            "subdomain: sub",
            "web.example.org\tweb",
        ),
    ] {
        assert_renders(&pod(metadata, spec), &[], &format!("10.0.0.5\t{line}\n"));
    }
}

#[test]
fn options_come_first() {
    let manifest = pod(
        "name: web, annotations: {oci-hostaliases.io/domain: example.org, oci-hostaliases.io/pod-ips: \"10.0.0.6,fd00::6\"}",
        "subdomain: sub",
    );
    for (options, lines) in [
        (
            &[][..],
            "10.0.0.6\tweb.example.org\tweb\nfd00::6\tweb.example.org\tweb\n",
        ),
        (
            &["--pod-ip", "fd00::7", "--pod-ip", "10.0.0.7"],
            "fd00::7\tweb.example.org\tweb\n10.0.0.7\tweb.example.org\tweb\n",
        ),
        (
            &[
                "--hostname",
                "db",
                "--domain",
                "example.net",
                "--pod-ip",
                "10.0.0.7",
            ],
            "10.0.0.7\tdb.example.net\tdb\n",
        ),
    ] {
        assert_renders(&manifest, options, lines);
    }
    assert_renders(
        &pod("name: web", "subdomain: sub"),
        &["--cluster-domain", "k8s.example"],
        "10.0.0.5\tweb.sub.default.svc.k8s.example\tweb\n",
    );
    assert_renders(
        &pod("generateName: web-", ""),
        &["--hostname", "web-x"],
        "10.0.0.5\tweb-x\n",
    );
}

/// The namespace decides over the domain and over the entries of `hosts.d`.
#[test]
fn namespace_of_the_option() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let hosts_d = directory.path().join("hosts.d");
    for (namespace, name) in [("shop", "of-shop"), ("other", "of-other")] {
        let of_namespace = hosts_d.join(namespace);
        std::fs::create_dir_all(&of_namespace).unwrap();
        std::fs::write(
            of_namespace.join("x.hosts"),
            format!("10.0.0.1 {name}.corp\n"),
        )
        .unwrap();
    }
    if std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&hosts_d).unwrap()) != 0 {
        eprintln!("not root: files of hosts.d must be root's");
        return;
    }
    for path in [&hosts_d, &hosts_d.join("other")] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let hosts_d = hosts_d.display().to_string();
    assert_renders(
        &pod("name: web, namespace: shop", "subdomain: sub"),
        &["--namespace", "other", "--hosts-d", &hosts_d],
        &format!(
            "10.0.0.5\tweb.sub.other.svc.cluster.local\tweb\n\
             \n# Entries added by oci-hostaliases from {hosts_d}/other/x.hosts.\n10.0.0.1\tof-other.corp\n"
        ),
    );
}

#[test]
fn both_lists_have_their_sections() {
    let spec = "hostAliases: [{ip: 10.1.2.3, hostnames: [a, b]}, {ip: 10.1.2.4}]";
    let annotation = "name: web, annotations: {oci-hostaliases.io/host-aliases: '[{\"ip\":\"10.9.9.9\",\"hostnames\":[\"c\"]}]'}";
    assert_renders(
        &pod(annotation, spec),
        &[],
        "10.0.0.5\tweb\n\n# Entries added by HostAliases.\n10.1.2.3\ta\tb\n10.1.2.4\t\n\n# Entries added by HostAliases.\n10.9.9.9\tc\n",
    );
    assert_renders(
        &pod(annotation, ""),
        &[],
        "10.0.0.5\tweb\n\n# Entries added by HostAliases.\n10.9.9.9\tc\n",
    );
}

#[test]
fn host_network_takes_the_nodes_file() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("node"), "192.0.2.1 node").unwrap();
    let manifest = pod(
        "name: web",
        "hostNetwork: true, hostAliases: [{ip: 10.1.2.3, hostnames: [a]}]",
    );
    let ran = tool(
        directory.path(),
        &["render", "-f", "-", "--node-hosts", "node"],
        manifest.as_bytes(),
    );
    let text = "# Kubernetes-managed hosts file (host network).\n192.0.2.1 node\n# Entries added by HostAliases.\n10.1.2.3\ta\n";
    assert_eq!(ran, (0, text.to_owned(), String::new()));

    let ran = tool(
        directory.path(),
        &["render", "-f", "-", "--node-hosts", "absent"],
        manifest.as_bytes(),
    );
    let stderr = "oci-hostaliases: the container uses the host's network, and the node's hosts file cannot be read: \
        open absent: No such file or directory (os error 2)\n";
    assert_eq!(ran, (4, String::new(), stderr.to_owned()));
}

#[test]
fn notes_go_to_stderr() {
    let own = "containers: [{name: a}, {name: b, volumeMounts: [{name: v, mountPath: /etc/hosts}]}], \
        initContainers: [{name: c, volumeMounts: [{name: v, mountPath: /etc//hosts}]}]";
    let manifest = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{{own}}}\n");
    let ran = tool(data(), &["render", "-f", "-"], manifest.as_bytes());
    let stderr = "\
oci-hostaliases: container c is left alone: it has a volume of its own on /etc//hosts, which the kubelet does not treat as /etc/hosts
oci-hostaliases: container b is left alone: it has a volume of its own on /etc/hosts
oci-hostaliases: the Pod's address is not known: give --pod-ip
";
    assert_eq!(ran, (0, BOILERPLATE.to_owned(), stderr.to_owned()));
}

/// The name is made by the API server, so nothing here knows it.
#[test]
fn a_pod_that_is_not_named_yet() {
    let manifest = pod("generateName: web-", "hostAliases: [{ip: 10.1.2.3}]");
    let ran = tool(data(), &["render", "-f", "-"], manifest.as_bytes());
    let text = format!("{BOILERPLATE}\n# Entries added by HostAliases.\n10.1.2.3\t\n");
    let stderr = "oci-hostaliases: no line for the Pod's addresses, because its name is generated later: give --hostname\n";
    assert_eq!(ran, (0, text, stderr.to_owned()));
}

#[test]
fn left_alone() {
    let own = "containers: [{name: a, volumeMounts: [{name: v, mountPath: /etc/hosts}]}]";
    for (metadata, spec, reason) in [
        (
            // Its other annotations are not looked at.
            "name: web, annotations: {oci-hostaliases.io/manage: \"false\", oci-hostaliases.io/pod-ips: x}",
            "",
            "annotation oci-hostaliases.io/manage is \"false\"",
        ),
        (
            "name: web",
            own,
            "every container has a volume of its own on /etc/hosts",
        ),
    ] {
        assert_refused(
            pod(metadata, spec).as_bytes(),
            0,
            &[&format!("leave: {reason}")],
        );
    }
}

/// What is read, in the words of the messages.
const KINDS: &str = "expected Pod, PodTemplate, ReplicationController, Deployment, StatefulSet, DaemonSet, \
    ReplicaSet, Job, CronJob or a List of them";

#[test]
fn no_pod() {
    let nested = "[".repeat(100_000);
    let no_kind =
        "kind: Required value: expected a Pod (apiVersion: v1, kind: Pod) or what makes Pods";
    for (manifest, situation) in [
        ("", &*format!("empty, {KINDS}")),
        ("# nothing\n---\n", &format!("empty, {KINDS}")),
        (
            "apiVersion: v1\nkind: List\nitems: []",
            &format!("empty, {KINDS}"),
        ),
        ("[]", no_kind),
        ("metadata: {}", no_kind),
        ("kind: Pod", "apiVersion: Required value: expected v1"),
        (
            "kind: Pod\napiVersion: v2",
            "apiVersion: Invalid value: \"v2\": expected v1",
        ),
        (
            "kind: Deployment\napiVersion: extensions/v1beta1",
            "apiVersion: Invalid value: \"extensions/v1beta1\": expected apps/v1",
        ),
        (
            "kind: CronJobList\napiVersion: batch/v1beta1",
            "apiVersion: Invalid value: \"batch/v1beta1\": expected batch/v1",
        ),
        ("kind: ConfigMap", &format!("only ConfigMap, {KINDS}")),
        (
            "kind: Job\napiVersion: batch.volcano.sh/v1alpha1",
            &format!("only Job, {KINDS}"),
        ),
        (
            "kind: Service\n---\nkind: ConfigMap\n---\nkind: Service\n",
            &format!("only ConfigMap, Service (2), {KINDS}"),
        ),
        (
            "kind: \"\\e[31m\"",
            &format!("only \"\\u{{1b}}[31m\", {KINDS}"),
        ),
        (
            "{\"kind\":",
            "not JSON: EOF while parsing a value at line 1 column 8",
        ),
        (
            "{\"metadata\": {\"name\": \"a\",\n\t\"name\": \"b\"}}",
            "not JSON: duplicate entry with key \"name\" at line 2 column 7",
        ),
        (
            "spec:\n  hostAliases:\n  - ip: 10.1.2.3\n    ip: 10.1.2.4\n",
            "not YAML: spec.hostAliases[0]: duplicate entry with key \"ip\" at line 3 column 5",
        ),
        (
            nested.as_str(),
            "not YAML: recursion limit exceeded at line 1 column 129",
        ),
    ] {
        assert_refused(manifest.as_bytes(), 5, &[&format!("stdin: {situation}")]);
    }
    assert_refused(b"\xff\xfe", 5, &["stdin: not UTF-8"]);
}

#[test]
fn refused_fields_are_named_all_at_once() {
    let aliases = "hostAliases: [{ip: 010.000.000.005, hostnames: [Foo, ok]}, {ip: \"::ffff:10.0.0.5\"}, \
        {hostnames: [a]}, {ip: 10.1.2.3, hostames: [a]}, 7, {ip: 1.2, hostnames: a}]";
    assert_refused(
        pod("name: web", aliases).as_bytes(),
        5,
        &[
            "stdin: spec.hostAliases[0].ip: Invalid value: \"010.000.000.005\": must not have leading 0s",
            &format!("stdin: spec.hostAliases[0].hostnames[0]: Invalid value: \"Foo\": {BAD_NAME}"),
            "stdin: spec.hostAliases[1].ip: Invalid value: \"::ffff:10.0.0.5\": must not be an IPv4-mapped IPv6 address",
            "stdin: spec.hostAliases[2].ip: Invalid value: \"\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            "stdin: spec.hostAliases[3].hostames: Unknown field",
            "stdin: spec.hostAliases[4]: Invalid value: 7: must be an object with \"ip\" and \"hostnames\"",
            "stdin: spec.hostAliases[5].ip: Invalid value: 1.2: must be a string",
            "stdin: spec.hostAliases[5].hostnames: Invalid value: \"a\": must be a list of strings",
        ],
    );
    assert_refused(
        pod(
            "name: Web, namespace: a.b, annotations: {oci-hostaliases.io/manage: false, oci-hostaliases.io/domains: x, \
             oci-hostaliases.io/host-aliases: \"10.1.2.3 a\\n10.1.2.4 B\"}",
            "hostname: a.b, subdomain: s_t, hostNetwork: \"true\", containers: [{volumeMounts: [{mountPath: 7}]}, x]",
        )
        .as_bytes(),
        5,
        &[
            &format!("stdin: metadata.name: Invalid value: \"Web\": {BAD_NAME}"),
            "stdin: metadata.namespace: Invalid value: \"a.b\": must not contain dots",
            "stdin: metadata.annotations[oci-hostaliases.io/manage]: Invalid value: false: must be a string (in quotes)",
            "stdin: oci-hostaliases.io/domains: Unknown field: did you mean oci-hostaliases.io/domain?",
            &format!("stdin: oci-hostaliases.io/host-aliases: line 2: Invalid value: \"B\": {BAD_NAME}"),
            "stdin: spec.hostname: Invalid value: \"a.b\": must not contain dots",
            &format!("stdin: spec.subdomain: Invalid value: \"s_t\": {BAD_LABEL}"),
            "stdin: spec.hostNetwork: Invalid value: \"true\": must be true or false",
            "stdin: spec.containers[0].volumeMounts[0].mountPath: Invalid value: 7: must be a string",
            "stdin: spec.containers[1]: Invalid value: \"x\": must be an object",
        ],
    );
    for (metadata, spec, refusal) in [
        (
            "",
            "",
            "metadata.name: Required value: name or generateName is required",
        ),
        (
            "name: web",
            "hostAliases: {ip: 10.1.2.3}",
            "spec.hostAliases: Invalid value: object: must be a list",
        ),
        (
            "name: web",
            "hostname: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "spec.hostname: Invalid value: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\": must be no more than 63 characters",
        ),
        (
            "name: web",
            "hostnameOverride: db.example, setHostnameAsFQDN: true",
            "spec.hostnameOverride: Invalid value: \"db.example\": may not be set together with setHostnameAsFQDN",
        ),
        (
            "name: web",
            "hostnameOverride: db.example, hostNetwork: true",
            "spec.hostnameOverride: Invalid value: \"db.example\": may not be set together with hostNetwork",
        ),
    ] {
        assert_refused(
            pod(metadata, spec).as_bytes(),
            5,
            &[&format!("stdin: {refusal}")],
        );
    }
    assert_refused(
        b"apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: x\nstatus: {podIPs: [{ip: 10.0.0.05}]}\n",
        5,
        &[
            "stdin: spec: Invalid value: \"x\": must be an object",
            "stdin: status.podIPs[0].ip: Invalid value: \"10.0.0.05\": must not have leading 0s",
        ],
    );
}

#[test]
fn files_that_cannot_be_read() {
    for (file, stderr) in [
        (
            "absent.yaml",
            "open absent.yaml: No such file or directory (os error 2)",
        ),
        (
            "/proc/self/mem",
            "read /proc/self/mem: Input/output error (os error 5)",
        ),
    ] {
        let ran = tool(data(), &["render", "-f", file], b"");
        assert_eq!(
            ran,
            (1, String::new(), format!("oci-hostaliases: {stderr}\n"))
        );
    }
    let limit = 16 * 1024 * 1024;
    let ran = tool(data(), &["render", "-f", "-"], &vec![b'#'; limit + 1]);
    let stderr = format!("oci-hostaliases: stdin: more than {limit} bytes\n");
    assert_eq!(ran, (1, String::new(), stderr));
}

#[test]
fn wrong_options_are_usage() {
    for (options, first_line) in [
        (
            &[][..],
            "error: the following required arguments were not provided:",
        ),
        (
            &["-f", "x", "--bundle", "y"],
            "error: the argument '-f <FILE>' cannot be used with '--bundle <DIR>'",
        ),
        (
            &["--bundle", "x", "--cluster-domain", "y"],
            "error: the argument '--bundle <DIR>' cannot be used with '--cluster-domain <DOMAIN>'",
        ),
        (
            &["-f", "x", "--pod-ip", "010.0.0.5"],
            "error: invalid value '010.0.0.5' for '--pod-ip <IP>': must not have leading 0s",
        ),
        (
            &["-f", "x", "--pod-ip", "10.0.0.5/24"],
            "error: invalid value '10.0.0.5/24' for '--pod-ip <IP>': must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        ),
        (
            &["-f", "x", "--hostname", "Web"],
            &format!("error: invalid value 'Web' for '--hostname <NAME>': {BAD_NAME}"),
        ),
        (
            &["-f", "x", "--domain", "a b"],
            &format!("error: invalid value 'a b' for '--domain <DOMAIN>': {BAD_NAME}"),
        ),
        (
            &["-f", "x", "--ip", "y"],
            "error: unexpected argument '--ip' found",
        ),
    ] {
        for verb in ["render", "explain"] {
            let (status, stdout, stderr) = tool(data(), &[&[verb], options].concat(), b"");
            assert_eq!((status, stdout.as_str()), (2, ""), "{options:?}");
            assert_eq!(stderr.lines().next(), Some(first_line), "{options:?}");
        }
    }
}
