//! Runs another program with a time limit, so that a program that hangs does not block this one.

use std::io::{self, Read, Seek};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);
/// Longest output that is read of each stream, in bytes.
const OUTPUT_MAX: u64 = 4 * 1024 * 1024;

/// How a program ended and what it printed.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Its stdout.
    pub(crate) stdout: String,
    /// Its stderr, on one line.
    pub(crate) stderr: String,
}

/// Runs a program with nothing to read.
pub(crate) fn run(command: &mut Command) -> io::Result<CommandOutput> {
    run_within(command, LIMIT)
}

fn run_within(command: &mut Command, limit: Duration) -> io::Result<CommandOutput> {
    // Files, not pipes: the program cannot block on them if they are not read while it runs.
    let (mut stdout, mut stderr) = (memory()?, memory()?);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(stdout.try_clone()?)
        .stderr(stderr.try_clone()?)
        .spawn()?;
    let end = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            let text = format!("not done within {} s", limit.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        thread::sleep(PAUSE);
    };
    let read = |file: &mut std::fs::File| {
        let mut bytes = Vec::new();
        file.rewind()?;
        file.take(OUTPUT_MAX).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    Ok(CommandOutput {
        status,
        stdout: read(&mut stdout)?,
        stderr: read(&mut stderr)?.trim().replace('\n', ", "),
    })
}

fn memory() -> io::Result<std::fs::File> {
    let memory = rustix::fs::memfd_create("output", rustix::fs::MemfdFlags::CLOEXEC)?;
    Ok(memory.into())
}

/// A program by its name in PATH, or by its absolute path.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        // An empty entry means the working directory.
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::process::Command;
    use std::time::Duration;

    use super::{run, run_within};

    #[test]
    fn output_of_any_length_is_read() {
        let script = "head -c 300000 /dev/zero | tr '\\0' x; echo two >&2; echo lines >&2; exit 3";
        let said = run(Command::new("sh").args(["-c", script])).unwrap();
        assert_eq!(said.status.code(), Some(3));
        assert_eq!(said.stdout.len(), 300_000);
        assert_eq!(said.stderr, "two, lines");
    }

    #[test]
    fn what_does_not_end_is_ended() {
        let error =
            run_within(Command::new("sleep").arg("100"), Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.to_string(), "not done within 1 s");
    }
}
