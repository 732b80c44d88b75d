//! What the agent knows about the node, in memory. A change makes a new value; readers have the old or the new
//! value, and never wait.

use std::sync::{Arc, PoisonError, RwLock};

use crate::agent::entries::Entries;
use crate::agent::options::Options;
use crate::error::{Error, on_one_line};
use crate::files::agent_config::AgentConfig;
use crate::files::config::Config;

/// The node at one moment.
#[derive(Debug, Clone)]
pub struct NodeState {
    /// `hosts.d`.
    pub entries: Entries,
    /// `config.toml` as the hook reads it, or why it cannot be read.
    pub hook: Result<Config, String>,
    /// Its table `[agent]`. If it cannot be read, the last valid one stays.
    pub agent: AgentConfig,
}

impl NodeState {
    /// Reads everything. The second value is the error of the agent's own table, which then stays as in `before`.
    pub(super) fn read(options: &Options, before: &AgentConfig) -> (Self, Option<Error>) {
        let config = &options.config;
        let (agent, trouble) = match AgentConfig::load(config) {
            Ok(agent) => (agent, None),
            Err(error) => (before.clone(), Some(error)),
        };
        let state = Self {
            entries: Entries::read(&options.hosts_d, options.follows_a_cluster()),
            hook: Config::load(config).map_err(|error| on_one_line(&error)),
            agent,
        };
        (state, trouble)
    }
}

/// The newest of them.
#[derive(Debug)]
pub(crate) struct Newest(RwLock<Arc<NodeState>>);

impl Newest {
    /// Begins with this one.
    pub(crate) fn new(state: NodeState) -> Self {
        Self(RwLock::new(Arc::new(state)))
    }

    /// The newest.
    pub(crate) fn get(&self) -> Arc<NodeState> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a newer one in its place.
    pub(crate) fn set(&self, state: NodeState) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }
}
