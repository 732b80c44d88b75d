//! `oci-hostaliases`: the command-line tool. See oci-hostaliases(1).

#![forbid(unsafe_code)]
#![warn(clippy::print_stderr, clippy::print_stdout)]

use std::io;
use std::process::ExitCode;

use clap::Parser;
use oci_hostaliases::commands::Cli;
use oci_hostaliases::commands::output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr().lock());
    cli.exec(&mut Output::new(&mut stdout, &mut stderr)).into()
}
