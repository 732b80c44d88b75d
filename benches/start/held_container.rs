//! A container that runc has made and that waits where hooks run: its mounts are made, its root has not changed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, sleep};
use std::time::Duration;

use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::{Value, json};

/// The held container. Dropping it lets it go on to its end.
pub(crate) struct HeldContainer {
    runc: Child,
    directory: PathBuf,
    umount: Sender<Sender<()>>,
    /// The state as runc gave it to the hook.
    pub(crate) state: Value,
}

impl HeldContainer {
    pub(crate) fn start(work: &Path, rootfs: &Path) -> Self {
        let directory = work.join("held");
        fs::create_dir(&directory).unwrap();
        mkfifo(&directory.join("release"), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        let hold = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/start/hold.sh");
        let hooks = json!({"prestart": [{
            "path": hold, "args": ["hold.sh", directory], "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        }]});
        super::write_config(&directory, rootfs, hooks);
        let runc = Command::new("runc")
            .args(["run", "--bundle"])
            .arg(&directory)
            .arg(format!("oci-hostaliases-bench-{}", std::process::id()))
            .spawn()
            .unwrap();
        let state = (0..1000).find_map(|_| {
            sleep(Duration::from_millis(10));
            fs::read(directory.join("state")).ok()
        });
        let state: Value = serde_json::from_slice(&state.expect("runc runs the hook")).unwrap();
        let pid = state["pid"].to_string();
        give_network(&pid);
        let umount = thread_inside(&pid, rootfs.join("etc/hosts"));
        Self {
            runc,
            directory,
            umount,
            state,
        }
    }

    /// Takes away what a hook has mounted on `/etc/hosts`, if anything.
    pub(crate) fn umount_hosts(&self) {
        let (done, wait) = channel();
        self.umount.send(done).unwrap();
        wait.recv().unwrap();
    }
}

impl Drop for HeldContainer {
    fn drop(&mut self) {
        let released = File::options()
            .write(true)
            .open(self.directory.join("release"));
        drop(released);
        let _ = self.runc.wait();
    }
}

/// A Pod's network: one interface with an address and the default route.
fn give_network(pid: &str) {
    let script = "ip link add eth0 type veth peer name peer0 && ip address add 10.200.0.5/24 dev eth0 \
                  && ip link set eth0 up && ip link set peer0 up && ip route add default via 10.200.0.1";
    let status = Command::new("nsenter")
        .args(["-t", pid, "-n", "sh", "-c", script])
        .status()
        .unwrap();
    assert!(status.success(), "{script}");
}

/// A thread in the container's mount namespace that umounts `target` when it is asked.
fn thread_inside(pid: &str, target: PathBuf) -> Sender<Sender<()>> {
    let namespace = File::open(format!("/proc/{pid}/ns/mnt")).unwrap();
    let (ask, asked) = channel::<Sender<()>>();
    thread::spawn(move || {
        unshare(CloneFlags::CLONE_FS).unwrap();
        setns(namespace, CloneFlags::CLONE_NEWNS).unwrap();
        for done in asked {
            while umount2(&target, MntFlags::MNT_DETACH).is_ok() {}
            let _ = done.send(());
        }
    });
    ask
}
