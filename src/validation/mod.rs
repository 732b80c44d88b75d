//! The API server's own validation: which names and addresses are valid, and the words in which it
//! refuses a field.

pub(crate) mod field_error;
pub mod names;
