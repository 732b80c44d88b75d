//! The agent's side of NRI: connects, answers, and reconnects when the engine was restarted.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::agent::engine_socket::SocketWatch;
use crate::agent::log::say;
use crate::agent::node_state::{Newest, NodeState};
use crate::agent::nri::answer::{self, Answer, HookCall};
use crate::agent::nri::error::NriError;
use crate::agent::nri::event::Event;
use crate::agent::nri::messages::{
    CREATE_CONTAINER, ConfigureRequest, ConfigureResponse, Container, CreateContainerRequest,
    CreateContainerResponse, Empty, PodSandbox, REMOVE_CONTAINER, STOPPED, SynchronizeResponse,
    subscription,
};
use crate::agent::nri::mount_file;
use crate::agent::nri::session::{Call, REFUSED, Session};
use crate::agent::refresher::Refresher;
use crate::agent::report::Report;
use crate::engines::our_hook;
use crate::error::{Error, on_one_line};
use crate::log::Severity;

/// If nothing answers a registration within this time, it is not an engine.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// If an engine does not read an answer within this time, it has given up the call.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// The time between two attempts, unless the socket is created meanwhile.
const RETRY: Duration = Duration::from_secs(30);
/// The same if the next attempt is likely to succeed.
const SOON: Duration = Duration::from_millis(100);
/// How many such attempts follow after something was created at the socket's place.
const LOOKS: u32 = 50;
/// If a connection ends sooner, the engine was not stopped.
const SHORT: Duration = Duration::from_secs(1);
/// How many containers that started without the hook are named; the others are counted.
const NAMED: usize = 20;

/// The plugin.
#[derive(Debug)]
pub(super) struct NriPlugin {
    pub(super) socket: PathBuf,
    pub(super) hook: PathBuf,
    pub(super) config: PathBuf,
    pub(super) hosts_d: PathBuf,
    /// Whether entries come from a cluster's objects, at any time.
    pub(super) follows_a_cluster: bool,
    pub(super) newest: Arc<Newest>,
    pub(super) report: Arc<Report>,
    pub(super) refresher: Arc<Refresher>,
}

impl NriPlugin {
    /// Serves one engine after the other, forever.
    pub(super) fn run(&self) {
        let (mut said, mut looks) = (String::new(), 0);
        loop {
            let began = Instant::now();
            let watch = SocketWatch::new(&self.socket);
            let ended = match UnixStream::connect(&self.socket) {
                Ok(stream) => self.serve(stream),
                Err(source) => Err(NriError::Io {
                    call: "connect",
                    source,
                }),
            };
            let situation = match &ended {
                Ok(()) => "the engine closed the connection".to_owned(),
                Err(error) => on_one_line(error),
            };
            let situation = format!("{}: {situation}", self.socket.display());
            self.report.disconnected(Some(situation.clone()));
            if situation != said {
                say(
                    Severity::Warning,
                    &format!("{situation}; waiting for an engine"),
                );
                said = situation;
            }
            let is_connect = matches!(
                &ended,
                Err(NriError::Io {
                    call: "connect",
                    ..
                })
            );
            let limit = match ended {
                // An engine that restarts creates its socket again; an engine that dropped a slow plugin does not.
                Ok(()) if began.elapsed() > SHORT => {
                    said.clear();
                    Some(SOON)
                }
                _ if !is_connect => Some(RETRY),
                _ if looks > 0 => Some(SOON),
                _ => None,
            };
            // An engine binds its socket before it listens.
            looks = if watch.wait(limit) {
                LOOKS
            } else {
                u32::saturating_sub(looks, 1)
            };
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Serves one engine until it closes the connection.
    fn serve(&self, stream: UnixStream) -> Result<(), NriError> {
        let limits = stream
            .set_read_timeout(Some(HANDSHAKE_LIMIT))
            .and_then(|()| stream.set_write_timeout(Some(ANSWER_LIMIT)));
        limits.map_err(NriError::write)?;
        let mut session = Session::register(stream)?;
        let mut is_configured = false;
        match self.answer_all(&mut session, &mut is_configured) {
            // Also if it gave up a call that was answered too late.
            Err(NriError::Closed) if is_configured => Ok(()),
            ended => ended,
        }
    }

    fn answer_all(
        &self,
        session: &mut Session<UnixStream>,
        is_configured: &mut bool,
    ) -> Result<(), NriError> {
        loop {
            match session.next_call()? {
                Call::Configure(engine) => {
                    self.configure(session, &engine)?;
                    *is_configured = true;
                    // No call may come for days.
                    let unlimited = session.socket().set_read_timeout(None);
                    unlimited.map_err(NriError::read)?;
                }
                Call::Synchronize(pods, containers) => {
                    session.answer(&SynchronizeResponse { more: false })?;
                    self.synchronize(&pods, &containers);
                }
                Call::Create(request) => {
                    let began = Instant::now();
                    let (outcome, answered) = self.create(&request);
                    match answered {
                        Ok(response) => session.answer(&response)?,
                        Err(why) => session.refuse(REFUSED, &why)?,
                    }
                    self.report.answered(outcome, began.elapsed().as_secs_f64());
                }
                Call::Removed(id) => {
                    session.answer(&Empty {})?;
                    mount_file::remove(&id);
                    self.refresher.told(&id, None);
                }
            }
        }
    }

    fn configure(
        &self,
        session: &mut Session<UnixStream>,
        engine: &ConfigureRequest,
    ) -> Result<(), NriError> {
        let name = format!("{} {}", engine.runtime_name, engine.runtime_version);
        let lower = engine.runtime_name.to_ascii_lowercase();
        if lower.contains("docker") || lower.contains("moby") {
            let error = NriError::Unsuitable(name);
            session.refuse(REFUSED, &error.to_string())?;
            return Err(error);
        }
        let events = subscription([CREATE_CONTAINER, REMOVE_CONTAINER]);
        session.answer(&ConfigureResponse { events })?;
        say(Severity::Info, &format!("connected to {name}"));
        self.report.connected(name);
        Ok(())
    }

    /// Reports containers that started while no agent ran: NRI does not change existing containers.
    fn synchronize(&self, pods: &[PodSandbox], containers: &[Container]) {
        let ids: BTreeSet<&str> = containers.iter().map(|c| c.id.as_str()).collect();
        mount_file::keep_only(|id| ids.contains(id));
        let pods: BTreeMap<&str, &PodSandbox> = pods.iter().map(|pod| (&*pod.id, pod)).collect();
        let node = self.newest.get();
        let unknown = PodSandbox::default();
        let mut without = Vec::new();
        for container in containers.iter().filter(|c| c.state != STOPPED) {
            let pod = pods
                .get(&*container.pod_sandbox_id)
                .copied()
                .unwrap_or(&unknown);
            let event = Event::new(pod, container);
            if event.has_hook {
                self.refresher.told(&container.id, event.engine_file());
            }
            let has_file = event.has_hook || event.has_our_mount();
            let gets = !matches!(answer::decide(&event, &node), Answer::Leave(_));
            if gets && !has_file {
                without.push(event.identity.to_string());
            }
        }
        self.report.started_without(without.len());
        for identity in without.iter().take(NAMED) {
            say(
                Severity::Warning,
                &format!(
                    "{identity}: it started without the agent, and keeps its engine's file until its next start"
                ),
            );
        }
        if let Some(more @ 1..) = without.len().checked_sub(NAMED) {
            say(Severity::Warning, &format!("and {more} more containers"));
        }
    }

    /// The answer, with a word for what was done. It comes from memory, because the engine has one lock for all
    /// plugins of the node. Only the check for the hook and the file of a mount need the disk. A late answer is
    /// still sent: an empty one would be as late, and the container would lose its entries. Where the disk never
    /// answers, the engine drops the plugin after two seconds and asks no more.
    fn create(
        &self,
        request: &CreateContainerRequest,
    ) -> (&'static str, Result<CreateContainerResponse, String>) {
        let nothing = |outcome| (outcome, Ok(CreateContainerResponse::default()));
        let (Some(pod), Some(container)) = (&request.pod, &request.container) else {
            return nothing("left");
        };
        let node = self.newest.get();
        let event = Event::new(pod, container);
        let answer = match answer::decide(&event, &node) {
            Answer::Mount(mut draft) => match self.mount(&event, &mut draft, &node) {
                Ok(response) => return ("mount", Ok(response)),
                Err(error) => answer::refusal(&event, &node, &error),
            },
            answer => answer,
        };
        match answer {
            Answer::Leave(plan) => {
                if plan.is_warning {
                    say(Severity::Warning, &format!("{}: {plan}", event.identity));
                }
                nothing("left")
            }
            Answer::HasHook => nothing("registered"),
            Answer::Hook(_) => match self.hook(&event) {
                Some(response) => {
                    self.refresher.told(&event.identity.id, event.engine_file());
                    ("hook", Ok(response))
                }
                None => nothing("without"),
            },
            Answer::Mount(_) => nothing("without"),
            Answer::StartsWithout(why) => {
                say(
                    Severity::Warning,
                    &format!("{why}; it starts with its engine's file"),
                );
                nothing("without")
            }
            Answer::Refuse(why) => {
                say(Severity::Error, &why);
                ("refused", Err(why))
            }
        }
    }

    /// A missing hook would prevent the start of the container.
    fn hook(&self, event: &Event) -> Option<CreateContainerResponse> {
        if let Err(error) = our_hook::check_executable(&self.hook) {
            say(
                Severity::Error,
                &format!(
                    "{}: it starts without the hook: {}",
                    event.identity,
                    on_one_line(&error)
                ),
            );
            return None;
        }
        let call = HookCall {
            program: &self.hook,
            config: &self.config,
            hosts_d: &self.hosts_d,
            entries_to_come: self.follows_a_cluster,
        };
        let adjust = answer::with_hook(event, call)?;
        Some(CreateContainerResponse {
            adjust: Some(adjust),
        })
    }

    fn mount(
        &self,
        event: &Event,
        draft: &mut crate::compose::Draft<'_>,
        node: &NodeState,
    ) -> Result<CreateContainerResponse, Error> {
        let config = node
            .hook
            .as_ref()
            .map_err(|situation| Error::Configuration {
                path: self.config.clone(),
                situation: situation.clone(),
            })?;
        let composed = mount_file::compose(event, draft, config.size_limit)?;
        let path = mount_file::write(event, &composed)?;
        for notice in &composed.notices {
            say(Severity::Warning, &format!("{}: {notice}", event.identity));
        }
        Ok(CreateContainerResponse {
            adjust: Some(mount_file::adjustment(&path)),
        })
    }
}
