//! `do-steps`: the part of `list` and `refresh` that may hang, so it runs in another process. Internal.

use std::ffi::OsString;

use clap::Args;

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::exit::Exit;
use crate::running::step;

/// Answer questions from stdin on stdout
#[derive(Debug, Args)]
pub(super) struct DoSteps {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    task: Vec<OsString>,
}

impl DoSteps {
    pub(super) fn exec(self, _: &mut Output<'_>) -> Result<Exit, Failure> {
        step::work(&self.task)?;
        Ok(Exit::Done)
    }
}
