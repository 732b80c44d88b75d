//! Starting programs in turn, and what the times say.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A program as a runtime starts it: with the state on its stdin.
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) command: Vec<String>,
    pub(crate) stdin: PathBuf,
}

impl Variant {
    pub(crate) fn new(name: &str, command: &[&str], stdin: &Path) -> Self {
        Self {
            name: name.to_owned(),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            stdin: stdin.to_owned(),
        }
    }

    /// Milliseconds from the spawn to the end. The standard library spawns by posix_spawn(3).
    pub(crate) fn run(&self) -> f64 {
        let mut command = Command::new(&self.command[0]);
        command
            .args(&self.command[1..])
            .stdin(File::open(&self.stdin).unwrap())
            .stdout(Stdio::null());
        let start = Instant::now();
        let status = command.status().unwrap();
        let time = start.elapsed();
        assert!(status.success(), "{:?} ends with {status}", self.command);
        time.as_secs_f64() * 1e3
    }
}

/// The times of one variant, in the order of the rounds.
pub(crate) struct Times {
    pub(crate) name: String,
    of_rounds: Vec<f64>,
}

impl Times {
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        quantile(self.of_rounds.clone(), part)
    }

    /// The mean of the fastest tenth. What starting a whole container takes is skewed by whatever else
    /// the machine does, by more than what a hook adds.
    pub(crate) fn mean_of_fastest(&self) -> f64 {
        let mut times = self.of_rounds.clone();
        times.sort_by(f64::total_cmp);
        times.truncate(times.len().div_ceil(10));
        times.iter().sum::<f64>() / times.len() as f64
    }
}

fn quantile(mut times: Vec<f64>, part: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times[((times.len() - 1) as f64 * part).round() as usize]
}

/// Runs all in turn, `rounds` times after three that do not count; `undo` after each run. Each
/// round begins with another one and every second goes backwards, so that nobody always comes after
/// the same neighbour, and the kernel gets a moment to end what a run has left to it.
pub(crate) fn in_turn(rounds: usize, variants: &[Variant], undo: impl Fn()) -> Vec<Times> {
    const UNCOUNTED: usize = 3;
    let mut all: Vec<_> = variants
        .iter()
        .map(|variant| Times {
            name: variant.name.clone(),
            of_rounds: Vec::with_capacity(rounds),
        })
        .collect();
    for round in 0..rounds + UNCOUNTED {
        let mut order: Vec<_> = (0..variants.len()).collect();
        order.rotate_left(round / 2 % variants.len());
        if round % 2 == 1 {
            order.reverse();
        }
        for nth in order {
            let time = variants[nth].run();
            undo();
            sleep(Duration::from_millis(1));
            if round >= UNCOUNTED {
                all[nth].of_rounds.push(time);
            }
        }
    }
    all
}

/// One line for each, with its median as a multiple of that of each of `references`.
pub(crate) fn print(title: &str, all: &[Times], references: &[&str]) {
    let median = |name: &str| {
        let times = all.iter().find(|times| times.name == name);
        times.unwrap_or_else(|| panic!("{name}")).quantile(0.5)
    };
    println!("\n{title}, {} rounds\n", all[0].of_rounds.len());
    print!("| | min | median | p95 |");
    references.iter().for_each(|name| print!(" to {name} |"));
    println!("\n|---|---|---|---|{}", "---|".repeat(references.len()));
    for times in all {
        let [min, middle, p95] = [0.0, 0.5, 0.95].map(|part| times.quantile(part));
        print!(
            "| {} | {min:.3} ms | {middle:.3} ms | {p95:.3} ms |",
            times.name
        );
        references
            .iter()
            .for_each(|name| print!(" {:.2} |", middle / median(name)));
        println!();
    }
}
