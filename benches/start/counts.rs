//! What is counted instead of timed: the same on a busy machine.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::timing::Variant;

/// What one run costs.
pub(crate) struct Counts {
    rss: String,
    faults: String,
    calls: usize,
    instructions: String,
}

impl Counts {
    /// Runs the variant once under each counter; `undo` after each run.
    pub(crate) fn of(variant: &Variant, usage: &Path, work: &Path, undo: impl Fn()) -> Self {
        let counted = output(&[&usage.display().to_string()], variant);
        undo();
        let counted = String::from_utf8(counted.stdout).unwrap();
        let (rss, faults) = counted.trim().split_once(' ').unwrap();
        let trace = work.join("trace");
        output(
            &["strace", "-f", "-qq", "-o", &trace.display().to_string()],
            variant,
        );
        undo();
        let calls = fs::read_to_string(&trace).unwrap();
        let calls = calls
            .lines()
            .filter(|line| line.contains('(') && !line.contains("exit_group"));
        Self {
            rss: rss.to_owned(),
            faults: faults.to_owned(),
            calls: calls.count(),
            instructions: instructions(variant, undo),
        }
    }
}

/// Callgrind knows neither `pidfd_open` nor `fsopen` and answers ENOSYS: the hook takes its other
/// ways there, and the floor, which has none, is not counted.
fn instructions(variant: &Variant, undo: impl Fn()) -> String {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(&variant.command)
        .stdin(File::open(&variant.stdin).unwrap())
        .output()
        .unwrap();
    undo();
    let words = String::from_utf8_lossy(&output.stderr);
    let collected = words
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .filter(|_| output.status.success());
    collected.map_or("-".to_owned(), |(_, number)| number.trim().to_owned())
}

fn output(counter: &[&str], variant: &Variant) -> Output {
    let output = Command::new(counter[0])
        .args(&counter[1..])
        .args(&variant.command)
        .stdin(File::open(&variant.stdin).unwrap())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{counter:?} {:?}: {words}",
        variant.command
    );
    output
}

/// One line for each; system calls also without those of the start and end of `empty`, for those that
/// have them.
pub(crate) fn print(all: &[(&str, Counts)], empty: &str) {
    println!("\nCounted, one run of each\n");
    println!("| | peak resident | page faults | system calls | besides {empty} | instructions |");
    println!("|---|---|---|---|---|---|");
    let start = all.iter().find(|(name, _)| *name == empty);
    let start = start.map_or(0, |(_, counts)| counts.calls);
    for (name, counts) in all {
        let Counts {
            rss,
            faults,
            calls,
            instructions,
        } = counts;
        let own = match name.strip_prefix("hook") {
            Some(_) => (calls - start).to_string(),
            None => "-".to_owned(),
        };
        println!("| {name} | {rss} KiB | {faults} | {calls} | {own} | {instructions} |");
    }
}
