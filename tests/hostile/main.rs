//! Hostile images, hostile tenants, faults: the real hook under attack.
//!
//! `OCI_HOSTALIASES_TEST_LONG` in the environment makes the sample of each test the whole (`make test-long`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[allow(dead_code)] // shared with the test of the runtimes, which uses all of it
#[path = "../runtimes/bundle.rs"]
mod bundle;
mod call;
mod compiled_file;
mod elf;
mod faults;
mod limits;
mod load;
mod many_errors;
#[path = "../support/needs.rs"]
mod needs;
#[path = "../support/newer_engines.rs"]
mod newer_engines;
mod privileges;
mod race;
mod register_files;
mod register_killed;
mod running;
mod running_engine_file;
mod running_hang;
mod running_memory;
mod running_write;
mod seccomp;
#[path = "../support/seccomp_filter.rs"]
mod seccomp_filter;
#[path = "../support/skipped.rs"]
mod skipped;
mod start;
mod system_calls;
mod tenants;
#[path = "../support/throwaway.rs"]
mod throwaway;
mod tracer;

use std::path::Path;

/// What the hook writes for a Pod without an address or entries of its own.
const BOILERPLATE: &str = "# Kubernetes-managed hosts file.\n\
    127.0.0.1\tlocalhost\n\
    ::1\tlocalhost ip6-localhost ip6-loopback\n\
    fe00::0\tip6-localnet\n\
    fe00::0\tip6-mcastprefix\n\
    fe00::1\tip6-allnodes\n\
    fe00::2\tip6-allrouters\n";
const HOST_ALIASES: &str = "oci-hostaliases.io/host-aliases";
const ALIASES: &str = r#"[{"ip":"10.1.2.3","hostnames":["foo.remote","bar.remote"]}]"#;
const ALIASES_SECTION: &str =
    "\n# Entries added by HostAliases.\n10.1.2.3\tfoo.remote\tbar.remote\n";

/// The whole file of a container that asks for [`ALIASES`].
fn whole_file() -> String {
    format!("{BOILERPLATE}{ALIASES_SECTION}")
}

/// Whether the whole is wanted, which takes hours, and not a sample.
fn is_long() -> bool {
    std::env::var_os("OCI_HOSTALIASES_TEST_LONG").is_some()
}

/// Runs `body` in a world of its own, or says that it cannot.
fn world(test: &str, body: impl FnOnce(&Path)) {
    let programs = [
        ("runc", "runc"),
        ("crun", "crun"),
        ("busybox", "busybox-static"),
        ("strace", "strace"),
        ("prlimit", "util-linux"),
    ];
    if needs::met(test, &programs) {
        throwaway::world(test, body);
    }
}
