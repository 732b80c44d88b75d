//! The command-line tool: one verb, one file.

mod completions;
mod do_steps;
mod doctor;
mod explain;
mod list;
mod nri;
pub mod output;
mod preview;
mod refresh;
mod register;
mod render;
mod styled;
mod unregister;

use std::error::Error as StdError;
use std::fmt;
use std::path::Path;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::output::Output;
use crate::exit::Exit;

/// Kubernetes' `hostAliases` for every container that an OCI runtime starts.
#[derive(Debug, Parser)]
#[command(name = "oci-hostaliases", version, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Render(render::Render),
    Explain(explain::Explain),
    Register(register::Register),
    Unregister(unregister::Unregister),
    Doctor(doctor::Doctor),
    Refresh(refresh::Refresh),
    List(list::List),
    #[command(hide = true)]
    Completions(completions::Completions),
    #[command(hide = true, name = crate::running::walk::VERB)]
    DoSteps(do_steps::DoSteps),
}

/// The program's name as you type it. kubectl runs `kubectl-hostaliases` for `kubectl hostaliases`.
pub fn typed_name() -> &'static str {
    let called = std::env::args_os().next().unwrap_or_default();
    match Path::new(&called).file_name() {
        Some(name) if name == "kubectl-hostaliases" => "kubectl hostaliases",
        _ => "oci-hostaliases",
    }
}

impl Cli {
    /// Reads the command line. If it is wrong or asks for help, the program ends here.
    pub fn read() -> Self {
        let matches = Self::command().bin_name(typed_name()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// Runs the command and writes everything to `output`.
    pub fn exec(self, output: &mut Output<'_>) -> Exit {
        let done = match self.verb {
            Verb::Render(render) => render.exec(output),
            Verb::Explain(explain) => explain.exec(output),
            Verb::Register(register) => register.exec(output),
            Verb::Unregister(unregister) => unregister.exec(output),
            Verb::Doctor(doctor) => doctor.exec(output),
            Verb::Refresh(refresh) => refresh.exec(output),
            Verb::List(list) => list.exec(output),
            Verb::Completions(completions) => completions.exec(output),
            Verb::DoSteps(do_steps) => do_steps.exec(output),
        };
        // The reader still gets what was printed before a failure.
        let finished = output.finish();
        match done.and_then(|exit| finished.map(|()| exit)) {
            Ok(exit) => exit,
            Err(failure) => {
                output.fail(&failure);
                failure.exit
            }
        }
    }
}

/// Why a verb could not do its work: the situation and its exit status.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit status.
    pub(crate) exit: Exit,
    situation: Box<dyn StdError + Send + Sync>,
}

impl Failure {
    /// A failure with this exit status. `situation` is an error or a sentence.
    pub(crate) fn new(exit: Exit, situation: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            exit,
            situation: situation.into(),
        }
    }
}

impl From<crate::error::Error> for Failure {
    fn from(error: crate::error::Error) -> Self {
        Self::new(error.exit(), error)
    }
}

impl fmt::Display for Failure {
    /// The situation and its causes on one line, the outermost first. Each refused field has a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.situation)?;
        let mut cause = self.situation.source();
        while let Some(inner) = cause {
            write!(f, ": {inner}")?;
            cause = inner.source();
        }
        Ok(())
    }
}
