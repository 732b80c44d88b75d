//! The people's tool: one verb, one file.

mod doctor;
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
    Doctor(doctor::Doctor),
    Register(register::Register),
    Render(render::Render),
    Unregister(unregister::Unregister),
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
            Verb::Doctor(doctor) => doctor.exec(),
            Verb::Register(register) => register.exec(),
            Verb::Render(render) => render.exec(),
            Verb::Unregister(unregister) => unregister.exec(),
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
    /// The situation and its causes on one line, from outside to inside.
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
