//! `register crio|podman` and `unregister crio|podman`: the hooks.d file, and in which directory.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

const HOOK_PATH: &str = "/usr/libexec/oci/hooks.d/oci-hostaliases-hook";

fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_oci-hostaliases"))
        .args(arguments)
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// A directory with an executable hook in it.
fn with_hook() -> (tempfile::TempDir, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let hook = directory.path().join("hook");
    fs::write(&hook, "").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let hooks_d = directory.path().join("oci/hooks.d");
    let texts = (
        hook.to_str().unwrap().to_owned(),
        hooks_d.to_str().unwrap().to_owned(),
    );
    (directory, texts.0, texts.1)
}

/// The same file with the shell that runs the hook where it is there: CRI-O keeps the file in memory.
fn guarded(text: &str, hook: &str) -> String {
    let direct = format!(
        r#""path": "{hook}",
    "args": [
      "oci-hostaliases-hook","#
    );
    assert!(text.contains(&direct), "{text}");
    let guarded = format!(
        r#""path": "/bin/sh",
    "args": [
      "sh",
      "-c",
      ": oci-hostaliases-hook; [ ! -x \"$0\" ] || exec \"$0\" \"$@\"; while read -r _; do :; done",
      "{hook}","#
    );
    text.replace(&direct, &guarded)
}

#[test]
fn the_file_is_written_once_and_removed() {
    for engine in ["crio", "podman"] {
        let (_directory, hook, dir) = with_hook();
        let file = Path::new(&dir).join("oci-hostaliases.json");
        let register = |more: &[&str]| {
            let mut arguments = vec!["register", engine, "--dir", &dir, "--hook", &hook];
            arguments.extend(more);
            run(&arguments)
        };
        let (status, dry, stderr) = register(&["--dry-run"]);
        assert_eq!(
            (status, stderr.as_str()),
            (0, "dry run: nothing was changed\n")
        );
        assert!(!Path::new(&dir).exists());

        let (status, stdout, stderr) = register(&[]);
        assert_eq!((status, &stdout), (0, &dry), "{stderr}");
        assert!(stderr.starts_with("no restart needed: "), "{stderr}");
        let expected = fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks/oci-hostaliases.json"),
        );
        let mut expected = expected.unwrap().replace(HOOK_PATH, &hook);
        if engine == "crio" {
            expected = guarded(&expected, &hook);
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), expected);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o644);
        assert_eq!(
            fs::read_dir(&dir).unwrap().count(),
            1,
            "a temporary file was left"
        );

        let (status, stdout, stderr) = register(&[]);
        assert_eq!((status, stdout.as_str()), (0, ""));
        assert_eq!(stderr, "nothing to do\n");

        // The same file for every container.
        let (status, stdout, _) = register(&["--all"]);
        assert_eq!(status, 0);
        assert!(stdout.contains("\n+    \"always\": true\n"), "{stdout}");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);

        fs::write(Path::new(&dir).join("other.json"), "{}").unwrap();
        let (status, _, stderr) = run(&["unregister", engine, "--dir", &dir]);
        assert_eq!(status, 0, "{stderr}");
        assert!(!file.exists());
        assert_eq!(
            fs::read_dir(&dir).unwrap().count(),
            1,
            "another file was removed"
        );
        let (status, _, stderr) = run(&["unregister", engine, "--dir", &dir]);
        assert_eq!((status, stderr.as_str()), (0, "nothing to do\n"));
    }
}

#[test]
fn a_file_for_another_hook_is_neither_replaced_nor_removed() {
    for (text, why) in [
        (
            "{\"version\": \"1.0.0\", \"hook\": {\"path\": \"/x\"}}",
            "its hook.args does not start with",
        ),
        ("{", "not JSON: EOF"),
    ] {
        let (_directory, hook, dir) = with_hook();
        fs::create_dir_all(&dir).unwrap();
        let file = Path::new(&dir).join("oci-hostaliases.json");
        fs::write(&file, text).unwrap();
        for arguments in [
            &["register", "podman", "--dir", &dir, "--hook", &hook][..],
            &["unregister", "podman", "--dir", &dir][..],
        ] {
            let (status, _, stderr) = run(arguments);
            assert_eq!(status, 4, "{stderr}");
            assert!(stderr.contains(why), "{stderr}");
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }
}

/// Also one with another stage, another place of the hook, or no argv at all.
#[test]
fn a_file_for_our_hook_is_rewritten_whatever_it_says() {
    for hook_of_file in [
        "{\"path\": \"/x/oci-hostaliases-hook\", \"args\": [\"hook\", \"createContainer\"]}",
        "{\"Path\": \"/x/oci-hostaliases-hook\"}",
        "{\"path\": \"/x/y\", \"args\": [\"oci-hostaliases-hook\"]}",
        "\"/x/oci-hostaliases-hook\"",
    ] {
        let (_directory, hook, dir) = with_hook();
        fs::create_dir_all(&dir).unwrap();
        let file = Path::new(&dir).join("oci-hostaliases.json");
        fs::write(
            &file,
            format!("{{\"version\": \"1.0.0\", \"hook\": {hook_of_file}}}"),
        )
        .unwrap();
        let (status, _, stderr) = run(&["register", "podman", "--dir", &dir, "--hook", &hook]);
        assert_eq!(status, 0, "{hook_of_file}: {stderr}");
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.contains(&hook) && text.contains("\"prestart\""),
            "{text}"
        );
    }
}

/// Podman would ignore the file without a word.
#[test]
fn a_hook_that_cannot_run_is_not_registered() {
    let (_directory, hook, dir) = with_hook();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o600)).unwrap();
    for (hook, status, message) in [
        (hook.as_str(), 4, "not an executable file (mode 0600)"),
        (
            "/does/not/exist",
            4,
            "install it or name it with --hook: No such file",
        ),
        ("hook", 2, "hook hook: not an absolute path"),
    ] {
        let (found, _, stderr) = run(&["register", "crio", "--dir", &dir, "--hook", hook]);
        assert_eq!(found, status, "{stderr}");
        assert!(stderr.contains(message), "{stderr}");
        assert!(!Path::new(&dir).exists());
    }
}
