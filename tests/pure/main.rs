//! What is a function of values: no root, no runtime, no process. One topic a file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod annotation_properties;
mod annotations;
#[path = "../support/apimachinery.rs"]
mod apimachinery;
mod bounded_read;
mod compose;
mod config;
mod fixtures;
mod hosts_text;
mod left_alone;
mod mountinfo;
mod node_lines;
mod plan_table;
mod pod_addresses;
mod pod_line;
mod shallow_reader;
#[path = "../support/skipped.rs"]
mod skipped;
mod stamp;
mod state_fixtures;
mod toml_entries;
