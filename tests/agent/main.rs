//! The agent against a real containerd 2.x, driven over its CRI socket as a kubelet drives it: the hook comes by NRI,
//! no file of the engine's is changed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod agent;
#[path = "../support/case_table.rs"]
mod case_table;
mod cluster;
#[path = "../support/containerd_daemon.rs"]
mod containerd_daemon;
#[path = "../containerd_cri/cri_client.rs"]
mod cri_client;
#[path = "../containerd_cri/cri_messages.rs"]
mod cri_messages;
#[path = "../support/hook_program.rs"]
mod hook_program;
#[path = "../support/image_archive.rs"]
mod image_archive;
mod lifecycle;
mod many;
#[path = "../support/needs.rs"]
mod needs;
#[path = "../support/newer_engines.rs"]
mod newer_engines;
#[path = "../support/node_log.rs"]
mod node_log;
mod node_setup;
mod nri_containerd;
mod older_nri;
mod plan_by_nri;
#[path = "../containerd_cri/pods.rs"]
mod pods;
#[path = "../support/skipped.rs"]
mod skipped;
mod start_time;
mod strange_peers;
#[path = "../support/throwaway.rs"]
mod throwaway;
mod tool;

use std::fs;
use std::path::{Path, PathBuf};

const PROGRAMS: [needs::Program; 4] = [
    ("busybox", "busybox-static"),
    ("jq", "jq"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("/usr/lib/cni/host-local", "containernetworking-plugins"),
];

const NODE_HOSTS: &str = "127.0.0.1\tlocalhost\n192.0.2.250\tnode-1.example node-1\n";
const HOSTS_D: &str = "/etc/oci-hostaliases/hosts.d";

/// Runs the body in a world of its own with the hook in its home and an empty `hosts.d`.
fn world(test: &str, body: impl FnOnce(&Path)) {
    let bin = newer_engines::bin(test);
    world_with(test, bin, body);
}

/// The same with containerd 1.7.
fn world_of_1_7(test: &str, body: impl FnOnce(&Path)) {
    let bin = newer_engines::bin_of_1_7(test);
    world_with(test, bin, body);
}

fn world_with(test: &str, bin: Option<PathBuf>, body: impl FnOnce(&Path)) {
    let Some(bin) = bin else {
        return;
    };
    if !needs::met(test, &PROGRAMS) {
        return;
    }
    throwaway::world_of(test, &[&bin], |home| {
        fs::write("/etc/hosts", NODE_HOSTS).expect("the world's /etc/hosts");
        fs::create_dir_all(HOSTS_D).expect("hosts.d");
        hook_program::install(home);
        body(home);
    });
}
