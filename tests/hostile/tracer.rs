//! A bundle's hook under strace, which can make its system calls fail.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::bundle::Bundle;
use crate::call::hook_of;

/// Puts `command` before the hook that the bundle runs at its stage.
pub(crate) fn put_before_hook(bundle: &mut Bundle, command: &str) {
    let wrapper = bundle.directory().join("wrapped-hook");
    let script = format!("#!/bin/sh\nexec {command} {} \"$@\"\n", hook_of(bundle));
    fs::write(&wrapper, script).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    bundle.set_hooks(&[bundle.stage], &wrapper);
}

/// Runs the hook under strace with these options.
pub(crate) fn trace(bundle: &mut Bundle, options: &str) {
    put_before_hook(bundle, &format!("strace -qq -f {options}"));
}

/// Where [`record`] writes.
pub(crate) fn trace_of(bundle: &Bundle) -> PathBuf {
    bundle.directory().join("trace")
}

/// Has the hook's system calls recorded.
pub(crate) fn record(bundle: &mut Bundle) {
    let options = format!("-s 256 -o {}", trace_of(bundle).display());
    trace(bundle, &options);
}

/// The recorded calls in their order: `openat(AT_FDCWD, "/proc/self/fd", …) = 3`.
pub(crate) fn recorded(bundle: &Bundle) -> Vec<String> {
    let trace = fs::read(trace_of(bundle)).unwrap();
    let trace = String::from_utf8_lossy(&trace).into_owned();
    let calls = trace
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(_, call)| call.trim_start().to_owned());
    calls
        .filter(|call| call.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect()
}
