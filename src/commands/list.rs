//! `list`: the containers of this node that have a file of ours.

use clap::Args;
use serde_json::json;

use crate::commands::Failure;
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
    pub(super) fn exec(self) -> Result<Exit, Failure> {
        let found = find::running_files()?;
        if self.json {
            println!(
                "{:#}",
                json!(found.files.iter().map(as_json).collect::<Vec<_>>())
            );
        } else {
            print_table(&found.files);
        }
        found.say_what_is_hidden();
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
fn print_table(files: &[RunningFile]) {
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
    for row in &rows {
        let line: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        println!("{}", line.join("  ").trim_end());
    }
}
