//! `do-steps`: what `list` and `refresh` let another process do, since it may never end. Not for people.

use std::path::PathBuf;

use clap::Args;

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::error::Error;
use crate::exit::Exit;
use crate::running::step::{self, Task};

/// Answer on stdout what is asked on stdin
#[derive(Debug, Args)]
pub(super) struct DoSteps {
    #[arg(long, value_name = "HOSTS_D")]
    refresh: Option<PathBuf>,
    #[arg(long, requires = "refresh")]
    dry_run: bool,
}

impl DoSteps {
    pub(super) fn exec(self, _: &mut Output<'_>) -> Result<Exit, Failure> {
        let task = match &self.refresh {
            None => Task::Look,
            Some(hosts_d) => Task::Refresh {
                hosts_d,
                dry_run: self.dry_run,
            },
        };
        step::answer_all(
            &mut std::io::stdin().lock(),
            &mut std::io::stdout().lock(),
            task,
        )
        .map_err(|source| Error::file("read", "stdin", source))?;
        Ok(Exit::Done)
    }
}
