//! The service, from its start to its end.

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

#[cfg(feature = "kubernetes")]
use crate::agent::cluster::Cluster;
use crate::agent::lock::AgentLock;
use crate::agent::log::say;
use crate::agent::node_state::{Newest, NodeState};
use crate::agent::notify::notify;
use crate::agent::options::Options;
use crate::agent::plugin::NriPlugin;
use crate::agent::refresher::Refresher;
use crate::agent::report::Report;
use crate::agent::watch::{Changes, Watch};
use crate::agent::{http, node_setup};
use crate::error::{Error, on_one_line};
use crate::exit::Exit;
use crate::files::agent_config::AgentConfig;
use crate::files::agent_state::AgentState;
use crate::log::Severity;

/// How long nothing must happen until changes are complete: a `cp` of many files is one refresh.
const QUIET: Duration = Duration::from_millis(50);
/// The longest time for which changes are gathered.
const GATHERED: Duration = Duration::from_millis(250);
/// How long a running refresh may take when the service stops. The next one repairs what a killed one left.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Runs the agent until a signal ends it.
pub fn run(options: &Options) -> Exit {
    match serve(options) {
        Ok(()) => Exit::Done,
        Err(error) => {
            say(Severity::Error, &on_one_line(&error));
            error.exit()
        }
    }
}

fn serve(options: &Options) -> Result<(), Error> {
    if let Some(directory) = &options.copy_hook_to {
        let hook = options.hook(&AgentConfig::default());
        return node_setup::set_up(&hook, directory, options.registration);
    }
    let lock = AgentLock::take()?;
    // Before there is a second thread, in which the signal would not be blocked.
    let signals = signals()?;
    let (state, trouble) = NodeState::read(options, &AgentConfig::default());
    if let Some(trouble) = trouble {
        // The administrator who starts the agent sees what is wrong with the file.
        return Err(trouble);
    }
    let agent = state.agent.clone();
    let report = Arc::new(Report::new(AgentState {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        hook: options.hook(&agent),
        config: options.config.clone(),
        hosts_d: options.hosts_d.clone(),
        ..AgentState::default()
    }));
    report.disconnected(None);
    let newest = Arc::new(Newest::new(state));
    if let Some(address) = options.listen(&agent) {
        let listener = TcpListener::bind(address).map_err(|error| cannot_listen(address, error))?;
        let report = Arc::clone(&report);
        std::thread::spawn(move || http::serve(&listener, &report));
    }
    let refresher = Arc::new(Refresher::new(
        options.hosts_d.clone(),
        Arc::clone(&newest),
        Arc::clone(&report),
    )?);
    let plugin = NriPlugin {
        socket: options.nri_socket(&agent),
        hook: options.hook(&agent),
        config: options.config.clone(),
        hosts_d: options.hosts_d.clone(),
        follows_a_cluster: options.follows_a_cluster(),
        newest: Arc::clone(&newest),
        report: Arc::clone(&report),
        refresher: Arc::clone(&refresher),
    };
    let hook = plugin.hook.clone();
    std::thread::spawn(move || plugin.run());
    let worker = Arc::clone(&refresher);
    std::thread::spawn(move || worker.run());

    let mut service = Service {
        options,
        hook,
        watch: Watch::new()?,
        newest,
        report,
        refresher,
        said: BTreeSet::new(),
        #[cfg(feature = "kubernetes")]
        cluster: None,
    };
    service.watch_node();
    service.read_node();
    #[cfg(feature = "kubernetes")]
    {
        service.cluster = Cluster::start(options, &service.report);
    }
    // Includes what changed while no agent ran.
    service.refresher.want();
    notify("READY=1");
    service.follow(&signals);
    notify("STOPPING=1");
    service.refresher.stop(STOP_LIMIT);
    drop(lock);
    Ok(())
}

fn cannot_listen(address: SocketAddr, error: io::Error) -> Error {
    // As RestrictAddressFamilies= has it (systemd.exec(5)).
    let error = match Errno::from_io_error(&error) {
        Some(Errno::AFNOSUPPORT) => io::Error::other(format!(
            "{error}: the unit has no network; add PrivateNetwork=no and RestrictAddressFamilies=AF_INET AF_INET6 to it \
             (systemctl edit oci-hostaliases-agent)"
        )),
        _ => error,
    };
    Error::call(format!("bind({address})"), error)
}

fn signals() -> Result<SignalFd, Error> {
    let set: SigSet = [Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
    set.thread_block()
        .and_then(|()| SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC))
        .map_err(|errno| Error::call("signalfd()", io::Error::from(errno)))
}

struct Service<'a> {
    options: &'a Options,
    hook: PathBuf,
    watch: Watch,
    newest: Arc<Newest>,
    report: Arc<Report>,
    refresher: Arc<Refresher>,
    /// The entries that were left out when `hosts.d` was last read, which are already reported.
    said: BTreeSet<String>,
    /// The thread that follows the API server.
    #[cfg(feature = "kubernetes")]
    cluster: Option<Cluster>,
}

impl Service<'_> {
    /// Handles events until a signal comes. Wakes up for nothing else.
    fn follow(&mut self, signals: &SignalFd) {
        let mut pending = Changes::default();
        let mut is_other = false;
        let mut since = Instant::now();
        loop {
            let limit = pending.any().then(|| {
                let left = GATHERED.saturating_sub(since.elapsed());
                Timespec::try_from(left.min(QUIET)).unwrap_or_default()
            });
            let mut descriptors = [
                PollFd::new(signals, PollFlags::IN),
                PollFd::from_borrowed_fd(self.watch.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(self.refresher.as_fd(), PollFlags::IN),
            ];
            let polled = poll(&mut descriptors, limit.as_ref());
            let [signal, watched, refreshed] =
                descriptors.map(|descriptor| !descriptor.revents().is_empty());
            if signal {
                return;
            }
            if refreshed {
                let files = self.refresher.engine_files();
                let followed = self.watch.follow_engines(&files);
                self.say_once(followed);
            }
            if watched {
                let seen = self.watch.changes();
                if !pending.any() && seen.any() {
                    since = Instant::now();
                    // At once, for containers that start meanwhile.
                    is_other |= self.read_node();
                }
                pending = pending.and(seen);
                #[cfg(feature = "kubernetes")]
                if let Some(cluster) = &self.cluster {
                    cluster.look_again();
                }
                // A new directory may already have files.
                self.watch_node();
            }
            let is_quiet = polled == Ok(0) || since.elapsed() >= GATHERED;
            if pending.any() && is_quiet {
                is_other |= self.read_node();
                if is_other || pending.engine || pending.unknown {
                    self.refresher.want();
                } else if pending.node {
                    self.refresher.want_compiled();
                } else if pending.hook && !self.report.is_connected() {
                    self.refresher.want_engine_files();
                }
                (pending, is_other) = (Changes::default(), false);
            }
        }
    }

    fn watch_node(&mut self) {
        let followed = self
            .watch
            .follow_node(&self.options.config, &self.options.hosts_d);
        self.say_once(followed);
        let followed = self.watch.follow_hook(&self.hook);
        self.say_once(followed);
    }

    /// Reads the administrator's files. Returns whether running containers need a refresh.
    fn read_node(&mut self) -> bool {
        let before = self.newest.get();
        let (state, trouble) = NodeState::read(self.options, &before.agent);
        let left_out: BTreeSet<String> = state
            .entries
            .left_out()
            .map(|left_out| format!("left out: {left_out}"))
            .collect();
        self.report.entries(state.entries.count(), left_out.len());
        let now: BTreeSet<String> = left_out
            .into_iter()
            .chain(trouble.as_ref().map(|trouble| on_one_line(trouble)))
            .chain(state.hook.as_ref().err().cloned())
            .collect();
        for situation in now.difference(&self.said) {
            say(Severity::Warning, situation);
        }
        self.said = now;
        let is_other = state.entries != before.entries;
        self.newest.set(state);
        is_other
    }

    fn say_once(&mut self, followed: Result<(), Error>) {
        if let Err(error) = followed {
            let situation = on_one_line(&error);
            if self.said.insert(situation.clone()) {
                say(Severity::Warning, &situation);
            }
        }
    }
}
