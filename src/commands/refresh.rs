//! `refresh`: running containers get what `hosts.d` says now.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::error::Error;
use crate::exit::Exit;
use crate::files::hosts_d;
use crate::running::lock::Lock;
use crate::running::step::{Done, Report, Task};
use crate::running::walk::{Met, Walk};

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
    /// Files that the hook has not recorded, or did not make: no failure, since any user can make such.
    without_stamp: usize,
    left_out: BTreeSet<String>,
}

impl Refresh {
    pub(super) fn exec(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let mut lock = self.lock()?;
        let mut count = Count::default();
        let mut walk = Walk::new(Task::Refresh {
            hosts_d: &self.hosts_d,
            dry_run: self.dry_run,
        });
        walk.go(&mut |met| self.meet(met, &mut count, output))?;
        let hidden = walk.hidden();
        if let Some(hidden) = hidden {
            output.say(hidden);
        }
        if !self.dry_run {
            std::thread::sleep(START_GRACE);
            // Those of before are up to date by now or have been told of.
            let mut after = Count::default();
            walk.go_again(&mut |met| self.meet(met, &mut after, output))?;
            count.replaced += after.replaced;
            count.failed += after.failed;
            count.without_stamp += after.without_stamp;
            count.left_out.extend(after.left_out);
        }
        for left_out in &count.left_out {
            output.say(format_args!("left out: {left_out}"));
        }
        if count.without_stamp > 0 {
            output.say(format_args!(
                "{} files that the hook did not mark for refresh, made in a user namespace by it or by another: \
                 see list; a container gets the new entries at its next start",
                count.without_stamp
            ));
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
        if let Some(lock) = lock.as_mut().filter(|_| count.failed > 0) {
            lock.keep_journals();
        }
        Ok(match (count.failed, count.left_out.len()) {
            (0, 0) if hidden.is_none() => Exit::Done,
            (0, 1..) => Exit::NodeConfiguration,
            _ => Exit::System,
        })
    }

    /// Who is not root can write no stamp, so there is nothing to lock.
    fn lock(&self) -> Result<Option<Lock>, Error> {
        let writes = !self.dry_run && nix::unistd::geteuid().is_root();
        writes.then(Lock::wait).transpose()
    }

    fn meet(&self, met: Met, count: &mut Count, output: &mut Output<'_>) {
        let file = match met {
            Met::File(_, file) => *file,
            Met::Trouble(situation) => {
                count.failed += 1;
                return output.say(situation);
            }
        };
        let Report {
            identity,
            done,
            left_out,
            ..
        } = file;
        count.left_out.extend(left_out);
        match done {
            Done::Nothing => {}
            Done::UpToDate => count.up_to_date += 1,
            Done::Replaced(left_out) => {
                count.replaced += 1;
                let done = if self.dry_run {
                    "would refresh"
                } else {
                    "refreshed"
                };
                output.print(format!("{done}: {identity}\n"));
                for left_out in left_out {
                    output.say(format_args!("{identity}: {left_out}"));
                }
            }
            Done::NoStamp => count.without_stamp += 1,
            Done::NotPossible(situation) => {
                count.failed += 1;
                output.say(format_args!("{identity}: {situation}"));
            }
        }
    }
}
