//! `register crio|podman` and `unregister crio|podman`: the hooks.d file, and in which directory.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use oci_hostaliases::engines::hooks_d::directories::{self, Engine};
use oci_hostaliases::engines::hooks_d::file::{self, Containers};
use oci_hostaliases::engines::our_hook::HOOK_PATH;

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

#[test]
fn the_shipped_files_are_what_register_writes() {
    for (name, containers) in [
        ("oci-hostaliases.json", Containers::Asking),
        ("oci-hostaliases-all.json", Containers::All),
    ] {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("hooks")
            .join(name);
        let made = file::text(Path::new(HOOK_PATH), containers).unwrap();
        assert_eq!(fs::read_to_string(shipped).unwrap(), made, "hooks/{name}");
    }
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
        assert!(
            stderr.starts_with("nothing is to be restarted: "),
            "{stderr}"
        );
        let expected = fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks/oci-hostaliases.json"),
        );
        let expected = expected.unwrap().replace(HOOK_PATH, &hook);
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

#[test]
fn the_directory_is_one_that_the_engine_reads() {
    const DEFAULT: &str = "/usr/share/containers/oci/hooks.d";
    let engine_table = |list: &str| format!("[engine]\nhooks_dir = {list}\n");
    let crio_table = |list: &str| format!("[crio.runtime]\nhooks_dir = {list}\n");
    let usr = "/usr/share/containers/containers.conf";
    let etc = "/etc/containers/containers.conf";
    let drop_in = "/etc/containers/containers.conf.d/10-hooks.conf";
    type Case<'a> = (Engine, &'a [(&'a str, String)], Result<&'a str, &'a str>);
    let cases: &[Case<'_>] = &[
        (Engine::Podman, &[], Ok(DEFAULT)),
        (Engine::CriO, &[], Ok(DEFAULT)),
        (
            Engine::Podman,
            &[(usr, "[engine]\n#hooks_dir = []\n".into())],
            Ok(DEFAULT),
        ),
        (
            Engine::Podman,
            &[(etc, engine_table("[\"/a\", \"/b\"]"))],
            Ok("/b"),
        ),
        (
            Engine::Podman,
            &[
                (etc, engine_table("[\"/a\"]")),
                (usr, engine_table("[\"/c\"]")),
            ],
            Ok("/a"),
        ),
        (
            Engine::Podman,
            &[
                (drop_in, engine_table("[\"/b\"]")),
                (etc, engine_table("[\"/a\"]")),
            ],
            Ok("/b"),
        ),
        (
            Engine::Podman,
            &[("/etc/containers/containers.conf.d/README", "hello".into())],
            Ok(DEFAULT),
        ),
        (
            Engine::Podman,
            &[(
                etc,
                engine_table("[\"/etc/containers/oci/hooks.d\", \"/b\"]"),
            )],
            Ok("/etc/containers/oci/hooks.d"),
        ),
        (
            Engine::Podman,
            &[(etc, engine_table("[{append=true}]"))],
            Ok(DEFAULT),
        ),
        (
            Engine::Podman,
            &[(etc, engine_table("[\"/a\", {append=true}]"))],
            Ok("/a"),
        ),
        (
            Engine::CriO,
            &[("/etc/crio/crio.conf", crio_table("[\"/a\"]"))],
            Ok("/a"),
        ),
        (
            Engine::CriO,
            &[
                ("/etc/crio/crio.conf", crio_table("[\"/a\"]")),
                ("/etc/crio/crio.conf.d/00-default", crio_table("[\"/b\"]")),
            ],
            Ok("/b"),
        ),
        (
            Engine::CriO,
            &[(etc, engine_table("[\"/a\"]"))],
            Ok(DEFAULT),
        ),
        (
            Engine::Podman,
            &[(etc, engine_table("[]"))],
            Err("hooks_dir is empty, so podman reads no hooks"),
        ),
        (
            Engine::Podman,
            &[(etc, engine_table("\"/a\""))],
            Err("hooks_dir is not a list of directories"),
        ),
        (
            Engine::CriO,
            &[("/etc/crio/crio.conf", "x = = 1".into())],
            Err("crio.conf is not valid TOML"),
        ),
    ];
    for (engine, files, expected) in cases {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in *files {
            let path = root.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        match (directories::find(*engine, root.path()), expected) {
            (Ok(found), Ok(expected)) => {
                let expected = root.path().join(expected.trim_start_matches('/'));
                assert_eq!(found, expected, "{files:?}");
            }
            (Err(error), Err(message)) => {
                assert!(error.to_string().contains(message), "{error}");
            }
            (found, _) => panic!("{files:?}: {found:?}"),
        }
    }
}
