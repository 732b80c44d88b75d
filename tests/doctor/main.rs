//! `doctor` on a node where everything works, and with each thing broken that it looks at.
//!
//! The program looks at fixed places, so each test is in a world of its own: /etc is an overlay and
//! /run is empty.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod containerd;
mod containerd_files;
mod crio;
mod cure;
mod engines;
mod hook;
mod hooks_d;
mod kernel;
#[path = "../support/needs.rs"]
mod needs;
mod node;
mod node_files;
mod output;
mod owners;
mod podman;
mod podman_agrees;
mod remedies;
mod runtimes;
#[path = "../support/skipped.rs"]
mod skipped;
#[path = "../support/throwaway.rs"]
mod throwaway;

use node::Node;

/// Runs `body` on a node of its own without an engine, or says that it cannot.
fn on_node(test: &str, programs: &[needs::Program], body: impl FnOnce(&Node)) {
    if needs::met(test, programs) {
        throwaway::world(test, |home| body(&Node::new(home)));
    }
}

/// Runs `body` on a node where Podman runs the hook for every container.
fn on_podman_node(test: &str, body: impl FnOnce(&Node)) {
    on_node(test, &[], |node| {
        node.with_podman();
        node.doctor().assert_works();
        body(node);
        node.doctor().assert_works();
    });
}
