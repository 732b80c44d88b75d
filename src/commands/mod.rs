//! The people's tool: one verb, one file.

mod completions;
mod doctor;
mod explain;
mod list;
mod preview;
mod refresh;
mod register;
mod render;
mod unregister;

use std::error::Error as StdError;
use std::fmt;

use clap::{Parser, Subcommand};

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
}

impl Cli {
    /// Does what the command line says. What is printed on stdout is the result; messages for the
    /// person go to stderr.
    ///
    /// # Errors
    ///
    /// The situation, for stderr, and the exit status.
    pub fn exec(self) -> Result<Exit, Failure> {
        match self.verb {
            Verb::Render(render) => render.exec(),
            Verb::Explain(explain) => explain.exec(),
            Verb::Register(register) => register.exec(),
            Verb::Unregister(unregister) => unregister.exec(),
            Verb::Doctor(doctor) => doctor.exec(),
            Verb::Refresh(refresh) => refresh.exec(),
            Verb::List(list) => list.exec(),
            Verb::Completions(completions) => completions.exec(),
        }
    }
}

/// Why a verb could not do its work: the situation and the exit status that stands for it.
#[derive(Debug)]
pub struct Failure {
    /// The exit status.
    pub exit: Exit,
    situation: Box<dyn StdError + Send + Sync>,
}

impl Failure {
    /// A failure with this exit status; `situation` is an error of ours or a sentence.
    pub fn new(exit: Exit, situation: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
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
    /// The situation and its causes on one line, from outside to inside. Several refused fields
    /// are several situations, one a line.
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
