//! Reading a JSON text that must be an object.

use serde::Deserialize;
use serde::de::Error;

/// Reads an object. Derived readers accept a list too, by the order of their fields, or refuse it in terms of their
/// own type. Neither shows you what is wrong.
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, serde_json::Error> {
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') | None => serde_json::from_slice(bytes),
        Some(_) => Err(serde_json::Error::custom("expected an object")),
    }
}
