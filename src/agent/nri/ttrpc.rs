//! ttRPC: requests and answers on one connection.
//!
//! A message is a length, the number of its stream (both 32 bits, big-endian), a kind, flags, and a protobuf
//! message. Source: `PROTOCOL.md` and `request.proto` of containerd/ttrpc. No crate serves a connection that
//! already exists; the only crate for ttRPC depends on 30 others.

use prost::Message as _;

use crate::agent::nri::error::NriError;

/// The longest message, in bytes without its header (`messageLengthMax`).
pub(crate) const MESSAGE_MAX: usize = 4 * 1024 * 1024;
const HEADER: usize = 10;
/// The capacity that is kept between two messages.
const KEPT: usize = 64 * 1024;

/// The kind of a request.
pub(crate) const REQUEST: u8 = 1;
/// The kind of a response.
pub(crate) const RESPONSE: u8 = 2;

/// gRPC's code for an unknown method. The engine then uses `StateChange` instead.
pub(crate) const UNIMPLEMENTED: i32 = 12;
/// gRPC's code for any other refusal.
pub(crate) const UNKNOWN: i32 = 2;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The stream, by which an answer finds its request.
    pub stream: u32,
    /// `REQUEST`, `RESPONSE` or a kind that NRI does not use.
    pub kind: u8,
    /// The protobuf message.
    pub payload: Vec<u8>,
}

/// `ttrpc.Request`
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Request {
    /// The service.
    #[prost(string, tag = "1")]
    pub(crate) service: String,
    /// Its method.
    #[prost(string, tag = "2")]
    pub(crate) method: String,
    /// The method's message.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) payload: Vec<u8>,
}

/// `ttrpc.Response`
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Response {
    /// `None` if the method succeeded.
    #[prost(message, optional, tag = "1")]
    pub(crate) status: Option<Status>,
    /// The method's answer.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) payload: Vec<u8>,
}

/// `google.rpc.Status`
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Status {
    /// gRPC's code; 0 is success.
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    /// In words.
    #[prost(string, tag = "2")]
    pub(crate) message: String,
}

impl Message {
    /// The message as it goes over the connection.
    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(HEADER + self.payload.len());
        bytes.extend(length.to_be_bytes());
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend([self.kind, 0]);
        bytes.extend(&self.payload);
        bytes
    }
}

impl Request {
    /// The request as a message of this stream.
    pub(crate) fn on(&self, stream: u32) -> Message {
        Message {
            stream,
            kind: REQUEST,
            payload: self.encode_to_vec(),
        }
    }
}

impl Response {
    /// A method's answer, or why there is none.
    pub(crate) fn of(answer: Result<Vec<u8>, Status>) -> Self {
        match answer {
            Ok(payload) => Self {
                status: None,
                payload,
            },
            Err(status) => Self {
                status: Some(status),
                payload: Vec::new(),
            },
        }
    }

    /// The answer as a message of this stream.
    pub(crate) fn on(&self, stream: u32) -> Message {
        Message {
            stream,
            kind: RESPONSE,
            payload: self.encode_to_vec(),
        }
    }
}

/// Assembles the messages of one connection from its frames.
#[derive(Debug, Default)]
pub struct Assembler(Vec<u8>);

impl Assembler {
    /// Adds received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next complete message.
    ///
    /// # Errors
    ///
    /// It is too long.
    pub fn next_message(&mut self) -> Result<Option<Message>, NriError> {
        let [l0, l1, l2, l3, s0, s1, s2, s3, kind, _flags, rest @ ..] = self.0.as_slice() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([*l0, *l1, *l2, *l3]) as usize;
        if length > MESSAGE_MAX {
            return Err(NriError::TooLong {
                length: length as u64,
                limit: MESSAGE_MAX,
            });
        }
        let Some(payload) = rest.get(..length) else {
            return Ok(None);
        };
        let message = Message {
            stream: u32::from_be_bytes([*s0, *s1, *s2, *s3]),
            kind: *kind,
            payload: payload.to_vec(),
        };
        self.0.drain(..HEADER + length);
        if self.0.is_empty() {
            self.0.shrink_to(KEPT);
        }
        Ok(Some(message))
    }
}
