//! `oci-hostaliases-agent`: the service of a node. See oci-hostaliases-agent(8).

#![forbid(unsafe_code)]
#![warn(clippy::print_stderr, clippy::print_stdout)]

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use oci_hostaliases::agent::options::Options;
use oci_hostaliases::agent::service;
use oci_hostaliases::error::on_one_line;
use oci_hostaliases::exit::Exit;
use oci_hostaliases::running::{step, walk};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let exit = match arguments.split_first() {
        // Started by a refresh of this program, which abandons it if a container's file system does not answer.
        Some((verb, rest)) if verb == walk::VERB => match step::work(rest) {
            Ok(()) => Exit::Done,
            Err(error) => {
                let line = on_one_line(&error);
                let _ = writeln!(std::io::stderr(), "oci-hostaliases-agent: {line}");
                error.exit()
            }
        },
        _ => service::run(&Options::parse()),
    };
    exit.into()
}
