//! A throw-away world: a test's body in namespaces of its own, so that daemons, containers, bridges and
//! mounts die with it, also when it panics half-way. libtest has no teardown; the kernel has.
//!
//! [`world`] runs the test binary again, with `--exact` and the test's name, as the child of a little init
//! in new mount, pid, net, ipc, uts and cgroup namespaces. In there:
//!
//! * `/run` is an empty tmpfs; `/dev`, `/etc`, `/usr/share/containers` and `/var/lib` are overlays whose changes
//!   lie in it: the test may add users, write `/etc/hosts`, listen on `/dev/log`, use an engine's default
//!   directories. Nothing reaches a disk. The machine's own installation of this project is not there.
//! * mounts propagate (`rshared`, as systemd sets it up), but never to the machine's own mount table:
//!   a hook that leaks a mount on its host is seen in the world's.
//! * the cgroup v1 controllers are mounted without the v2 hierarchy of a hybrid machine, which crun refuses;
//!   every cgroup made in there lies under one directory that the parent removes.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Tells the test binary that it is the one inside; its value is the test's name.
const MARKER: &str = "OCI_HOSTALIASES_TEST_WORLD";
const CGROUP_PREFIX: &str = "oci-hostaliases-test-";
/// For the test's own files, inside the world.
const HOME: &str = "/run/world";
/// Longer than any engine's own time limits, which give the better messages.
const WORLD_LIMIT: Duration = Duration::from_secs(400);
/// When `OCI_HOSTALIASES_TEST_LONG` asks for the whole of each test and not a sample.
const LONG_WORLD_LIMIT: Duration = Duration::from_secs(4 * 3600);
const CGROUP_LIMIT: Duration = Duration::from_secs(20);

/// Moves itself into the cgroups, then into the namespaces.
const ENTER: &str = r#"
set -eu
for cgroup in $WORLD_CGROUPS; do echo $$ >"$cgroup/cgroup.procs"; done
exec unshare --mount --propagation private --pid --fork --kill-child --mount-proc --net --ipc --uts --cgroup \
    sh -c "$WORLD_INIT" init "$@"
"#;

/// The world's first process. It stays, to reap what daemons leave behind: a zombie is a process for
/// `kill(pid, 0)`, by which engines wait. Hence the last `exit`, without which sh would exec the test.
const INIT: &str = r#"
set -eu
mount -t tmpfs -o mode=755 world /run
mkdir -p /run/world /run/lock
overlay() { # LOWER UPPER MOUNTPOINT
    mkdir -p "$2/upper" "$2/work"
    mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" world "$3"
}
for directory in /etc /usr/share/containers /var/lib; do
    [ ! -d $directory ] || overlay $directory /run/.overlay$directory $directory
done
# An overlay shows nothing of what is mounted below its lower directory.
mkdir -p /run/.dev
mount --rbind /dev /run/.dev
overlay /run/.dev /run/.overlay/dev /dev
for name in pts shm mqueue; do
    ! mountpoint -q /run/.dev/$name || mount --rbind /run/.dev/$name /dev/$name
done
rm -rf /etc/oci-hostaliases /dev/log
# Podman unmounts each mount of the table below /sys, and fails at one that is only hidden.
! mountpoint -q /sys || umount --recursive --lazy /sys
mount -t sysfs sysfs /sys
if [ -n "$WORLD_CONTROLLERS" ]; then
    mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
    for controller in $WORLD_CONTROLLERS; do
        name=${controller#name=}
        mkdir -p "/sys/fs/cgroup/$name"
        mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$name"
    done
else
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    # A v2 group with processes of its own cannot hand controllers on to children.
    mkdir /sys/fs/cgroup/test
    while read -r pid; do echo "$pid" >/sys/fs/cgroup/test/cgroup.procs || :; done </sys/fs/cgroup/cgroup.procs
fi
mount --make-rshared /
ip link set lo up
"$@" && status=0 || status=$?
exit $status
"#;

/// Runs `body` in a world of its own. `test` is the test's name as libtest prints it. The body gets a
/// directory for its files.
#[allow(dead_code)] // Some test binaries always bring engines of their own.
pub(crate) fn world(test: &str, body: impl FnOnce(&Path)) {
    world_of(test, &[], body);
}

/// The same, with the programs of these directories in front of the machine's.
pub(crate) fn world_of(test: &str, programs: &[&Path], body: impl FnOnce(&Path)) {
    match std::env::var(MARKER) {
        Ok(name) => {
            assert_eq!(name, test, "the world's test and the name it gave differ");
            // A body writes to /etc. A variable must not direct it to the machine's.
            let of_the_world =
                |line: &String| line.contains(" /run ") && line.contains(" - tmpfs world ");
            assert!(
                mounts().iter().any(of_the_world),
                "{MARKER} is set, but this is no world"
            );
            body(Path::new(HOME));
        }
        Err(_) => outside(test, programs),
    }
}

fn outside(test: &str, programs: &[&Path]) {
    let before = mounts();
    let cgroups = Cgroups::make();
    let (status, output) = run_inside(test, programs, &cgroups);
    let left = cgroups.remove();

    assert!(
        status.success(),
        "the test inside its world failed: {}\n{output}",
        describe(status)
    );
    // libtest reports success also when the name matches no test.
    assert!(
        output.contains("test result: ok. 1 passed"),
        "{test} did not run:\n{output}"
    );
    println!("{output}");
    assert_eq!(
        left,
        Vec::<PathBuf>::new(),
        "cgroups or processes outlived the world"
    );
    let leaked: Vec<_> = mounts()
        .difference(&before)
        .filter(|line| line.contains(HOME) || line.contains("oci-hostaliases"))
        .cloned()
        .collect();
    assert_eq!(
        leaked,
        Vec::<String>::new(),
        "mounts leaked out of the world"
    );
}

fn run_inside(test: &str, programs: &[&Path], cgroups: &Cgroups) -> (ExitStatus, String) {
    // A file, not a pipe: it need not be read while the world runs.
    let mut output = tempfile::tempfile().expect("a temporary file");
    let stream = |file: &File| Stdio::from(file.try_clone().expect("dup"));
    let machine = std::env::var_os("PATH").unwrap_or_default();
    let path = programs
        .iter()
        .map(|directory| directory.to_path_buf())
        .chain(std::env::split_paths(&machine));
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "sh", "-c", ENTER, "enter"])
        .arg(std::env::current_exe().expect("the test binary's path"))
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(MARKER, test)
        .env("PATH", std::env::join_paths(path).expect("PATH"))
        .env("WORLD_INIT", INIT)
        .env("WORLD_CGROUPS", cgroups.words())
        .env("WORLD_CONTROLLERS", cgroups.controllers.join(" "))
        .stdin(Stdio::null())
        .stdout(stream(&output))
        .stderr(stream(&output))
        .spawn()
        .expect("setpriv");

    let end = Instant::now() + world_limit();
    let status = loop {
        if let Some(status) = child.try_wait().expect("wait") {
            break status;
        }
        if Instant::now() > end {
            // unshare's --kill-child takes the world's first process with it, and that the whole world.
            let _ = child.kill();
            break child.wait().expect("wait");
        }
        std::thread::sleep(Duration::from_millis(50));
    };

    let mut bytes = Vec::new();
    output.rewind().expect("rewind");
    output.read_to_end(&mut bytes).expect("read");
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

fn world_limit() -> Duration {
    match std::env::var_os("OCI_HOSTALIASES_TEST_LONG") {
        Some(_) => LONG_WORLD_LIMIT,
        None => WORLD_LIMIT,
    }
}

fn describe(status: ExitStatus) -> String {
    match status.signal() {
        Some(9) => format!("killed; its limit is {} s", world_limit().as_secs()),
        _ => status.to_string(),
    }
}

/// The mount table, a mount a line.
pub(crate) fn mounts() -> BTreeSet<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
    table.lines().map(str::to_owned).collect()
}

/// One directory in each cgroup hierarchy, removed with all that the world made below it.
struct Cgroups {
    directories: Vec<PathBuf>,
    /// The v1 controllers to mount inside; none on a machine with v2 only.
    controllers: Vec<String>,
}

impl Cgroups {
    fn make() -> Self {
        let (mut mount_points, mut controllers) = (Vec::new(), Vec::new());
        for line in mounts() {
            let Some((left, right)) = line.split_once(" - ") else {
                continue;
            };
            let (mut right, mount_point) =
                (right.split(' '), left.split(' ').nth(4).unwrap_or_default());
            match right.next() {
                Some("cgroup") => {
                    let options = right.nth(1).unwrap_or_default();
                    let names: Vec<_> = options
                        .split(',')
                        .filter(|o| !["rw", "ro", "xattr"].contains(o))
                        .collect();
                    controllers.push(names.join(","));
                    mount_points.push(mount_point.to_owned());
                }
                Some("cgroup2") if mount_point == "/sys/fs/cgroup" => {
                    mount_points.push(mount_point.to_owned())
                }
                _ => {}
            }
        }
        remove_stale(&mount_points);

        let name = format!(
            "{CGROUP_PREFIX}{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        );
        let name: String = name
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect();
        let mut directories = Vec::new();
        for mount_point in mount_points {
            let hierarchy = Path::new(&mount_point);
            let directory = hierarchy.join(&name);
            fs::create_dir(&directory).expect("a cgroup");
            for file in ["cpuset.cpus", "cpuset.mems"] {
                // A new v1 cpuset is empty and takes no process until it is told otherwise.
                if let Ok(value) = fs::read(hierarchy.join(file)) {
                    fs::write(directory.join(file), value).expect("cpuset");
                }
            }
            directories.push(directory);
        }
        Self {
            directories,
            controllers,
        }
    }

    fn words(&self) -> String {
        let words: Vec<_> = self
            .directories
            .iter()
            .map(|d| d.display().to_string())
            .collect();
        words.join(" ")
    }

    /// What could not be removed. A cgroup goes only when its last process is gone, so an empty list says
    /// that no process is left either.
    fn remove(&self) -> Vec<PathBuf> {
        let end = Instant::now() + CGROUP_LIMIT;
        loop {
            for directory in &self.directories {
                remove_cgroup(directory);
            }
            let left: Vec<_> = self
                .directories
                .iter()
                .filter(|d| d.exists())
                .cloned()
                .collect();
            if left.is_empty() || Instant::now() > end {
                return left;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Directories of a test that was killed before it could remove them.
fn remove_stale(mount_points: &[String]) {
    for entry in mount_points
        .iter()
        .filter_map(|m| fs::read_dir(m).ok())
        .flatten()
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name
            .strip_prefix(CGROUP_PREFIX)
            .and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            remove_cgroup(&entry.path());
        }
    }
}

/// Children first: rmdir takes only leaves. The files in a cgroup are not to be removed, so remove_dir_all
/// will not do.
fn remove_cgroup(directory: &Path) {
    for child in fs::read_dir(directory).into_iter().flatten().flatten() {
        if child.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroup(&child.path());
        }
    }
    let _ = fs::remove_dir(directory);
}
