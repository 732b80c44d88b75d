//! `render -f` and `explain -f` with what people have: templates of Pods, lists, several documents and
//! directories.

use std::fs;
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

const NO_NAME: &str =
    "no line for the Pod's addresses, because its name is generated later: give --hostname";
const NO_ADDRESS: &str = "the Pod's address is not known: give --pod-ip";

/// What the program prints: its result, and its messages without its name in front.
#[track_caller]
fn run(directory: &Path, arguments: &[&str], manifest: &str) -> (i32, String, Vec<String>) {
    let (status, stdout, stderr) = tool(directory, arguments, manifest.as_bytes());
    let messages = stderr
        .lines()
        .map(|line| line.strip_prefix("oci-hostaliases: ").unwrap().to_owned());
    (status, stdout, messages.collect())
}

/// `files`: heading and the lines behind the boilerplate.
#[track_caller]
fn assert_renders(manifest: &str, options: &[&str], files: &[(&str, &str)], messages: &[&str]) {
    let arguments = [&["render", "-f", "-"], options].concat();
    let text: Vec<_> = files
        .iter()
        .map(|(heading, lines)| match *heading {
            "" => format!("{BOILERPLATE}{lines}"),
            heading => format!("==> {heading} <==\n{BOILERPLATE}{lines}"),
        })
        .collect();
    let messages = messages.iter().map(|line| (*line).to_owned()).collect();
    let ran = run(Path::new("/"), &arguments, manifest);
    assert_eq!(ran, (0, text.join("\n"), messages), "{manifest}");
}

#[track_caller]
fn assert_refused(manifest: &str, lines: &[&str]) {
    let lines: Vec<_> = lines.iter().map(|line| format!("stdin: {line}")).collect();
    for verb in ["render", "explain"] {
        let ran = run(Path::new("/"), &[verb, "-f", "-"], manifest);
        assert_eq!(ran, (5, String::new(), lines.clone()), "{manifest}");
    }
}

/// Of each kind, where its Pods' `metadata` and `spec` are.
const TEMPLATES: [(&str, &str, &str); 8] = [
    ("PodTemplate", "v1", "{template: TEMPLATE}"),
    (
        "ReplicationController",
        "v1",
        "{spec: {template: TEMPLATE}}",
    ),
    ("Deployment", "apps/v1", "{spec: {template: TEMPLATE}}"),
    ("StatefulSet", "apps/v1", "{spec: {template: TEMPLATE}}"),
    ("DaemonSet", "apps/v1", "{spec: {template: TEMPLATE}}"),
    ("ReplicaSet", "apps/v1", "{spec: {template: TEMPLATE}}"),
    ("Job", "batch/v1", "{spec: {template: TEMPLATE}}"),
    (
        "CronJob",
        "batch/v1",
        "{spec: {jobTemplate: {spec: {template: TEMPLATE}}}}",
    ),
];

/// An object of this kind with this template, in YAML's flow style.
fn object(kind: &str, template: &str) -> String {
    let (_, api_version, members) = TEMPLATES.iter().find(|it| it.0 == kind).unwrap();
    let members = members.replacen('{', "", 1).replace("TEMPLATE", template);
    format!(
        "{{apiVersion: {api_version}, kind: {kind}, metadata: {{name: web, namespace: shop}}, {members}\n"
    )
}

const POD: &str =
    "{apiVersion: v1, kind: Pod, metadata: {name: db}, status: {podIPs: [{ip: 10.0.0.5}]}}\n";

#[test]
fn every_kind_that_has_a_template() {
    let template = "{metadata: {annotations: {oci-hostaliases.io/host-aliases: 10.9.9.9 b}}, \
        spec: {hostAliases: [{ip: 10.1.2.3, hostnames: [a]}]}}";
    let aliases = "\n# Entries added by HostAliases.\n10.1.2.3\ta\n\n# Entries added by HostAliases.\n10.9.9.9\tb\n";
    for (kind, ..) in TEMPLATES {
        let manifest = object(kind, template);
        // The name and the addresses are the Pod's only once there is one.
        assert_renders(&manifest, &[], &[("", aliases)], &[NO_NAME, NO_ADDRESS]);
        let given = ["--hostname", "web-0", "--pod-ip", "10.0.0.5"];
        let lines = format!("10.0.0.5\tweb-0\n{aliases}");
        assert_renders(&manifest, &given, &[("", &lines)], &[]);
    }
}

/// By the name that the controller gives to each Pod, or the template to all of them.
#[test]
fn host_names_of_templates() {
    let own = "{spec: {hostname: custom, subdomain: sub}}";
    let ip = ["--pod-ip", "10.0.0.5"];
    let given = ["--pod-ip", "10.0.0.5", "--hostname", "web-0"];
    let fqdn = "10.0.0.5\tcustom.sub.shop.svc.cluster.local\tcustom\n";
    assert_renders(&object("Deployment", own), &ip, &[("", fqdn)], &[]);
    assert_renders(&object("Job", own), &ip, &[("", fqdn)], &[]);

    let of_set =
        object("StatefulSet", own).replace("spec: {template", "spec: {serviceName: db, template");
    assert_renders(&of_set, &ip, &[("", "")], &[NO_NAME]);
    let fqdn = "10.0.0.5\tweb-0.db.shop.svc.cluster.local\tweb-0\n";
    assert_renders(&of_set, &given, &[("", fqdn)], &[]);
    let without_service = object("StatefulSet", own);
    assert_renders(&without_service, &given, &[("", "10.0.0.5\tweb-0\n")], &[]);

    for kind in ["Job", "CronJob"] {
        let indexed = object(kind, own).replace("{template", "{completionMode: Indexed, template");
        assert_renders(&indexed, &ip, &[("", "")], &[NO_NAME]);
        let fqdn = "10.0.0.5\tweb-0.sub.shop.svc.cluster.local\tweb-0\n";
        assert_renders(&indexed, &given, &[("", fqdn)], &[]);
    }
}

#[test]
fn an_annotation_beside_the_template_is_pointed_out() {
    let manifest = object("Deployment", "{spec: {hostname: custom}}").replace(
        "namespace: shop",
        "annotations: {oci-hostaliases.io/domain: example.org, other: x}",
    );
    assert_renders(
        &manifest,
        &["--pod-ip", "10.0.0.5"],
        &[("", "10.0.0.5\tcustom\n")],
        &[
            "annotation oci-hostaliases.io/domain of the Deployment itself has no effect: its Pods have the annotations of its template",
        ],
    );
}

#[test]
fn several_documents() {
    let manifest = format!(
        "# Source: chart/templates/web.yaml\n{}---\n# nothing\n---\n{POD}---\nkind: ConfigMap\n---\nkind: Service\n---\nkind: Service\n",
        object("Deployment", "{spec: {hostname: custom}}"),
    );
    assert_renders(
        &manifest,
        &["--pod-ip", "10.0.0.6"],
        &[
            ("shop/Deployment/web", "10.0.0.6\tcustom\n"),
            ("default/Pod/db", "10.0.0.6\tdb\n"),
        ],
        &["skipped: ConfigMap, Service (2)"],
    );
    assert_renders(
        &manifest,
        &["--namespace", "other"],
        &[
            ("other/Deployment/web", ""),
            ("other/Pod/db", "10.0.0.5\tdb\n"),
        ],
        &[
            "skipped: ConfigMap, Service (2)",
            "other/Deployment/web: the Pod's address is not known: give --pod-ip",
        ],
    );
    // JSON documents, one behind the other.
    let json = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "b-"}}"#;
    assert_renders(
        json,
        &["--pod-ip", "10.0.0.6"],
        &[
            ("default/Pod/a", "10.0.0.6\ta\n"),
            ("default/Pod/(not named yet)", ""),
        ],
        &[&format!("default/Pod/(not named yet): {NO_NAME}")],
    );
}

/// One that is left alone has no file, and so no heading.
#[test]
fn several_documents_of_which_one_is_left_alone() {
    let opted_out = "{apiVersion: v1, kind: Pod, metadata: {name: own, annotations: {oci-hostaliases.io/manage: \"false\"}}}\n";
    assert_renders(
        &format!("{opted_out}---\n{POD}"),
        &[],
        &[("default/Pod/db", "10.0.0.5\tdb\n")],
        &["default/Pod/own: leave: annotation oci-hostaliases.io/manage is \"false\""],
    );
}

#[test]
fn lists_as_kubectl_and_the_api_server_print_them() {
    let (deployment, pod) = (object("Deployment", "{spec: {hostname: custom}}"), POD);
    let files = [
        ("shop/Deployment/web", "10.0.0.6\tcustom\n"),
        ("default/Pod/db", "10.0.0.6\tdb\n"),
    ];
    let ip = ["--pod-ip", "10.0.0.6"];
    let list = format!(
        "{{apiVersion: v1, kind: List, items: [{deployment}, {{kind: Secret}}, {{apiVersion: v1, kind: List, items: [{pod}]}}]}}"
    );
    assert_renders(&list, &ip, &files, &["skipped: Secret"]);
    // `kubectl get --raw`: only the list says what its items are.
    for (kind, api_version, lines) in [("Pod", "v1", "10.0.0.6\tweb\n"), ("Job", "batch/v1", "")] {
        let item = "{metadata: {name: web}, spec: {template: {spec: {}}}}";
        let list = format!("{{apiVersion: {api_version}, kind: {kind}List, items: [{item}]}}");
        let messages: &[&str] = if kind == "Pod" { &[] } else { &[NO_NAME] };
        assert_renders(&list, &ip, &[("", lines)], messages);
    }
}

#[test]
fn a_refusal_names_document_object_and_field() {
    let bad = "{metadata: {annotations: {oci-hostaliases.io/pod-ips: x}}, spec: {hostAliases: [{ip: 010.0.0.5}]}}";
    let bad_ip = "Invalid value: \"010.0.0.5\": must not have leading 0s";
    let bad_ips = "oci-hostaliases.io/pod-ips[0]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
    for (kind, _, members) in TEMPLATES {
        let template = match members {
            _ if kind == "PodTemplate" => "template",
            _ if kind == "CronJob" => "spec.jobTemplate.spec.template",
            _ => "spec.template",
        };
        assert_refused(
            &object(kind, bad),
            &[
                &format!("shop/{kind}/web: {bad_ips}"),
                &format!("shop/{kind}/web: {template}.spec.hostAliases[0].ip: {bad_ip}"),
            ],
        );
        assert_refused(
            &object(kind, "null"),
            &[&format!(
                "shop/{kind}/web: {template}: Required value: the Pods are made from it"
            )],
        );
    }
    let list = format!(
        "{{apiVersion: v1, kind: List, items: [7, {{kind: Pod}}, {}, {POD}]}}",
        object("Job", bad)
    );
    assert_refused(
        &format!(
            "{POD}---\n{list}\n---\n- x\n---\n{}",
            POD.replace("db", "Db")
        ),
        &[
            "document 2: items[0].kind: Required value: expected a Pod (apiVersion: v1, kind: Pod) or what makes Pods",
            "document 2: items[1].apiVersion: Required value: expected v1",
            &format!("document 2, shop/Job/web: {bad_ips}"),
            &format!(
                "document 2, shop/Job/web: items[2].spec.template.spec.hostAliases[0].ip: {bad_ip}"
            ),
            "document 3: kind: Required value: expected a Pod (apiVersion: v1, kind: Pod) or what makes Pods",
            "document 4, default/Pod/Db: metadata.name: Invalid value: \"Db\": a lowercase RFC 1123 subdomain must consist of \
             lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
             'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ],
    );
    assert_refused(
        "kind: List\napiVersion: v1\nitems: {}\n",
        &["items: Invalid value: object: must be a list"],
    );
    assert_refused(
        &format!("{POD}---\na: [\n"),
        &[
            "document 2: not YAML: did not find expected node content at line 4 column 1, while parsing a flow node",
        ],
    );
    assert_refused(
        "{\"kind\": \"Service\"}\n{\"kind\":",
        &["document 2: not JSON: EOF while parsing a value at line 2 column 8"],
    );
}

#[test]
fn a_directory_as_kubectl_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    let deployment = object("Deployment", "{spec: {hostname: custom}}");
    write("a.yml", POD);
    write(
        "b.json",
        r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "json"}}"#,
    );
    write("c.yaml", &deployment);
    write("notes.txt", "not a manifest: [");
    write("d.yaml.bak", "not a manifest: [");
    fs::create_dir(directory.path().join("sub.yaml")).unwrap();
    write("sub.yaml/e.yaml", POD);
    let arguments = ["render", "-f", ".", "--pod-ip", "10.0.0.6"];
    let text = format!(
        "==> default/Pod/db <==\n{BOILERPLATE}10.0.0.6\tdb\n\n\
         ==> default/Pod/json <==\n{BOILERPLATE}10.0.0.6\tjson\n\n\
         ==> shop/Deployment/web <==\n{BOILERPLATE}10.0.0.6\tcustom\n"
    );
    assert_eq!(run(directory.path(), &arguments, ""), (0, text, vec![]));

    // All that is wrong, in all files.
    write("a.yml", "kind: Pod\n");
    write("b.json", "{");
    let refused = [
        "./a.yml: apiVersion: Required value: expected v1",
        "./b.json: not JSON: EOF while parsing an object at line 1 column 1",
    ];
    let refused = refused.map(str::to_owned).to_vec();
    assert_eq!(
        run(directory.path(), &arguments, ""),
        (5, String::new(), refused)
    );

    let empty = directory.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let refused = ".: no file whose name ends in .json, .yaml or .yml".to_owned();
    assert_eq!(
        run(&empty, &arguments, ""),
        (5, String::new(), vec![refused])
    );
}

#[test]
fn explain_has_the_same_headings() {
    let manifest = format!("{}---\n{POD}", object("StatefulSet", "{spec: {}}"));
    let (status, stdout, messages) = run(Path::new("/"), &["explain", "-f", "-"], &manifest);
    assert_eq!((status, messages), (0, vec![]));
    let heads: Vec<_> = stdout.split("\nLINE").collect();
    assert_eq!(
        heads[0],
        format!(
            "==> shop/StatefulSet/web <==\n\
             plan: manage\n\
             reason: no container has a volume of its own on /etc/hosts\n\
             template: shop/StatefulSet/web\n\
             network: the Pod's own\n\
             note: {NO_NAME}\n\
             note: {NO_ADDRESS}\n"
        )
    );
    let second = heads[1].split_once("\n\n").unwrap().1;
    assert_eq!(
        second,
        "==> default/Pod/db <==\n\
         plan: manage\n\
         reason: no container has a volume of its own on /etc/hosts\n\
         pod: default/db\n\
         network: the Pod's own\n\
         hostname: db (metadata.name)\n"
    );
}
