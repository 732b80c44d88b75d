//! What is counted instead of timed: the same on a busy machine.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::timing::Variant;

/// How often resident memory and page faults are counted.
const RUNS_FOR_USAGE: usize = 31;

/// What one run costs.
pub(crate) struct Counts {
    pub(crate) rss: String,
    pub(crate) faults: String,
    pub(crate) calls: usize,
    instructions: String,
    cpuids: String,
}

impl Counts {
    /// Runs the variant under each counter (`usage` and `steps` of this directory, and strace), once but for the
    /// first; `undo` after each run.
    pub(crate) fn of(variant: &Variant, counters: &Path, undo: impl Fn()) -> Self {
        let counted = |counter: &str| {
            let counter = counters.join(counter).display().to_string();
            let output = output(&[&counter], variant);
            undo();
            // What the program says itself comes before.
            let text = String::from_utf8(output.stdout).unwrap();
            let (first, second) = text.trim().rsplit_once(' ').unwrap();
            let first = first.rsplit(char::is_whitespace).next().unwrap();
            (first.to_owned(), second.to_owned())
        };
        // Both vary by some pages: where the program is mapped is random, and the kernel counts roughly.
        let mut usage = [(); RUNS_FOR_USAGE].map(|()| counted("usage"));
        let mut median = |of: fn(&(String, String)) -> &str| {
            usage.sort_by_key(|run| of(run).parse::<u64>().unwrap());
            of(&usage[RUNS_FOR_USAGE / 2]).to_owned()
        };
        let (rss, faults) = (median(|run| &run.0), median(|run| &run.1));
        let (instructions, cpuids) = counted("steps");
        let trace = counters.join("trace");
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
            rss,
            faults,
            calls: calls.count(),
            instructions,
            cpuids,
        }
    }
}

fn output(counter: &[&str], variant: &Variant) -> Output {
    let output = Command::new(counter[0])
        .args(&counter[1..])
        .args(variant.command(0))
        .stdin(File::open(&variant.stdin).unwrap())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{counter:?} {}: {words}",
        variant.name
    );
    output
}

/// One line for each, with the size of its program.
pub(crate) fn print(all: &[(&Variant, Counts)]) {
    println!(
        "\nCounted, one run of each; resident memory and page faults: the median of {RUNS_FOR_USAGE}\n"
    );
    println!(
        "| | program | peak resident | page faults | system calls | instructions | cpuid |\n\
         |---|---|---|---|---|---|---|"
    );
    for (variant, counts) in all {
        let Counts {
            rss,
            faults,
            calls,
            instructions,
            cpuids,
        } = counts;
        let (name, size) = (&variant.name, variant.program_size());
        println!(
            "| {name} | {size} bytes | {rss} KiB | {faults} | {calls} | {instructions} | {cpuids} |"
        );
    }
}
