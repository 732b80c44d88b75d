//! `explain`: what would be done with a container's `/etc/hosts`, why, and where each line of the
//! file comes from.
//!
//! The output is for eyes and for grep: a head of `name: value` lines, an empty line, and one line
//! for each line of the file: its number, its origin, two spaces, its text as it is. Of several Pods,
//! each below its heading.

use std::path::Path;

use clap::Args;

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::commands::preview::{Preview, PreviewOptions, Provenance};
use crate::exit::Exit;
use crate::facts::annotations::HOST_ALIASES;
use crate::facts::pod_manifest::SPEC_HOST_ALIASES;
use crate::text::hosts_file::{HostsFile, Origin};

/// Say what would be done with an /etc/hosts, why, and where each of its lines comes from
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    options: PreviewOptions,
}

impl Explain {
    pub(super) fn exec(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let previews = self.options.previews(output)?;
        for (nth, preview) in previews.iter().enumerate() {
            let mut text = match previews.len() {
                1 => String::new(),
                _ => preview.heading(nth == 0),
            };
            text.push_str(&head(preview));
            if let Some(file) = &preview.file {
                text.push('\n');
                text.push_str(&table(file, &preview.findings.provenance));
            }
            output.print(text);
        }
        Ok(Exit::Done)
    }
}

fn head(preview: &Preview) -> String {
    let plan = &preview.plan;
    let mut lines = vec![
        ("plan", plan.action.to_string()),
        ("reason", plan.reason.to_string()),
    ];
    lines.extend(preview.findings.choices.iter().cloned());
    lines.extend(
        preview
            .findings
            .notes
            .iter()
            .map(|note| ("note", note.clone())),
    );
    lines
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", shown(value.as_bytes())))
        .collect()
}

fn table(file: &HostsFile, provenance: &Provenance) -> String {
    let rows: Vec<(String, String)> = file
        .lines()
        .map(|(line, origin)| (in_words(origin, provenance), shown(line)))
        .collect();
    let heading = ("ORIGIN".to_owned(), "TEXT".to_owned());
    let count = rows.len().to_string();
    let numbers = count.len().max("LINE".len());
    let origins = rows
        .iter()
        .map(|(origin, _)| origin.chars().count())
        .fold(heading.0.len(), usize::max);
    let mut table = String::new();
    let names = std::iter::once("LINE".to_owned()).chain((1..=rows.len()).map(|n| n.to_string()));
    for (number, (origin, text)) in names.zip(std::iter::once(&heading).chain(&rows)) {
        let row = format!("{number:>numbers$}  {origin:<origins$}  {text}");
        // Of the file's own white space all is shown but for a line that has nothing else.
        table.push_str(if text.is_empty() {
            row.trim_end()
        } else {
            &row
        });
        table.push('\n');
    }
    table
}

fn in_words(origin: Origin<&str>, provenance: &Provenance) -> String {
    match origin {
        Origin::Kubelet => "kubelet's boilerplate".to_owned(),
        Origin::PodAddress => format!("address of the Pod ({})", provenance.addresses),
        Origin::Node if provenance.node_hosts == Path::new("/etc/hosts") => {
            "the node's /etc/hosts".to_owned()
        }
        Origin::Node => format!("the node's hosts file {}", provenance.node_hosts.display()),
        Origin::Engine => format!("the engine's file {}", provenance.engine_hosts),
        Origin::Heading(source) => format!("heading of {source}"),
        Origin::Entry(HOST_ALIASES, line) if !provenance.annotation_is_list => {
            format!("{HOST_ALIASES} line {line}")
        }
        Origin::Entry(list @ (SPEC_HOST_ALIASES | HOST_ALIASES), index) => {
            format!("{list}[{index}]")
        }
        Origin::Entry(path, line) => format!("{path}:{line}"),
    }
}

/// Text for a terminal: the node's and the engines' files may hold anything. Tabs stay, they
/// belong to the format.
fn shown(line: &[u8]) -> String {
    let mut text = String::with_capacity(line.len());
    for c in String::from_utf8_lossy(line).chars() {
        if c.is_control() && c != '\t' {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
    text
}
