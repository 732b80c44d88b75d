//! `list`: the running containers of this node whose `/etc/hosts` comes from the hook.

use clap::Args;
use serde_json::json;

use crate::commands::Failure;
use crate::commands::output::Output;
use crate::commands::styled::{Role, Table, Text};
use crate::exit::Exit;
use crate::running::step::{Report, Task};
use crate::running::walk::{Met, Walk};

/// List running containers whose /etc/hosts comes from the hook
#[derive(Debug, Args)]
pub(super) struct List {
    /// Print a JSON array: pid, id, container, pod, namespace, path, readOnly, marked
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn exec(self, output: &mut Output<'_>) -> Result<Exit, Failure> {
        let mut files = Vec::new();
        let mut walk = Walk::new(Task::Look);
        walk.go(&mut |met| match met {
            Met::File(pid, file) => files.push((pid, file)),
            Met::Trouble(situation) => output.say(situation),
            Met::Step { .. } => {}
        })?;
        if self.json {
            let files: Vec<_> = files
                .iter()
                .map(|(pid, file)| as_json(*pid, file))
                .collect();
            output.print(format!("{:#}\n", json!(files)));
        } else {
            output.print_text(&table(&files));
        }
        if let Some(hidden) = walk.hidden() {
            output.say(hidden);
        }
        Ok(Exit::Done)
    }
}

fn as_json(pid: i32, file: &Report) -> serde_json::Value {
    json!({
        "pid": pid,
        "id": file.identity.id,
        "container": file.identity.container,
        "pod": file.identity.pod,
        "namespace": file.identity.namespace,
        "path": file.path,
        "readOnly": file.is_read_only,
        "marked": file.is_stamped,
    })
}

/// Unknown values are `-`. A file without the hook's mark is shown as not marked: any user could have made it, and
/// `refresh` cannot update it.
fn table(files: &[(i32, Box<Report>)]) -> Text {
    let cell = |text: Option<&str>| {
        text.filter(|text| !text.is_empty())
            .map_or("-".to_owned(), |text| text.escape_default().to_string())
    };
    let plain = |text: Option<&str>| (Role::Plain, cell(text));
    let mut table = Table::new(["PID", "NAMESPACE", "POD", "CONTAINER", "ID"]);
    for (pid, file) in files {
        let identity = &file.identity;
        let id = cell(Some(&identity.id));
        table.row([
            (Role::Plain, pid.to_string()),
            plain(identity.namespace.as_deref()),
            plain(identity.pod.as_deref()),
            plain(identity.container.as_deref()),
            if file.is_stamped {
                (Role::Plain, id)
            } else {
                (Role::Note, id + "  (not marked)")
            },
        ]);
    }
    table.text()
}
