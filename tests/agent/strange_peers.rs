//! What listens on the engine's socket and is no engine, or one whose NRI cannot be used.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use crate::agent::{self, Agent};
use crate::nri_containerd::nri_socket;
use crate::world;

/// What each says, and what the agent says of it.
const PEERS: &[(&[u8], &str)] = &[
    (
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        "a message of 791752241 bytes, more than 4194314: this is not an NRI socket",
    ),
    (
        // A frame of 4 GiB.
        b"\0\0\0\x01\xff\xff\xff\xff",
        "a message of 4294967295 bytes, more than 4194314: this is not an NRI socket",
    ),
    (
        // A message of 4 GiB in a frame that is short.
        b"\0\0\0\x01\0\0\0\x0a\xff\xff\xff\xff\0\0\0\x01\x01\0",
        "a message of 4294967295 bytes, more than 4194304: this is not an NRI socket",
    ),
    (
        b"\0\0\0\x01\0\0\0\x0d\0\0\0\x03\0\0\0\x01\x01\0\xff\xff\xff",
        "a request cannot be read: this is not an NRI socket, or one of an unknown version",
    ),
    (
        // Configure, with a container's worth of bytes that are no ConfigureRequest.
        b"\0\0\0\x01\0\0\0\x38\0\0\0\x2e\0\0\0\x01\x01\0\
          \x0a\x1bnri.pkg.api.v1alpha1.Plugin\x12\x09Configure\x1a\x04\xff\xff\xff\xff",
        "Configure cannot be read: this is not an NRI socket, or one of an unknown version",
    ),
    (
        // Docker fails every container that gets a hook by its NRI.
        b"\0\0\0\x01\0\0\0\x44\0\0\0\x3a\0\0\0\x01\x01\0\
          \x0a\x1bnri.pkg.api.v1alpha1.Plugin\x12\x09Configure\x1a\x10\x12\x06docker\x1a\x0629.2.0",
        "docker 29.2.0: its NRI cannot be used: every container that gets a hook through it fails",
    ),
];

#[test]
fn each_is_left_and_told_of() {
    world("strange_peers::each_is_left_and_told_of", |home| {
        let socket = nri_socket(home);
        let agent = Agent::start_alone(home);
        agent.wait_for("waiting for an engine");
        for (says, said) in PEERS {
            agent.forget();
            let _ = fs::remove_file(&socket);
            let listener = UnixListener::bind(&socket).expect("a socket");
            let (mut stream, _) = listener.accept().expect("the agent");
            stream.write_all(says).expect("written");
            agent.wait_for(&format!("{}: {said}", socket.display()));
            agent.wait_for("; waiting for an engine");
            let limit = stream.set_read_timeout(Some(Duration::from_secs(5)));
            limit.expect("a limit");
            match stream.read_to_end(&mut Vec::new()) {
                Ok(_) => {}
                // Not all that it was sent was read.
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
            }
            assert_eq!(agent::page("/healthz").0, "HTTP/1.1 200 OK");
            assert_eq!(agent::page("/readyz").0, "HTTP/1.1 503 Service Unavailable");
        }
        // No memory is taken for what is announced.
        let resident: u64 = agent.status("VmHWM:").parse().expect("a number");
        assert!(resident < 32 * 1024, "{resident} kB");
    });
}
