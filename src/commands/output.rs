//! Where a verb writes: its result to one stream, its messages to another.
//!
//! A failure to print never stops the work. If the reader closes the pipe (`list | head -1`), that is no failure;
//! any other error is kept and reported when the verb is done. So `refresh` reaches every container even if nothing
//! reads its output.
//!
//! Only a terminal gets colours (anstream decides by `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `TERM`) and a
//! line of progress.

use std::fmt::Display;
use std::io::{self, Write};

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};

use crate::commands::Failure;
use crate::commands::styled::Text;
use crate::error::Error;
use crate::log::{is_unprintable, printable};

/// Moves to the start of the line and erases it (ECMA-48, EL).
const ERASE_LINE: &str = "\r\x1b[K";

/// The two streams of a run of the program.
pub struct Output<'w> {
    name: &'static str,
    stdout: &'w mut dyn Write,
    stderr: &'w mut dyn Write,
    has_colours: bool,
    progress: Progress,
    /// The first error of writing the result. Nothing more is written after it.
    written: io::Result<()>,
}

/// The line of progress on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// No terminal reads stderr.
    Off,
    Hidden,
    Shown,
}

impl<'w> Output<'w> {
    /// The result goes to `stdout`, messages go to `stderr`, each with `name` in front.
    pub fn new(
        name: &'static str,
        stdout: &'w mut impl RawStream,
        stderr: &'w mut impl RawStream,
    ) -> Self {
        let has_colours = AutoStream::choice(stdout) != ColorChoice::Never;
        let moves_back = std::env::var_os("TERM").is_some_and(|name| name != "dumb");
        let progress = if stderr.is_terminal() && moves_back {
            Progress::Hidden
        } else {
            Progress::Off
        };
        Self {
            name,
            stdout,
            stderr,
            has_colours,
            progress,
            written: Ok(()),
        }
    }

    /// Shows how far the work is, and replaces what it showed before. The line has at most 79 characters, because a
    /// line that wraps cannot be rewritten. The next piece of output erases it.
    pub(super) fn progress(&mut self, line: impl Display) {
        if self.progress != Progress::Off {
            let _ = write!(self.stderr, "{ERASE_LINE}{line}");
            self.progress = Progress::Shown;
        }
    }

    fn end_progress(&mut self) {
        if self.progress == Progress::Shown {
            let _ = self.stderr.write_all(ERASE_LINE.as_bytes());
            self.progress = Progress::Hidden;
        }
    }

    /// Writes a piece of the result, in colours if a terminal reads it. It is escaped as by [`Self::print`].
    pub(super) fn print_text(&mut self, text: &Text) {
        for (role, piece) in &text.0 {
            if self.has_colours {
                self.print_file(role.style().render().to_string().as_bytes());
                self.print(piece);
                self.print_file(role.style().render_reset().to_string().as_bytes());
            } else {
                self.print(piece);
            }
        }
    }

    /// Writes a piece of the result: text, or JSON. Control and bidirectional characters are escaped as in JSON,
    /// where they can only be in strings.
    pub(super) fn print(&mut self, piece: impl AsRef<[u8]>) {
        let mut text = String::new();
        for c in String::from_utf8_lossy(piece.as_ref()).chars() {
            if is_unprintable(c) && !matches!(c, '\n' | '\t') {
                // All of them are in the first 65,536.
                text += &format!("\\u{:04x}", u32::from(c));
            } else {
                text.push(c);
            }
        }
        self.print_file(text.as_bytes());
    }

    /// Writes a file's bytes as they are.
    pub(super) fn print_file(&mut self, bytes: &[u8]) {
        self.end_progress();
        if self.written.is_ok() {
            self.written = self.stdout.write_all(bytes);
        }
    }

    /// Writes a message: a line that begins with the program's name. If stderr is closed, the message is lost; that
    /// must not stop the work either.
    pub(super) fn say(&mut self, message: impl Display) {
        self.end_progress();
        let message = printable(&message.to_string());
        let _ = writeln!(self.stderr, "{}: {message}", self.name);
    }

    /// Tells you what comes next.
    pub(super) fn hint(&mut self, line: &str) {
        self.end_progress();
        let _ = writeln!(self.stderr, "{}", printable(line));
    }

    /// Says why the verb could not do its work. Each refused field has a line.
    pub(super) fn fail(&mut self, failure: &Failure) {
        for situation in failure.to_string().lines() {
            self.say(situation);
        }
    }

    /// Ends the result. It is an error if a piece could not be written, unless the reader closed the pipe.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.end_progress();
        let flushed =
            std::mem::replace(&mut self.written, Ok(())).and_then(|()| self.stdout.flush());
        match flushed {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::file("write", "stdout", error).into())
            }
            _ => Ok(()),
        }
    }
}
