//! The compiled file of `hosts.d`: the hook uses it while nothing is changed, and whatever is changed, replaced or
//! broken, containers get what the files say.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant, SystemTime};

use oci_hostaliases::files::compile::keep;

use crate::bundle::Bundle;
use crate::{BOILERPLATE, tracer, world};

const COMPILED: &str = "/run/oci-hostaliases/hosts.d.compiled";
const FILES: usize = 40;

fn file(bundle: &Bundle, nth: usize) -> PathBuf {
    bundle.hosts_d().join(format!("{nth:02}.hosts"))
}

/// Files of one line each.
fn fill(bundle: &Bundle) {
    let _ = fs::remove_dir_all(bundle.hosts_d());
    for nth in 0..FILES {
        bundle.entries(
            &format!("{nth:02}.hosts"),
            &format!("10.0.0.{nth} host-{nth}\n"),
        );
    }
}

/// What a container has, where file number 7 gives these lines.
fn text(bundle: &Bundle, seven: &[&str]) -> String {
    let mut text = BOILERPLATE.to_owned();
    for nth in 0..FILES {
        let own = format!("10.0.0.{nth}\thost-{nth}");
        let lines = if nth == 7 { seven } else { &[own.as_str()] };
        if !lines.is_empty() {
            let path = file(bundle, nth).display().to_string();
            text += &format!("\n# Entries added by oci-hostaliases from {path}.\n");
            lines.iter().for_each(|line| text += &format!("{line}\n"));
        }
    }
    text
}

fn refresh_command(bundle: &Bundle) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oci-hostaliases"));
    command
        .arg("refresh")
        .arg("--hosts-d")
        .arg(bundle.hosts_d());
    command
}

fn refresh(bundle: &Bundle) {
    let output = refresh_command(bundle).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 4)), "{words}");
}

/// What the container has, and how many files of `hosts.d` the hook has opened.
fn run(bundle: &Bundle) -> (String, usize) {
    let shown = bundle.shown();
    let calls = tracer::recorded(bundle);
    let opened = calls
        .iter()
        .filter(|call| call.starts_with("open") && call.contains(".hosts\""));
    (shown, opened.count())
}

fn asks_for_nothing(home: &std::path::Path) -> Bundle {
    let mut bundle = Bundle::new(home, "runc", "prestart");
    bundle.ask_for_nothing();
    tracer::record(&mut bundle);
    bundle
}

const OWN: &[&str] = &["10.0.0.7\thost-7"];
const CHANGED: &[&str] = &["10.9.9.9\thost-7"];

/// A change, what it does, and what file number 7 gives afterwards.
type Change = (&'static str, fn(&Bundle), &'static [&'static str]);

const OF_THE_FILES: &[Change] = &[
    (
        "edited in place, of the same length, with the times that it had",
        |bundle| {
            let path = file(bundle, 7);
            let before = fs::metadata(&path).unwrap();
            let open = File::options().write(true).open(&path).unwrap();
            open.write_all_at(b"10.9.9.9", 0).unwrap();
            let times = FileTimes::new();
            let times = times.set_modified(before.modified().unwrap());
            open.set_times(times.set_accessed(before.accessed().unwrap()))
                .unwrap();
        },
        CHANGED,
    ),
    (
        "replaced by a rename, with the times that it had",
        |bundle| {
            let (path, new) = (file(bundle, 7), bundle.hosts_d().join("new"));
            fs::write(&new, "10.9.9.9 host-7\n").unwrap();
            let modified = fs::metadata(&path).unwrap().modified().unwrap();
            let open = File::options().write(true).open(&new).unwrap();
            open.set_times(FileTimes::new().set_modified(modified))
                .unwrap();
            fs::rename(new, path).unwrap();
        },
        CHANGED,
    ),
    (
        "cp -p of an older file",
        |bundle| {
            let (path, old) = (file(bundle, 7), bundle.directory().join("old"));
            fs::write(&old, "10.9.9.9 host-7\n").unwrap();
            let open = File::options().write(true).open(&old).unwrap();
            let year = Duration::from_secs(31_536_000);
            open.set_times(FileTimes::new().set_modified(SystemTime::now() - year))
                .unwrap();
            let copied = Command::new("cp").arg("-p").args([old, path]).status();
            assert!(copied.unwrap().success());
        },
        CHANGED,
    ),
    (
        "touched",
        |bundle| {
            let touched = Command::new("touch")
                .args(["-d", "2026-01-01"])
                .arg(file(bundle, 7))
                .status();
            assert!(touched.unwrap().success());
        },
        OWN,
    ),
    (
        "removed",
        |bundle| fs::remove_file(file(bundle, 7)).unwrap(),
        &[],
    ),
    (
        "renamed to a hidden name",
        |bundle| {
            let hidden = bundle.hosts_d().join(".07.hosts");
            fs::rename(file(bundle, 7), hidden).unwrap();
        },
        &[],
    ),
    (
        "emptied",
        |bundle| fs::write(file(bundle, 7), "").unwrap(),
        &[],
    ),
    (
        "a new namespace",
        |bundle| fs::create_dir(bundle.hosts_d().join("shop")).unwrap(),
        OWN,
    ),
    (
        "writable for others",
        |bundle| fs::set_permissions(file(bundle, 7), Permissions::from_mode(0o666)).unwrap(),
        &[],
    ),
    (
        "another user's",
        |bundle| chown(file(bundle, 7), Some(1000), None).unwrap(),
        &[],
    ),
    (
        "a symlink",
        |bundle| {
            fs::rename(file(bundle, 7), bundle.directory().join("elsewhere")).unwrap();
            symlink(bundle.directory().join("elsewhere"), file(bundle, 7)).unwrap();
        },
        &[],
    ),
    (
        "another file mounted on it",
        |bundle| {
            let other = bundle.directory().join("other");
            fs::write(&other, "10.9.9.9 host-7\n").unwrap();
            let mounted = Command::new("mount")
                .arg("--bind")
                .arg(other)
                .arg(file(bundle, 7))
                .status();
            assert!(mounted.unwrap().success());
        },
        CHANGED,
    ),
];

const OF_THE_COMPILED_FILE: &[Change] = &[
    ("no file", |_| fs::remove_file(COMPILED).unwrap(), OWN),
    ("empty", |_| fs::write(COMPILED, "").unwrap(), OWN),
    (
        "cut short",
        |_| {
            let open = File::options().write(true).open(COMPILED).unwrap();
            open.set_len(open.metadata().unwrap().len() - 1).unwrap();
        },
        OWN,
    ),
    (
        "another version's",
        |_| {
            let mut bytes = fs::read(COMPILED).unwrap();
            assert!(bytes.starts_with(b"oci-hostaliases 0.1.0 "));
            bytes[20] = b'9';
            fs::write(COMPILED, bytes).unwrap();
        },
        OWN,
    ),
    (
        "foreign",
        |_| fs::write(COMPILED, "10.9.9.9 host-7\n".repeat(9999)).unwrap(),
        OWN,
    ),
    (
        "writable for others",
        |_| fs::set_permissions(COMPILED, Permissions::from_mode(0o622)).unwrap(),
        OWN,
    ),
    (
        "another user's",
        |_| chown(COMPILED, Some(1000), None).unwrap(),
        OWN,
    ),
    (
        "a FIFO",
        |_| {
            fs::remove_file(COMPILED).unwrap();
            assert!(
                Command::new("mkfifo")
                    .arg(COMPILED)
                    .status()
                    .unwrap()
                    .success()
            );
        },
        OWN,
    ),
    (
        "longer than it may be",
        |_| {
            let open = File::options().write(true).open(COMPILED).unwrap();
            open.set_len(16 * 1024 * 1024 + 1).unwrap();
        },
        OWN,
    ),
];

#[test]
fn used_while_nothing_is_changed() {
    world("compiled_file::used_while_nothing_is_changed", |home| {
        let bundle = asks_for_nothing(home);
        for (what, change, seven) in OF_THE_FILES.iter().chain(OF_THE_COMPILED_FILE) {
            fill(&bundle);
            assert_eq!(run(&bundle), (text(&bundle, OWN), FILES), "{what}: before");
            refresh(&bundle);
            let mode = fs::metadata(COMPILED).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600);
            assert_eq!(run(&bundle), (text(&bundle, OWN), 0), "{what}: compiled");
            change(&bundle);
            let (shown, opened) = run(&bundle);
            assert_eq!(shown, text(&bundle, seven), "{what}");
            assert!(opened >= FILES - 1, "{what}: {opened}");
            let _ = Command::new("umount")
                .arg(file(&bundle, 7))
                .stderr(Stdio::null())
                .status();
            let _ = fs::remove_file(COMPILED);
        }
        // The hook does not list the directory: its status says that a file was added.
        fill(&bundle);
        refresh(&bundle);
        bundle.entries("40.hosts", "10.0.0.40 host-40\n");
        let (shown, opened) = run(&bundle);
        assert!(shown.ends_with("\n10.0.0.40\thost-40\n"), "{shown}");
        assert_eq!(opened, FILES + 1);
        // Few files need no compiled one, and are read.
        fill(&bundle);
        refresh(&bundle);
        (20..FILES).for_each(|nth| fs::remove_file(file(&bundle, nth)).unwrap());
        refresh(&bundle);
        assert!(!fs::exists("/run/oci-hostaliases").unwrap());
        assert_eq!(run(&bundle).1, 20);
        let calls = tracer::recorded(&bundle);
        let looked: Vec<_> = calls
            .iter()
            .filter(|call| call.contains(COMPILED))
            .collect();
        assert_eq!(looked.len(), 1, "{looked:#?}");
        assert!(
            looked[0].starts_with("open") && looked[0].contains("ENOENT"),
            "{looked:#?}"
        );
    });
}

/// What is said of lines that are wrong, and of sections that do not fit, is the same with it and without.
#[test]
fn the_same_is_said() {
    world("compiled_file::the_same_is_said", |home| {
        let log = UnixDatagram::bind("/dev/log").unwrap();
        log.set_nonblocking(true).unwrap();
        let said = || {
            let mut buffer = [0; 16 * 1024];
            let records = std::iter::from_fn(|| {
                let length = log.recv(&mut buffer).ok()?;
                Some(buffer[..length].to_vec())
            });
            let records = records.map(|record| String::from_utf8(record).unwrap());
            let records: Vec<_> = records
                .filter_map(|record| Some(record.split_once("]: ")?.1.to_owned()))
                .collect();
            records
        };
        let mut bundle = asks_for_nothing(home);
        bundle.annotate("io.kubernetes.cri.sandbox-namespace", "shop");
        fill(&bundle);
        bundle.entries(
            "07.hosts",
            "300.0.0.1 typo\n10.0.0.7 host-7\n10.0.0.8 a\u{1}b ok\n",
        );
        for nth in 0..FILES {
            bundle.entries(
                &format!("shop/{nth:02}.hosts"),
                &format!("10.1.0.{nth} shop-{nth}\n"),
            );
        }
        for size in ["1MiB", "6KiB", "4KiB"] {
            fs::write(bundle.config_toml(), format!("size-limit = \"{size}\"\n")).unwrap();
            let _ = fs::remove_file(COMPILED);
            let without = (run(&bundle), said());
            refresh(&bundle);
            let with = (run(&bundle), said());
            assert_eq!((without.0.1, with.0.1), (2 * FILES, 0));
            assert_eq!(with.0.0, without.0.0, "{size}");
            assert_eq!(with.1, without.1, "{size}");
            let seven = file(&bundle, 7).display().to_string();
            let left_out = format!(
                "left out: {seven}:1: \"300.0.0.1\": not an IP address that resolvers read; {seven}:3: \"a\\u{{1}}b\": has a control character"
            );
            assert!(with.1[0].ends_with(&left_out), "{:?}", with.1);
            let does_not_fit = with.1.last().is_some_and(|last| {
                last.contains("left out, because the file would have more than")
            });
            assert_eq!(does_not_fit, size != "1MiB", "{:?}", with.1);
        }
    });
}

/// Between looking at the files and reading them, more than a tick of the kernel's clock passes. Kernels with finer
/// timestamps (since Linux 6.13, on some file systems) do not need it, so the test below passes there without.
#[test]
fn a_tick_passes_before_the_files_are_read() {
    world(
        "compiled_file::a_tick_passes_before_the_files_are_read",
        |home| {
            let bundle = asks_for_nothing(home);
            fill(&bundle);
            fs::create_dir_all("/run/oci-hostaliases").unwrap();
            let start = Instant::now();
            keep(&bundle.hosts_d()).unwrap();
            // CONFIG_HZ is at least 100.
            assert!(start.elapsed() > Duration::from_millis(10));
            assert_eq!(run(&bundle).1, 0);
        },
    );
}

/// A file that is written while it is compiled, again and again within a tick of the kernel's clock.
#[test]
fn changed_while_it_is_compiled() {
    world("compiled_file::changed_while_it_is_compiled", |home| {
        let bundle = asks_for_nothing(home);
        fill(&bundle);
        bundle.entries("07.hosts", "10.0.10.7\thost-7\n");
        fs::create_dir_all("/run/oci-hostaliases").unwrap();
        for round in 0..10 {
            let hosts_d = bundle.hosts_d();
            let compiling = thread::spawn(move || keep(&hosts_d));
            let open = File::options().write(true).open(file(&bundle, 7)).unwrap();
            let mut last = String::new();
            for write in 0.. {
                last = format!("10.{round}.{}.7\thost-7", write % 90 + 10);
                open.write_all_at(format!("{last}\n").as_bytes(), 0)
                    .unwrap();
                if compiling.is_finished() || round % 2 == 1 && write > 20 {
                    break;
                }
                sleep(Duration::from_micros(write % 3 * 500));
            }
            compiling.join().unwrap().unwrap();
            assert_eq!(run(&bundle).0, text(&bundle, &[&last]), "{round}");
        }
    });
}
