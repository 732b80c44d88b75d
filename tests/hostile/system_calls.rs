//! The hook makes no system call that `SECURITY.md` does not list.
//!
//! Any other answers EPERM and kills it, as under a seccomp filter made from that list.

use std::fs;
use std::os::unix::net::UnixDatagram;

use oci_hostaliases::files::compile;
use serde_json::json;

use crate::bundle::{Bundle, Host};
use crate::{ALIASES, ALIASES_SECTION, HOST_ALIASES, tracer, world};

/// What comes before the list in SECURITY.md, which ends with the next fence.
const LIST: &str = if cfg!(target_arch = "aarch64") {
    "```text\nsystem calls of the hook on arm64\n"
} else {
    "```text\nsystem calls of the hook\n"
};

/// The names, as strace takes them.
pub(crate) fn listed() -> String {
    let security = include_str!("../../SECURITY.md");
    let list = security.split_once(LIST).expect("the list").1;
    let list = list.split("```").next().unwrap();
    let names: Vec<_> = list.split_ascii_whitespace().collect();
    assert!(names.len() > 30, "{names:?}");
    names.join(",")
}

/// What the kernel answers, beside the filter.
const KERNELS: [&str; 4] = [
    "",
    "-e inject=openat2:error=ENOSYS",
    "-e inject=open_tree:error=EINVAL:when=1",
    "-e inject=open_tree,fsopen,fsmount,fsconfig,move_mount,openat2,pidfd_open:error=ENOSYS",
];

fn filtered(bundle: &mut Bundle, kernel: &str) {
    let options = format!(
        "-o {} {kernel} -e 'inject=!{}:error=EPERM:signal=SYS'",
        tracer::trace_of(bundle).display(),
        listed()
    );
    tracer::trace(bundle, &options);
}

fn shows_aliases(bundle: &mut Bundle, kernel: &str) {
    filtered(bundle, kernel);
    let ran = bundle.run();
    let calls = fs::read_to_string(tracer::trace_of(bundle)).unwrap_or_default();
    let last: Vec<_> = calls.lines().rev().take(5).collect();
    assert!(
        ran.stdout.ends_with(ALIASES_SECTION),
        "{kernel}: {last:#?} {}",
        ran.stderr
    );
}

pub(crate) fn each_stage(test: &str, body: impl Fn(&mut Bundle)) {
    // The list is that of the program as it is shipped: static. `make test` names that one.
    if std::env::var_os("OCI_HOSTALIASES_HOOK").is_none() {
        return crate::skipped::skipped(&format!(
            "{test}: OCI_HOSTALIASES_HOOK names no static hook; make test does"
        ));
    }
    world(test, |home| {
        // A node has a log.
        let _log = UnixDatagram::bind("/dev/log").unwrap();
        for (runtime, stage) in [
            ("runc", "prestart"),
            ("crun", "createRuntime"),
            ("runc", "createContainer"),
        ] {
            println!("{runtime}, {stage}");
            let mut bundle = Bundle::new(home, runtime, stage);
            bundle.annotate(HOST_ALIASES, ALIASES);
            let before = Host::look();
            body(&mut bundle);
            before.assert_unchanged();
        }
    });
}

#[test]
fn every_way_to_mount() {
    each_stage("system_calls::every_way_to_mount", |bundle| {
        for kernel in KERNELS {
            shows_aliases(bundle, kernel);
        }
        fs::write(bundle.config_toml(), "read-only = true\n").unwrap();
        shows_aliases(bundle, "");
    });
}

#[test]
fn everything_missing_is_made() {
    each_stage("system_calls::everything_missing_is_made", |bundle| {
        fs::remove_dir_all(bundle.rootfs.join("etc")).unwrap();
        shows_aliases(bundle, "");
        fs::remove_dir_all(bundle.rootfs.join("etc")).unwrap();
        std::os::unix::fs::symlink("usr/etc", bundle.rootfs.join("etc")).unwrap();
        shows_aliases(bundle, "-e inject=openat2:error=ENOSYS");
    });
}

#[test]
fn every_base() {
    each_stage("system_calls::every_base", |bundle| {
        fs::create_dir_all(bundle.hosts_d()).unwrap();
        fs::write(bundle.hosts_d().join("a.hosts"), "10.9.9.9 node\nbad\n").unwrap();
        let engines = bundle.directory().join("userdata");
        fs::create_dir_all(&engines).unwrap();
        fs::write(engines.join("hosts"), "127.0.0.1 localhost\n").unwrap();
        bundle.bind(&engines.join("hosts"), "/etc/hosts");
        filtered(bundle, "");
        let shown = bundle.shown();
        assert!(shown.contains("10.9.9.9"), "{shown}");
        bundle.config["mounts"].as_array_mut().unwrap().pop();
        bundle.set_namespace("network", None);
        filtered(bundle, "");
        assert!(bundle.shown().contains("(host network)"));
    });
}

/// Entries of `hosts.d` that the hook finds in the compiled file.
#[test]
fn compiled_file() {
    each_stage("system_calls::compiled_file", |bundle| {
        for nth in 0..40 {
            bundle.entries(
                &format!("{nth}.hosts"),
                &format!("10.9.9.{nth} node-{nth}\n"),
            );
        }
        fs::create_dir_all("/run/oci-hostaliases").unwrap();
        compile::keep(&bundle.hosts_d()).unwrap();
        filtered(bundle, "");
        let shown = bundle.shown();
        assert!(shown.contains("\n10.9.9.39\tnode-39\n"), "{shown}");
        let calls = fs::read_to_string(tracer::trace_of(bundle)).unwrap();
        let opened = calls.lines().filter(|call| call.contains(".hosts\""));
        // Only to see their status.
        assert!(opened.clone().all(|call| call.contains("statx")), "{calls}");
        assert_eq!(opened.count(), 40);
        fs::remove_dir_all("/run/oci-hostaliases").unwrap();
    });
}

#[test]
fn user_namespace() {
    each_stage("system_calls::user_namespace", |bundle| {
        if bundle.stage != "createContainer" {
            bundle.add_user_namespace();
            shows_aliases(bundle, "");
        }
    });
}

/// The filter does not keep the hook from saying why it gives up.
#[test]
fn refusals() {
    each_stage("system_calls::refusals", |bundle| {
        bundle.annotate("oci-hostaliases.io/unknown", "x");
        filtered(bundle, "");
        let ran = bundle.run();
        assert!(!ran.started);
        let code = ["exit status 5", "(exit code: 5)"];
        assert!(
            code.iter().any(|code| ran.stderr.contains(code)),
            "{}",
            ran.stderr
        );
    });
}

/// A filter that lets less through is noticed: the test above tests something.
#[test]
fn filter_bites() {
    world("system_calls::filter_bites", |home| {
        let mut bundle = Bundle::new(home, "runc", "prestart");
        bundle.annotate(HOST_ALIASES, ALIASES);
        let without = format!(",{},", listed()).replace(",move_mount,", ",");
        let inject = format!(
            "-o /dev/null -e 'inject=!{}:error=EPERM:signal=SYS'",
            without.trim_matches(',')
        );
        tracer::trace(&mut bundle, &inject);
        bundle.config["annotations"]["unused"] = json!("");
        assert!(!bundle.run().started);
    });
}
