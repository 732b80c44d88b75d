//! How a run of the hook went, and what of it the node's log should know.

use std::fmt::Write;

use crate::compose::Notice;
use crate::log::Severity;
use crate::plan::Plan;

/// How it went.
pub(super) enum Outcome {
    /// The container was left alone; with whether it asked for something.
    Left(Plan, bool),
    /// The file is there: the hook is registered twice, or at two stages.
    AlreadyThere,
    /// The file was mounted.
    Mounted(Plan, Vec<Notice>),
}

impl Outcome {
    /// What the log should know. That a container was left alone which asked for nothing is no
    /// news: it is true of every container of a node that has no use for the hook.
    pub(super) fn record(&self) -> Option<(Severity, String)> {
        let (plan, notices) = match self {
            Self::AlreadyThere => return None,
            Self::Left(plan, asks) if !asks && !plan.is_warning => return None,
            Self::Left(plan, _) => (plan, &[][..]),
            Self::Mounted(plan, notices) => (plan, notices.as_slice()),
        };
        let severity = if plan.is_warning || notices.iter().any(Notice::is_warning) {
            Severity::Warning
        } else {
            Severity::Info
        };
        let mut text = plan.to_string();
        for notice in notices {
            // To a String, which takes everything.
            let _ = write!(text, "; {notice}");
        }
        Some((severity, text))
    }
}
