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

/// What a row compares or counts.
enum Row {
    /// The hook's median with this plan, as a multiple of another program's.
    Ratio(&'static str, &'static str),
    Calls,
    Faults,
    Resident,
    Size,
    ThousandFiles,
}

/// Each with what the hook had before it had a musl build, and the aims of the musl build and of the glibc build.
const ROWS: [(Row, &str, &str, &str); 9] = [
    (Row::Ratio("manage", "floor, glibc"), "1.52", "1.10", "1.45"),
    (
        Row::Ratio("leave", "nothing, glibc"),
        "1.37",
        "0.80",
        "1.25",
    ),
    (
        Row::Ratio("sandbox", "nothing, glibc"),
        "1.4",
        "0.70",
        "1.25",
    ),
    (Row::Ratio("manage", "floor, musl"), "2.9", "2.0", ""),
    (Row::Calls, "102", "68", "80"),
    (Row::Faults, "52", "32", "50"),
    (Row::Resident, "1,312 KiB", "700 KiB", "1,050 KiB"),
    (Row::Size, "1.54 MB", "0.80 MB", "1.40 MB"),
    (Row::ThousandFiles, "9.8 ms", "3 ms", ""),
];

impl Measured {
    /// A column for the aim of each build, and one for what was measured.
    pub(crate) fn print(&self, hooks: &[Hook]) {
        println!("\nWhat was aimed at\n");
        println!(
            "| | before | musl: aim | measured | glibc: aim | measured |\n|---|---|---|---|---|---|"
        );
        let of = |library: &str| hooks.iter().position(|hook| hook.library == library);
        for (row, before, musl, glibc) in ROWS {
            let cell =
                |library| of(library).map_or(String::new(), |nth| self.cell(&row, hooks, nth));
            let title = row.title();
            println!(
                "| {title} | {before} | {musl} | {} | {glibc} | {} |",
                cell("musl"),
                cell("glibc")
            );
        }
    }

    fn cell(&self, row: &Row, hooks: &[Hook], nth: usize) -> String {
        let library = hooks[nth].library;
        let counted = || {
            let name = format!("hook, {library}, manage");
            let found = self.counts.iter().find(|(counted, _)| *counted == name);
            &found.unwrap_or_else(|| panic!("{name}")).1
        };
        match row {
            Row::Ratio(plan, reference) => {
                let of_hook = named(&self.times, &format!("hook, {library}, {plan}"));
                let ratio = of_hook.median() / named(&self.times, reference).median();
                format!("{ratio:.2}")
            }
            Row::Calls => counted().calls.to_string(),
            Row::Faults => counted().faults.clone(),
            Row::Resident => format!("{} KiB", counted().rss),
            Row::Size => {
                let size = std::fs::metadata(&hooks[nth].copies[0]).unwrap().len();
                format!("{:.2} MB", size as f64 / 1e6)
            }
            Row::ThousandFiles => format!("{:.1} ms", self.with_node_entries[nth]),
        }
    }
}

impl Row {
    fn title(&self) -> String {
        match self {
            Self::Ratio(plan, reference) => format!("{plan} / {reference}"),
            Self::Calls => "system calls on manage".to_owned(),
            Self::Faults => "page faults on manage".to_owned(),
            Self::Resident => "peak resident on manage".to_owned(),
            Self::Size => "binary".to_owned(),
            Self::ThousandFiles => "1,000 files of ten lines in `hosts.d`".to_owned(),
        }
    }
}
