//! The hook's configuration, `config.toml`.

use std::path::Path;

use crate::error::Error;
use crate::files::admin_file;
use crate::files::toml_entries::{self, Value};
use crate::validation::field_error::quote;

/// The path unless `--config` is given.
pub const DEFAULT_PATH: &str = "/etc/oci-hostaliases/config.toml";
pub(super) const FILE_MAX: u64 = 64 * 1024;
/// The smallest usable file system: one page.
const SIZE_LIMIT_MIN: u64 = 4 * 1024;
const SIZE_LIMIT_MAX: u64 = 1024 * 1024 * 1024;

/// The hook's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `on-error`
    pub on_error: OnError,
    /// `read-only`: whether containers may not write the file.
    pub read_only: bool,
    /// `size-limit`, in bytes.
    pub size_limit: u64,
    /// Unknown keys and the like, which do not affect containers.
    pub warnings: Vec<String>,
}

/// What happens to a container that cannot get what it requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// It does not start, with the reason.
    Fail,
    /// It starts without it, and the log says why.
    Warn,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            on_error: OnError::Fail,
            read_only: false,
            size_limit: 1024 * 1024,
            warnings: Vec::new(),
        }
    }
}

impl Config {
    /// Reads the file at `path`; the defaults if it does not exist.
    ///
    /// # Errors
    ///
    /// It cannot be read, users other than root can write to it, it is not TOML, or it has an invalid value.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let Some(bytes) = admin_file::read_admin_file(path, FILE_MAX)? else {
            return Ok(Self::default());
        };
        Self::read(&String::from_utf8_lossy(&bytes)).map_err(|situation| Error::Configuration {
            path: path.to_owned(),
            situation,
        })
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    ///
    /// What is wrong, with the key.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut config = Self::default();
        for (key, value) in &toml_entries::read(text)? {
            match (key.as_str(), value) {
                ("on-error", value) => config.on_error = read_on_error(value)?,
                ("read-only", Value::Boolean(read_only)) => config.read_only = *read_only,
                ("read-only", value) => {
                    return Err(format!(
                        "read-only: Invalid value: {}: must be true or false",
                        shown(value)
                    ));
                }
                ("size-limit", value) => config.size_limit = read_size(value)?,
                // The agent's own: its keys are read by the agent.
                ("agent", Value::Other("table")) => {}
                _ => config.warnings.push(format!("{}: Unknown key", quote(key))),
            }
        }
        Ok(config)
    }
}

fn read_on_error(value: &Value) -> Result<OnError, String> {
    match value {
        Value::Text(text) if text == "fail" => Ok(OnError::Fail),
        Value::Text(text) if text == "warn" => Ok(OnError::Warn),
        _ => Err(format!(
            "on-error: Invalid value: {}: must be \"fail\" or \"warn\"",
            shown(value)
        )),
    }
}

/// `"1MiB"`, `"512KiB"`, `"65536"`
fn read_size(value: &Value) -> Result<u64, String> {
    let refused = || {
        format!(
            "size-limit: Invalid value: {}: must be a size such as \"1MiB\" or \"64KiB\", from 4KiB to 1024MiB",
            shown(value)
        )
    };
    let Value::Text(text) = value else {
        return Err(refused());
    };
    let (number, unit) = match (text.strip_suffix("MiB"), text.strip_suffix("KiB")) {
        (Some(number), _) => (number, 1024 * 1024),
        (_, Some(number)) => (number, 1024),
        _ => (text.as_str(), 1),
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let size = number
        .parse::<u64>()
        .ok()
        .filter(|_| digits)
        .and_then(|number| number.checked_mul(unit));
    size.filter(|size| (SIZE_LIMIT_MIN..=SIZE_LIMIT_MAX).contains(size))
        .ok_or_else(refused)
}

/// A refused value for a message: a string itself, anything else by its type.
fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => quote(text),
        Value::Boolean(_) => "boolean".to_owned(),
        Value::Other(kind) => (*kind).to_owned(),
    }
}
