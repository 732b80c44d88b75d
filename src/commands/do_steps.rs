//! `do-steps`: what `list` and `refresh` let another process do, since it may never end. Not for people.

use std::ffi::OsString;

use clap::Args;

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::exit::Exit;
use crate::running::step;

/// Answer on stdout what is asked on stdin
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
