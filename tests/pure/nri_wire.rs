//! NRI on the wire: frames, ttRPC and messages as literal bytes, and peers that send something else.

use std::io::{self, Cursor, Read, Write};

use oci_hostaliases::agent::nri::messages::{
    CREATE_CONTAINER, ConfigureResponse, Empty, REMOVE_CONTAINER, subscription,
};
use oci_hostaliases::agent::nri::mux::{self, PLUGIN};
use oci_hostaliases::agent::nri::session::{Call, REFUSED, Session};
use oci_hostaliases::agent::nri::ttrpc::{Assembler, Message};
use oci_hostaliases::error::on_one_line;

/// An engine that says this and then hangs up.
struct Engine {
    says: Cursor<Vec<u8>>,
    heard: Vec<u8>,
}

impl Read for Engine {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.says.read(buffer)
    }
}

impl Write for Engine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.heard.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn session(says: &[u8]) -> Session<Engine> {
    let engine = Engine {
        says: Cursor::new(says.to_vec()),
        heard: Vec::new(),
    };
    Session::register(engine).expect("a registration")
}

/// What the session sent since its registration.
fn answers(session: &Session<Engine>) -> &[u8] {
    &session.socket().heard[REGISTRATION.len()..]
}

fn trouble(says: &[u8]) -> String {
    on_one_line(&session(says).next_call().expect_err("an end"))
}

const REGISTRATION: &[u8] = b"\0\0\0\x02\0\0\0\x4f\
    \0\0\0\x45\0\0\0\x01\x01\0\
    \x0a\x1cnri.pkg.api.v1alpha1.Runtime\
    \x12\x0eRegisterPlugin\
    \x1a\x15\x0a\x0foci-hostaliases\x12\x0290";

/// A call of the engine's, whose message is `payload`: a frame of connection 1, a ttRPC request.
fn call(stream: u8, method: &str, payload: &[u8]) -> Vec<u8> {
    let mut request = b"\x0a\x1bnri.pkg.api.v1alpha1.Plugin".to_vec();
    request.extend([0x12, u8::try_from(method.len()).expect("short")]);
    request.extend(method.as_bytes());
    request.extend([0x1a, u8::try_from(payload.len()).expect("short")]);
    request.extend(payload);
    let length = u8::try_from(request.len()).expect("short");
    let header = [0, 0, 0, length, 0, 0, 0, stream, 1, 0];
    [&[0, 0, 0, 1, 0, 0, 0, 10 + length], &header[..], &request].concat()
}

#[test]
fn registers_under_its_name_and_index() {
    assert_eq!(session(b"").socket().heard, REGISTRATION);
}

#[test]
fn an_event_has_the_bit_below_its_number() {
    assert_eq!(subscription([CREATE_CONTAINER, REMOVE_CONTAINER]), 0x408);
}

#[test]
fn configure_is_read_also_before_the_registration_is_answered_and_is_answered_with_the_events() {
    let mut session = session(&call(3, "Configure", b"\x12\x0acontainerd\x1a\x06v2.1.9"));
    let Call::Configure(engine) = session.next_call().expect("a call") else {
        panic!("another call");
    };
    assert_eq!(engine.runtime_name, "containerd");
    assert_eq!(engine.runtime_version, "v2.1.9");
    session
        .answer(&ConfigureResponse { events: 0x408 })
        .expect("an answer");
    assert_eq!(
        answers(&session),
        b"\0\0\0\x01\0\0\0\x0f\0\0\0\x05\0\0\0\x03\x02\0\x12\x03\x10\x88\x08"
    );
}

#[test]
fn a_container_that_is_made_is_read_with_its_pod() {
    let payload = b"\x0a\x1e\x12\x05web-0\x22\x04shop2\x06\x0a\x01a\x12\x01bR\x07fd00::5\
        \x12\x18\x0a\x02c1\x1a\x04mainJ\x0c\x0a\x0a/etc/hosts";
    let mut session = session(&call(1, "CreateContainer", payload));
    let Call::Create(request) = session.next_call().expect("a call") else {
        panic!("another call");
    };
    let (pod, container) = (request.pod.expect("a Pod"), request.container.expect("one"));
    assert_eq!((&*pod.name, &*pod.namespace), ("web-0", "shop"));
    assert_eq!(pod.annotations["a"], "b");
    assert_eq!(pod.ips, ["fd00::5"]);
    assert_eq!((&*container.id, &*container.name), ("c1", "main"));
    assert_eq!(container.mounts[0].destination, "/etc/hosts");
    session.refuse(REFUSED, "no").expect("an answer");
    assert_eq!(
        answers(&session),
        b"\0\0\0\x01\0\0\0\x12\0\0\0\x08\0\0\0\x01\x02\0\x0a\x06\x08\x02\x12\x02no"
    );
}

#[test]
fn synchronize_in_parts_is_told_once_and_each_part_is_answered() {
    let parts = [
        call(1, "Synchronize", b"\x12\x04\x0a\x02c1\x18\x01"),
        call(3, "Synchronize", b"\x0a\x04\x0a\x02p1\x18\x01"),
        call(5, "Synchronize", b"\x12\x04\x0a\x02c2"),
    ];
    let mut session = session(&parts.concat());
    let Call::Synchronize(pods, containers) = session.next_call().expect("a call") else {
        panic!("another call");
    };
    let ids: Vec<_> = containers.iter().map(|container| &*container.id).collect();
    assert_eq!((&*pods[0].id, ids), ("p1", vec!["c1", "c2"]));
    assert_eq!(
        answers(&session),
        b"\0\0\0\x01\0\0\0\x0e\0\0\0\x04\0\0\0\x01\x02\0\x12\x02\x10\x01\
          \0\0\0\x01\0\0\0\x0e\0\0\0\x04\0\0\0\x03\x02\0\x12\x02\x10\x01"
    );
}

#[test]
fn a_container_is_gone_by_a_call_of_its_own_or_by_a_change_of_state() {
    for (method, payload) in [
        ("RemoveContainer", &b"\x12\x04\x0a\x02c1"[..]),
        ("StateChange", b"\x08\x0b\x1a\x04\x0a\x02c1"),
    ] {
        let mut session = session(&call(1, method, payload));
        let told = session.next_call().expect("a call");
        assert_eq!(told, Call::Removed("c1".to_owned()), "{method}");
        session.answer(&Empty {}).expect("an answer");
        assert_eq!(
            answers(&session),
            b"\0\0\0\x01\0\0\0\x0a\0\0\0\0\0\0\0\x01\x02\0"
        );
    }
}

#[test]
fn what_is_not_needed_is_answered_and_what_is_not_known_is_said_to_be() {
    let calls = [
        call(1, "StateChange", b"\x08\x06\x1a\x04\x0a\x02c1"),
        call(3, "PostCreateContainer", b""),
    ];
    let mut session = session(&calls.concat());
    assert!(session.next_call().is_err(), "the engine has hung up");
    assert_eq!(
        answers(&session),
        b"\0\0\0\x01\0\0\0\x0a\0\0\0\0\0\0\0\x01\x02\0\
          \0\0\0\x01\0\0\0\x1e\0\0\0\x14\0\0\0\x03\x02\0\x0a\x12\x08\x0c\x12\x0eno such method"
    );
}

#[test]
fn a_message_may_be_cut_anywhere() {
    let whole = call(7, "RemoveContainer", b"\x12\x04\x0a\x02c1");
    for cut in 1..whole.len() - 8 {
        let (first, second) = whole[8..].split_at(cut);
        let mut frames = Vec::new();
        for part in [first, second] {
            frames.extend([
                0,
                0,
                0,
                1,
                0,
                0,
                0,
                u8::try_from(part.len()).expect("short"),
            ]);
            frames.extend(part);
        }
        let told = session(&frames).next_call().expect("a call");
        assert_eq!(told, Call::Removed("c1".to_owned()), "cut at {cut}");
    }
}

#[test]
fn no_frame_is_longer_than_the_other_sides_buffer() {
    let mut sent = Vec::new();
    mux::write(&mut sent, PLUGIN, &[7; 10_000]).expect("written");
    let lengths: Vec<_> = std::iter::from_fn({
        let mut rest = Cursor::new(sent);
        move || mux::read_frame(&mut rest).expect("a frame")
    })
    .map(|(connection, payload)| (connection, payload.len()))
    .collect();
    assert_eq!(lengths, [(1, 4096), (1, 4096), (1, 1808)]);
}

#[test]
fn peers_that_are_no_engine_are_left() {
    let too_long = "a message of 4294967295 bytes, more than 4194314: this is not an NRI socket";
    for (says, said) in [
        (&b""[..], "the engine closed the connection"),
        (b"\0\0\0\x01\0\0", "the engine closed the connection"),
        (
            b"\0\0\0\x01\0\0\0\x09abc",
            "the engine closed the connection",
        ),
        (b"\0\0\0\x01\xff\xff\xff\xff", too_long),
        (
            b"HTTP/1.1 400 Bad Request\r\n",
            "a message of 791752241 bytes, more than 4194314: this is not an NRI socket",
        ),
        (
            b"\0\0\0\x01\0\0\0\x0a\xff\xff\xff\xff\0\0\0\x01\x01\0",
            "a message of 4294967295 bytes, more than 4194304: this is not an NRI socket",
        ),
        (
            b"\0\0\0\x01\0\0\0\x0d\0\0\0\x03\0\0\0\x01\x01\0\xff\xff\xff",
            "a request cannot be read: this is not an NRI socket, or one of an unknown version: \
             failed to decode Protobuf message: invalid varint",
        ),
        (
            b"\0\0\0\x02\0\0\0\x11\0\0\0\x07\0\0\0\x01\x02\0\x0a\x05\x08\x02\x12\x01x",
            "the engine refused the plugin: x",
        ),
    ] {
        assert_eq!(trouble(says), said, "{says:?}");
    }
}

#[test]
fn an_announced_length_takes_no_memory() {
    let mut assembler = Assembler::default();
    assembler.push(b"\0\x40\0\0\0\0\0\x01\x01\0abc");
    assert_eq!(assembler.next_message().expect("not too long"), None);
    let message = Message {
        stream: 1,
        kind: 2,
        payload: b"x".to_vec(),
    };
    assert_eq!(message.bytes(), b"\0\0\0\x01\0\0\0\x01\x02\0x");
}
