//! `config.toml`: its keys, their defaults, and the exact error messages.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use crate::skipped::skipped;
use oci_hostaliases::exit::Exit;
use oci_hostaliases::files::config::{Config, OnError};

const DEFAULT: Config = Config {
    on_error: OnError::Fail,
    read_only: false,
    size_limit: 1_048_576,
    warnings: Vec::new(),
};

#[track_caller]
fn assert_refused(text: &str, error: &str) {
    assert_eq!(Config::read(text), Err(error.to_owned()), "{text}");
}

#[test]
fn every_key_has_a_default() {
    for text in ["", "\n\n", "# nothing\n", "\t# on-error = \"warn\"\r\n"] {
        assert_eq!(Config::read(text), Ok(DEFAULT), "{text:?}");
    }
    assert_eq!(Config::default(), DEFAULT);
}

#[test]
fn all_keys() {
    assert_eq!(
        Config::read("on-error = \"warn\"\nread-only = true # why\nsize-limit = '64KiB'\n"),
        Ok(Config {
            on_error: OnError::Warn,
            read_only: true,
            size_limit: 65_536,
            warnings: Vec::new(),
        })
    );
    assert_eq!(
        Config::read("on-error = \"fail\"\r\nread-only = false\r\n\"size-limit\" = \"1MiB\"\r\n"),
        Ok(DEFAULT)
    );
}

#[test]
fn an_unknown_key_is_a_warning() {
    let read = Config::read("on-eror = \"warn\"\nread-only = true\n[table]\nx = 1\n").unwrap();
    assert_eq!(
        read,
        Config {
            read_only: true,
            warnings: vec![
                "\"on-eror\": Unknown key".to_owned(),
                "\"table\": Unknown key".to_owned()
            ],
            ..DEFAULT
        }
    );
}

#[test]
fn sizes() {
    for (size, bytes) in [
        ("4KiB", 4_096),
        ("4096", 4_096),
        ("64KiB", 65_536),
        ("1MiB", 1_048_576),
        ("01MiB", 1_048_576),
        ("1024MiB", 1_073_741_824),
        ("1073741824", 1_073_741_824),
    ] {
        let config = Config::read(&format!("size-limit = \"{size}\"")).unwrap();
        assert_eq!(config.size_limit, bytes, "{size}");
    }
    for (value, shown) in [
        (r#""""#, r#""""#),
        (r#""MiB""#, r#""MiB""#),
        (r#""1 MiB""#, r#""1 MiB""#),
        (r#"" 1MiB""#, r#"" 1MiB""#),
        (r#""+1MiB""#, r#""+1MiB""#),
        (r#""-1MiB""#, r#""-1MiB""#),
        (r#""1.5MiB""#, r#""1.5MiB""#),
        (r#""1MB""#, r#""1MB""#),
        (r#""1M""#, r#""1M""#),
        (r#""1mib""#, r#""1mib""#),
        (r#""1GiB""#, r#""1GiB""#),
        (r#""0""#, r#""0""#),
        (r#""3KiB""#, r#""3KiB""#),
        (r#""4095""#, r#""4095""#),
        (r#""1025MiB""#, r#""1025MiB""#),
        (r#""1073741825""#, r#""1073741825""#),
        // Larger than any number of bytes.
        (r#""17592186044416MiB""#, r#""17592186044416MiB""#),
        (
            r#""99999999999999999999999""#,
            r#""99999999999999999999999""#,
        ),
        ("1048576", "integer"),
        ("1.5", "float"),
        ("true", "boolean"),
        (r#"["1MiB"]"#, "array"),
        ("{ a = 1 }", "table"),
        ("2026-01-01", "datetime"),
    ] {
        assert_refused(
            &format!("size-limit = {value}"),
            &format!(
                "size-limit: Invalid value: {shown}: must be a size such as \"1MiB\" or \"64KiB\", from 4KiB to 1024MiB"
            ),
        );
    }
}

#[test]
fn wrong_values_are_named_with_their_key() {
    for (text, error) in [
        (
            "on-error = \"ignore\"",
            r#"on-error: Invalid value: "ignore": must be "fail" or "warn""#,
        ),
        (
            "on-error = \"Warn\"",
            r#"on-error: Invalid value: "Warn": must be "fail" or "warn""#,
        ),
        (
            "on-error = true",
            r#"on-error: Invalid value: boolean: must be "fail" or "warn""#,
        ),
        (
            "on-error = \"a\\nb\"",
            r#"on-error: Invalid value: "a\nb": must be "fail" or "warn""#,
        ),
        (
            "read-only = \"true\"",
            r#"read-only: Invalid value: "true": must be true or false"#,
        ),
        (
            "read-only = 1",
            "read-only: Invalid value: integer: must be true or false",
        ),
    ] {
        assert_refused(text, error);
    }
}

#[test]
fn syntax_errors_are_named_with_their_line() {
    for (text, line) in [
        ("on-error = warn", 1),
        ("\n# two\nread-only\n", 3),
        ("read-only = true\nread-only = false\n", 2),
        ("\n\n\nsize-limit = \"1MiB", 4),
        ("read-only = True", 1),
        ("on-error: warn", 1),
        ("read-only = true on-error = \"warn\"", 1),
    ] {
        let error = Config::read(text).unwrap_err();
        assert!(
            error.starts_with(&format!("line {line}: ")),
            "{text:?}: {error}"
        );
        assert_eq!(error.lines().count(), 1, "{text:?}: {error}");
    }
}

/// A file of root's with this mode, in a directory of its own.
fn root_file(directory: &Path, mode: u32, bytes: &[u8]) -> std::path::PathBuf {
    let path = directory.join("config.toml");
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn without_a_file_the_defaults_apply() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(
        Config::load(&directory.path().join("config.toml")).unwrap(),
        DEFAULT
    );
    assert_eq!(
        Config::load(&directory.path().join("no/such/directory/config.toml")).unwrap(),
        DEFAULT
    );
}

#[test]
fn only_a_file_that_is_roots_alone_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let refusal = |path: &Path| {
        let error = Config::load(path).unwrap_err();
        (
            error.exit(),
            error
                .to_string()
                .replace(&path.display().to_string(), "FILE"),
        )
    };
    let path = root_file(directory.path(), 0o644, b"on-error = \"warn\"\n");
    if !rustix::process::geteuid().is_root() {
        assert_eq!(refusal(&path).0, Exit::NodeConfiguration);
        return skipped("files of root's: not root");
    }
    for mode in [0o644, 0o600, 0o444, 0o755] {
        let path = root_file(directory.path(), mode, b"on-error = \"warn\"\n");
        assert_eq!(Config::load(&path).unwrap().on_error, OnError::Warn);
    }
    for (mode, shown) in [
        (0o664, "0664"),
        (0o646, "0646"),
        (0o666, "0666"),
        (0o1662, "1662"),
    ] {
        assert_eq!(
            refusal(&root_file(directory.path(), mode, b"")),
            (
                Exit::NodeConfiguration,
                format!("FILE: users other than root can write to it (mode {shown})")
            )
        );
    }
    let path = root_file(directory.path(), 0o644, b"");
    chown(&path, Some(1234), None).unwrap();
    assert_eq!(
        refusal(&path),
        (
            Exit::NodeConfiguration,
            "FILE: belongs to user 1234, not to root".to_owned()
        )
    );
}

#[test]
fn a_file_that_cannot_be_used_is_the_nodes_configuration() {
    if !rustix::process::geteuid().is_root() {
        return skipped("files of root's: not root");
    }
    let directory = tempfile::tempdir().unwrap();
    let refusal = |path: &Path| {
        let error = Config::load(path).unwrap_err();
        let said = oci_hostaliases::error::on_one_line(&error);
        (
            error.exit(),
            said.replace(&path.display().to_string(), "FILE"),
        )
    };
    // 64 KiB are enough.
    let mut text = vec![b'#'; 65_536];
    assert_eq!(
        Config::load(&root_file(directory.path(), 0o644, &text)).unwrap(),
        DEFAULT
    );
    text.push(b'#');
    assert_eq!(
        refusal(&root_file(directory.path(), 0o644, &text)),
        (
            Exit::NodeConfiguration,
            "FILE: more than 65536 bytes".to_owned()
        )
    );
    assert_eq!(
        refusal(&root_file(directory.path(), 0o644, b"on-error = \"maybe\"")),
        (
            Exit::NodeConfiguration,
            "FILE: on-error: Invalid value: \"maybe\": must be \"fail\" or \"warn\"".to_owned()
        )
    );
    let made = directory.path().join("d");
    fs::create_dir(&made).unwrap();
    assert_eq!(
        refusal(&made),
        (
            Exit::NodeConfiguration,
            "FILE: not a regular file".to_owned()
        )
    );
    // Bytes that are no text are refused where they matter, and not in a comment.
    assert_eq!(
        Config::load(&root_file(directory.path(), 0o644, b"# caf\xe9\n")).unwrap(),
        DEFAULT
    );
    assert_eq!(
        refusal(&root_file(
            directory.path(),
            0o644,
            b"on-error = \"w\xe9rn\""
        )),
        (
            Exit::NodeConfiguration,
            "FILE: on-error: Invalid value: \"w\u{fffd}rn\": must be \"fail\" or \"warn\""
                .to_owned()
        )
    );
}
