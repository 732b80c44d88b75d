//! A node to examine, and what doctor says of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;

use crate::cure::assert_cures;

/// The node's PATH.
pub(crate) const BIN: &str = "/run/world/bin";
/// Where the node's hook is.
pub(crate) const HOOK: &str = "/run/world/libexec/oci-hostaliases-hook";
/// The directory that the node's engines read.
pub(crate) const HOOKS_D: &str = "/etc/containers/oci/hooks.d";
/// The file that `register` writes there.
pub(crate) const OURS: &str = "/etc/containers/oci/hooks.d/oci-hostaliases.json";

pub(crate) struct Node {
    /// Held open for as long as the node has a log.
    log: UnixDatagram,
}

impl Node {
    /// A node with the hook and a log, and without any engine.
    pub(crate) fn new(home: &Path) -> Self {
        for directory in ["/etc/containers", "/etc/crio", "/etc/containerd"] {
            let _ = fs::remove_dir_all(directory);
            fs::create_dir_all("/etc/containers").unwrap();
        }
        fs::create_dir_all(BIN).unwrap();
        fs::create_dir_all(home.join("libexec")).unwrap();
        let built = std::env::var_os("OCI_HOSTALIASES_HOOK")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_oci-hostaliases-hook").into());
        fs::copy(built, HOOK).unwrap();
        set_mode(HOOK, 0o755);
        Self {
            log: UnixDatagram::bind("/dev/log").unwrap(),
        }
    }

    /// A program in the node's PATH.
    pub(crate) fn add_program(&self, name: &str, script: &str) {
        write(Path::new(BIN).join(name), &format!("#!/bin/sh\n{script}\n"));
        set_mode(Path::new(BIN).join(name), 0o755);
    }

    pub(crate) fn remove_program(&self, name: &str) {
        fs::remove_file(Path::new(BIN).join(name)).unwrap();
    }

    /// A program of the machine in the node's PATH.
    pub(crate) fn link_program(&self, name: &str) {
        let program = crate::needs::find(name).unwrap();
        std::os::unix::fs::symlink(program, Path::new(BIN).join(name)).unwrap();
    }

    /// Podman, which reads [`HOOKS_D`] and runs the hook for every container.
    pub(crate) fn with_podman(&self) {
        self.add_program("podman", "echo podman version 5.4.2");
        let hooks_dir = format!("[engine]\nhooks_dir = [\"{HOOKS_D}\"]\n");
        write("/etc/containers/containers.conf", &hooks_dir);
        self.succeed(&["register", "podman", "--all", "--hook", HOOK]);
    }

    /// Takes the log away.
    pub(crate) fn without_log(self) {
        drop(self.log);
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.under(&[], arguments)
    }

    /// The program, run by another one.
    pub(crate) fn under(&self, before: &[&str], arguments: &[&str]) -> Command {
        let mut words = before.to_vec();
        words.push(env!("CARGO_BIN_EXE_oci-hostaliases"));
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(arguments);
        command.env_clear().env("PATH", BIN);
        command
    }

    pub(crate) fn succeed(&self, arguments: &[&str]) {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    /// The process of the daemon of this name.
    pub(crate) fn pid(&self, daemon: &str) -> u32 {
        let daemons = DAEMONS.lock().unwrap();
        let mut daemons = daemons.iter().filter(|it| is_called(it, daemon));
        daemons.next().unwrap().1.id()
    }

    pub(crate) fn doctor(&self) -> Said {
        Said::from(self.command(&["doctor"]).output().unwrap())
    }

    pub(crate) fn doctor_json(&self) -> (i32, Value) {
        let output = self.command(&["doctor", "--json"]).output().unwrap();
        let json = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code().unwrap(), json)
    }

    /// Writes `text` to `path`, looks for the one problem, and brings the former text back.
    pub(crate) fn broken_by(&self, path: &str, text: &str, problem: &str, remedy: &str) {
        let former = fs::read(path).ok();
        write(path, text);
        self.doctor().assert_problem(problem, remedy);
        match former {
            Some(former) => fs::write(path, former).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
    }
}

/// A process that looks like a running daemon.
pub(crate) struct Daemon(String);

/// The daemons of this world, each with how it was started.
static DAEMONS: Mutex<Vec<(Command, Child)>> = Mutex::new(Vec::new());

impl Daemon {
    /// Starts a script of this name with these arguments.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_with(name, arguments, &[])
    }

    pub(crate) fn start_with(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let program = Path::new("/run/world/daemons").join(name);
        write(&program, "#!/bin/sh\n/bin/sleep 1000\nexit 0\n");
        set_mode(&program, 0o755);
        let mut command = Command::new(&program);
        command.args(arguments).env_clear();
        command.envs(variables.iter().copied());
        let child = spawn(&mut command);
        DAEMONS.lock().unwrap().push((command, child));
        Self(name.to_owned())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let mut daemons = DAEMONS.lock().unwrap();
        daemons.retain_mut(|it| !is_called(it, &self.0) || end(&mut it.1));
    }
}

/// Restarts the daemons of this name, or all: what is on the disk is older than they are. How many those are.
pub(crate) fn restart(name: Option<&str>) -> usize {
    let mut daemons = DAEMONS.lock().unwrap();
    let daemons = daemons.iter_mut();
    let named = daemons.filter(|it| name.is_none_or(|name| is_called(it, name)));
    let restarted = named.map(|(command, child)| {
        end(child);
        *child = spawn(command);
    });
    restarted.count()
}

fn is_called((command, _): &(Command, Child), name: &str) -> bool {
    Path::new(command.get_program()).file_name() == Some(name.as_ref())
}

/// What was written before is older than the daemon, also in hundredths of a second.
fn spawn(command: &mut Command) -> Child {
    std::thread::sleep(Duration::from_millis(100));
    let child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(100));
    child
}

/// Ends it. Always false: it is gone.
fn end(child: &mut Child) -> bool {
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// What doctor printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) printed: String,
    /// The same with each group's name in its lines: `problem  hook: …`, `         change: …`, `engine   podman: …`;
    /// then the last line without its counts.
    pub(crate) lines: Vec<String>,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let printed = String::from_utf8(output.stdout).unwrap();
        let mut lines = Vec::new();
        let (groups, last) = match printed.trim_end().rsplit_once("\n\n") {
            Some((groups, last)) => (groups, last),
            None => ("", printed.trim_end()),
        };
        for group in groups.split("\n\n") {
            let (name, rest) = group.split_once('\n').unwrap();
            for line in rest.lines() {
                let line = line.strip_prefix("  ").unwrap();
                lines.push(if name == "engines" {
                    let (engine, change) = line.split_once("  ").unwrap();
                    format!("engine   {engine}: {}", change.trim_start())
                } else if line.starts_with(' ') {
                    line.to_owned()
                } else {
                    let (verdict, text) = line.split_at(9);
                    format!("{verdict}{name}: {text}")
                });
            }
        }
        lines.push(without_counts(last, &lines));
        let status = output.status.code().unwrap();
        Self {
            status,
            printed,
            lines,
        }
    }
}

/// `works`, or what to change first. The counts before or behind that are those of the lines.
fn without_counts(last: &str, lines: &[String]) -> String {
    let count = |verdict: &str| lines.iter().filter(|it| it.starts_with(verdict)).count();
    let in_words = |verdict: &str| match count(verdict) {
        0 => Vec::new(),
        1 => vec![format!("1 {verdict}")],
        many => vec![format!("{many} {verdict}s")],
    };
    let notes = in_words("note");
    match last.split_once("change this first: ") {
        None => {
            let counts = [vec!["no problems".to_owned()], notes].concat().join(", ");
            assert_eq!(last, format!("works: {counts}"), "{lines:#?}");
            "works".to_owned()
        }
        Some((counts, change)) => {
            let expected = [in_words("problem"), notes].concat().join(", ");
            assert_eq!(counts.trim_end_matches("; "), expected, "{lines:#?}");
            change.to_owned()
        }
    }
}

impl Said {
    pub(crate) fn last(&self) -> &str {
        self.lines.last().unwrap()
    }

    /// The lines of the problems, each with what to change.
    pub(crate) fn problems(&self) -> Vec<(&str, &str)> {
        let pairs = self.lines.windows(2);
        let problems = pairs.filter_map(|pair| {
            let problem = pair[0].strip_prefix("problem  ")?;
            let remedy = pair[1].strip_prefix("         change: ").unwrap();
            Some((problem, remedy))
        });
        problems.collect()
    }

    #[track_caller]
    pub(crate) fn assert_works(&self) {
        assert_eq!(self.problems(), [], "{self:#?}");
        assert_eq!((self.status, self.last()), (0, "works"), "{self:#?}");
    }

    /// There is this problem and no other, and the remedy cures it.
    #[track_caller]
    pub(crate) fn assert_problem(&self, problem: &str, remedy: &str) {
        assert_eq!(self.problems(), [(problem, remedy)], "{self:#?}");
        let subject = match problem.find("): ") {
            Some(end) if problem.starts_with("containerd (") => &problem[..=end],
            _ => problem.split(':').next().unwrap(),
        };
        assert_eq!(self.last(), format!("{subject}: {remedy}"));
        assert_eq!(self.status, 1);
        assert_cures(&format!("problem  {problem}"), remedy);
    }

    /// There is this line.
    #[track_caller]
    pub(crate) fn assert_line(&self, line: &str) {
        assert!(self.lines.iter().any(|it| it == line), "{line}: {self:#?}");
    }

    /// There is this line, and below it what could be changed, which cures it.
    #[track_caller]
    pub(crate) fn assert_note(&self, note: &str, remedy: &str) {
        let wanted = [
            format!("note     {note}"),
            format!("         change: {remedy}"),
        ];
        assert!(
            self.lines.windows(2).any(|it| it == wanted),
            "{note}: {self:#?}"
        );
        assert_cures(&wanted[0], remedy);
    }
}

pub(crate) fn write(path: impl AsRef<Path>, text: &str) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

pub(crate) fn set_mode(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn edit(path: &str, from: &str, to: &str) -> String {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "no {from:?} in {text}");
    text.replace(from, to)
}
