//! `completions`: what a shell needs to complete the command line. Run when a package is built.

use clap::{Args, Command, CommandFactory, ValueEnum};
use clap_complete::generate;
use clap_complete::shells::{Bash, Fish, Zsh};

use crate::commands::output::Output;
use crate::commands::{Cli, Failure};
use crate::exit::Exit;

/// Print the completions for a shell
#[derive(Debug, Args)]
pub(super) struct Completions {
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    pub(super) fn exec(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let mut cli = shown();
        let name = cli.get_name().to_owned();
        // Not directly to stdout: clap_complete panics if it is closed.
        let mut text = Vec::new();
        match self.shell {
            Shell::Bash => {
                // clap_complete completes nothing after the verb of a program with a dash in its name:
                // clap-rs/clap#6421.
                let plain = name.replace('-', "_");
                generate(Bash, &mut cli, &plain, &mut text);
                let script = String::from_utf8_lossy(&text).replace(&plain, &name);
                text = script.into_bytes();
            }
            Shell::Zsh => generate(Zsh, &mut cli, name, &mut text),
            Shell::Fish => generate(Fish, &mut cli, name, &mut text),
        }
        output.print(text);
        Ok(Exit::Done)
    }
}

/// The command line without its hidden verbs, which clap_complete would offer too.
fn shown() -> Command {
    let cli = Cli::command();
    let verbs = cli.get_subcommands().filter(|it| !it.is_hide_set());
    Command::new("oci-hostaliases")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .subcommands(verbs.cloned())
}
