//! Starting programs in turn, and what the times say.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A program as a runtime starts it: with the state on its stdin.
pub(crate) struct Variant {
    pub(crate) name: String,
    /// Copies of one program: two files of the same bytes start at times that differ by up to 15 %.
    copies: Vec<String>,
    arguments: Vec<String>,
    pub(crate) stdin: PathBuf,
}

impl Variant {
    pub(crate) fn new(name: &str, copies: &[String], arguments: &[&str], stdin: &Path) -> Self {
        Self {
            name: name.to_owned(),
            copies: copies.to_vec(),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            stdin: stdin.to_owned(),
        }
    }

    /// The words of the command, with one of the copies.
    pub(crate) fn command(&self, nth: usize) -> impl Iterator<Item = &String> {
        let copy = &self.copies[nth % self.copies.len()];
        std::iter::once(copy).chain(&self.arguments)
    }

    pub(crate) fn program_size(&self) -> u64 {
        std::fs::metadata(&self.copies[0]).unwrap().len()
    }

    /// Milliseconds from the spawn to the end of one of the copies. The standard library spawns by posix_spawn(3).
    pub(crate) fn run(&self, nth: usize) -> f64 {
        let mut words = self.command(nth);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .stdin(File::open(&self.stdin).unwrap())
            .stdout(Stdio::null());
        let start = Instant::now();
        let status = command.status().unwrap();
        let time = start.elapsed();
        assert!(status.success(), "{}: {status}", self.name);
        time.as_secs_f64() * 1e3
    }
}

/// The times of one variant: of each copy, in the order of the rounds.
pub(crate) struct Times {
    pub(crate) name: String,
    of_copies: Vec<Vec<f64>>,
}

impl Times {
    /// The mean of the copies' quantiles.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let of_copies = self
            .of_copies
            .iter()
            .map(|times| quantile(times.clone(), part));
        of_copies.sum::<f64>() / self.of_copies.len() as f64
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    fn rounds(&self) -> usize {
        self.of_copies.iter().map(Vec::len).sum()
    }

    /// The mean of the fastest tenth. What starting a whole container takes is skewed by whatever else
    /// the machine does, by more than what a hook adds.
    pub(crate) fn mean_of_fastest(&self) -> f64 {
        let mut times = self.of_copies.concat();
        times.sort_by(f64::total_cmp);
        times.truncate(times.len().div_ceil(10));
        times.iter().sum::<f64>() / times.len() as f64
    }
}

fn quantile(mut times: Vec<f64>, part: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times[((times.len() - 1) as f64 * part).round() as usize]
}

/// Runs all in turn, `rounds` times after as many that do not count as there are copies; `undo` after each run.
/// Each round begins with another variant and every second one goes backwards, so that no variant always comes after
/// the same neighbour, and the kernel gets a moment to end what a run has left to it.
pub(crate) fn in_turn(rounds: usize, variants: &[Variant], undo: impl Fn()) -> Vec<Times> {
    const UNCOUNTED: usize = 3;
    let mut all: Vec<_> = variants
        .iter()
        .map(|variant| Times {
            name: variant.name.clone(),
            of_copies: vec![Vec::with_capacity(rounds); variant.copies.len()],
        })
        .collect();
    for round in 0..rounds + UNCOUNTED {
        let mut order: Vec<_> = (0..variants.len()).collect();
        order.rotate_left(round / 2 % variants.len());
        if round % 2 == 1 {
            order.reverse();
        }
        for nth in order {
            let time = variants[nth].run(round);
            undo();
            sleep(Duration::from_millis(1));
            if round >= UNCOUNTED {
                let copies = &mut all[nth].of_copies;
                let copy = round % copies.len();
                copies[copy].push(time);
            }
        }
    }
    all
}

/// The one of this name.
pub(crate) fn named<'t>(all: &'t [Times], name: &str) -> &'t Times {
    all.iter()
        .find(|times| times.name == name)
        .unwrap_or_else(|| panic!("{name}"))
}

/// One line for each, with its median as a multiple of that of each of `references`.
pub(crate) fn print(title: &str, all: &[Times], references: &[&str]) {
    println!("\n{title}, {} rounds\n", all[0].rounds());
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
            .for_each(|name| print!(" {:.2} |", middle / named(all, name).median()));
        println!();
    }
}
