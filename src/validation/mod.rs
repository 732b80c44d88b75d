//! The API server's validation: which names and addresses are valid, and its messages for refused fields.

pub(crate) mod field_error;
pub mod names;
