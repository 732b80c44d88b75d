//! A registration's text and its removal, for each engine.
//!
//! Everything up to the list of [`file_change::FileChange`]s is computed from text; only
//! [`replace_file`] writes. So a dry run is the same run without its last step.

pub(crate) mod containerd;
pub(crate) mod containerd_difference;
pub(crate) mod containerd_edit;
pub(crate) mod containerd_loader;
pub(crate) mod containerd_place;
pub(crate) mod containerd_plan;
pub(crate) mod containerd_removal;
pub(crate) mod containerd_text;
pub(crate) mod containerd_undo;
pub(crate) mod error;
pub(crate) mod file_change;
pub(crate) mod hooks_d;
pub(crate) mod nri;
pub(crate) mod replace_file;
