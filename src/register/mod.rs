//! A registration's text and its removal, for each engine.
//!
//! Everything up to the list of [`file_change::FileChange`]s is computed from text; only
//! [`replace_file`] writes. So a dry run is the same run without its last step.

pub mod containerd;
pub mod containerd_edit;
pub mod containerd_text;
pub mod containerd_undo;
pub mod error;
pub mod file_change;
pub mod hooks_d;
mod marked_lines;
pub mod replace_file;
