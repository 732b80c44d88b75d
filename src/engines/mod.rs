//! What the engines' own files say, read in one place for `register` and `doctor` alike. A new engine
//! is a folder here.

pub mod bounded_run;
pub mod containerd;
pub mod hooks_d;
pub mod our_hook;
pub mod registered_hook;
