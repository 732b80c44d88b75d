//! A process that shares the root file system with the container swaps parts of the path to `/etc/hosts`, at full
//! speed, while the hook looks: CVE-2021-30465 and its like.
//!
//! Whatever happens inside of the root file system, the host's files are neither opened, made, changed nor
//! mounted on, and the hook ends.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::fs::{CWD, FileType, Mode, OFlags, RenameFlags, mknodat, openat, renameat_with};

use crate::bundle::Bundle;
use crate::call::{Waiting, call, hook_of, hooks, state};
use crate::{ALIASES, HOST_ALIASES, is_long, throwaway, tracer, world};

/// How many times the naive version may succeed before the test fails, because the checks see nothing.
const NAIVE_RUNS: usize = 2000;

/// Without `openat2` its steps are done one by one, and before Linux 5.2 `mount(2)` mounts by path.
const KERNELS: [(&str, usize); 3] = [
    ("", 50),
    ("openat2:error=ENOSYS", 1),
    (
        "open_tree,fsopen,fsmount,fsconfig,move_mount,openat2,pidfd_open:error=ENOSYS",
        1,
    ),
];

fn runs() -> usize {
    if is_long() { 1000 } else { 40 }
}

/// The host's files that an escape would reach, watched.
struct Canary {
    directory: PathBuf,
    mounts: BTreeSet<String>,
    events: OwnedFd,
}

impl Canary {
    /// `<home>/canary`, with a `hosts` wherever the swapped paths could lead.
    fn put(home: &Path) -> Self {
        let directory = home.join("canary");
        fs::create_dir_all(directory.join("etc")).unwrap();
        fs::write(directory.join("hosts"), "the host's own\n").unwrap();
        fs::write(directory.join("etc/hosts"), "the host's own\n").unwrap();
        let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        for path in ["", "hosts", "etc", "etc/hosts"] {
            let all = WatchFlags::OPEN
                | WatchFlags::ACCESS
                | WatchFlags::MODIFY
                | WatchFlags::ATTRIB
                | WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::MOVE;
            inotify::add_watch(&events, directory.join(path), all).unwrap();
        }
        Self {
            directory,
            mounts: throwaway::mounts(),
            events,
        }
    }

    /// What was done to the host since it was put there.
    fn harm(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        match rustix::io::read(&self.events, &mut buffer) {
            Err(rustix::io::Errno::AGAIN) => {}
            events => return Some(format!("the host's files were touched: {events:?}")),
        }
        let now = throwaway::mounts();
        let new: Vec<_> = now.symmetric_difference(&self.mounts).collect();
        (!new.is_empty()).then(|| format!("the host's mounts changed: {new:?}"))
    }
}

/// What was mounted in the container's mount namespace outside of the rootfs.
fn mounted_elsewhere(before: &str, after: &str, rootfs: &Path) -> Option<String> {
    let known: BTreeSet<_> = before.lines().collect();
    let inside = format!("{}/", rootfs.display());
    let elsewhere = after
        .lines()
        .filter(|line| !known.contains(line))
        .find(|line| !line.split(' ').nth(4).unwrap().starts_with(&inside));
    elsewhere.map(|line| format!("mounted outside of the rootfs: {line}"))
}

/// Two names whose files are exchanged, each below a directory that is held open: the swapper itself must
/// not follow what it puts there.
struct Swap {
    place: (OwnedFd, &'static str),
    other: (OwnedFd, String),
}

fn open(directory: &Path) -> OwnedFd {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    openat(CWD, directory, flags, Mode::empty()).unwrap()
}

impl Swap {
    fn swap(&self) {
        let ((place, name), (other, other_name)) = (&self.place, &self.other);
        // What is there now may itself have gone away with a directory.
        let _ = renameat_with(
            place,
            *name,
            other,
            other_name.as_str(),
            RenameFlags::EXCHANGE,
        );
    }
}

/// A file of each kind in `pool`, and symlinks to `links`.
fn fill(pool: &Path, kind: &str, links: &[PathBuf]) -> Vec<String> {
    fs::create_dir_all(pool).unwrap();
    let mut names = Vec::new();
    let mut name = |what: &str| {
        names.push(format!("{kind}-{what}"));
        pool.join(names.last().unwrap())
    };
    fs::write(name("file"), "a file\n").unwrap();
    fs::create_dir(name("empty")).unwrap();
    let directory = name("directory");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("hosts"), "inside\n").unwrap();
    for (what, kind) in [
        ("fifo", FileType::Fifo),
        ("device", FileType::CharacterDevice),
    ] {
        let null = rustix::fs::makedev(1, 3);
        mknodat(CWD, name(what), kind, Mode::from_raw_mode(0o666), null).unwrap();
    }
    for (nth, link) in links.iter().enumerate() {
        symlink(link, name(&format!("link{nth}"))).unwrap();
    }
    names
}

/// `/etc` and `/etc/hosts` are swapped for files of every kind and for symlinks to the host's.
fn swaps_of_etc(home: &Path, rootfs: &Path) -> Vec<Swap> {
    let pool = rootfs.join("pool");
    let canary = home.join("canary");
    let up = PathBuf::from("../../../../../../../../..");
    let relative = up.join(canary.strip_prefix("/").unwrap());
    let magic = PathBuf::from("/proc/self/root").join(canary.strip_prefix("/").unwrap());
    let to_etc = [canary.clone(), relative.clone(), magic];
    let to_hosts = [
        canary.join("hosts"),
        relative.join("hosts"),
        canary.join("made-by-the-hook"),
        "/proc/self/environ".into(),
        "hosts".into(),
    ];
    let of_etc = fill(&pool, "etc", &to_etc);
    let of_hosts = fill(&pool, "hosts", &to_hosts);
    let swap = |place: &Path, name, other| Swap {
        place: (open(place), name),
        other: (open(&pool), other),
    };
    let etc = rootfs.join("etc");
    let of_etc = of_etc.into_iter().map(|other| swap(rootfs, "etc", other));
    let of_hosts = of_hosts.into_iter().map(|other| swap(&etc, "hosts", other));
    of_etc.chain(of_hosts).collect()
}

/// `/etc` leads through a directory that is swapped for symlinks, and moved out of the rootfs and back while
/// `..` is followed from it: two steps up from there the host has a `canary` too.
fn swaps_of_parents(home: &Path, rootfs: &Path) -> Vec<Swap> {
    let (volume, outside, pool) = (
        rootfs.join("volume"),
        home.join("outside"),
        rootfs.join("pool"),
    );
    for directory in [&volume.join("a"), &outside.join("a"), &pool] {
        fs::create_dir_all(directory).unwrap();
    }
    let inside = rootfs.join("canary");
    fs::create_dir(&inside).unwrap();
    fs::write(inside.join("hosts"), "inside\n").unwrap();
    fs::remove_dir_all(rootfs.join("etc")).unwrap();
    symlink("volume/a/../../canary", rootfs.join("etc")).unwrap();
    symlink(home.join("outside/a"), pool.join("a")).unwrap();
    vec![
        Swap {
            place: (open(&volume), "a"),
            other: (open(&outside), "a".into()),
        },
        Swap {
            place: (open(&volume), "a"),
            other: (open(&pool), "a".into()),
        },
    ]
}

/// Runs `body` while the swaps go on, each as likely as the others.
fn while_swapping<T>(swaps: &[Swap], body: impl FnOnce() -> T) -> T {
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        // Stops also when the body panics.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _stop = Stop(&stop);
        scope.spawn(|| {
            let mut random = 0x9e37_79b9_7f4a_7c15_u64;
            while !stop.load(Ordering::Relaxed) {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let nth = usize::try_from(random >> 33).unwrap() % swaps.len();
                swaps[nth].swap();
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
        let result = body();
        println!("{} swaps", done.load(Ordering::Relaxed));
        result
    })
}

type Prepare = fn(&Path, &Path) -> Vec<Swap>;

/// The real hook, `runs` times under each kernel's answers.
fn hook_withstands(test: &str, prepare: Prepare) {
    world(test, |home| {
        let mut bundle = Bundle::new(home, "runc", "prestart");
        bundle.annotate(HOST_ALIASES, ALIASES);
        bundle.write();
        let swaps = prepare(home, &bundle.rootfs);
        let canary = Canary::put(home);
        let (mut all_mounted, mut all_refused) = (0, 0);
        for (answers, share) in KERNELS {
            let tracer = format!("strace -qq -f -o /dev/null -e inject={answers}");
            let mut command: Vec<String> = match answers {
                "" => Vec::new(),
                _ => tracer.split(' ').map(str::to_owned).collect(),
            };
            command.push(hook_of(&bundle));
            let (mut mounted, mut refused) = (0, 0);
            while_swapping(&swaps, || {
                for _ in 0..runs() * share {
                    let process = Waiting::with_rootfs(&bundle.rootfs);
                    let before = process.mounts();
                    let ended = call(&command, &state(&bundle, process.pid()));
                    let harm = mounted_elsewhere(&before, &process.mounts(), &bundle.rootfs)
                        .or_else(|| canary.harm());
                    assert_eq!(harm, None, "{answers}: {}", ended.stderr);
                    match ended.status.code() {
                        Some(0) => mounted += 1,
                        // 1: what was found was gone again, or was not to be made there.
                        Some(1 | 3) => refused += 1,
                        _ => panic!("{answers}: {}: {}", ended.status, ended.stderr),
                    }
                }
            });
            println!("{answers}: mounted {mounted} times, refused {refused} times");
            all_mounted += mounted;
            all_refused += refused;
        }
        assert!(all_mounted > 0 && all_refused > 0, "nobody raced");
        assert_eq!(
            fs::read_to_string(canary.directory.join("hosts")).unwrap(),
            "the host's own\n"
        );
    });
}

#[test]
fn etc_and_hosts() {
    hook_withstands("race::etc_and_hosts", swaps_of_etc);
}

#[test]
fn parents() {
    hook_withstands("race::parents", swaps_of_parents);
}

/// Before Linux 5.2 the mount is made by path, and `/etc/hosts` may lead to another mount afterwards: the hook
/// leaves that one alone. The container asked for nothing, so it starts, with all its volumes.
#[test]
fn moved_behind_a_mount_by_path() {
    let test = "race::moved_behind_a_mount_by_path";
    world(test, |home| {
        let mut bundle = Bundle::new(home, "runc", "prestart");
        let volume = home.join("volume");
        fs::create_dir(&volume).unwrap();
        fs::write(volume.join("kept"), "kept\n").unwrap();
        bundle.bind(&volume, "/volume");
        bundle.set_script("cat /volume/kept");
        let options = format!(
            "-o /dev/null -e inject={} -e inject=mount:delay_exit=3000000:when=2",
            KERNELS[2].0
        );
        tracer::trace(&mut bundle, &options);
        let hosts = bundle.rootfs.join("etc/hosts");
        let is_mounted = |pid: &String| {
            let table = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
            table.contains(&format!(" {} ", hosts.display()))
        };
        let swapped = std::thread::scope(|scope| {
            let swapper = scope.spawn(|| {
                for _ in 0..3000 {
                    if hooks().iter().any(is_mounted) {
                        fs::rename(&hosts, hosts.with_extension("old")).unwrap();
                        symlink("/volume", &hosts).unwrap();
                        return true;
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                false
            });
            assert_eq!(bundle.shown(), "kept\n");
            swapper.join().unwrap()
        });
        assert!(swapped, "nothing was mounted");
    });
}

/// What programs did that had those CVEs: they looked at a path, then used the path.
fn naive(process: &Waiting, source: &Path, rootfs: &Path) -> Option<()> {
    let namespace = File::open(format!("/proc/{}/ns/mnt", process.pid())).unwrap();
    // A thread of its own, so that it alone enters.
    std::thread::scope(|scope| {
        let enter_and_mount = || {
            unshare(CloneFlags::CLONE_FS).unwrap();
            setns(namespace, CloneFlags::CLONE_NEWNS).unwrap();
            let target = rootfs.join("etc/hosts");
            let is_link = |path: &Path| fs::symlink_metadata(path).is_ok_and(|s| s.is_symlink());
            if is_link(&rootfs.join("etc")) || is_link(&target) || target.is_dir() {
                return None;
            }
            if !target.exists() {
                let nonblock = OFlags::NONBLOCK.bits() as i32; // a FIFO may be there by now
                let mut options = OpenOptions::new();
                let make = options.create(true).append(true).custom_flags(nonblock);
                make.open(&target).ok()?;
            }
            let none = None::<&str>;
            mount(Some(source), &target, none, MsFlags::MS_BIND, none).ok()
        };
        scope.spawn(enter_and_mount).join().unwrap()
    })
}

/// Without this the tests above could pass because they see nothing.
#[test]
fn naive_version_is_caught() {
    world("race::naive_version_is_caught", |home| {
        let bundle = Bundle::new(home, "runc", "prestart");
        let swaps = swaps_of_etc(home, &bundle.rootfs);
        let source = home.join("source");
        fs::write(&source, "generated\n").unwrap();
        let canary = Canary::put(home);
        let caught = while_swapping(&swaps, || {
            (1..=NAIVE_RUNS).find_map(|run| {
                let process = Waiting::with_rootfs(&bundle.rootfs);
                let before = process.mounts();
                naive(&process, &source, &bundle.rootfs);
                mounted_elsewhere(&before, &process.mounts(), &bundle.rootfs)
                    .or_else(|| canary.harm())
                    .map(|harm| (run, harm))
            })
        });
        let (run, harm) = caught.expect("a path-based version was not caught");
        println!("caught at run {run}: {harm}");
    });
}
