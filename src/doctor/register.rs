//! The command that registers the hook, and whether it would.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::doctor::report::word;
use crate::engines::bounded_run;
use crate::engines::our_hook::HOOK_PATH;

/// Where the hook is below the prefix of an installation without packages.
const BELOW_PREFIX: &str = "libexec/oci/hooks.d/oci-hostaliases-hook";

/// The command that registers this hook, or the installed one. `engine`: its name, and options.
pub(super) fn command(engine: &str, hook: Option<&Path>) -> String {
    let mut command = format!("oci-hostaliases register {engine}");
    let installed = installed_hook();
    let hook = hook
        .or(installed.as_deref())
        .unwrap_or(Path::new(HOOK_PATH));
    if hook != Path::new(HOOK_PATH) {
        command += &format!(" --hook {}", word(hook));
    }
    command
}

/// The hook beside this program, if it is not where packages install it.
fn installed_hook() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let beside = program.parent()?.parent()?.join(BELOW_PREFIX);
    (!Path::new(HOOK_PATH).exists() && beside.is_file()).then_some(beside)
}

/// The remedy if an engine does not run the hook: `command`, or why that command refuses.
pub(super) fn remedy(command: &str) -> String {
    refusal(command).unwrap_or_else(|| command.to_owned())
}

/// The same in the line of an engine.
pub(super) fn unregistered(remedy: &str) -> String {
    let is_command = remedy.starts_with("oci-hostaliases ");
    let run = if is_command { "run " } else { "" };
    format!("not registered: {run}{remedy}")
}

/// The check uses any program as the hook.
fn refusal(command: &str) -> Option<String> {
    let program = env::current_exe().ok()?;
    let (command, _) = command.split_once(" --hook ").unwrap_or((command, ""));
    let line = format!(
        "exec \"$0\" {} --dry-run --hook \"$0\"",
        command.strip_prefix("oci-hostaliases ")?
    );
    let is_root = rustix::process::geteuid().is_root();
    let run = || bounded_run::run(Command::new("/bin/sh").arg("-c").arg(line).arg(program));
    let said = is_root.then(run)?.ok()?;
    let words = said.stderr.strip_prefix("oci-hostaliases: ")?;
    (!said.status.success()).then(|| words.to_owned())
}
