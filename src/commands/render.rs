//! `render`: the file that a Pod or a bundle's container would get, on stdout.

use clap::Args;

use crate::commands::Failure;
use crate::exit::Exit;

/// Print the /etc/hosts that a Pod or a bundle's container would get
#[derive(Debug, Args)]
pub(super) struct Render {}

impl Render {
    pub(super) fn exec(self) -> Result<Exit, Failure> {
        Ok(Exit::Done)
    }
}
