//! The daemons of engines that run on this node, as `/proc` shows them.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::unistd::{SysconfVar, sysconf};

/// Where the kernel shows the processes of this PID namespace.
pub(crate) const PROC: &str = "/proc";
/// The kernel's suffix for the path of a program whose file was removed or replaced.
const DELETED: &[u8] = b" (deleted)";

/// A running process of root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    /// Its command line, the program's name first, without the interpreter of a script.
    pub(crate) arguments: Vec<String>,
    /// The environment with which it was started, `NAME=value`.
    pub(crate) environment: Vec<String>,
    /// Its working directory; `None` without permission to look.
    pub(crate) directory: Option<PathBuf>,
    /// The program that it runs; `None` for a script, and without permission to look.
    pub(crate) program: Option<PathBuf>,
    /// Whether it sees other files than this process, as in a container.
    pub(crate) is_in_container: bool,
    /// When it started; `None` if that is not known.
    pub(crate) started: Option<SystemTime>,
    /// The systemd unit that it belongs to.
    pub(crate) unit: Option<String>,
}

/// The processes with this name below `proc`, in the order of their numbers. Only root's: a process of
/// another user can have any name.
pub(crate) fn named(proc: &Path, name: &str) -> Vec<Process> {
    let mut processes = Vec::new();
    for entry in fs::read_dir(proc).into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|pid| pid.parse().ok());
        let is_roots = || fs::metadata(entry.path()).is_ok_and(|status| status.uid() == 0);
        if let Some(pid) = pid.filter(|_| is_roots()) {
            processes.extend(read(&entry.path(), pid, name));
        }
    }
    processes.sort_by_key(|process| process.pid);
    processes
}

/// The processes that see the node's files.
pub(crate) fn of_node(name: &str) -> Vec<Process> {
    let mut processes = named(Path::new(PROC), name);
    processes.retain(|process| !process.is_in_container);
    processes
}

/// The process, if it has this name: by the executed file (`comm`) or, if a thread or a multi-call binary changed
/// that, by the first word of its command line.
fn read(path: &Path, pid: i32, name: &str) -> Option<Process> {
    let text = |file: &str| fs::read(path.join(file)).unwrap_or_default();
    let text = |file: &str| String::from_utf8_lossy(&text(file)).into_owned();
    let program = fs::read_link(path.join("exe")).ok().map(without_deleted);
    let arguments = arguments(&text("cmdline"), name);
    let is_called = |word: &str| Path::new(word).file_name() == Some(name.as_ref());
    let is_first = arguments.first().is_some_and(|word| is_called(word));
    // A kernel thread and a zombie have no command line.
    if arguments.is_empty() || (text("comm").trim_end() != name && !is_first) {
        return None;
    }
    Some(Process {
        pid,
        arguments,
        environment: words(&text("environ")),
        directory: fs::read_link(path.join("cwd")).ok(),
        program: program.filter(|program| !is_interpreter(program)),
        is_in_container: is_in_container(path),
        started: started(&text("stat")),
        unit: unit(&text("cgroup")),
    })
}

/// The words of a `cmdline`, each of which ends in NUL. A script's begin with its interpreter.
fn arguments(cmdline: &str, name: &str) -> Vec<String> {
    let mut words = words(cmdline);
    let is_called = |word: &String| Path::new(word).file_name() == Some(name.as_ref());
    if !words.first().is_some_and(is_called) && words.get(1).is_some_and(is_called) {
        words.remove(0);
    }
    words
}

/// Words that end in NUL each.
fn words(text: &str) -> Vec<String> {
    let words = text.strip_suffix('\0').unwrap_or(text).split('\0');
    let words = words.filter(|_| !text.is_empty());
    words.map(str::to_owned).collect()
}

/// Whether the program treats its arguments as its own.
fn is_interpreter(program: &Path) -> bool {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    ["sh", "bash", "dash", "busybox", "python3", "perl"].contains(&&*name)
}

fn without_deleted(path: PathBuf) -> PathBuf {
    match path.as_os_str().as_bytes().strip_suffix(DELETED) {
        Some(before) => PathBuf::from(std::ffi::OsStr::from_bytes(before)),
        None => path,
    }
}

/// Whether a process has another root directory, or mounts of its own over the same one. A service with mounts of
/// its own (systemd's PrivateTmp) has the same `/etc`. Only root may look. Without permission, the answer is no.
fn is_in_container(process: &Path) -> bool {
    let id = |path: PathBuf| fs::metadata(path).map(|it| (it.dev(), it.ino()));
    ["", "etc"].into_iter().any(|name| {
        match (
            id(process.join("root").join(name)),
            id(Path::new("/").join(name)),
        ) {
            (Ok(theirs), Ok(ours)) => theirs != ours,
            (Err(error), _) => error.kind() != ErrorKind::PermissionDenied,
            (Ok(_), Err(_)) => true,
        }
    })
}

/// The service in a process's `cgroup` (cgroups(7)): `0::/system.slice/containerd.service`.
fn unit(cgroup: &str) -> Option<String> {
    let mut names = cgroup.lines().filter_map(|line| line.rsplit('/').next());
    names
        .find(|name| name.ends_with(".service"))
        .map(str::to_owned)
}

/// When a process started, by the 22nd field of its `stat` (proc(5)), in ticks since the boot.
fn started(stat: &str) -> Option<SystemTime> {
    // The second field is the name in parentheses, and can have anything in it.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: f64 = fields.split_ascii_whitespace().nth(19)?.parse().ok()?;
    let per_second = sysconf(SysconfVar::CLK_TCK).ok()??;
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
    let age = uptime - ticks / per_second as f64;
    SystemTime::now().checked_sub(Duration::try_from_secs_f64(age).ok()?)
}

#[cfg(test)]
mod tests {
    use super::{arguments, unit};

    #[test]
    fn the_command_line_begins_with_the_program() {
        for (cmdline, expected) in [
            ("", &[][..]),
            ("crio\0", &["crio"]),
            (
                "/usr/bin/crio\0--config\0\0",
                &["/usr/bin/crio", "--config", ""],
            ),
            ("/bin/sh\0/x/crio\0-c\0/a\0", &["/x/crio", "-c", "/a"]),
            ("other\0crio.txt\0", &["other", "crio.txt"]),
        ] {
            assert_eq!(arguments(cmdline, "crio"), expected, "{cmdline:?}");
        }
    }

    #[test]
    fn the_cgroup_names_the_unit() {
        let hybrid = "2:cpu:/system.slice/k3s.service\n0::/\n";
        assert_eq!(unit(hybrid).as_deref(), Some("k3s.service"));
        let unified = "0::/system.slice/containerd.service\n";
        assert_eq!(unit(unified).as_deref(), Some("containerd.service"));
        assert_eq!(unit("0::/user.slice/session-1.scope\n"), None);
    }
}
