//! `list`: the containers of this node that have a file of ours.

use clap::Args;
use serde_json::json;

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::exit::Exit;
use crate::running::find::{self, RunningFile};

/// List the containers on this node that have a file of ours
#[derive(Debug, Args)]
pub(super) struct List {
    /// Print a JSON array: pid, id, container, pod, namespace, path, readOnly
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn exec(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let found = find::running_files()?;
        output.print(if self.json {
            let files: Vec<_> = found.files.iter().map(as_json).collect();
            format!("{:#}\n", json!(files))
        } else {
            table(&found.files)
        });
        if let Some(hidden) = found.hidden() {
            output.say(hidden);
        }
        Ok(Exit::Done)
    }
}

fn as_json(file: &RunningFile) -> serde_json::Value {
    json!({
        "pid": file.pid,
        "id": file.identity.id,
        "container": file.identity.container,
        "pod": file.identity.pod,
        "namespace": file.identity.namespace,
        "path": file.path,
        "readOnly": file.is_read_only,
    })
}

/// Columns as wide as their widest cell; `-` for what nobody tells.
fn table(files: &[RunningFile]) -> String {
    let cell = |text: Option<&str>| {
        text.filter(|text| !text.is_empty())
            .map_or("-".to_owned(), |text| text.escape_default().to_string())
    };
    let mut rows = vec![["PID", "NAMESPACE", "POD", "CONTAINER", "ID"].map(str::to_owned)];
    rows.extend(files.iter().map(|file| {
        let identity = &file.identity;
        [
            file.pid.to_string(),
            cell(identity.namespace.as_deref()),
            cell(identity.pod.as_deref()),
            cell(identity.container.as_deref()),
            cell(Some(&identity.id)),
        ]
    }));
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.len());
        }
    }
    let mut table = String::new();
    for row in &rows {
        let line: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        table += line.join("  ").trim_end();
        table.push('\n');
    }
    table
}
