//! The table of what was aimed at.

use super::counts::Counts;
use super::programs::Hook;
use super::timing::{Times, named};

/// What the table is made of.
pub(crate) struct Measured {
    pub(crate) times: Vec<Times>,
    pub(crate) counts: Vec<(String, Counts)>,
    /// The median with 1,000 files in hosts.d, of each hook.
    pub(crate) with_node_entries: Vec<f64>,
}

impl Measured {
    /// One column for each hook.
    pub(crate) fn print(&self, hooks: &[Hook]) {
        println!("\nWhat was aimed at\n");
        print!("| |");
        hooks
            .iter()
            .for_each(|hook| print!(" {} build |", hook.library));
        println!("\n|---|{}", "---|".repeat(hooks.len()));
        let row = |title: &str, cell: &dyn Fn(usize, &Hook) -> String| {
            print!("| {title} |");
            for (nth, hook) in hooks.iter().enumerate() {
                print!(" {} |", cell(nth, hook));
            }
            println!();
        };
        for (plan, reference) in [
            ("manage", "floor, glibc"),
            ("leave", "nothing, glibc"),
            ("sandbox", "nothing, glibc"),
            ("manage", "floor, musl"),
        ] {
            row(&format!("{plan} / {reference}"), &|_, hook| {
                let of_hook = named(&self.times, &format!("hook, {}, {plan}", hook.library));
                format!(
                    "{:.2}",
                    of_hook.median() / named(&self.times, reference).median()
                )
            });
        }
        let counted = |hook: &Hook| {
            let name = format!("hook, {}, manage", hook.library);
            let found = self.counts.iter().find(|(counted, _)| *counted == name);
            &found.unwrap_or_else(|| panic!("{name}")).1
        };
        row("system calls on manage", &|_, hook| {
            counted(hook).calls.to_string()
        });
        row("page faults on manage", &|_, hook| {
            counted(hook).faults.clone()
        });
        row("peak resident", &|_, hook| {
            format!("{} KiB", counted(hook).rss)
        });
        row("binary", &|_, hook| {
            let size = std::fs::metadata(&hook.copies[0]).unwrap().len();
            format!("{:.2} MB", size as f64 / 1e6)
        });
        row("1,000 files of ten lines in hosts.d", &|nth, _| {
            format!("{:.1} ms", self.with_node_entries[nth])
        });
    }
}
