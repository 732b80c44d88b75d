//! `render`: the files that Pods or a bundle's container would get, on stdout.

use std::io::IsTerminal;

use clap::Args;

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::commands::preview::PreviewOptions;
use crate::exit::Exit;
use crate::plan::Action;

/// Print the /etc/hosts that Pods or a bundle's container would get
#[derive(Debug, Args)]
pub(super) struct Render {
    #[command(flatten)]
    options: PreviewOptions,
}

impl Render {
    /// Prints one file and nothing else to stdout, so that it can be compared and piped; of several, each below its
    /// heading.
    pub(super) fn exec(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let previews = self.options.previews(output)?;
        let several = previews.len() > 1;
        let mut is_first = true;
        for preview in &previews {
            let plan = &preview.plan;
            let plan = (plan.action == Action::Leave || plan.is_warning).then(|| plan.to_string());
            for message in plan.iter().chain(&preview.findings.notes) {
                if several {
                    output.say(format_args!("{}: {message}", preview.findings.label));
                } else {
                    output.say(message);
                }
            }
            let Some(file) = &preview.file else {
                continue;
            };
            if several {
                output.print_text(&preview.heading(is_first));
                is_first = false;
            }
            // Byte for byte, except to a terminal: an engine's file can have control characters.
            if std::io::stdout().is_terminal() {
                output.print(file.bytes());
            } else {
                output.print_file(file.bytes());
            }
        }
        Ok(Exit::Done)
    }
}
