//! Where a verb writes: its result to one stream, its messages to another.
//!
//! Printing never stops the work. A reader that has gone away (`list | head -1`) has seen enough and is
//! no failure; any other error is kept and becomes the program's once the verb is done. So `refresh`
//! reaches every container, also when its output is not read.
//!
//! What a terminal gets beyond that is decided here: colours as anstream decides it (`NO_COLOR`, `CLICOLOR`,
//! `CLICOLOR_FORCE`, `TERM`), and a line of progress.

use std::fmt::Display;
use std::io::{self, Write};

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};

use crate::commands::Failure;
use crate::commands::styled::Text;
use crate::error::Error;
use crate::log::{is_unprintable, printable};

/// Goes to the start of the line and empties it (ECMA-48, EL).
const ERASE_LINE: &str = "\r\x1b[K";

/// The two streams of a run of the program.
pub struct Output<'w> {
    name: &'static str,
    stdout: &'w mut dyn Write,
    stderr: &'w mut dyn Write,
    has_colours: bool,
    progress: Progress,
    /// How writing the result went. After the first error nothing more is written.
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

    /// Shows how far the work is, in place of what was shown before. At most 79 characters: a line that wraps
    /// cannot be rewritten. Gone with the next piece of output.
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

    /// Writes a piece of the result, in colours where a terminal reads it. Escaped as by [`Self::print`].
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

    /// Writes a piece of the result: text, or JSON. What a terminal would obey or turn round is escaped as JSON
    /// has it: there such characters are in strings only.
    pub(super) fn print(&mut self, piece: impl AsRef<[u8]>) {
        let mut text = String::new();
        for c in String::from_utf8_lossy(piece.as_ref()).chars() {
            if is_unprintable(c) && !matches!(c, '\n' | '\t') {
                // None of them is outside of the first 65,536.
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

    /// Writes a message, a line with the program's name in front. Where stderr is closed it is lost:
    /// that must not stop the work either.
    pub(super) fn say(&mut self, message: impl Display) {
        self.end_progress();
        let message = printable(&message.to_string());
        let _ = writeln!(self.stderr, "{}: {message}", self.name);
    }

    /// Writes a line about what comes next, for the person who ran the command.
    pub(super) fn hint(&mut self, line: &str) {
        self.end_progress();
        let _ = writeln!(self.stderr, "{}", printable(line));
    }

    /// Says why the verb could not do its work: several refused fields are a line each.
    pub(super) fn fail(&mut self, failure: &Failure) {
        for situation in failure.to_string().lines() {
            self.say(situation);
        }
    }

    /// Ends the result: an error when a piece could not be written, for another reason than that the reader
    /// went away.
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
