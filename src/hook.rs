//! The hook's way from stdin to the mount, in one direction.
//!
//! ```text
//! state ─► config.json ─► facts ─► plan ─► text ─► file in a tmpfs ─► mounted on /etc/hosts
//! ```
//!
//! Whatever a tenant wrote is parsed before a namespace is entered; what is needed of the host is
//! opened before. Once inside nothing is touched but the rootfs.

use std::io::Read;
use std::path::PathBuf;

use crate::error::{Error, on_one_line};
use crate::exit::Exit;
use crate::facts::annotations::HOST_ALIASES;
use crate::facts::container::{Container, Name, Namespace};
use crate::facts::request::Request;
use crate::facts::state::{self, State};
use crate::kernel::attach::attach_hosts_file;
use crate::kernel::container_process::ContainerProcess;
use crate::kernel::hosts_tmpfs::HostsFileOptions;
use crate::kernel::pod_network::{self, Network};
use crate::kernel::privileges;
use crate::kernel::procfs::ProcDirectory;
use crate::kernel::rootfs::{AlreadyOurs, Rootfs};
use crate::node::admin_file;
use crate::node::bundle::Bundle;
use crate::node::log::{Log, Severity, printable};
use crate::node::settings::{OnError, Settings};
use crate::plan::{self, Action, Plan};
use crate::pod_line;
use crate::text::hosts_file::HostsFile;

/// More than any runtime writes; the annotations in it have at most 256 KiB under Kubernetes.
const STATE_MAX: u64 = 16 * 1024 * 1024;
const NODE_HOSTS: &str = "/etc/hosts";

/// The stages at which the hook can run, as `hooks` of `config.json` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// In the runtime's namespaces, after the container's mounts are made, before its root changes.
    Prestart,
    /// The same moment under its newer name.
    CreateRuntime,
    /// In the container's namespaces, before its root changes.
    CreateContainer,
}

/// How the hook was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The stage; nothing is inferred from the state's `status`.
    pub stage: Stage,
    /// The configuration.
    pub config: PathBuf,
}

/// Runs the hook: reads the state from `stdin` and does what the plan says. What there is to say
/// is said on stderr and in the node's log.
pub fn run(invocation: &Invocation, stdin: impl Read) -> Exit {
    let log = Log::default();
    let mut subject = Subject {
        name: "container (unknown)".to_owned(),
        asks: true,
        on_error: None,
    };
    match attempt(invocation, stdin, &log, &mut subject) {
        Ok(outcome) => {
            if let Some((severity, text)) = outcome.record() {
                log.record(severity, &format!("{}: {text}", subject.name));
            }
            Exit::Done
        }
        Err(error) => give_up(invocation, &log, &subject, &error),
    }
}

/// A container that asked for nothing, or one that may start without what it asked for, starts
/// with what its engine gave it; any other does not start.
fn give_up(invocation: &Invocation, log: &Log, subject: &Subject, error: &Error) -> Exit {
    let message = printable(&format!("{}: {}", subject.name, on_one_line(error)));
    // Once the container is entered its own files must not decide.
    let on_error = || {
        let loaded = || {
            Settings::load(&invocation.config)
                .ok()
                .map(|settings| settings.on_error)
        };
        subject.on_error.or_else(loaded)
    };
    let starts = !subject.asks || on_error() == Some(OnError::Warn);
    if starts {
        log.record(
            Severity::Warning,
            &format!("{message}; it starts with its engine's file"),
        );
        return Exit::Done;
    }
    log.record(Severity::Error, &message);
    eprintln!("oci-hostaliases-hook: {message}");
    error.exit()
}

/// Whom the messages are about, as far as it is known yet.
struct Subject {
    name: String,
    asks: bool,
    /// `None`: not read yet, and we are still on the host.
    on_error: Option<OnError>,
}

/// How it went.
enum Outcome {
    Left(Plan, bool),
    AlreadyThere,
    Mounted(Plan, Vec<String>),
}

impl Outcome {
    /// What the log should know. That a container was left alone which asked for nothing is no
    /// news: it is said of every container of a node that has no use for us.
    fn record(&self) -> Option<(Severity, String)> {
        match self {
            Self::Left(plan, _) if plan.is_warning => Some((Severity::Warning, plan.to_string())),
            Self::Left(_, false) | Self::AlreadyThere => None,
            Self::Left(plan, true) => Some((Severity::Info, plan.to_string())),
            Self::Mounted(plan, notices) => {
                let severity = if plan.is_warning || !notices.is_empty() {
                    Severity::Warning
                } else {
                    Severity::Info
                };
                let mut text = plan.to_string();
                for notice in notices {
                    text.push_str("; ");
                    text.push_str(notice);
                }
                Some((severity, text))
            }
        }
    }
}

fn attempt(
    invocation: &Invocation,
    stdin: impl Read,
    log: &Log,
    subject: &mut Subject,
) -> Result<Outcome, Error> {
    // Told only when it is known whether the container asked for something.
    let hardened = privileges::close_inherited_descriptors();
    let hardened = privileges::drop_capabilities().and(hardened);
    let state = read_state(stdin, subject)?;
    hardened?;

    let container = Bundle::of_state(&state)?.container()?;
    subject.name = Name::new(&state.id, &container.annotations).to_string();
    subject.asks |= container.annotations.ask_for_something();
    if let Some(plan) = plan::left_alone(&container) {
        return Ok(Outcome::Left(plan, subject.asks));
    }
    let request = Request::read(&container.annotations)?;
    let plan = plan::for_mount(
        container.hosts_mount.as_ref(),
        !request.aliases.is_empty(),
        subject.asks,
    );
    if plan.action == Action::Leave {
        return Ok(Outcome::Left(plan, subject.asks));
    }
    let settings = Settings::load(&invocation.config)?;
    subject.on_error = Some(settings.on_error);
    for warning in &settings.warnings {
        log.record(
            Severity::Warning,
            &format!("{}: {warning}", invocation.config.display()),
        );
    }
    log.connect();
    mount(
        invocation.stage,
        &state,
        &container,
        &request,
        plan,
        &settings,
    )
}

fn read_state(stdin: impl Read, subject: &mut Subject) -> Result<State, Error> {
    let mut bytes = Vec::new();
    stdin
        .take(STATE_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| Error::file("read", "stdin", source))?;
    subject.asks = state::unreadable_state_asks(&bytes);
    if bytes.is_empty() {
        return Err(Error::NoState);
    }
    if bytes.len() as u64 > STATE_MAX {
        return Err(Error::TooLarge {
            path: "stdin".into(),
            limit: STATE_MAX,
        });
    }
    let state = State::read(&bytes).map_err(Error::BadState)?;
    subject.name = Name::new(&state.id, &state.annotations).to_string();
    subject.asks = state.annotations.ask_for_something();
    Ok(state)
}

/// Everything with an effect, in the order in which it must happen.
fn mount(
    stage: Stage,
    state: &State,
    container: &Container,
    request: &Request,
    plan: Plan,
    settings: &Settings,
) -> Result<Outcome, Error> {
    let ours = ProcDirectory::of_self()?;
    let (network, owner) = match stage {
        Stage::Prestart | Stage::CreateRuntime => {
            let process = ContainerProcess::open(state.pid, &ours)?;
            let owner = if container.has_user_namespace {
                process.root_owner()?
            } else {
                None
            };
            let network = pod_network::network_of(process.proc(), &ours)?;
            // Of the host, so before we leave it.
            let network = Observed::new(network);
            process.enter_namespaces()?;
            (network, owner)
        }
        // The state's pid is 0, 1 or missing here, and /proc/1 is the host's init.
        Stage::CreateContainer => (Observed::new(network_inside(container, &ours)), None),
    };
    let rootfs = Rootfs::open(&container.rootfs)?;
    let target = rootfs.hosts_target(owner)?;
    if let AlreadyOurs(true) = rootfs.check_propagation(&target, &ours)? {
        return Ok(Outcome::AlreadyThere);
    }
    let (mut plan, mut notices) = (plan, Vec::new());
    let engine_hosts = match plan.action {
        Action::Extend => target.read(&ours, settings.size_limit)?,
        Action::Manage | Action::Leave => Vec::new(),
    };
    let mut file = if engine_hosts.is_empty() {
        if plan.action == Action::Extend {
            plan = plan.engine_file_is_empty();
        }
        managed_file(container, request, network, &mut notices)?
    } else {
        HostsFile::from_engine(engine_hosts)
    };
    file.add_host_aliases(HOST_ALIASES, &request.aliases);
    let options = HostsFileOptions {
        size_limit: settings.size_limit,
        owner,
        label: container.mount_label.as_deref(),
        read_only: settings.read_only,
    };
    attach_hosts_file(&rootfs, &target, file.bytes(), &options)?;
    Ok(Outcome::Mounted(plan, notices))
}

/// The container's network, and of the host's what the text needs.
enum Observed {
    Host { node_hosts: Result<Vec<u8>, Error> },
    Pod,
}

impl Observed {
    fn new(network: Network) -> Self {
        match network {
            Network::Host => Self::Host {
                node_hosts: admin_file::read(NODE_HOSTS.as_ref(), STATE_MAX),
            },
            Network::Pod => Self::Pod,
        }
    }
}

/// Which network we are on when we are in the container's namespaces already. The host's is that
/// of process 1 of the procfs we see, which is the host's; where we may not look (a user
/// namespace), a container without a network namespace in `config.json` is on the host's.
fn network_inside(container: &Container, ours: &ProcDirectory) -> Network {
    let compared = ProcDirectory::of(1).and_then(|init| pod_network::network_of(ours, &init));
    compared.unwrap_or(match container.network {
        Namespace::Runtime => Network::Host,
        Namespace::New | Namespace::Joined(_) => Network::Pod,
    })
}

/// The text as the kubelet would write it, without the aliases.
fn managed_file(
    container: &Container,
    request: &Request,
    network: Observed,
    notices: &mut Vec<String>,
) -> Result<HostsFile, Error> {
    if let Observed::Host { node_hosts } = network {
        let node_hosts = node_hosts.map_err(|error| Error::NodeHosts(Box::new(error)))?;
        return Ok(HostsFile::for_host_network(&node_hosts));
    }
    let addresses = match pod_line::annotated_addresses(container, request) {
        Some((addresses, _)) => addresses,
        None => pod_network::pod_addresses()?,
    };
    let uts_name = if pod_line::needs_uts_name(container) {
        uts_name()?
    } else {
        None
    };
    let hostname = pod_line::host_name(container, uts_name.as_deref()).map(|(name, _)| name);
    let (file, missing) = pod_line::managed_file(&addresses, hostname, request.domain.as_deref());
    notices.extend(missing.map(|missing| missing.to_string()));
    Ok(file)
}

/// The name in the UTS namespace in which we are.
fn uts_name() -> Result<Option<String>, Error> {
    let name = nix::sys::utsname::uname().map_err(|errno| Error::call("uname", errno))?;
    Ok(name
        .nodename()
        .to_str()
        .filter(|name| !name.is_empty())
        .map(str::to_owned))
}
