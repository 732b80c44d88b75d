//! `explain`: what the hook would do with a container's `/etc/hosts`, why, and where each line comes from.
//!
//! The output is easy to read and to grep: `name: value` lines, an empty line, and a table with the number, the
//! origin and the unchanged text of each line. With several Pods, each has a heading.

use std::path::Path;

use clap::Args;

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::commands::preview::{Preview, PreviewOptions, Provenance};
use crate::commands::styled::{Role, Table, Text};
use crate::exit::Exit;
use crate::facts::annotations::HOST_ALIASES;
use crate::facts::pod_manifest::SPEC_HOST_ALIASES;
use crate::text::hosts_file::{HostsFile, Origin};

/// Show what the hook would do with /etc/hosts, why, and where each line comes from
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    options: PreviewOptions,
}

impl Explain {
    pub(super) fn exec(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let previews = self.options.previews(output)?;
        for (nth, preview) in previews.iter().enumerate() {
            if previews.len() > 1 {
                output.print_text(&preview.heading(nth == 0));
            }
            output.print_text(&head(preview));
            if let Some(file) = &preview.file {
                output.print("\n");
                output.print_text(&table(file, &preview.findings.provenance));
            }
        }
        Ok(Exit::Done)
    }
}

fn head(preview: &Preview) -> Text {
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
    let mut text = Text::default();
    for (name, value) in &lines {
        let role = match *name {
            "note" => Role::Note,
            _ => Role::Heading,
        };
        text.add(role, format!("{name}:"));
        text.plain(format!(" {}\n", shown(value.as_bytes())));
    }
    text
}

fn table(file: &HostsFile, provenance: &Provenance) -> Text {
    let mut table = Table::new(["LINE", "ORIGIN", "TEXT"]);
    for (nth, (line, origin)) in file.lines().enumerate() {
        let role = match origin {
            Origin::Entry(..) => Role::Good,
            _ => Role::Plain,
        };
        table.row([
            (Role::Faint, (nth + 1).to_string()),
            (role, in_words(origin, provenance)),
            (Role::Plain, shown(line)),
        ]);
    }
    table.text()
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

/// Escapes text for a terminal: the node's and the engines' files can have any bytes. Tabs stay, because they
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
