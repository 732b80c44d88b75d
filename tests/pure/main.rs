//! What is a function of values: no root, no runtime, no process. One topic a file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod agent_config;
mod annotation_properties;
mod annotations;
#[path = "../support/apimachinery.rs"]
mod apimachinery;
mod bounded_read;
mod compiled_file;
mod compose;
mod config;
mod fixtures;
mod hosts_text;
mod kubernetes_crds;
mod kubernetes_manifest;
mod kubernetes_pause;
mod kubernetes_set;
mod kubernetes_wanted;
mod left_alone;
mod mountinfo;
mod node_lines;
mod nri_answer;
mod nri_mount_file;
mod nri_wire;
mod plan_table;
mod pod_addresses;
mod pod_line;
mod sections;
mod shallow_reader;
#[path = "../support/skipped.rs"]
mod skipped;
mod stamp;
mod state_fixtures;
mod told;
mod toml_entries;
