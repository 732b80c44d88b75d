//! The containerd that runs on this node: which configuration it was started with, and when.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use nix::unistd::{SysconfVar, sysconf};

use crate::engines::bounded_run::{self, find_program};
use crate::engines::containerd::CONFIG_PATH;

const NAME: &str = "containerd";

/// A running daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Daemon {
    pub(crate) pid: i32,
    /// The configuration that it reads.
    pub(crate) config: PathBuf,
    /// When it started; `None` when the kernel does not say.
    pub(crate) started: Option<SystemTime>,
    pub(crate) program: Option<PathBuf>,
    /// The systemd unit that it belongs to.
    pub(crate) unit: Option<String>,
}

/// The daemons of this node. Those inside containers (kind) have another root directory, and a
/// another user's process can have any name.
pub(crate) fn running() -> Vec<Daemon> {
    let mut daemons = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let path = entry.path();
        let pid = entry.file_name().to_str().and_then(|pid| pid.parse().ok());
        let Some(pid) = pid else { continue };
        let text = |name: &str| fs::read_to_string(path.join(name)).unwrap_or_default();
        let is_roots = fs::metadata(&path).is_ok_and(|status| status.uid() == 0);
        if text("comm").trim_end() != NAME || !is_roots || !has_our_root(&path) {
            continue;
        }
        let program = fs::read_link(path.join("exe")).ok();
        daemons.push(Daemon {
            pid,
            config: config_argument(&text("cmdline")).unwrap_or_else(|| CONFIG_PATH.into()),
            started: started(&text("stat")),
            unit: unit(&text("cgroup")),
            // A script's interpreter would take our arguments for its own.
            program: program.filter(|path| path.file_name().is_some_and(|name| name == NAME)),
        });
    }
    daemons.sort_by_key(|daemon| daemon.pid);
    daemons
}

/// Whether a process sees our files. Only root may look; what cannot be told is taken for yes.
fn has_our_root(process: &Path) -> bool {
    let id = |path: PathBuf| fs::metadata(path).map(|it| (it.dev(), it.ino()));
    match (id(process.join("root")), id("/".into())) {
        (Ok(theirs), Ok(ours)) => theirs == ours,
        (Err(error), _) => error.kind() == ErrorKind::PermissionDenied,
        (Ok(_), Err(_)) => false,
    }
}

/// `-c PATH`, `--config PATH`, `--config=PATH` of a command line whose words end in NUL.
fn config_argument(cmdline: &str) -> Option<PathBuf> {
    let mut words = cmdline.split('\0').skip(1);
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        if ["-c", "--c", "-config", "--config"].contains(&name) {
            return value.or_else(|| words.next()).map(PathBuf::from);
        }
    }
    None
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

/// What containerd makes of the configuration and its imports: `containerd config dump`, by the
/// running daemon's own program where there is one. `None` when there is no containerd to ask.
pub(crate) fn dump(daemon: Option<&Daemon>, config: &Path) -> Option<Result<toml::Table, String>> {
    let program = daemon
        .and_then(|daemon| daemon.program.clone())
        .or_else(|| find_program(NAME))?;
    let mut command = Command::new(program);
    command.arg("--config").arg(config).args(["config", "dump"]);
    let said = match bounded_run::run(&mut command) {
        Ok(said) => said,
        Err(_) => return None,
    };
    if !said.status.success() {
        let words = said.stderr.trim_start_matches("containerd: ");
        return Some(Err(words.to_owned()));
    }
    let parsed = said.stdout.parse::<toml::Table>().ok()?;
    Some(Ok(parsed))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{config_argument, unit};

    #[test]
    fn the_command_line_names_the_configuration() {
        for (cmdline, expected) in [
            ("containerd\0", None),
            ("containerd\0-c\0/a.toml\0", Some("/a.toml")),
            (
                "/bin/sh\0/x/containerd\0-l\0debug\0-c\0/a.toml\0",
                Some("/a.toml"),
            ),
            (
                "containerd\0--config\0/a.toml\0--root\0/r\0",
                Some("/a.toml"),
            ),
            ("containerd\0--config=/a.toml\0", Some("/a.toml")),
            ("containerd\0-c\0", Some("")),
        ] {
            let found = config_argument(cmdline);
            assert_eq!(found.as_deref(), expected.map(Path::new), "{cmdline:?}");
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
