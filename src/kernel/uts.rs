//! The current UTS namespace.

use crate::error::Error;

/// Its host name; `None` if it is empty or not UTF-8.
pub(crate) fn name() -> Result<Option<String>, Error> {
    let name = nix::sys::utsname::uname().map_err(|errno| Error::call("uname", errno))?;
    Ok(name
        .nodename()
        .to_str()
        .filter(|name| !name.is_empty())
        .map(str::to_owned))
}
