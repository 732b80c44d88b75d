//! `oci-hostaliases`: the command-line tool. See oci-hostaliases(1).

#![forbid(unsafe_code)]
#![warn(clippy::print_stderr, clippy::print_stdout)]

use std::io;
use std::process::ExitCode;

use oci_hostaliases::commands::output::Output;
use oci_hostaliases::commands::{self, Cli};

fn main() -> ExitCode {
    let cli = Cli::read();
    let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr().lock());
    let mut output = Output::new(commands::typed_name(), &mut stdout, &mut stderr);
    cli.exec(&mut output).into()
}
