//! Reads the engines' own files, for both `register` and `doctor`. A new engine is a folder here.

pub(crate) mod bounded_run;
pub(crate) mod containerd;
pub(crate) mod error;
pub(crate) mod hooks_d;
pub(crate) mod our_hook;
pub(crate) mod processes;
pub(crate) mod version;
