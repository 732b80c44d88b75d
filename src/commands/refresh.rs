//! `refresh`: running containers get what `hosts.d` says now.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::exit::Exit;
use crate::facts::node_entries::NodeEntries;
use crate::files::hosts_d;
use crate::running::find::{self, RunningFile};
use crate::running::rewrite::{self, NotRewritten, Rewritten};

/// How long a container may take from reading `hosts.d` to having its file mounted. One that
/// starts while we look is found by looking again after this time.
const START_GRACE: Duration = Duration::from_millis(200);

/// Bring the files of running containers up to date after a change of hosts.d
#[derive(Debug, Args)]
pub(super) struct Refresh {
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// The directory of the entries for the node and its namespaces
    #[arg(long, value_name = "DIR", default_value = hosts_d::DEFAULT_PATH)]
    hosts_d: PathBuf,
}

/// What was done, counted.
#[derive(Default)]
struct Count {
    replaced: usize,
    up_to_date: usize,
    failed: usize,
    left_out: BTreeSet<String>,
}

impl Refresh {
    pub(super) fn exec(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let mut count = Count::default();
        let first = find::running_files()?;
        let hidden = first.hidden();
        if let Some(hidden) = hidden {
            output.say(hidden);
        }
        for file in &first.files {
            self.refresh(file, &mut count, true, output);
        }
        if !self.dry_run {
            std::thread::sleep(START_GRACE);
            // Those of before are up to date by now or have been told of.
            let known: BTreeSet<i32> = first.files.iter().map(|file| file.pid).collect();
            for file in find::running_files()?
                .files
                .iter()
                .filter(|file| !known.contains(&file.pid))
            {
                self.refresh(file, &mut count, false, output);
            }
        }
        for left_out in &count.left_out {
            output.say(format_args!("left out: {left_out}"));
        }
        let done = if self.dry_run {
            "to be refreshed"
        } else {
            "refreshed"
        };
        output.print(format!(
            "{} {done}, {} up to date, {} not possible\n",
            count.replaced, count.up_to_date, count.failed
        ));
        Ok(match (count.failed, count.left_out.len()) {
            (0, 0) if hidden.is_none() => Exit::Done,
            (0, 1..) => Exit::NodeConfiguration,
            _ => Exit::System,
        })
    }

    fn refresh(
        &self,
        file: &RunningFile,
        count: &mut Count,
        say_up_to_date: bool,
        output: &mut Output<'_>,
    ) {
        let namespace = file.identity.namespace.as_deref();
        let entries = NodeEntries::read(&self.hosts_d, namespace);
        count
            .left_out
            .extend(entries.left_out.iter().map(ToString::to_string));
        match rewrite::refresh(file, &entries, self.dry_run) {
            Ok(Rewritten::UpToDate) => count.up_to_date += usize::from(say_up_to_date),
            Ok(Rewritten::Replaced { left_out }) => {
                count.replaced += 1;
                let done = if self.dry_run {
                    "would refresh"
                } else {
                    "refreshed"
                };
                output.print(format!("{done}: {}\n", file.identity));
                for left_out in left_out {
                    output.say(format_args!("{}: {left_out}", file.identity));
                }
            }
            // It ended meanwhile: that is no error.
            Err(NotRewritten::Failed(_)) if !is_there(file.pid) => {}
            Err(situation) => {
                count.failed += 1;
                let situation = crate::error::on_one_line(&situation);
                output.say(format_args!("{}: {situation}", file.identity));
            }
        }
    }
}

fn is_there(pid: i32) -> bool {
    std::path::Path::new("/proc")
        .join(pid.to_string())
        .join("root/etc")
        .exists()
}
