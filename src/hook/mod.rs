//! The hook, from stdin to the mount.
//!
//! ```text
//! state ─► config.json ─► facts ─► plan ─► composed file ─► tmpfs ─► mounted on /etc/hosts
//! ```
//!
//! The hook parses everything that a tenant wrote, and opens what it needs from the host, before it enters a
//! namespace. Inside, it touches nothing but the rootfs.

mod mount;
mod outcome;
pub mod stage;
mod surroundings;

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::os::fd::AsFd;
use std::path::PathBuf;

use crate::compose::{self, Decision};
use crate::error::{Error, on_one_line};
use crate::exit::Exit;
use crate::facts::annotations::Annotations;
use crate::facts::container::Identity;
use crate::facts::node_entries::NodeEntries;
use crate::facts::state::{self, State};
use crate::facts::told::Told;
use crate::files::bounded_read::read_to_end;
use crate::files::bundle::Bundle;
use crate::files::config::{Config, OnError};
use crate::hook::mount::Wanted;
use crate::hook::outcome::Outcome;
use crate::hook::stage::Stage;
use crate::kernel::{pod_network, privileges};
use crate::log::{Log, Severity, printable};
use crate::plan;

/// More than any runtime writes; the annotations in it have at most 256 KiB under Kubernetes.
const STATE_MAX: u64 = 16 * 1024 * 1024;
/// The size of the buffer for everything that is read in turn: the state, `config.json`, and the kernel's answers
/// about the network. The buffer grows if needed.
const BUFFER: usize = pod_network::ANSWER_MAX;

/// How the hook was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The stage; nothing is inferred from the state's `status`.
    pub stage: Stage,
    /// The configuration.
    pub config: PathBuf,
    /// The directory of the entries for the node and its namespaces.
    pub hosts_d: PathBuf,
    /// Further facts about the Pod.
    pub told: Told,
}

/// Runs the hook: reads the state from `stdin` and does what the plan says. Messages go to stderr
/// and to the node's log.
pub fn run(invocation: &Invocation, stdin: impl AsFd) -> Exit {
    let log = Log::default();
    let mut subject = Subject {
        identity: None,
        asks: true,
        on_error: None,
    };
    match attempt(invocation, stdin, &log, &mut subject) {
        Ok(outcome) => {
            if let Some((severity, text)) = outcome.record() {
                log.record(
                    severity,
                    subject.identity.as_ref(),
                    &format!("{subject}: {text}"),
                );
            }
            Exit::Done
        }
        Err(error) => give_up(invocation, &log, &subject, &error),
    }
}

/// A container that requested nothing, or that may start without what it requested, starts with its engine's file;
/// any other does not start.
fn give_up(invocation: &Invocation, log: &Log, subject: &Subject, error: &Error) -> Exit {
    let situation = on_one_line(error);
    let record = |severity, end: &str| {
        let message = format!("{subject}: {situation}{end}");
        log.record(severity, subject.identity.as_ref(), &message);
    };
    // Once the hook is in the container, the container's files must not decide.
    let on_error = || {
        let loaded = || {
            Config::load(&invocation.config)
                .ok()
                .map(|config| config.on_error)
        };
        subject.on_error.or_else(loaded)
    };
    let starts = !subject.asks || on_error() == Some(OnError::Warn);
    if starts {
        record(Severity::Warning, "; it starts with its engine's file");
        return Exit::Done;
    }
    record(Severity::Error, "");
    let message = match &subject.identity {
        Some(identity) => format!("{}: {situation}", identity.in_event()),
        None => format!("{subject}: {situation}"),
    };
    // Not eprintln!, which panics if stderr is closed: the exit status must still say why.
    let _ = writeln!(
        std::io::stderr(),
        "oci-hostaliases-hook: {}",
        printable(&message)
    );
    error.exit()
}

/// The container of the messages, as far as it is known.
struct Subject {
    identity: Option<Identity>,
    asks: bool,
    /// `None`: not read yet; the hook is still in the host's namespaces.
    on_error: Option<OnError>,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Some(identity) => identity.fmt(f),
            None => f.write_str("container (unknown)"),
        }
    }
}

fn attempt(
    invocation: &Invocation,
    stdin: impl AsFd,
    log: &Log,
    subject: &mut Subject,
) -> Result<Outcome, Error> {
    // Logged only once it is known whether the container requested something.
    let hardened = privileges::close_inherited_descriptors();
    let hardened = privileges::drop_capabilities().and(hardened);
    let mut buffer = Vec::with_capacity(BUFFER);
    let state = read_state(&mut buffer, stdin, &invocation.told, subject)?;
    hardened?;
    // Decided without config.json, which has the same annotations.
    if let Some(plan) = plan::left_alone(&state.annotations) {
        return Ok(Outcome::Left(plan, subject.asks));
    }

    let bundle = Bundle::of_state(&state, buffer)?;
    let container = bundle.container()?;
    let identity = identity(&state.id, &container.annotations, &invocation.told);
    subject.identity = Some(identity.clone());
    subject.asks |= container.annotations.ask_for_something();
    let node_entries = || {
        let mut read =
            NodeEntries::read_for_start(&invocation.hosts_d, identity.namespace.as_deref());
        read.may_come = invocation.told.entries_to_come;
        if !read.left_out.is_empty() {
            let mut text = format!("{subject}: left out: ");
            for (nth, left_out) in read.left_out.iter().enumerate() {
                let separator = if nth == 0 { "" } else { "; " };
                let _ = write!(text, "{separator}{left_out}");
            }
            log.record(Severity::Warning, subject.identity.as_ref(), &text);
        }
        read
    };
    let draft = match compose::decide(&container, subject.asks, node_entries)? {
        Decision::Leave(plan) => return Ok(Outcome::Left(plan, subject.asks)),
        Decision::Write(draft) => draft,
    };
    let config = Config::load(&invocation.config)?;
    subject.on_error = Some(config.on_error);
    for warning in &config.warnings {
        log.record(
            Severity::Warning,
            None,
            &format!("{}: {warning}", invocation.config.display()),
        );
    }
    // From here on, the hook leaves the host's namespaces.
    log.connect();
    let wanted = Wanted {
        identity,
        container: &container,
        draft,
        config: &config,
        told: &invocation.told,
        hosts_d: &invocation.hosts_d,
        buffer: bundle.into_buffer(),
    };
    let outcome = mount::mount(invocation.stage, state.pid, wanted);
    // Freeing them would take time, and the process ends now.
    std::mem::forget((container, config, state));
    outcome
}

fn identity(id: &str, annotations: &Annotations, told: &Told) -> Identity {
    let mut identity = Identity::new(id, annotations);
    told.complete(&mut identity);
    identity
}

fn read_state(
    bytes: &mut Vec<u8>,
    stdin: impl AsFd,
    told: &Told,
    subject: &mut Subject,
) -> Result<State, Error> {
    read_to_end(bytes, stdin, None, STATE_MAX)
        .map_err(|errno| Error::file("read", "stdin", errno))?;
    if bytes.is_empty() {
        return Err(Error::NoState);
    }
    if bytes.len() as u64 > STATE_MAX {
        subject.asks = state::unreadable_state_asks(bytes);
        return Err(Error::TooLarge {
            path: "stdin".into(),
            limit: STATE_MAX,
        });
    }
    let state = State::read(bytes).map_err(|error| {
        subject.asks = state::unreadable_state_asks(bytes);
        Error::BadState(error)
    })?;
    subject.identity = Some(identity(&state.id, &state.annotations, told));
    subject.asks = state.annotations.ask_for_something();
    Ok(state)
}
