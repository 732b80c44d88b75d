//! `oci-hostaliases-hook`: run by an OCI runtime, once per container. See oci-hostaliases-hook(8).

#![forbid(unsafe_code)]
// `main` is in the crate with all the unsafe code: start/src/lib.rs.
#![no_main]
#![warn(
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unreachable
)]

use std::ffi::OsString;
use std::io::Write;

use oci_hostaliases::exit::Exit;
use oci_hostaliases::facts::told::Told;
use oci_hostaliases::files::{config, hosts_d};
use oci_hostaliases::hook::stage::Stage;
use oci_hostaliases::hook::{self, Invocation};
#[cfg(target_env = "musl")]
use oci_hostaliases_start::memory::Memory;

const USAGE: &str = "usage: oci-hostaliases-hook {prestart|createRuntime|createContainer} [--config PATH] [--hosts-d PATH]\n\
    [--pod-ips IP,IP] [--namespace NAME] [--pod NAME] [--entries-to-come]\n\
    Reads the OCI state from stdin. Run by an OCI runtime: see oci-hostaliases-hook(8).";
/// With how it was linked, for `doctor`. A static hook needs no library of the node.
macro_rules! version {
    ($linked:literal) => {
        concat!(
            "oci-hostaliases-hook ",
            env!("CARGO_PKG_VERSION"),
            " (",
            $linked,
            ")"
        )
    };
}
const VERSION: &str = match (
    cfg!(target_feature = "crt-static"),
    cfg!(target_env = "musl"),
) {
    (true, true) => version!("static, musl"),
    (true, false) => version!("static, glibc"),
    (false, true) => version!("dynamic, musl"),
    (false, false) => version!("dynamic, glibc"),
};

// glibc's allocator is quick, and glibc's own start uses it.
#[cfg(target_env = "musl")]
#[global_allocator]
static MEMORY: Memory = Memory::new();

oci_hostaliases_start::main!(run);

fn run(arguments: Vec<OsString>) -> u8 {
    let exit = match read_arguments(arguments.into_iter().skip(1)) {
        Ok(Call::Hook(invocation)) => hook::run(&invocation, rustix::stdio::stdin()),
        Ok(Call::Say(text)) => {
            let _ = writeln!(std::io::stdout(), "{text}");
            Exit::Done
        }
        Err(situation) => {
            let _ = writeln!(
                std::io::stderr(),
                "oci-hostaliases-hook: {situation}\n{USAGE}"
            );
            Exit::Usage
        }
    };
    exit as u8
}

enum Call {
    Hook(Invocation),
    Say(&'static str),
}

/// Parsed by hand: a stage and a few options do not need a command-line parser in a program that runs as root for
/// every container.
fn read_arguments(arguments: impl Iterator<Item = OsString>) -> Result<Call, String> {
    let (mut config, mut hosts_d) = (config::DEFAULT_PATH.into(), hosts_d::DEFAULT_PATH.into());
    let (mut stage, mut told) = (None, Told::default());
    let mut arguments = arguments.peekable();
    if arguments.peek().is_none() {
        return Err("no stage given".to_owned());
    }
    while let Some(argument) = arguments.next() {
        let text = argument.to_str().unwrap_or_default();
        let is_stage = stage.is_none();
        match text {
            "prestart" if is_stage => stage = Some(Stage::Prestart),
            "createRuntime" if is_stage => stage = Some(Stage::CreateRuntime),
            "createContainer" if is_stage => stage = Some(Stage::CreateContainer),
            "--config" => config = arguments.next().ok_or("--config needs a path")?.into(),
            "--hosts-d" => hosts_d = arguments.next().ok_or("--hosts-d needs a path")?.into(),
            "--pod-ips" => told.pod_ips = Told::read_pod_ips(&word(&mut arguments, text)?),
            "--namespace" => told.namespace = Some(word(&mut arguments, text)?),
            "--pod" => told.pod = Some(word(&mut arguments, text)?),
            "--entries-to-come" => told.entries_to_come = true,
            "-h" | "--help" => return Ok(Call::Say(USAGE)),
            "-V" | "--version" => return Ok(Call::Say(VERSION)),
            _ => return Err(format!("{argument:?} is not a stage or an option")),
        }
    }
    let stage = stage.ok_or("no stage given")?;
    Ok(Call::Hook(Invocation {
        stage,
        config,
        hosts_d,
        told,
    }))
}

/// The value of an option. Invalid UTF-8 becomes U+FFFD, which no name and no address has.
fn word(arguments: &mut impl Iterator<Item = OsString>, option: &str) -> Result<String, String> {
    match arguments.next() {
        Some(word) => Ok(word.to_string_lossy().into_owned()),
        None => Err(format!("{option} needs a value")),
    }
}
