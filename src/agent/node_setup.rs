//! The first step of the DaemonSet's Pods: copies the programs to the node and registers the hook there.
//!
//! ```text
//! image ─► copies on the node ─► the node's mount namespace ─► oci-hostaliases register | unregister | doctor
//! ```
//!
//! `oci-hostaliases` changes the engines' configurations: it runs on the node as if an administrator had started
//! it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueEnum;
use nix::sched::{CloneFlags, setns};

use crate::agent::log::say;
use crate::agent::program_copy;
use crate::error::{Error, on_one_line};
use crate::log::Severity;

const TOOL: &str = "oci-hostaliases";
/// With `hostPID`, the first process of the node.
const NODE: &str = "/proc/1/ns/mnt";
/// The image has none of the node's directories.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How the node's engine runs the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Registration {
    /// By NRI: only check the node
    Nri,
    /// Register the hook with containerd, and check the node
    Containerd,
    /// The administrator has registered it: only check the node
    None,
    /// Unregister the hook from containerd, and remove the programs
    Remove,
}

/// Copies the hook into `directory`. With a registration, also copies the tool and sets up the node. `directory`
/// has the same path on the node.
///
/// # Errors
///
/// A program cannot be copied, or the hook cannot be registered or unregistered. Problems that `doctor` finds are
/// not errors.
pub(super) fn set_up(
    hook: &Path,
    directory: &Path,
    registration: Option<Registration>,
) -> Result<(), Error> {
    let hook = copy(hook, directory)?;
    let Some(registration) = registration else {
        return Ok(());
    };
    let this = std::env::current_exe().map_err(|error| Error::call("readlink", error))?;
    let tool = copy(&this.with_file_name(TOOL), directory)?;
    let is_check = matches!(registration, Registration::Nri | Registration::None);
    match enter_node() {
        Err(error) if is_check => {
            let why = format!("this node is not checked: {}", on_one_line(&error));
            say(Severity::Warning, &why);
            return Ok(());
        }
        entered => entered?,
    }
    match registration {
        Registration::Nri => check(&tool, &["--agent-hook".as_ref(), hook.as_os_str()]),
        Registration::None => check(&tool, &[]),
        Registration::Containerd => {
            let arguments = ["register", "containerd", "--hook"].map(OsStr::new);
            run(&tool, &[&arguments[..], &[hook.as_os_str()]].concat())?;
            check(&tool, &[])
        }
        Registration::Remove => {
            run(&tool, &["unregister", "containerd"].map(OsStr::new))?;
            remove(&hook)?;
            remove(&tool)
        }
    }
}

fn copy(program: &Path, directory: &Path) -> Result<PathBuf, Error> {
    let (place, is_new) = program_copy::copy(program, directory)?;
    let what = if is_new { "copied to" } else { "is already" };
    let message = format!("{} {what} {}", program.display(), place.display());
    say(Severity::Info, &message);
    Ok(place)
}

/// From here on, paths are the node's.
fn enter_node() -> Result<(), Error> {
    let call = || format!("setns({NODE}, CLONE_NEWNS)");
    if std::process::id() == 1 {
        let error = io::Error::other("process 1 is this program: the Pod needs hostPID: true");
        return Err(Error::call(call(), error));
    }
    let node = File::open(NODE).map_err(|error| Error::file("open", NODE, error))?;
    setns(node, CloneFlags::CLONE_NEWNS).map_err(|errno| Error::call(call(), errno))
}

/// Problems are in the step's log. They do not prevent the start of the agent.
fn check(tool: &Path, arguments: &[&OsStr]) -> Result<(), Error> {
    let checked = run(tool, &[&[OsStr::new("doctor")], arguments].concat());
    if let Err(error) = checked {
        let why = format!(
            "the last line above says what to change: {}",
            on_one_line(&error)
        );
        say(Severity::Warning, &why);
    }
    Ok(())
}

/// Runs the tool, which writes to this program's own stdout and stderr.
fn run(tool: &Path, arguments: &[&OsStr]) -> Result<(), Error> {
    let ended = Command::new(tool)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .stdin(Stdio::null())
        .status();
    let failure = match ended {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => io::Error::other(status.to_string()),
        Err(error) => error,
    };
    let words = arguments.iter().map(|word| word.to_string_lossy());
    let call = [tool.to_string_lossy()].into_iter().chain(words);
    Err(Error::call(call.collect::<Vec<_>>().join(" "), failure))
}

fn remove(program: &Path) -> Result<(), Error> {
    fs::remove_file(program).map_err(|error| Error::file("unlink", program, error))?;
    say(Severity::Info, &format!("{} removed", program.display()));
    Ok(())
}
