//! The valid values of the annotations, and the exact messages for invalid ones.

use crate::apimachinery::{BAD_IP, BAD_NAME};
use crate::fixtures::{aliases, annotations, request};
use oci_hostaliases::facts::request::Request;
use oci_hostaliases::validation::names;

const HOST_ALIASES: &str = "oci-hostaliases.io/host-aliases";
const DOMAIN: &str = "oci-hostaliases.io/domain";
const POD_IPS: &str = "oci-hostaliases.io/pod-ips";
const MANAGE: &str = "oci-hostaliases.io/manage";
const LEADING_ZEROS: &str = "must not have leading 0s";
const MAPPED: &str = "must not be an IPv4-mapped IPv6 address";
const TOO_LONG: &str = "must be no more than 253 characters";

/// The annotation is accepted and gives these entries.
#[track_caller]
fn assert_aliases(value: &str, expected: &[(&str, &[&str])]) {
    let request = request(&[(HOST_ALIASES, value)]).unwrap();
    let expected: Vec<(&str, Vec<&str>)> = expected
        .iter()
        .map(|(ip, names)| (*ip, names.to_vec()))
        .collect();
    assert_eq!(aliases(&request), expected, "{value:?}");
}

/// The annotations are refused with exactly these messages.
#[track_caller]
fn assert_refused(pairs: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(
        request(pairs),
        Err(expected.iter().map(ToString::to_string).collect()),
        "{pairs:?}"
    );
}

#[test]
fn the_texts_are_those_of_kubernetes() {
    // Letter by letter; what follows is tested against these.
    assert_eq!(
        names::name_refusals("a_b"),
        [
            r"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        ]
    );
    assert_eq!(
        names::ip_refusal("x"),
        Some("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
    );
    // Two spaces before "or": so says the API server.
    assert_eq!(
        names::label_refusals("a_b"),
        [
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
        ]
    );
    assert_eq!(names::label_refusals("a.b"), ["must not contain dots"]);
    assert_eq!(
        names::label_refusals(&"a".repeat(64)),
        ["must be no more than 63 characters"]
    );
    assert_eq!(
        names::label_refusals(&format!("{}.b", "a".repeat(63))),
        [
            "must be no more than 63 characters",
            "must not contain dots"
        ]
    );
    assert!(names::label_refusals(&"a".repeat(63)).is_empty());
}

#[test]
fn a_json_list_is_that_of_a_pods_spec() {
    assert_aliases("[]", &[]);
    assert_aliases(
        r#"[{"ip":"10.1.2.3","hostnames":["foo.remote","bar.remote"]}]"#,
        &[("10.1.2.3", &["foo.remote", "bar.remote"])],
    );
    assert_aliases(
        " \r\n\t[ { \"hostnames\" : [ \"a\" ] ,\n \"ip\" : \"::1\" } ]\n",
        &[("::1", &["a"])],
    );
    // No names, said in every way there is.
    for entry in [
        r#"[{"ip":"10.0.0.8"}]"#,
        r#"[{"ip":"10.0.0.8","hostnames":[]}]"#,
        r#"[{"ip":"10.0.0.8","hostnames":null}]"#,
    ] {
        assert_aliases(entry, &[("10.0.0.8", &[])]);
    }
    // Escapes are JSON's, and mean what they mean there.
    assert_aliases(
        r#"[{"\u0069p":"10.0.0.8","hostnames":["\u0061\u002eb"]}]"#,
        &[("10.0.0.8", &["a.b"])],
    );
    // The same address and the same name twice.
    assert_aliases(
        r#"[{"ip":"10.0.0.8","hostnames":["a","a"]},{"ip":"10.0.0.8","hostnames":["a"]}]"#,
        &[("10.0.0.8", &["a", "a"]), ("10.0.0.8", &["a"])],
    );
}

#[test]
fn addresses_are_accepted_in_every_spelling_that_is_not_ambiguous() {
    for ip in [
        "10.1.2.3",
        "0.0.0.0",
        "127.0.0.1",
        "255.255.255.255",
        "224.0.0.1",
        "::",
        "::1",
        "fd00::5",
        "2001:DB8:0:0::A",
        "2001:0db8:0000:0000:0000:0000:0000:000a",
        "ff02::1",
        "fe80::1",
        // Compatible, not mapped.
        "::1.2.3.4",
        "64:ff9b::1.2.3.4",
        "1:2:3:4:5:6:7::",
    ] {
        assert_aliases(&format!(r#"[{{"ip":"{ip}"}}]"#), &[(ip, &[])]);
        assert_aliases(&format!("{ip} a"), &[(ip, &["a"])]);
    }
}

#[test]
fn addresses_are_refused_in_the_words_of_the_api_server() {
    for (ip, shown, detail) in [
        ("", r#""""#, BAD_IP),
        (" 10.0.0.1", r#"" 10.0.0.1""#, BAD_IP),
        ("10.0.0.1 ", r#""10.0.0.1 ""#, BAD_IP),
        ("10.0.0", r#""10.0.0""#, BAD_IP),
        ("10.0.0.1.2", r#""10.0.0.1.2""#, BAD_IP),
        ("10.0.0.256", r#""10.0.0.256""#, BAD_IP),
        ("10.0.0.-1", r#""10.0.0.-1""#, BAD_IP),
        ("10..0.1", r#""10..0.1""#, BAD_IP),
        ("0x0a.0.0.1", r#""0x0a.0.0.1""#, BAD_IP),
        ("167772161", r#""167772161""#, BAD_IP),
        ("10.0.0.1/24", r#""10.0.0.1/24""#, BAD_IP),
        ("fd00::/64", r#""fd00::/64""#, BAD_IP),
        ("10.0.0.1:80", r#""10.0.0.1:80""#, BAD_IP),
        ("[::1]", r#""[::1]""#, BAD_IP),
        ("[::1]:80", r#""[::1]:80""#, BAD_IP),
        ("fe80::1%eth0", r#""fe80::1%eth0""#, BAD_IP),
        ("fe80::1%1", r#""fe80::1%1""#, BAD_IP),
        ("::1::", r#""::1::""#, BAD_IP),
        ("1:2:3:4:5:6:7:8:9", r#""1:2:3:4:5:6:7:8:9""#, BAD_IP),
        ("1:2:3:4::5:6:7:8", r#""1:2:3:4::5:6:7:8""#, BAD_IP),
        ("::12345", r#""::12345""#, BAD_IP),
        ("host.example", r#""host.example""#, BAD_IP),
        // Digits outside ASCII.
        ("１０.0.0.1", r#""１０.0.0.1""#, BAD_IP),
        ("10.0.0.1\\n", r#""10.0.0.1\n""#, BAD_IP),
        ("10.0.0.1\\u0000", r#""10.0.0.1\0""#, BAD_IP),
        ("010.0.0.5", r#""010.0.0.5""#, LEADING_ZEROS),
        ("010.000.000.005", r#""010.000.000.005""#, LEADING_ZEROS),
        ("10.0.0.00", r#""10.0.0.00""#, LEADING_ZEROS),
        ("10.0.0.0000000005", r#""10.0.0.0000000005""#, LEADING_ZEROS),
        ("::00001", r#""::00001""#, LEADING_ZEROS),
        ("::1.2.3.04", r#""::1.2.3.04""#, LEADING_ZEROS),
        ("::ffff:010.0.0.5", r#""::ffff:010.0.0.5""#, LEADING_ZEROS),
        ("010.0.0.256", r#""010.0.0.256""#, BAD_IP),
        ("::ffff:1.2.3.4", r#""::ffff:1.2.3.4""#, MAPPED),
        ("::FFFF:102:304", r#""::FFFF:102:304""#, MAPPED),
        (
            "0:0:0:0:0:ffff:0102:0304",
            r#""0:0:0:0:0:ffff:0102:0304""#,
            MAPPED,
        ),
    ] {
        assert_refused(
            &[(
                HOST_ALIASES,
                &format!(r#"[{{"ip":"10.0.0.1"}},{{"ip":"{ip}","hostnames":["a"]}}]"#),
            )],
            &[&format!(
                "oci-hostaliases.io/host-aliases[1].ip: Invalid value: {shown}: {detail}"
            )],
        );
    }
}

#[test]
fn names_are_lowercase_rfc_1123_subdomains() {
    let longest = format!("{}.{}", "a".repeat(126), "b".repeat(126));
    for name in [
        "a",
        "0",
        "foo.remote",
        "a-b.c--d",
        "xn--bcher-kva.example",
        "123",
        "localhost",
        // No bound for one label.
        &"a".repeat(64),
        &longest,
    ] {
        assert_aliases(
            &format!(r#"[{{"ip":"::1","hostnames":["{name}"]}}]"#),
            &[("::1", &[name])],
        );
        assert_aliases(&format!("::1 {name}"), &[("::1", &[name])]);
    }
    // The API server takes an address for a name; in a line it is one that lost its line end.
    assert_aliases(
        r#"[{"ip":"::1","hostnames":["1.2.3.4"]}]"#,
        &[("::1", &["1.2.3.4"])],
    );
    for (name, shown) in [
        ("", r#""""#),
        (".", r#"".""#),
        ("Foo", r#""Foo""#),
        ("foo.Remote", r#""foo.Remote""#),
        ("foo_bar", r#""foo_bar""#),
        ("*.foo", r#""*.foo""#),
        ("*", r#""*""#),
        ("foo.", r#""foo.""#),
        (".foo", r#"".foo""#),
        ("foo..bar", r#""foo..bar""#),
        ("-foo", r#""-foo""#),
        ("foo-", r#""foo-""#),
        ("foo-.bar", r#""foo-.bar""#),
        ("foo bar", r#""foo bar""#),
        (" foo", r#"" foo""#),
        ("foo\\tbar", r#""foo\tbar""#),
        ("foo#bar", r#""foo#bar""#),
        ("foo:80", r#""foo:80""#),
        ("http://foo", r#""http://foo""#),
        ("fd00::1", r#""fd00::1""#),
        ("bücher", r#""bücher""#),
        // Looks like an "a" and is none.
        ("\\u0430", r#""а""#),
        // One name cannot become two lines.
        (
            "foo\\n10.0.0.1 bank.example",
            r#""foo\n10.0.0.1 bank.example""#,
        ),
        ("foo\\r", r#""foo\r""#),
        ("foo\\u0000", r#""foo\0""#),
        ("foo\\u2028", r#""foo\u{2028}""#),
        ("\\u001b[2Jfoo", r#""\u{1b}[2Jfoo""#),
        ("\\\"", r#""\"""#),
    ] {
        assert_refused(
            &[(
                HOST_ALIASES,
                &format!(r#"[{{"ip":"::1","hostnames":["a","{name}"]}}]"#),
            )],
            &[&format!(
                "oci-hostaliases.io/host-aliases[0].hostnames[1]: Invalid value: {shown}: {BAD_NAME}"
            )],
        );
    }
}

#[test]
fn a_name_has_at_most_253_bytes() {
    let shown = "a".repeat(128);
    assert_refused(
        &[(HOST_ALIASES, &format!("::1 {}", "a".repeat(254)))],
        &[&format!(
            "oci-hostaliases.io/host-aliases: line 1: Invalid value: \"{shown}\"…: {TOO_LONG}"
        )],
    );
    // Both reasons, the length first.
    assert_refused(
        &[(
            HOST_ALIASES,
            &format!(r#"[{{"ip":"::1","hostnames":["{}."]}}]"#, "a".repeat(253)),
        )],
        &[
            &format!(
                "oci-hostaliases.io/host-aliases[0].hostnames[0]: Invalid value: \"{shown}\"…: {TOO_LONG}"
            ),
            &format!(
                "oci-hostaliases.io/host-aliases[0].hostnames[0]: Invalid value: \"{shown}\"…: {BAD_NAME}"
            ),
        ],
    );
}

#[test]
fn fields_are_strict() {
    for (value, errors) in [
        // A typo from practice.
        (
            r#"[{"ip":"10.0.0.1","hostames":["a"]}]"#,
            &["oci-hostaliases.io/host-aliases[0].hostames: Unknown field"][..],
        ),
        (
            r#"[{"IP":"10.0.0.1","Hostnames":["a"]}]"#,
            &[
                "oci-hostaliases.io/host-aliases[0].IP: Unknown field",
                "oci-hostaliases.io/host-aliases[0].Hostnames: Unknown field",
                "oci-hostaliases.io/host-aliases[0].ip: Invalid value: \"\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            ],
        ),
        (
            r#"[{"ip":"10.0.0.1","a b\n":1}]"#,
            &["oci-hostaliases.io/host-aliases[0].\"a b\\n\": Unknown field"],
        ),
        (
            r#"[{"ip":"10.0.0.1","ip":"10.0.0.2"}]"#,
            &["oci-hostaliases.io/host-aliases[0].ip: Duplicate field"],
        ),
        (
            r#"[{"ip":"10.0.0.1","hostnames":["a"],"hostnames":["b"]}]"#,
            &["oci-hostaliases.io/host-aliases[0].hostnames: Duplicate field"],
        ),
        (
            r#"[{"ip":null,"ip":"10.0.0.2"}]"#,
            &["oci-hostaliases.io/host-aliases[0].ip: Duplicate field"],
        ),
    ] {
        assert_refused(&[(HOST_ALIASES, value)], errors);
    }
}

#[test]
fn an_entry_needs_an_address() {
    let refusal = |index: usize| {
        format!("oci-hostaliases.io/host-aliases[{index}].ip: Invalid value: \"\": {BAD_IP}")
    };
    for value in [
        "[{}]",
        r#"[{"hostnames":["a"]}]"#,
        r#"[{"ip":null}]"#,
        r#"[{"ip":""}]"#,
    ] {
        assert_refused(&[(HOST_ALIASES, value)], &[&refusal(0)]);
    }
    assert_refused(
        &[(HOST_ALIASES, r#"[{"ip":"::1"},{},{}]"#)],
        &[&refusal(1), &refusal(2)],
    );
}

#[test]
fn values_of_the_wrong_kind_are_named() {
    let item = |shown: &str| {
        format!(
            "oci-hostaliases.io/host-aliases[0]: Invalid value: {shown}: must be an object with \"ip\" and \"hostnames\""
        )
    };
    for (value, shown) in [
        (r#"["10.0.0.1 a"]"#, r#""10.0.0.1 a""#),
        ("[null]", "null"),
        ("[7]", "7"),
        ("[-7]", "-7"),
        ("[1.5]", "1.5"),
        ("[true]", "true"),
        (r#"[["10.0.0.1","a"]]"#, "list"),
        ("[[]]", "list"),
    ] {
        assert_refused(&[(HOST_ALIASES, value)], &[&item(shown)]);
    }
    for (value, error) in [
        (
            r#"[{"ip":7}]"#,
            "oci-hostaliases.io/host-aliases[0].ip: Invalid value: 7: must be a string",
        ),
        (
            r#"[{"ip":["10.0.0.1"]}]"#,
            "oci-hostaliases.io/host-aliases[0].ip: Invalid value: list: must be a string",
        ),
        (
            r#"[{"ip":{"a":1}}]"#,
            "oci-hostaliases.io/host-aliases[0].ip: Invalid value: object: must be a string",
        ),
        (
            r#"[{"ip":"::1","hostnames":"a"}]"#,
            "oci-hostaliases.io/host-aliases[0].hostnames: Invalid value: \"a\": must be a list of strings",
        ),
        (
            r#"[{"ip":"::1","hostnames":{"0":"a"}}]"#,
            "oci-hostaliases.io/host-aliases[0].hostnames: Invalid value: object: must be a list of strings",
        ),
        (
            r#"[{"ip":"::1","hostnames":["a",7]}]"#,
            "oci-hostaliases.io/host-aliases[0].hostnames[1]: Invalid value: 7: must be a string",
        ),
        (
            r#"[{"ip":"::1","hostnames":[["a"]]}]"#,
            "oci-hostaliases.io/host-aliases[0].hostnames[0]: Invalid value: list: must be a string",
        ),
    ] {
        assert_refused(&[(HOST_ALIASES, value)], &[error]);
    }
    // No name is no name.
    assert_refused(
        &[(HOST_ALIASES, r#"[{"ip":"::1","hostnames":[null]}]"#)],
        &[&format!(
            "oci-hostaliases.io/host-aliases[0].hostnames[0]: Invalid value: \"\": {BAD_NAME}"
        )],
    );
}

#[test]
fn what_is_not_a_list_is_refused_as_a_whole() {
    for (value, shown, reason) in [
        (
            r#"{"ip":"10.0.0.1","hostnames":["a"]}"#,
            r#""{\"ip\":\"10.0.0.1\",\"hostnames\":[\"a\"]}""#,
            "invalid type: map, expected a sequence at line 1 column 0",
        ),
        ("[", r#""[""#, "EOF while parsing a list at line 1 column 1"),
        (
            r#"[{"ip":"::1"}"#,
            r#""[{\"ip\":\"::1\"}""#,
            "EOF while parsing a list at line 1 column 13",
        ),
        (
            r#"[{"ip":"::1"},]"#,
            r#""[{\"ip\":\"::1\"},]""#,
            "trailing comma at line 1 column 15",
        ),
        (
            "[] []",
            r#""[] []""#,
            "trailing characters at line 1 column 4",
        ),
        (
            "[{'ip':'::1'}]",
            r#""[{'ip':'::1'}]""#,
            "key must be a string at line 1 column 3",
        ),
        // A newline that is not escaped.
        (
            "[{\"ip\":\"::1\n\"}]",
            r#""[{\"ip\":\"::1\n\"}]""#,
            "control character (\\u0000-\\u001F) found while parsing a string at line 2 column 0",
        ),
        ("[\0]", r#""[\0]""#, "expected value at line 1 column 2"),
        // The bound is on the size, not on the depth.
        (
            &"[".repeat(100_000),
            &format!("\"{}\"…", "[".repeat(128)),
            "recursion limit exceeded at line 1 column 128",
        ),
    ] {
        assert_refused(
            &[(HOST_ALIASES, value)],
            &[&format!(
                "oci-hostaliases.io/host-aliases: Invalid value: {shown}: must be a JSON list of objects: {reason}"
            )],
        );
    }
}

#[test]
fn hosts_lines_are_read_as_hosts_5_says() {
    assert_aliases("", &[]);
    assert_aliases(" \t\r\n\n", &[]);
    assert_aliases("# only\n   # comments", &[]);
    assert_aliases(
        "10.1.2.3 foo.remote bar.remote  # comment",
        &[("10.1.2.3", &["foo.remote", "bar.remote"])],
    );
    assert_aliases(
        "10.1.2.3\tfoo\t\tbar\r\n  ::1 \t baz#comment without a space\r\n",
        &[("10.1.2.3", &["foo", "bar"]), ("::1", &["baz"])],
    );
    // Without a final newline; the same address twice.
    assert_aliases(
        "10.0.0.1 b\n10.0.0.1 a",
        &[("10.0.0.1", &["b"]), ("10.0.0.1", &["a"])],
    );
    // As a Windows editor saves it.
    assert_aliases("\u{feff}10.0.0.5 files\r\n", &[("10.0.0.5", &["files"])]);
    assert_aliases("\u{feff}[{\"ip\":\"::1\"}]", &[("::1", &[])]);
    // JSON that does not start like a list is no JSON.
    assert_refused(
        &[(HOST_ALIASES, "null")],
        &[&format!(
            "oci-hostaliases.io/host-aliases: line 1: Invalid value: \"null\": {BAD_IP}"
        )],
    );
    assert_refused(
        &[(HOST_ALIASES, "\"[]\"")],
        &[&format!(
            "oci-hostaliases.io/host-aliases: line 1: Invalid value: \"\\\"[]\\\"\": {BAD_IP}"
        )],
    );
}

#[test]
fn lines_that_lost_their_ends_are_refused() {
    const LOST: &str = "if the text lost its line ends on the way (in YAML, write `|` and not `>`), write one entry a line";
    let among = |line: usize, address: &str| {
        format!(
            "oci-hostaliases.io/host-aliases: line {line}: Invalid value: \"{address}\": is an address among the names of a line: {LOST}"
        )
    };
    let in_comment = |comment: &str| {
        format!(
            "oci-hostaliases.io/host-aliases: line 1: Invalid value: \"{comment}\": the comment of the only line has an entry: {LOST}"
        )
    };
    let no_name = |line: usize| {
        format!(
            "oci-hostaliases.io/host-aliases: line {line}: Required value: a line is an address and at least one name"
        )
    };
    for (value, refused) in [
        (
            "192.168.0.100 api.corp.example 192.168.0.200 ingress.corp.example www.corp.example\n",
            among(1, "192.168.0.200"),
        ),
        ("10.0.0.1 a ::1 b 10.0.0.2 c", among(1, "::1")),
        ("10.0.0.1 a\n10.0.0.2 10.0.0.3 b", among(2, "10.0.0.3")),
        (
            "192.168.0.100 api.corp.example  # front 192.168.0.200 ingress.corp.example\n",
            in_comment("front 192.168.0.200 ingress.corp.example"),
        ),
        ("10.0.0.1", no_name(1)),
        ("10.0.0.1 a\n10.0.0.1 # no name\n", no_name(2)),
    ] {
        assert_refused(&[(HOST_ALIASES, value)], &[&refused]);
    }
    // Comments that are allowed.
    for comment in [
        "was 10.0.0.2 before",
        "see db.corp",
        "10.0.0.2",
        "10.0.0.2 10.0.0.3",
    ] {
        assert_aliases(&format!("10.0.0.1 a # {comment}"), &[("10.0.0.1", &["a"])]);
    }
    assert_aliases(
        "10.0.0.1 a # was 10.0.0.2 a.corp\n10.0.0.3 b",
        &[("10.0.0.1", &["a"]), ("10.0.0.3", &["b"])],
    );
}

#[test]
fn bad_lines_are_named_by_their_number() {
    assert_refused(
        &[(
            HOST_ALIASES,
            "# first\n10.0.0.1 a\n\nfoo a\r\n::ffff:1.2.3.4 Up down_\n10.0.0.010 b",
        )],
        &[
            &format!("oci-hostaliases.io/host-aliases: line 4: Invalid value: \"foo\": {BAD_IP}"),
            &format!(
                "oci-hostaliases.io/host-aliases: line 5: Invalid value: \"::ffff:1.2.3.4\": {MAPPED}"
            ),
            &format!("oci-hostaliases.io/host-aliases: line 5: Invalid value: \"Up\": {BAD_NAME}"),
            &format!(
                "oci-hostaliases.io/host-aliases: line 5: Invalid value: \"down_\": {BAD_NAME}"
            ),
            &format!(
                "oci-hostaliases.io/host-aliases: line 6: Invalid value: \"10.0.0.010\": {LEADING_ZEROS}"
            ),
        ],
    );
    // Only ASCII white space separates.
    assert_refused(
        &[(HOST_ALIASES, "10.0.0.1\u{a0}a")],
        &[&format!(
            "oci-hostaliases.io/host-aliases: line 1: Invalid value: \"10.0.0.1\\u{{a0}}a\": {BAD_IP}"
        )],
    );
    assert_refused(
        &[(HOST_ALIASES, "10.0.0.1 a\0b")],
        &[&format!(
            "oci-hostaliases.io/host-aliases: line 1: Invalid value: \"a\\0b\": {BAD_NAME}"
        )],
    );
}

#[test]
fn a_domain_is_a_name_that_leaves_room_for_the_host_name() {
    // 253 bytes for a name, less 64 for the longest host name and one for the dot.
    let longest = format!("{}.{}", "a".repeat(93), "b".repeat(94));
    for domain in ["a", "nginx.default.svc.cluster.local", &longest] {
        assert_eq!(
            request(&[(DOMAIN, domain)]).unwrap().domain.as_deref(),
            Some(domain)
        );
    }
    for (domain, shown) in [
        ("", r#""""#),
        (".", r#"".""#),
        ("Shop.example", r#""Shop.example""#),
        ("shop.example.", r#""shop.example.""#),
        ("shop example", r#""shop example""#),
        ("shop\n10.0.0.1 bank", r#""shop\n10.0.0.1 bank""#),
        ("shop\tbank", r#""shop\tbank""#),
    ] {
        assert_refused(
            &[(DOMAIN, domain)],
            &[&format!(
                "oci-hostaliases.io/domain: Invalid value: {shown}: {BAD_NAME}"
            )],
        );
    }
    assert_refused(
        &[(DOMAIN, &"a".repeat(189))],
        &[&format!(
            "oci-hostaliases.io/domain: Invalid value: \"{}\"…: must be no more than 188 characters, to be a name together with the host name",
            "a".repeat(128)
        )],
    );
    assert_refused(
        &[(DOMAIN, &"a".repeat(254))],
        &[&format!(
            "oci-hostaliases.io/domain: Invalid value: \"{}\"…: {TOO_LONG}",
            "a".repeat(128)
        )],
    );
}

#[test]
fn pod_ips_are_separated_by_commas_alone() {
    for (value, addresses) in [
        ("10.200.0.5", &["10.200.0.5"][..]),
        ("10.200.0.5,fd00::5", &["10.200.0.5", "fd00::5"]),
        // The order and the spelling are the author's.
        (
            "FD00::5,10.200.0.5,10.0.0.1",
            &["FD00::5", "10.200.0.5", "10.0.0.1"],
        ),
    ] {
        assert_eq!(
            request(&[(POD_IPS, value)]).unwrap().pod_ips,
            Some(addresses.iter().map(ToString::to_string).collect()),
            "{value}"
        );
    }
    assert_eq!(request(&[]).unwrap().pod_ips, None);
    for (value, index, shown, detail) in [
        ("", 0, r#""""#, BAD_IP),
        ("10.0.0.1,", 1, r#""""#, BAD_IP),
        (",10.0.0.1", 0, r#""""#, BAD_IP),
        ("10.0.0.1, fd00::5", 1, r#"" fd00::5""#, BAD_IP),
        ("10.0.0.1 fd00::5", 0, r#""10.0.0.1 fd00::5""#, BAD_IP),
        ("10.0.0.1;10.0.0.2", 0, r#""10.0.0.1;10.0.0.2""#, BAD_IP),
        ("10.0.0.1\n", 0, r#""10.0.0.1\n""#, BAD_IP),
        ("10.0.0.1/24", 0, r#""10.0.0.1/24""#, BAD_IP),
        ("10.0.0.1,010.0.0.1", 1, r#""010.0.0.1""#, LEADING_ZEROS),
        ("::ffff:10.0.0.1", 0, r#""::ffff:10.0.0.1""#, MAPPED),
    ] {
        assert_refused(
            &[(POD_IPS, value)],
            &[&format!(
                "oci-hostaliases.io/pod-ips[{index}]: Invalid value: {shown}: {detail}"
            )],
        );
    }
}

#[test]
fn manage_is_true_or_false() {
    for value in ["true", "false"] {
        assert_eq!(request(&[(MANAGE, value)]), Ok(Request::default()));
    }
    for (value, shown) in [
        ("maybe", r#""maybe""#),
        ("", r#""""#),
        ("False", r#""False""#),
        ("0", r#""0""#),
        ("false ", r#""false ""#),
    ] {
        assert_refused(
            &[(MANAGE, value)],
            &[&format!(
                "oci-hostaliases.io/manage: Invalid value: {shown}: must be \"true\" or \"false\""
            )],
        );
    }
}

#[test]
fn keys_under_our_prefix_are_ours() {
    assert_refused(
        &[("oci-hostaliases.io/host-alias", "[]")],
        &[
            "oci-hostaliases.io/host-alias: Unknown field: did you mean oci-hostaliases.io/host-aliases?",
        ],
    );
    assert_refused(
        &[("oci-hostaliases.io/", "")],
        &["oci-hostaliases.io/: Unknown field: did you mean oci-hostaliases.io/domain?"],
    );
    assert_refused(
        &[("oci-hostaliases.io/a b\n", "")],
        &[r#""oci-hostaliases.io/a b\n": Unknown field: did you mean oci-hostaliases.io/domain?"#],
    );
    // Everybody else's mean nothing here, whatever they say.
    for key in [
        "oci-hostaliases.io",
        "oci-hostaliases.io.example/host-aliases",
        "OCI-hostaliases.io/host-aliases",
        "example.io/oci-hostaliases.io/host-aliases",
        "host-aliases",
        "",
    ] {
        assert_eq!(request(&[(key, "[[[")]), Ok(Request::default()), "{key}");
    }
}

#[test]
fn a_mistyped_key_is_told_with_the_one_that_was_meant() {
    for (mistyped, meant) in [
        ("host-alias", "host-aliases"),
        ("hostaliases", "host-aliases"),
        ("hostAliases", "host-aliases"),
        ("host_aliases", "host-aliases"),
        ("hosts", "host-aliases"),
        ("aliases", "host-aliases"),
        ("Domain", "domain"),
        ("domains", "domain"),
        ("domainname", "domain"),
        ("pod-ip", "pod-ips"),
        ("podIPs", "pod-ips"),
        ("ips", "pod-ips"),
        ("managed", "manage"),
        ("manage ", "manage"),
    ] {
        let key = format!("oci-hostaliases.io/{mistyped}");
        let refused = request(&[(&key, "x")]).unwrap_err();
        let expected = format!("Unknown field: did you mean oci-hostaliases.io/{meant}?");
        assert!(refused[0].ends_with(&expected), "{mistyped}: {refused:?}");
        assert!(
            annotations(&[(&key, "x")]).ask_for_something(),
            "{mistyped}"
        );
    }
    assert!(!annotations(&[(MANAGE, "false")]).ask_for_something());
    assert!(!annotations(&[("oci-hostaliases.example/hosts", "x")]).ask_for_something());
}

#[test]
fn everything_wrong_is_said_at_once() {
    let pairs = [
        (
            HOST_ALIASES,
            r#"[{"ip":"010.0.0.5","hostames":[],"hostnames":["A","b"]},{"ip":"x"}]"#,
        ),
        (DOMAIN, "Shop"),
        (POD_IPS, "10.0.0.1, ::1"),
        (MANAGE, "maybe"),
        ("oci-hostaliases.io/hosts", "x"),
    ];
    // In the order of the keys, which is not that of the annotations.
    let errors = [
        "oci-hostaliases.io/domain: Invalid value: \"Shop\": ".to_owned() + BAD_NAME,
        "oci-hostaliases.io/host-aliases[0].hostames: Unknown field".to_owned(),
        "oci-hostaliases.io/host-aliases[0].ip: Invalid value: \"010.0.0.5\": must not have leading 0s".to_owned(),
        "oci-hostaliases.io/host-aliases[0].hostnames[0]: Invalid value: \"A\": ".to_owned() + BAD_NAME,
        "oci-hostaliases.io/host-aliases[1].ip: Invalid value: \"x\": ".to_owned() + BAD_IP,
        "oci-hostaliases.io/hosts: Unknown field: did you mean oci-hostaliases.io/host-aliases?".to_owned(),
        "oci-hostaliases.io/manage: Invalid value: \"maybe\": must be \"true\" or \"false\"".to_owned(),
        "oci-hostaliases.io/pod-ips[1]: Invalid value: \" ::1\": ".to_owned() + BAD_IP,
    ];
    assert_eq!(request(&pairs), Err(errors.to_vec()));
    assert_eq!(
        Request::read(&annotations(&pairs)).unwrap_err().to_string(),
        errors.join("; ")
    );
}

#[test]
fn after_twenty_the_rest_is_counted() {
    let said = |wrong: usize| {
        let list = vec![r#"{"ip":"::1","x":0}"#; wrong].join(",");
        Request::read(&annotations(&[(HOST_ALIASES, &format!("[{list}]"))]))
            .unwrap_err()
            .to_string()
    };
    let listed: Vec<String> = (0..20)
        .map(|index| format!("oci-hostaliases.io/host-aliases[{index}].x: Unknown field"))
        .collect();
    let listed = listed.join("; ");
    assert_eq!(said(20), listed);
    assert_eq!(said(21), format!("{listed}; and 1 more"));
    assert_eq!(said(1000), format!("{listed}; and 980 more"));
}

#[test]
fn all_of_them_together_have_at_most_256_kib() {
    const MAX: usize = 262_144;
    let comment = |length: usize| format!("#{}", "x".repeat(length - 1));
    assert_eq!(
        request(&[(HOST_ALIASES, &comment(MAX))]),
        Ok(Request::default())
    );
    let too_long = ["oci-hostaliases.io/: Too long: may not be more than 262144 bytes"];
    assert_refused(&[(HOST_ALIASES, &comment(MAX + 1))], &too_long);
    // Together; other annotations do not matter.
    assert!(request(&[(HOST_ALIASES, &comment(MAX - 4)), (MANAGE, "true")]).is_ok());
    assert_refused(
        &[(HOST_ALIASES, &comment(MAX - 3)), (MANAGE, "true")],
        &too_long,
    );
    assert!(
        request(&[
            (HOST_ALIASES, &comment(MAX)),
            ("example.io/x", &comment(MAX))
        ])
        .is_ok()
    );
    // Nothing of it is read then: no other error, and no time spent.
    assert_refused(&[(HOST_ALIASES, &"[".repeat(MAX + 1))], &too_long);
}

#[test]
fn every_key_but_manage_asks_for_something() {
    for key in [
        HOST_ALIASES,
        DOMAIN,
        POD_IPS,
        "oci-hostaliases.io/hots-aliases",
    ] {
        assert!(annotations(&[(key, "")]).ask_for_something(), "{key}");
    }
    for pairs in [
        &[][..],
        &[(MANAGE, "true")],
        &[(MANAGE, "false")],
        &[("io.kubernetes.pod.name", "web-0")],
    ] {
        assert!(!annotations(pairs).ask_for_something(), "{pairs:?}");
    }
}
