//! `doctor`: whether the hook works on this node, and what to fix first.

use std::borrow::Cow;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::doctor::summary::{EngineLine, Report};
use crate::doctor::{self, Asked};
use crate::exit::Exit;
use crate::log::printable;

/// Check that the hook works on this node and say what to fix first
///
/// Prints a line for each thing that was looked at, `ok`, `note` or `problem` first, and below it
/// what to change; then a line for each engine that runs here, `engine` first: `works`, or what to change.
/// The last line is `works` when each of them runs the hook and there is no problem, else the most
/// important thing to change. Changes nothing. Exits with 0 when it works, else with 1.
///
/// containerd, CRI-O and Docker run here when their daemon does. Podman has none: it runs here when it is
/// installed, and the hook is registered with it or a container of root's runs.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Ask about this engine only, whether it runs or not
    #[arg(long, value_name = "NAME")]
    engine: Option<Asked>,
    /// Check the node for an agent that is not connected yet and is to give containers this hook by NRI
    #[arg(long, value_name = "PATH")]
    agent_hook: Option<PathBuf>,
    /// Print one JSON object
    ///
    /// Its fields: `works` (true or false), `change` (the last line's text, or null when it works),
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
        let text = if self.json {
            as_json(&report, change.as_deref())?
        } else {
            as_text(&report, change.as_deref())
        };
        output.print(text);
        Ok(match change {
            None => Exit::Done,
            Some(_) => Exit::System,
        })
    }
}

/// One line for each finding, whatever other programs and files have put into it.
fn as_text(report: &Report, change: Option<&str>) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let word = finding.verdict.word();
        let said = format!("{word:8} {}: {}", finding.subject, finding.text);
        text += &format!("{}\n", printable(&said));
        if let Some(remedy) = &finding.remedy {
            text += &format!("         change: {}\n", printable(remedy));
        }
    }
    for EngineLine { subject, change } in &report.engines {
        let change = change.as_deref().unwrap_or("works");
        let line = format!("engine   {subject}: {change}");
        text += &format!("{}\n", printable(&line));
    }
    text += &printable(change.unwrap_or("works"));
    text.push('\n');
    text
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
