//! One connection to an engine: its calls, in order, and the answers.

use std::io::{Read, Write};

use prost::Message as _;

use crate::agent::nri::error::NriError;
use crate::agent::nri::messages::{
    ConfigureRequest, Container, CreateContainerRequest, Empty, PLUGIN_SERVICE, PodSandbox,
    REMOVE_CONTAINER, RUNTIME_SERVICE, RegisterPluginRequest, RemoveContainerRequest,
    StateChangeEvent, SynchronizeRequest, SynchronizeResponse,
};
use crate::agent::nri::mux;
use crate::agent::nri::ttrpc::{
    Assembler, Message, REQUEST, RESPONSE, Request, Response, Status, UNIMPLEMENTED, UNKNOWN,
};

/// The plugin's name: `required_plugins` of an engine's validator names it.
pub(crate) const NAME: &str = "oci-hostaliases";
/// Plugins are called in the order of these indexes. A late one sees the mounts and hooks of the others.
pub(crate) const INDEX: &str = "90";
/// The stream of this plugin's only call.
const REGISTRATION: u32 = 1;

/// A connection to an engine.
#[derive(Debug)]
pub struct Session<S> {
    socket: S,
    from_engine: Assembler,
    to_engine: Assembler,
    /// The parts of a Synchronize received so far.
    pods: Vec<PodSandbox>,
    containers: Vec<Container>,
    /// The stream of the call that is not answered yet.
    stream: u32,
}

/// A call of the engine. Answer each with [`Session::answer`] or [`Session::refuse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Who the engine is.
    Configure(ConfigureRequest),
    /// The running containers, from all parts.
    Synchronize(Vec<PodSandbox>, Vec<Container>),
    /// A container is made.
    Create(Box<CreateContainerRequest>),
    /// A container with this ID is gone.
    Removed(String),
}

impl<S: Read + Write> Session<S> {
    /// Registers the plugin with the engine at the other end.
    ///
    /// # Errors
    ///
    /// The socket cannot be written to.
    pub fn register(socket: S) -> Result<Self, NriError> {
        let mut session = Self {
            socket,
            from_engine: Assembler::default(),
            to_engine: Assembler::default(),
            pods: Vec::new(),
            containers: Vec::new(),
            stream: 0,
        };
        let request = Request {
            service: RUNTIME_SERVICE.to_owned(),
            method: "RegisterPlugin".to_owned(),
            payload: RegisterPluginRequest {
                plugin_name: NAME.to_owned(),
                plugin_idx: INDEX.to_owned(),
            }
            .encode_to_vec(),
        };
        session.send(mux::RUNTIME, &request.on(REGISTRATION))?;
        Ok(session)
    }

    /// The next call that needs an answer. Other calls are answered here.
    ///
    /// # Errors
    ///
    /// The connection has ended or cannot be used.
    pub fn next_call(&mut self) -> Result<Call, NriError> {
        loop {
            while let Some(message) = self.from_engine.next_message()? {
                if let Some(call) = self.take(&message)? {
                    return Ok(call);
                }
            }
            // Configure may come before the answer to the registration.
            while let Some(message) = self.to_engine.next_message()? {
                registered(&message)?;
            }
            match mux::read_frame(&mut self.socket)?.ok_or(NriError::Closed)? {
                (mux::PLUGIN, bytes) => self.from_engine.push(&bytes),
                (mux::RUNTIME, bytes) => self.to_engine.push(&bytes),
                // Other calls may come with later versions.
                _ => {}
            }
        }
    }

    /// Answers the last call.
    ///
    /// # Errors
    ///
    /// The socket cannot be written to.
    pub fn answer(&mut self, answer: &impl prost::Message) -> Result<(), NriError> {
        let response = Response::of(Ok(answer.encode_to_vec()));
        self.send(mux::PLUGIN, &response.on(self.stream))
    }

    /// Refuses the last call. The engine then does not create the container, and shows the text.
    ///
    /// # Errors
    ///
    /// The socket cannot be written to.
    pub fn refuse(&mut self, code: i32, why: &str) -> Result<(), NriError> {
        let response = Response::of(Err(Status {
            code,
            message: why.to_owned(),
        }));
        self.send(mux::PLUGIN, &response.on(self.stream))
    }

    /// The socket, for its time limits.
    pub fn socket(&self) -> &S {
        &self.socket
    }

    fn send(&mut self, connection: u32, message: &Message) -> Result<(), NriError> {
        mux::write(&mut self.socket, connection, &message.bytes())
    }

    fn take(&mut self, message: &Message) -> Result<Option<Call>, NriError> {
        if message.kind != REQUEST {
            return Ok(None);
        }
        self.stream = message.stream;
        let request: Request = decode("a request", &message.payload)?;
        if request.service != PLUGIN_SERVICE {
            self.refuse(UNIMPLEMENTED, "no such service")?;
            return Ok(None);
        }
        let payload = request.payload.as_slice();
        // A message that cannot be read means that the plugin and the engine speak different protocols.
        match request.method.as_str() {
            "Configure" => return decode("Configure", payload).map(|c| Some(Call::Configure(c))),
            "CreateContainer" => {
                let request = decode("CreateContainer", payload)?;
                return Ok(Some(Call::Create(Box::new(request))));
            }
            "Synchronize" => {
                let part: SynchronizeRequest = decode("Synchronize", payload)?;
                self.pods.extend(part.pods);
                self.containers.extend(part.containers);
                if !part.more {
                    let pods = std::mem::take(&mut self.pods);
                    let containers = std::mem::take(&mut self.containers);
                    return Ok(Some(Call::Synchronize(pods, containers)));
                }
                self.answer(&SynchronizeResponse { more: true })?;
            }
            "RemoveContainer" => {
                let request: RemoveContainerRequest = decode("RemoveContainer", payload)?;
                return self.removed(request.container);
            }
            "StateChange" => {
                let event: StateChangeEvent = decode("StateChange", payload)?;
                if event.event == REMOVE_CONTAINER {
                    return self.removed(event.container);
                }
                self.answer(&Empty {})?;
            }
            "Shutdown" => self.answer(&Empty {})?,
            _ => self.refuse(UNIMPLEMENTED, "no such method")?,
        }
        Ok(None)
    }

    fn removed(&mut self, container: Option<Container>) -> Result<Option<Call>, NriError> {
        match container {
            Some(container) => Ok(Some(Call::Removed(container.id))),
            None => self.answer(&Empty {}).map(|()| None),
        }
    }
}

/// The answer to the registration.
fn registered(message: &Message) -> Result<(), NriError> {
    if message.kind != RESPONSE || message.stream != REGISTRATION {
        return Ok(());
    }
    let response: Response = decode("the answer to RegisterPlugin", &message.payload)?;
    match response.status.filter(|status| status.code != 0) {
        Some(status) => Err(NriError::Refused(status.message)),
        None => Ok(()),
    }
}

fn decode<M: prost::Message + Default>(what: &'static str, bytes: &[u8]) -> Result<M, NriError> {
    M::decode(bytes).map_err(|source| NriError::NotAMessage { what, source })
}

/// The code for a refused container.
pub const REFUSED: i32 = UNKNOWN;
