//! Tells systemd that the service is ready, or stops (sd_notify(3)).

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends a line such as `READY=1` to `NOTIFY_SOCKET`, if it is set.
pub(super) fn notify(line: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let Ok(address) = address(&socket) else {
        return;
    };
    if let Ok(from) = UnixDatagram::unbound() {
        let _ = from.send_to_addr(line.as_bytes(), &address);
    }
}

fn address(socket: &OsStr) -> std::io::Result<SocketAddr> {
    match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(socket),
    }
}
