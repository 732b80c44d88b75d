//! `refresh`: updates the files of running containers from `hosts.d` and their engines' files.

use std::path::PathBuf;

use clap::Args;

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::commands::styled::{Role, Text};
use crate::exit::Exit;
use crate::files::hosts_d;
use crate::running::refresh::{self, Event, Summary};

/// Update the files of running containers from hosts.d and their engines' files
#[derive(Debug, Args)]
pub(super) struct Refresh {
    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,
    /// The directory with the entries for the node and its namespaces
    #[arg(long, value_name = "DIR", default_value = hosts_d::DEFAULT_PATH)]
    hosts_d: PathBuf,
}

impl Refresh {
    pub(super) fn exec(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let done = if self.dry_run {
            "would refresh"
        } else {
            "refreshed"
        };
        let mut refreshed = 0;
        let summary = refresh::refresh(&self.hosts_d, self.dry_run, &mut |event| match event {
            Event::Refreshed(identity) => {
                refreshed += 1;
                let mut text = Text::default();
                text.add(Role::Good, format!("{done}:"));
                text.plain(format!(" {identity}\n"));
                output.print_text(&text);
            }
            Event::Trouble(trouble) => output.say(trouble),
            Event::Step { nth, of } => {
                output.progress(format_args!("process {nth} of {of}, {done}: {refreshed}"));
            }
        })?;
        self.say(&summary, output);
        Ok(summary.exit())
    }

    fn say(&self, summary: &Summary, output: &mut Output<'_>) {
        if let Some(hidden) = summary.hidden {
            output.say(hidden);
        }
        for left_out in &summary.left_out {
            output.say(format_args!("left out: {left_out}"));
        }
        if summary.without_stamp > 0 {
            let s = if summary.without_stamp == 1 { "" } else { "s" };
            output.say(format_args!(
                "{} file{s} without the hook's mark cannot be refreshed (see oci-hostaliases list): made in a user \
                 namespace, or by another program; the containers get the new entries at their next start",
                summary.without_stamp
            ));
        }
        if summary.passed_over > 0 {
            let others: Vec<_> = summary.other_hosts_d.iter().map(String::as_str).collect();
            output.say(format_args!(
                "{} skipped: made from {}, not from {}",
                containers(summary.passed_over),
                others.join(", "),
                self.hosts_d.display()
            ));
        }
        if summary.engine_file_alone > 0 {
            output.say(format_args!(
                "{} with only the engine's file, because there was nothing to add when it started: entries of {} for such a \
                 container come with its next start, if the hook runs for it",
                containers(summary.engine_file_alone),
                self.hosts_d.display()
            ));
        }
        let refreshed = if self.dry_run {
            "to be refreshed"
        } else {
            "refreshed"
        };
        let own_doing = match summary.own_doing {
            0 => String::new(),
            count => format!(", {count} changed by the container"),
        };
        let role = match summary.failed {
            0 => Role::Plain,
            _ => Role::Bad,
        };
        let mut text = Text::default();
        text.plain(format!(
            "{} {refreshed}, {} up to date, ",
            summary.refreshed, summary.up_to_date
        ));
        text.add(role, format!("{} not possible", summary.failed));
        text.plain(own_doing + "\n");
        output.print_text(&text);
    }
}

fn containers(count: usize) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} container{s}")
}
