//! `oci-hostaliases`: the tool for people. See oci-hostaliases(1).

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use oci_hostaliases::commands::Cli;

fn main() -> ExitCode {
    match Cli::parse().exec() {
        Ok(exit) => exit.into(),
        Err(failure) => {
            for situation in failure.to_string().lines() {
                eprintln!("oci-hostaliases: {situation}");
            }
            failure.exit.into()
        }
    }
}
