//! The tool in a terminal: colours and progress, and neither where a pipe reads.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: web}, \
    spec: {hostNetwork: true, containers: [{name: web}], hostAliases: [{ip: 10.1.2.3, hostnames: [foo]}]}}";
const EXPLAIN: &[&str] = &["explain", "-f", "pod.yaml", "--node-hosts", "node"];
const PLAIN: &str = "\
plan: manage
reason: no container has a volume of its own on /etc/hosts
pod: default/web
network: the host's (spec.hostNetwork)

LINE  ORIGIN                       TEXT
   1  kubelet's boilerplate        # Kubernetes-managed hosts file (host network).
   2  the node's hosts file node   192.0.2.1 \\u{1b}[31mnode
   3  heading of spec.hostAliases
   4  heading of spec.hostAliases  # Entries added by HostAliases.
   5  spec.hostAliases[0]          10.1.2.3\tfoo
";
/// The same: SGR 1 is bold, 2 faint, 32 green, 0 the end of each.
const COLOURED: &str = "\
\x1b[1mplan:\x1b[0m manage
\x1b[1mreason:\x1b[0m no container has a volume of its own on /etc/hosts
\x1b[1mpod:\x1b[0m default/web
\x1b[1mnetwork:\x1b[0m the host's (spec.hostNetwork)

\x1b[1mLINE\x1b[0m  \x1b[1mORIGIN\x1b[0m                       \x1b[1mTEXT\x1b[0m
   \x1b[2m1\x1b[0m  kubelet's boilerplate        # Kubernetes-managed hosts file (host network).
   \x1b[2m2\x1b[0m  the node's hosts file node   192.0.2.1 \\u{1b}[31mnode
   \x1b[2m3\x1b[0m  heading of spec.hostAliases
   \x1b[2m4\x1b[0m  heading of spec.hostAliases  # Entries added by HostAliases.
   \x1b[2m5\x1b[0m  \x1b[32mspec.hostAliases[0]\x1b[0m          10.1.2.3\tfoo
";

/// The tool in a directory with what [`EXPLAIN`] reads.
fn tool(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    fs::write(directory.join("pod.yaml"), POD).unwrap();
    fs::write(directory.join("node"), "192.0.2.1 \x1b[31mnode\n").unwrap();
    // Two runs are compared: the machine's processes and engines must not come and go between them.
    let alone = ["unshare", "--mount", "--pid", "--fork", "--mount-proc"];
    let is_root = nix::unistd::geteuid().is_root();
    let words = if is_root { &alone[..] } else { &[] };
    let program = env!("CARGO_BIN_EXE_oci-hostaliases");
    let mut words = words.iter().copied().chain([program]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).args(arguments).current_dir(directory);
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.stdin(Stdio::null()).envs(variables.iter().copied());
    command
}

/// Both ends of a new pseudoterminal: the one that a person sits at, and the program's.
fn pseudoterminal() -> (File, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let terminal = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).unwrap();
    (File::from(master), terminal)
}

/// What the program writes to a terminal, with the line ends that it wrote.
fn read_all(mut master: File, mut command: Command) -> String {
    let mut child = command.spawn().unwrap();
    // Its ends of the terminal.
    drop(command);
    let mut text = Vec::new();
    // EIO when the last one is closed.
    let _ = master.read_to_end(&mut text);
    child.wait().unwrap();
    String::from_utf8(text).unwrap().replace("\r\n", "\n")
}

fn in_terminal(mut command: Command) -> String {
    let (master, terminal) = pseudoterminal();
    command.stdout(terminal).stderr(Stdio::null());
    read_all(master, command)
}

fn in_pipe(mut command: Command) -> String {
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

#[test]
fn colours() {
    let directory = tempfile::tempdir().unwrap();
    let explain = |variables: &[(&str, &str)]| tool(directory.path(), EXPLAIN, variables);
    let xterm = ("TERM", "xterm");
    for (variables, text) in [
        (&[xterm][..], COLOURED),
        (&[xterm, ("NO_COLOR", "1")], PLAIN),
        (&[xterm, ("CLICOLOR", "0")], PLAIN),
        (&[("TERM", "dumb")], PLAIN),
    ] {
        assert_eq!(in_terminal(explain(variables)), text, "{variables:?}");
    }
    assert_eq!(in_pipe(explain(&[xterm])), PLAIN);
    let forced = &[("CLICOLOR_FORCE", "1")];
    assert_eq!(in_pipe(explain(forced)), COLOURED);
}

/// A file is no text of the tool: it has the same bytes everywhere.
#[test]
fn a_rendered_file_has_no_colours() {
    let directory = tempfile::tempdir().unwrap();
    let render = ["render", "-f", "pod.yaml", "--node-hosts", "pod.yaml"];
    let render = || tool(directory.path(), &render, &[("TERM", "xterm")]);
    assert_eq!(in_terminal(render()), in_pipe(render()));
}

#[test]
fn doctor_has_the_same_words_in_colours() {
    let directory = tempfile::tempdir().unwrap();
    let doctor = || tool(directory.path(), &["doctor"], &[("TERM", "xterm")]);
    let (coloured, plain) = (in_terminal(doctor()), in_pipe(doctor()));
    assert!(
        coloured.contains("\n  \x1b[32mok\x1b[0m       "),
        "{coloured}"
    );
    let pieces = coloured.split('\x1b');
    let words: String = pieces
        .enumerate()
        .map(|(nth, piece)| match nth {
            0 => piece,
            _ => piece.split_once('m').unwrap().1,
        })
        .collect();
    assert_eq!(words, plain);
}

/// One line, rewritten for each process, and gone before the next output.
#[test]
fn progress() {
    let directory = tempfile::tempdir().unwrap();
    let refresh = |variables: &[(&str, &str)]| {
        let nothing = ["refresh", "--dry-run", "--hosts-d", "none"];
        tool(directory.path(), &nothing, variables)
    };
    let on_stderr = |mut command: Command| {
        let (master, terminal) = pseudoterminal();
        command.stdout(Stdio::null()).stderr(terminal);
        read_all(master, command)
    };
    let seen = on_stderr(refresh(&[("TERM", "xterm"), ("NO_COLOR", "1")]));
    let lines: Vec<&str> = seen.split("\r\x1b[K").collect();
    assert_eq!(lines[0], "", "{seen:?}");
    let of = lines[1].strip_prefix("process 1 of ").unwrap();
    let all: usize = of
        .split_once(", would refresh: 0")
        .unwrap()
        .0
        .parse()
        .unwrap();
    assert_eq!(
        lines[all],
        format!("process {all} of {all}, would refresh: 0")
    );
    // Behind the last there are messages only.
    assert_eq!(lines.len(), all + 2, "{seen:?}");

    let quiet = on_stderr(refresh(&[("TERM", "dumb")]));
    assert_eq!(quiet, lines[all + 1]);
    let piped = refresh(&[("TERM", "xterm")]).output().unwrap();
    assert_eq!(String::from_utf8(piped.stderr).unwrap(), quiet);
}
