//! The two programs as a person or a runtime starts them, without root and without an engine. One
//! topic a file.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../support/apimachinery.rs"]
mod apimachinery;
mod closed_pipe;
mod completions;
mod containerd_node;
mod documents;
mod explain;
mod hook_bad_input;
mod kubectl_plugin;
mod kubernetes_follow;
mod man_pages;
#[path = "../support/newer_engines.rs"]
mod newer_engines;
mod on_disk;
mod recorded_api_server;
mod recorded_kubelets;
mod register_containerd;
mod register_containerd_checked;
mod register_containerd_dump;
mod register_containerd_refuses;
mod register_hooks_d;
mod render_bundle;
mod render_manifest;
mod render_manifests;
mod render_with;
mod size_limit;
#[path = "../support/skipped.rs"]
mod skipped;
mod terminal;
mod tool;
mod unregister_containerd;
