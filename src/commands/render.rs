//! `render`: the file that a Pod or a bundle's container would get, on stdout.

use std::io::IsTerminal;

use clap::Args;

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::commands::preview::PreviewOptions;
use crate::exit::Exit;
use crate::plan::Action;

/// Print the /etc/hosts that a Pod or a bundle's container would get
#[derive(Debug, Args)]
pub(super) struct Render {
    #[command(flatten)]
    options: PreviewOptions,
}

impl Render {
    /// The file and nothing else goes to stdout, so that it can be compared and piped.
    pub(super) fn exec(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let preview = self.options.preview()?;
        if preview.plan.action == Action::Leave || preview.plan.is_warning {
            output.say(&preview.plan);
        }
        for note in &preview.findings.notes {
            output.say(note);
        }
        if let Some(file) = &preview.file {
            // Byte for byte, but not to a terminal: an engine's file is part of it.
            if std::io::stdout().is_terminal() {
                output.print(file.bytes());
            } else {
                output.print_file(file.bytes());
            }
        }
        Ok(Exit::Done)
    }
}
