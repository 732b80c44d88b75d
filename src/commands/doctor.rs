//! `doctor`: whether the hook works on this node, and what to fix first.

use std::borrow::Cow;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::commands::styled::{Role, Text};
use crate::doctor::report::{Finding, Verdict};
use crate::doctor::summary::{EngineLine, Report};
use crate::doctor::{self, Asked};
use crate::exit::Exit;
use crate::log::printable;

/// Check that the hook works on this node and say what to fix first
///
/// Prints a group for each thing that it checks. Each finding has a line that begins with `ok`, `note` or
/// `problem`, and below it a line with what to change. The group `engines` has a line for each engine that runs
/// here: `works`, or what to change. The last line begins with `works` if all of them run the hook and there is no
/// problem; otherwise it ends with the most important change. doctor changes nothing. It exits with 0 if the hook
/// works, otherwise with 1.
///
/// containerd, CRI-O and Docker run here if their daemon runs. Podman has no daemon: it runs here if it is
/// installed, and the hook is registered with it or one of root's containers runs.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Check only this engine, whether it runs or not
    #[arg(long, value_name = "NAME")]
    engine: Option<Asked>,
    /// Check whether an agent that is not connected yet can add this hook to containers through NRI
    #[arg(long, value_name = "PATH")]
    agent_hook: Option<PathBuf>,
    /// Print one JSON object
    ///
    /// Its fields: `works` (true or false), `change` (the most important thing to change, or null when it works),
    /// `engines`, a list of objects with `engine`, `works` and `change` (or null), and `findings`, a list of objects with `subject`, `verdict` ("ok", "note" or "problem"),
    /// `text`, `remedy` (what to change, or null), `path` (the file or directory that it is about,
    /// or null), and `line` (the line of that file, or null).
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Whole<'r> {
    works: bool,
    change: Option<&'r str>,
    engines: Vec<Engine<'r>>,
    findings: Vec<One<'r>>,
}

#[derive(Serialize)]
struct Engine<'r> {
    engine: &'r str,
    works: bool,
    change: Option<&'r str>,
}

#[derive(Serialize)]
struct One<'r> {
    subject: &'r str,
    verdict: &'static str,
    text: &'r str,
    remedy: Option<&'r str>,
    path: Option<Cow<'r, str>>,
    line: Option<usize>,
}

impl Doctor {
    pub(super) fn exec(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let report = doctor::examine(self.engine, self.agent_hook.as_deref());
        let change = report.change();
        if self.json {
            output.print(as_json(&report, change.as_deref())?);
        } else {
            output.print_text(&as_text(&report, change.as_deref()));
        }
        Ok(match change {
            None => Exit::Done,
            Some(_) => Exit::System,
        })
    }
}

/// A group for each subject, and a line for each finding. Text from other programs and files is escaped.
fn as_text(report: &Report, change: Option<&str>) -> Text {
    let mut text = Text::default();
    let mut subjects: Vec<&str> = Vec::new();
    for finding in &report.findings {
        if !subjects.contains(&finding.subject.as_str()) {
            subjects.push(&finding.subject);
        }
    }
    for subject in subjects {
        text.add(Role::Heading, printable(subject));
        text.plain("\n");
        let findings = report.findings.iter();
        for finding in findings.filter(|it| it.subject == subject) {
            add_finding(&mut text, finding);
        }
        text.plain("\n");
    }
    add_engines(&mut text, &report.engines);
    add_summary(&mut text, report, change);
    text
}

fn add_finding(text: &mut Text, finding: &Finding) {
    let (role, word) = (role(finding.verdict), finding.verdict.word());
    text.plain("  ");
    text.add(role, word);
    let padding = 9 - word.len();
    text.plain(format!("{:padding$}{}\n", "", printable(&finding.text)));
    if let Some(remedy) = &finding.remedy {
        text.plain("           change: ");
        text.add(Role::Heading, printable(remedy));
        text.plain("\n");
    }
}

fn role(verdict: Verdict) -> Role {
    match verdict {
        Verdict::Ok => Role::Good,
        Verdict::Note => Role::Note,
        Verdict::Problem(_) => Role::Bad,
    }
}

fn add_engines(text: &mut Text, engines: &[EngineLine]) {
    let names = engines.iter().map(|it| it.subject.chars().count());
    let Some(width) = names.max() else {
        return;
    };
    text.add(Role::Heading, "engines");
    text.plain("\n");
    for EngineLine { subject, change } in engines {
        text.plain(format!("  {:width$}  ", printable(subject)));
        match change {
            None => text.add(Role::Good, "works"),
            Some(change) => text.add(Role::Bad, printable(change)),
        }
        text.plain("\n");
    }
    text.plain("\n");
}

/// The last line: the number of problems and notes, and what to change first.
fn add_summary(text: &mut Text, report: &Report, change: Option<&str>) {
    let count = |word: &str| {
        let verdicts = report.findings.iter().map(|it| it.verdict.word());
        verdicts.filter(|it| *it == word).count()
    };
    let counted = |word: &str| match count(word) {
        0 => None,
        1 => Some(format!("1 {word}")),
        many => Some(format!("{many} {word}s")),
    };
    let problems =
        counted("problem").or_else(|| change.is_none().then(|| "no problems".to_owned()));
    let counts: Vec<String> = problems.into_iter().chain(counted("note")).collect();
    let counts = counts.join(", ");
    match change {
        None => {
            text.add(Role::Good, "works");
            text.plain(format!(": {counts}\n"));
        }
        Some(change) => {
            text.plain(counts.clone());
            text.plain(if counts.is_empty() { "" } else { "; " });
            text.plain("change this first: ");
            text.add(Role::Bad, printable(change));
            text.plain("\n");
        }
    }
}

fn as_json(report: &Report, change: Option<&str>) -> Result<String, Failure> {
    let findings = report.findings.iter().map(|finding| One {
        subject: &finding.subject,
        verdict: finding.verdict.word(),
        text: &finding.text,
        remedy: finding.remedy.as_deref(),
        path: finding.path.as_ref().map(|path| path.to_string_lossy()),
        line: finding.line,
    });
    let engines = report.engines.iter().map(|line| Engine {
        engine: &line.subject,
        works: line.change.is_none(),
        change: line.change.as_deref(),
    });
    let whole = Whole {
        works: change.is_none(),
        change,
        engines: engines.collect(),
        findings: findings.collect(),
    };
    let mut text = serde_json::to_string_pretty(&whole)
        .map_err(|error| Failure::new(Exit::System, format!("write JSON: {error}")))?;
    text.push('\n');
    Ok(text)
}
