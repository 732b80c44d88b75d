//! The real hook under the distribution's runc and crun, at every stage, in throw-away worlds. The matrix
//! names other runtimes, and one stage at a time, in the environment; `tests/without_calls.sh` system calls that
//! the kernel is to lack.
//!
//! Each case looks at the container from inside and at the host afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod bundle;
mod config;
mod engine_mounts;
mod failures;
mod journal;
mod label;
#[path = "../support/needs.rs"]
mod needs;
mod network;
mod node_entries;
mod old_kernels;
mod refresh;
mod refresh_extended;
mod refresh_full;
mod refresh_hosts_d;
mod refusals;
mod resolvers;
mod rootfs;
#[path = "../support/seccomp_filter.rs"]
mod seccomp_filter;
#[path = "../support/skipped.rs"]
mod skipped;
mod symlinks;
#[path = "../support/throwaway.rs"]
mod throwaway;
mod user_namespace;
mod wrong_bundle;

use std::path::Path;

use bundle::{Bundle, Host};

/// The runtimes of the distribution, unless others are named.
fn runtimes() -> Vec<&'static str> {
    words("OCI_HOSTALIASES_RUNTIMES", "runc crun")
}

/// The stages that the hook can be registered for, unless some are named.
fn stages() -> Vec<&'static str> {
    words(
        "OCI_HOSTALIASES_STAGES",
        "prestart createRuntime createContainer",
    )
}

fn words(variable: &str, default: &str) -> Vec<&'static str> {
    let value = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    value.leak().split_whitespace().collect()
}

/// What the hook writes for a Pod without an address or entries of its own.
const BOILERPLATE: &str = "# Kubernetes-managed hosts file.\n\
    127.0.0.1\tlocalhost\n\
    ::1\tlocalhost ip6-localhost ip6-loopback\n\
    fe00::0\tip6-localnet\n\
    fe00::0\tip6-mcastprefix\n\
    fe00::1\tip6-allnodes\n\
    fe00::2\tip6-allrouters\n";
/// The aliases of the Kubernetes documentation's example, as the annotation has them.
const ALIASES: &str = r#"[{"ip":"127.0.0.1","hostnames":["foo.local","bar.local"]},{"ip":"10.1.2.3","hostnames":["foo.remote","bar.remote"]}]"#;
/// And as the file has them.
const ALIASES_SECTION: &str = "\n# Entries added by HostAliases.\n\
    127.0.0.1\tfoo.local\tbar.local\n\
    10.1.2.3\tfoo.remote\tbar.remote\n";

/// The section of a file of `hosts.d`.
fn section(path: &str, lines: &str) -> String {
    format!("\n# Entries added by oci-hostaliases from {path}.\n{lines}")
}

/// Runs `body` in a world of its own, or says that it cannot.
fn world(test: &str, body: impl FnOnce(&Path)) {
    let mut programs = vec![("busybox", "busybox-static"), ("strace", "strace")];
    programs.extend(runtimes().into_iter().map(|runtime| (runtime, runtime)));
    if needs::met(test, &programs) {
        throwaway::world(test, body);
    }
}

/// Runs `body` for each runtime and stage with a fresh bundle that asks for the example's aliases,
/// and makes sure that the host is as before afterwards.
fn each_runtime_and_stage(test: &str, body: impl Fn(&mut Bundle)) {
    world(test, |home| {
        for runtime in runtimes() {
            for stage in stages() {
                println!("{runtime}, {stage}");
                let mut bundle = Bundle::new(home, runtime, stage);
                bundle.annotate("oci-hostaliases.io/host-aliases", ALIASES);
                let before = Host::look();
                body(&mut bundle);
                before.assert_unchanged();
            }
        }
    });
}
