//! The outcome of a run of the hook, and what to log about it.

use std::fmt::Write;

use crate::compose::Notice;
use crate::log::Severity;
use crate::plan::Plan;

/// The outcome.
pub(super) enum Outcome {
    /// The container was left alone, and whether it requested something.
    Left(Plan, bool),
    /// The file exists: the hook is registered twice, or at two stages.
    AlreadyThere,
    /// The file was mounted.
    Mounted(Plan, Vec<Notice>),
}

impl Outcome {
    /// The log record, if any. A container that requested nothing and was left alone is not logged: on some nodes,
    /// that is every container.
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
            // Writing to a String cannot fail.
            let _ = write!(text, "; {notice}");
        }
        Some((severity, text))
    }
}
