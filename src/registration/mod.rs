//! The hook's registration with the engines of a node, and its removal.
//!
//! Everything up to the list of [`file_change::FileChange`]s is computed from text; only
//! [`replace_file`] writes. So a dry run is the same run without its last step.

pub mod base_spec;
pub mod containerd;
pub mod containerd_config;
pub mod containerd_edit;
pub mod containerd_imports;
pub mod containerd_refusal;
pub mod containerd_undo;
pub mod file_change;
pub mod hook_definition;
pub mod hooks_d;
pub mod hooks_directory;
mod marked_lines;
pub mod replace_file;
