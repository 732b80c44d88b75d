//! What is read from a TOML document, compared with the toml crate.

use oci_hostaliases::files::toml_entries::{Value, read};

/// The top level as the toml crate has it.
fn by_toml(text: &str) -> Option<Vec<(String, Value)>> {
    let table = text.parse::<toml::Table>().ok()?;
    let entries = table.into_iter().map(|(key, value)| {
        let value = match value {
            toml::Value::String(text) => Value::Text(text),
            toml::Value::Boolean(boolean) => Value::Boolean(boolean),
            other => Value::Other(other.type_str()),
        };
        (key, value)
    });
    Some(entries.collect())
}

fn by_us(text: &str) -> Option<Vec<(String, Value)>> {
    let mut entries = read(text).ok()?;
    // As the toml crate's map.
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    Some(entries)
}

#[test]
fn entries_in_their_order() {
    let text = "b = 'x'\n\"a\" = \"\\u00e9\\n\" # why\nc = false\nd = [1, [2]]\ne = {f = 1}\n\
                g = \"\"\"\none\ntwo\"\"\"\nh.i = 1\nh.j = 2\n[k]\nl = 1\n[[m]]\n[[m]]\n";
    let text_of = |text: &str| Value::Text(text.to_owned());
    assert_eq!(
        read(text).unwrap(),
        [
            ("b", text_of("x")),
            ("a", text_of("\u{e9}\n")),
            ("c", Value::Boolean(false)),
            ("d", Value::Other("array")),
            ("e", Value::Other("table")),
            ("g", text_of("one\ntwo")),
            ("h", Value::Other("table")),
            ("k", Value::Other("table")),
            ("m", Value::Other("array")),
        ]
        .map(|(key, value)| (key.to_owned(), value))
    );
}

#[test]
fn as_the_toml_crate_reads_it() {
    for text in [
        "",
        "\u{feff}a = 1",
        "a = 1",
        "a = 'x'\r\n\r\nb = true\r\n",
        "'a b' = 0x1f\n\"\" = ''\n",
        "1 = 1.5\n-_- = 2026-01-01\nx = 2026-01-01T00:00:00Z\ny = 07:32:00\n",
        "a = inf\nb = -nan\nc = 1e3\nd = 0b11\n",
        "a = '''\nx'''\nb = \"\"\"\\\n   y\"\"\"\n",
        "a = [\n  'x', # one\n  'y',\n]\nb = 1\n",
        "a = {b = {c = [1]}, d = 'x'}\n",
        "a.b.c = 1\na.d = 2\n",
        "a . 'b' = 1\n",
        "[a]\n[a.b]\n[c]\na = 1\n",
        "[[a]]\nx = 1\n[[a]]\nx = 2\n",
        "[a.b]\n[a]\n",
        "# only\t a comment",
        // Not TOML.
        "a",
        "a =",
        "= 1",
        "a = b",
        "a = True",
        "a = 'x",
        "a = \"\\q\"",
        "a = 1 b = 2",
        "a = 1\na = 2",
        "a = 1\n'a' = 1",
        "a = 1\na.b = 2",
        "a = [1]\na = [1]",
        "a = {b = 1}\na = {c = 1}",
        "a = 1\n[a]",
        "a = [1\n",
        "a = {b = 1\n",
        "[a",
        "[a]]",
        "a: 1",
        "a = 'x\ny'",
        "a = \"\u{1}\"",
        "# \u{1}",
        "a = 1\r",
        "a = 1__0",
        "\u{e9} = 1",
    ] {
        assert_eq!(by_us(text), by_toml(text), "{text:?}");
    }
}

/// The content of a table, numbers and dates are not used.
#[test]
fn nobody_looks_at_what_is_not_ours() {
    for text in [
        "[a]\nb = 1\nb = 2\n",
        "[a]\n[a]\n",
        "a = 99999999999999999999999999\n",
        "a = 2026-99-99\n",
    ] {
        assert_eq!(by_toml(text), None, "{text:?}");
        assert!(by_us(text).is_some(), "{text:?}");
    }
}

#[test]
fn nesting_has_an_end() {
    let nested = |depth| format!("a = {}{}\n", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&nested(32)).is_ok());
    for depth in [33, 1_000, 30_000] {
        assert_eq!(
            read(&nested(depth)).unwrap_err(),
            "line 1: cannot recurse further; max recursion depth met",
            "{depth}"
        );
    }
}

#[test]
fn errors_have_a_line() {
    for (text, error) in [
        ("a = 1\n\nb = 'x\n", "line 3: "),
        ("a = 1\n\na = 2\n", "line 3: duplicate key \"a\""),
        ("read-only\n", "line 1: key with no value, expected `=`"),
        (
            "on-error = warn",
            "line 1: string values must be quoted, expected literal string",
        ),
        ("[a]\nb = [\n1,\n\n2 3]\n", "line 5: "),
    ] {
        let said = read(text).unwrap_err();
        assert!(said.starts_with(error), "{text:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said:?}");
    }
}
