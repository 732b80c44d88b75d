//! Counts what the agent did, for `/metrics`, for `/readyz`, and, in a file below `/run`, for `doctor`.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::files::agent_state::AgentState;

/// The upper bounds of the histogram of answer times, in seconds: the aim is 1 ms, and NRI allows 2 s for all
/// plugins.
const ANSWER_BUCKETS: [f64; 7] = [0.0001, 0.0005, 0.001, 0.005, 0.05, 0.5, 2.0];

/// The counters.
#[derive(Debug)]
pub(super) struct Report {
    registry: Registry,
    state: Mutex<AgentState>,
    connected: Gauge,
    containers: Family<Outcome, Counter>,
    answer_seconds: Histogram,
    started_without: Gauge,
    entries: Gauge,
    left_out: Gauge,
    refreshes: Family<Outcome, Counter>,
    files: Family<Outcome, Counter>,
    last_refresh: Gauge<i64, AtomicI64>,
    refresh_seconds: Counter<f64, AtomicU64>,
    #[cfg(feature = "kubernetes")]
    cluster: ClusterGauges,
}

/// The state of the API server's objects.
#[cfg(feature = "kubernetes")]
#[derive(Debug, Clone, Default)]
struct ClusterGauges {
    in_sync: Gauge,
    last_sync: Gauge<i64, AtomicI64>,
    objects: Gauge,
    entries: Gauge,
    left_out: Gauge,
    refused_files: Gauge,
}

#[cfg(feature = "kubernetes")]
impl ClusterGauges {
    fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("kubernetes");
        registry.register(
            "in_sync",
            "Whether the API server's objects have all been read and are watched; 0 also without --kubernetes",
            self.in_sync.clone(),
        );
        registry.register(
            "last_sync_timestamp_seconds",
            "When the API server last answered",
            self.last_sync.clone(),
        );
        registry.register(
            "objects",
            "HostAliasSets and ClusterHostAliasSets",
            self.objects.clone(),
        );
        registry.register(
            "entries",
            "Their entries that are used",
            self.entries.clone(),
        );
        registry.register(
            "left_out",
            "Their entries that are left out",
            self.left_out.clone(),
        );
        registry.register(
            "refused_files",
            "Files of hosts.d that the agent cannot write",
            self.refused_files.clone(),
        );
    }
}

/// The label of a counter with the outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl Report {
    /// Starts with all counters at zero. `state` is the agent's initial state.
    pub(super) fn new(state: AgentState) -> Self {
        let mut registry = Registry::with_prefix("oci_hostaliases");
        let report = Self {
            state: Mutex::new(state),
            connected: Gauge::default(),
            containers: Family::default(),
            answer_seconds: Histogram::new(ANSWER_BUCKETS),
            started_without: Gauge::default(),
            entries: Gauge::default(),
            left_out: Gauge::default(),
            refreshes: Family::default(),
            files: Family::default(),
            last_refresh: Gauge::default(),
            refresh_seconds: Counter::default(),
            #[cfg(feature = "kubernetes")]
            cluster: ClusterGauges::default(),
            registry: Registry::default(),
        };
        registry.register(
            "nri_connected",
            "Whether an engine is connected by NRI",
            report.connected.clone(),
        );
        registry.register(
            "nri_containers",
            "Containers that an engine asked about, by answer",
            report.containers.clone(),
        );
        registry.register(
            "nri_answer_seconds",
            "Time from an engine's question to the agent's answer",
            report.answer_seconds.clone(),
        );
        registry.register(
            "nri_started_without",
            "Containers that ran without the hook when the agent connected and would have got it",
            report.started_without.clone(),
        );
        registry.register("entries", "Entries in hosts.d", report.entries.clone());
        registry.register(
            "left_out",
            "Lines, files and directories of hosts.d that are left out",
            report.left_out.clone(),
        );
        registry.register(
            "refreshes",
            "Refreshes of the running containers, by outcome",
            report.refreshes.clone(),
        );
        registry.register(
            "refreshed_files",
            "Files of running containers in refreshes, by outcome",
            report.files.clone(),
        );
        registry.register(
            "last_refresh_timestamp_seconds",
            "When the last refresh without an error ended",
            report.last_refresh.clone(),
        );
        registry.register(
            "refresh_seconds",
            "Time that refreshes took",
            report.refresh_seconds.clone(),
        );
        #[cfg(feature = "kubernetes")]
        report.cluster.register(&mut registry);
        Self { registry, ..report }
    }

    /// The text of `/metrics`.
    ///
    /// # Errors
    ///
    /// None in practice: it writes to memory.
    pub(super) fn metrics(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// Whether an engine is connected.
    pub(super) fn is_connected(&self) -> bool {
        self.connected.get() == 1
    }

    /// An engine with this name and version has accepted the plugin.
    pub(super) fn connected(&self, engine: String) {
        self.connected.set(1);
        self.change(|state| {
            state.engine = Some(engine);
            state.trouble = None;
        });
    }

    /// No engine is connected; `trouble` says why, if that is new.
    pub(super) fn disconnected(&self, trouble: Option<String>) {
        self.connected.set(0);
        self.change(|state| {
            state.engine = None;
            state.trouble = trouble;
        });
    }

    /// An answer for a container took this many seconds.
    pub(super) fn answered(&self, outcome: &'static str, seconds: f64) {
        self.containers.get_or_create(&Outcome { outcome }).inc();
        self.answer_seconds.observe(seconds);
        self.change(|state| state.last_event = Some(now()));
    }

    /// This many containers run without what they would have got.
    pub(super) fn started_without(&self, count: usize) {
        self.started_without.set(gauge(count));
        self.change(|state| state.started_without = count);
    }

    /// `hosts.d` was read.
    pub(super) fn entries(&self, entries: usize, left_out: usize) {
        self.entries.set(gauge(entries));
        self.left_out.set(gauge(left_out));
    }

    /// A refresh found this many files, by outcome.
    pub(super) fn files(&self, outcome: &'static str, count: usize) {
        self.files
            .get_or_create(&Outcome { outcome })
            .inc_by(count as u64);
    }

    /// A refresh has ended.
    pub(super) fn refreshed(&self, is_complete: bool, seconds: f64) {
        let outcome = if is_complete {
            "complete"
        } else {
            "incomplete"
        };
        self.refreshes.get_or_create(&Outcome { outcome }).inc();
        self.refresh_seconds.inc_by(seconds);
        if is_complete {
            self.last_refresh
                .set(i64::try_from(now()).unwrap_or(i64::MAX));
        }
    }

    /// The state of the connection to the API server.
    #[cfg(feature = "kubernetes")]
    pub(super) fn cluster(&self, status: &crate::kubernetes::follow::Status) {
        let gauges = &self.cluster;
        gauges.in_sync.set(status.is_in_sync.into());
        gauges.objects.set(gauge(status.counts.objects));
        gauges.entries.set(gauge(status.counts.entries));
        gauges.left_out.set(gauge(status.counts.left_out));
        gauges.refused_files.set(gauge(status.refused_files));
        if let Some(last_sync) = status.last_sync {
            let since = last_sync.duration_since(UNIX_EPOCH).unwrap_or_default();
            gauges
                .last_sync
                .set(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        }
    }

    /// Changes the state that `doctor` reads. If it cannot be written, that is not an error.
    fn change(&self, change: impl FnOnce(&mut AgentState)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let _ = state.write();
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
