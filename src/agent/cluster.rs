//! Follows the cluster's objects in a thread of its own. The watch sees what it writes to `hosts.d`.

use std::sync::Arc;

use crate::agent::log::say;
use crate::agent::options::Options;
use crate::agent::report::Report;
use crate::error::on_one_line;
use crate::exit::Exit;
use crate::kubernetes::follow::{self, Settings, Told};
use crate::log::Severity;

/// The connection to that thread.
#[derive(Debug)]
pub(super) struct Cluster(Arc<follow::LookAgain>);

impl Cluster {
    /// Starts the thread if the options request it.
    pub(super) fn start(options: &Options, report: &Arc<Report>) -> Option<Self> {
        if !options.kubernetes {
            return None;
        }
        let settings = Settings {
            kubeconfig: options.kubeconfig.clone(),
            hosts_d: options.hosts_d.clone(),
            look_again: Arc::default(),
        };
        let look_again = Arc::clone(&settings.look_again);
        let report = Arc::clone(report);
        std::thread::spawn(move || {
            let ended = follow::run(&settings, &mut |told| match told {
                Told::Status(status) => report.cluster(&status),
                Told::Log(severity, message) => say(severity, message),
            });
            // Without the API server's objects, it is not the requested service.
            let Err(error) = ended;
            say(Severity::Error, &on_one_line(&error));
            std::process::exit(Exit::NodeConfiguration as i32);
        });
        Some(Self(look_again))
    }

    /// `hosts.d` was changed: files of the agent that were edited by hand are restored.
    pub(super) fn look_again(&self) {
        self.0.notify_one();
    }
}
