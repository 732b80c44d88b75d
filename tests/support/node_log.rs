//! The log daemon of a throw-away world: what the hook says to `/dev/log`.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;

const DEV_LOG: &str = "/dev/log";

pub(crate) struct NodeLog(UnixDatagram);

impl NodeLog {
    pub(crate) fn listen() -> Self {
        let socket = UnixDatagram::bind(DEV_LOG).expect("/dev/log");
        // As every daemon does it: rootless engines log too.
        set_permissions(DEV_LOG, Permissions::from_mode(0o666)).expect("/dev/log for everybody");
        socket.set_nonblocking(true).expect("not to block");
        Self(socket)
    }

    /// The hook's records since the last call, a line each. Engines log too.
    pub(crate) fn records(&self) -> String {
        let (mut lines, mut buffer) = (String::new(), vec![0; 64 * 1024]);
        while let Ok(length) = self.0.recv(&mut buffer) {
            let record = String::from_utf8_lossy(&buffer[..length]);
            if record.contains(">oci-hostaliases-hook[") {
                lines += &record;
                lines.push('\n');
            }
        }
        lines
    }
}
