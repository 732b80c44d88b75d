//! Runs another program with a time limit, so that a program that hangs does not block this one.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

const LIMIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);
/// Longest output that is read of each stream, in bytes.
const OUTPUT_MAX: usize = 4 * 1024 * 1024;

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
    // Pipes: where SELinux confines the program, it may not be allowed to write a file that it inherits.
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdout = Stream::new(child.stdout.take())?;
    let mut stderr = Stream::new(child.stderr.take())?;
    let end = Instant::now() + limit;
    let status = loop {
        wait_for_output(&stdout, &stderr)?;
        // Before the look at what it wrote: what ends has written all.
        let ended = child.try_wait()?;
        stdout.read()?;
        stderr.read()?;
        if let Some(status) = ended {
            break status;
        }
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            let text = format!("not done within {} s", limit.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
    };
    Ok(CommandOutput {
        status,
        stdout: stdout.text(),
        stderr: stderr.text().trim().replace('\n', ", "),
    })
}

/// What a program writes to one of its streams.
struct Stream<P> {
    /// `None` if it is closed.
    pipe: Option<P>,
    bytes: Vec<u8>,
}

impl<P: AsFd + Read> Stream<P> {
    fn new(pipe: Option<P>) -> io::Result<Self> {
        if let Some(pipe) = &pipe {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        Ok(Self {
            pipe,
            bytes: Vec::new(),
        })
    }

    /// Reads what there is, without waiting. What is too long is read and thrown away, so that the program goes on.
    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(length) => {
                    let room = OUTPUT_MAX.saturating_sub(self.bytes.len());
                    self.bytes.extend(buffer.iter().take(length.min(room)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Waits until there is something to read, at most for the pause: when the program ends, a process that it started
/// may keep its streams open.
fn wait_for_output<P: AsFd, Q: AsFd>(stdout: &Stream<P>, stderr: &Stream<Q>) -> io::Result<()> {
    let streams = [
        stdout.pipe.as_ref().map(AsFd::as_fd),
        stderr.pipe.as_ref().map(AsFd::as_fd),
    ];
    let mut descriptors: Vec<_> = streams
        .into_iter()
        .flatten()
        .map(|pipe| PollFd::from_borrowed_fd(pipe, PollFlags::IN))
        .collect();
    let pause = Timespec::try_from(PAUSE).unwrap_or_default();
    match poll(&mut descriptors, Some(&pause)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
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

    /// A daemon that it leaves behind, for one, keeps the streams open.
    #[test]
    fn what_it_started_is_not_waited_for() {
        let said = run(Command::new("sh").args(["-c", "echo done; sleep 4 & exit 0"])).unwrap();
        assert_eq!(
            (said.status.code(), said.stdout.as_str()),
            (Some(0), "done\n")
        );
    }

    #[test]
    fn it_writes_to_pipes() {
        let script = "for n in 1 2; do target=$(readlink /proc/$$/fd/$n); echo ${target%:*}; done";
        let said = run(Command::new("sh").args(["-c", script])).unwrap();
        assert_eq!(said.stdout, "pipe\npipe\n");
    }

    #[test]
    fn what_does_not_end_is_ended() {
        let error =
            run_within(Command::new("sleep").arg("100"), Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.to_string(), "not done within 1 s");
    }
}
