//! The cost of the hook: the release hook runs against a container that runc has made and that waits where hooks
//! run, beside the least that is possible (`floor.c`), programs that do nothing (`nothing.c`, `/bin/true`) and a
//! typical shell hook (`shell-hook.sh`). The C programs and the hook are built with both C libraries.
//!
//! Run by `make bench`, as root. The programs of a table take turns, so that a busy moment of the machine affects all
//! of them. Compare the ratios.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod aims;
mod counts;
mod held_container;
mod programs;
mod timing;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use oci_hostaliases::files::compile;
use oci_hostaliases::kernel::privileges::close_inherited_descriptors;
use serde_json::{Map, Value, json};

use aims::Measured;
use counts::Counts;
use held_container::HeldContainer;
use programs::{Hook, Programs};
use timing::{Times, Variant, in_turn, named};

const ROUNDS: usize = 600;
const ROUNDS_OF_SIZES: usize = 200;
const ROUNDS_OF_CONTAINERS: usize = 600;
const HOST_ALIASES: &str = "oci-hostaliases.io/host-aliases";
const TWO_ENTRIES: &str = r#"[{"ip":"10.1.2.3","hostnames":["foo.remote"]},{"ip":"10.1.2.4","hostnames":["bar.remote"]}]"#;
/// The configuration of a container as an engine writes it.
const USUAL_CONFIG: usize = 20_000;

fn main() {
    // Runtimes leave nothing open at this stage; the shell that runs this program may.
    close_inherited_descriptors().unwrap();
    have_own_run();
    let work = tempfile::tempdir().unwrap();
    let programs = Programs::build(work.path());
    let rootfs = make_rootfs(work.path());
    let measured = {
        let held = HeldContainer::start(work.path(), &rootfs);
        let bundles = Bundles {
            work: work.path(),
            rootfs: &rootfs,
            held: &held,
        };
        let mut measured = of_a_hook(&programs, &bundles);
        for hook in &programs.hooks {
            sizes(hook, &bundles);
        }
        measured.with_node_entries = hosts_d(&programs, &bundles);
        measured
    };
    of_a_container(&programs, work.path(), &rootfs);
    measured.print(&programs.hooks);
}

/// A `/run` of our own, for runc's state and the compiled file.
fn have_own_run() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let nothing = None::<&str>;
    mount(
        nothing,
        "/",
        nothing,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        nothing,
    )
    .unwrap();
    mount(
        Some("tmpfs"),
        "/run",
        Some("tmpfs"),
        MsFlags::empty(),
        nothing,
    )
    .unwrap();
    fs::create_dir("/run/oci-hostaliases").unwrap();
}

/// A hook's whole process, and what is counted of it.
fn of_a_hook(programs: &Programs, bundles: &Bundles<'_>) -> Measured {
    let request = [(HOST_ALIASES, TWO_ENTRIES)];
    let engine_file = json!({"destination": "/etc/hosts", "type": "bind", "options": ["rbind", "rw"],
        "source": "/var/lib/kubelet/pods/8a8a3b3e-5e44-4b49-9d3c-0f0d8d4d5b11/etc-hosts"});
    let sandbox = [("io.kubernetes.cri.container-type", "sandbox")];
    let of_plans = [
        (
            "leave",
            bundles.make("leave", &[], USUAL_CONFIG, Some(&engine_file)),
        ),
        (
            "sandbox",
            bundles.make("sandbox", &sandbox, USUAL_CONFIG, None),
        ),
        (
            "manage",
            bundles.make("manage", &request, USUAL_CONFIG, None),
        ),
        (
            "extend",
            bundles.make("extend", &request, USUAL_CONFIG, Some(&engine_file)),
        ),
    ];
    let manage = of_plans[2].1.as_path();
    let rootfs = bundles.rootfs.display().to_string();
    let mut variants = Vec::new();
    for (name, copies) in &programs.that_do_nothing {
        variants.push(Variant::new(name, copies, &[], manage));
    }
    for (name, copies) in &programs.floors {
        variants.push(Variant::new(name, copies, &[&rootfs], manage));
    }
    for Hook { library, copies } in &programs.hooks {
        for (plan, state) in &of_plans {
            let name = format!("hook, {library}, {plan}");
            variants.push(Variant::new(&name, copies, &["prestart"], state));
        }
    }
    let undo = || bundles.held.umount_hosts();
    let times = in_turn(ROUNDS, &variants, undo);
    let references = [
        "nothing, glibc",
        "nothing, musl",
        "floor, glibc",
        "floor, musl",
    ];
    timing::print("A hook's process", &times, &references);

    let (library, copies) = (programs.hooks[0].library, &programs.hooks[0].copies);
    let hook = format!("hook, {library}, manage");
    let shell = [
        Variant::new("floor, glibc", &programs.floors[0].1, &[&rootfs], manage),
        Variant::new(&hook, copies, &["prestart"], manage),
        Variant::new("shell hook", &programs.shell_hook, &[], manage),
    ];
    let shell = in_turn(ROUNDS / 10, &shell, undo);
    timing::print("Beside a hook in shell", &shell, &["floor, glibc", &hook]);

    let counts: Vec<_> = variants
        .iter()
        .map(|variant| (variant, Counts::of(variant, bundles.work, undo)))
        .collect();
    counts::print(&counts);
    let counts = counts
        .into_iter()
        .map(|(variant, counts)| (variant.name.clone(), counts))
        .collect();
    Measured {
        times,
        counts,
        with_node_entries: Vec::new(),
    }
}

/// How the cost grows with the Pod's entries and with `config.json`.
fn sizes(hook: &Hook, bundles: &Bundles<'_>) {
    let Hook { library, copies } = hook;
    let undo = || bundles.held.umount_hosts();
    let variants = [0, 10, 1_000, 10_000].map(|entries| {
        // hosts(5) lines: ten thousand entries as JSON are longer than annotations may be.
        let lines: String = (0..entries)
            .map(|nth| format!("10.0.{}.{} h{nth}\n", nth / 250, nth % 250))
            .collect();
        let request = [(HOST_ALIASES, lines.as_str())];
        let request = if entries == 0 {
            &request[..0]
        } else {
            &request
        };
        let state = bundles.make(&format!("{library}-entries-{entries}"), request, 0, None);
        Variant::new(&format!("{entries} entries"), copies, &["prestart"], &state)
    });
    let times = in_turn(ROUNDS_OF_SIZES, &variants, undo);
    timing::print(
        &format!("Entries of the Pod, {library}"),
        &times,
        &["0 entries"],
    );

    let variants = [10_000, 100_000, 1_000_000].map(|bytes| {
        let state = bundles.make(
            &format!("{library}-config-{bytes}"),
            &[(HOST_ALIASES, TWO_ENTRIES)],
            bytes,
            None,
        );
        Variant::new(
            &format!("{} KB", bytes / 1000),
            copies,
            &["prestart"],
            &state,
        )
    });
    let times = in_turn(ROUNDS_OF_SIZES, &variants, undo);
    timing::print(&format!("config.json, {library}"), &times, &["10 KB"]);
}

/// What the entries of a node cost, ten in a file. The median for 1,000 files, of each hook.
fn hosts_d(programs: &Programs, bundles: &Bundles<'_>) -> Vec<f64> {
    let state = bundles.make("hosts.d", &[], USUAL_CONFIG, None);
    let mut variants = Vec::new();
    for files in [0, 10, 1_000] {
        let directory = bundles.work.join(format!("hosts.d-{files}"));
        fs::create_dir(&directory).unwrap();
        for file in 0..files {
            let name = |line| format!("host-{line}.team-{file}.corp.example host-{line}");
            let lines: String = (0..10)
                .map(|line| format!("10.{}.{}.{line}  {}\n", file / 250, file % 250, name(line)))
                .collect();
            fs::write(directory.join(format!("{file:04}.hosts")), lines).unwrap();
        }
        // As the agent does it.
        compile::keep(&directory).unwrap();
        let mut ways = vec![("", directory.clone())];
        if files == 1_000 {
            // By a name that the compiled file does not know.
            ways.push((" without the compiled file", directory.join(".")));
        }
        for (way, directory) in ways {
            let directory = directory.into_os_string().into_string().unwrap();
            let arguments = ["prestart", "--hosts-d", &directory];
            for Hook { library, copies } in &programs.hooks {
                let name = format!("{files} files{way}, {library}");
                variants.push(Variant::new(&name, copies, &arguments, &state));
            }
        }
    }
    let times = in_turn(ROUNDS_OF_SIZES, &variants, || bundles.held.umount_hosts());
    timing::print("Files in hosts.d", &times, &[]);
    let of = |hook: &Hook| named(&times, &format!("1000 files, {}", hook.library)).median();
    programs.hooks.iter().map(of).collect()
}

/// `runc run` of a whole container, with each of them as its hook.
fn of_a_container(programs: &Programs, work: &Path, rootfs: &Path) {
    let rootfs_words = rootfs.display().to_string();
    // The copies are for the hook that runc starts: a bundle for each.
    let with = |name: &str, copies: &[String], arguments: &[&str]| {
        let bundle = work.join(format!("run, {name}"));
        fs::create_dir(&bundle).unwrap();
        let hooks = copies.first().map_or(json!({}), |path| {
            let args: Vec<_> = std::iter::once(path.as_str()).chain(arguments.iter().copied()).collect();
            json!({"prestart": [{"path": path, "args": args, "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}]})
        });
        write_config(&bundle, rootfs, hooks);
        let id = format!("oci-hostaliases-bench-{}", std::process::id());
        let bundle = bundle.display().to_string();
        Variant::new(
            name,
            &["runc".to_owned()],
            &["run", "--bundle", &bundle, &id],
            Path::new("/dev/null"),
        )
    };
    let mut variants = vec![with("no hook", &[], &[])];
    let (nothing, floor) = (&programs.that_do_nothing[0], &programs.floors[0]);
    variants.push(with(nothing.0, &nothing.1, &[]));
    variants.push(with(floor.0, &floor.1, &[&rootfs_words]));
    for Hook { library, copies } in &programs.hooks {
        variants.push(with(
            &format!("hook, {library}, manage"),
            copies,
            &["prestart"],
        ));
    }
    let times = in_turn(ROUNDS_OF_CONTAINERS, &variants, || {});
    timing::print("runc run of a whole container", &times, &["no hook"]);
    println!("\nAdded by the hook, by the means of the fastest tenth of each\n");
    println!("| | mean | added | to floor |\n|---|---|---|---|");
    let none = times[0].mean_of_fastest();
    let added = |times: &Times| times.mean_of_fastest() - none;
    let of_floor = added(named(&times, floor.0));
    for times in &times {
        println!(
            "| {} | {:.3} ms | {:.3} ms | {:.2} |",
            times.name,
            times.mean_of_fastest(),
            added(times),
            added(times) / of_floor
        );
    }
    let shell = [
        with("without a hook", &[], &[]),
        with("shell hook", &programs.shell_hook, &[]),
    ];
    let times = in_turn(ROUNDS_OF_CONTAINERS / 60, &shell, || {});
    timing::print("runc run with a hook in shell", &times, &["without a hook"]);
}

/// A root filesystem with busybox and an `/etc/hosts` as an image has it.
fn make_rootfs(work: &Path) -> PathBuf {
    let rootfs = work.join("rootfs");
    for directory in ["bin", "etc", "proc", "dev", "sys"] {
        fs::create_dir_all(rootfs.join(directory)).unwrap();
    }
    fs::copy("/bin/busybox", rootfs.join("bin/true")).unwrap();
    fs::set_permissions(rootfs.join("bin/true"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(rootfs.join("etc/hosts"), "127.0.0.1\tlocalhost\n").unwrap();
    rootfs
}

/// A `config.json` that runc runs.
fn write_config(bundle: &Path, rootfs: &Path, hooks: Value) {
    let status = Command::new("runc")
        .args(["spec", "--bundle"])
        .arg(bundle)
        .status()
        .unwrap();
    assert!(status.success(), "runc spec");
    let path = bundle.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["root"] = json!({"path": rootfs, "readonly": false});
    config["process"]["terminal"] = json!(false);
    config["process"]["args"] = json!(["/bin/true"]);
    config["hostname"] = json!("bench");
    config["annotations"] = json!({HOST_ALIASES: TWO_ENTRIES});
    config["hooks"] = hooks;
    pad(&mut config, USUAL_CONFIG);
    fs::write(&path, serde_json::to_vec(&config).unwrap()).unwrap();
}

/// Makes it about as long as `bytes`, with what makes real ones long: a seccomp profile and the environment, a half
/// each.
fn pad(config: &mut Value, bytes: usize) {
    // runc reads it too, and must not have to make a filter of it.
    config["unused"] = json!({"syscalls": []});
    let length = |value: &Value| serde_json::to_vec(value).unwrap().len();
    let half = bytes.saturating_sub(length(config)) / 2;
    let variable = |nth: usize| {
        let (third, fourth) = (nth / 250 % 250, nth % 250);
        json!(format!(
            "SERVICE_{nth:06}_PORT_8080_TCP=tcp://10.96.{third}.{fourth}:8080"
        ))
    };
    let rule = |nth: usize| {
        json!({"names": ["read", "write", "openat"], "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": nth, "valueTwo": 0, "op": "SCMP_CMP_EQ"}]})
    };
    fill(&mut config["process"]["env"], half, variable);
    fill(&mut config["unused"]["syscalls"], half, rule);
}

/// Appends to a list until it has `bytes` more.
fn fill(list: &mut Value, bytes: usize, item: impl Fn(usize) -> Value) {
    let list = list.as_array_mut().unwrap();
    let mut added = 0;
    for nth in 0.. {
        if added >= bytes {
            break;
        }
        let item = item(nth);
        // With its comma.
        added += serde_json::to_vec(&item).unwrap().len() + 1;
        list.push(item);
    }
}

/// Bundles for the held container, which differ in their `config.json`.
struct Bundles<'a> {
    work: &'a Path,
    rootfs: &'a Path,
    held: &'a HeldContainer,
}

impl Bundles<'_> {
    /// Makes one; the path of its state.
    fn make(
        &self,
        name: &str,
        annotations: &[(&str, &str)],
        bytes: usize,
        hosts: Option<&Value>,
    ) -> PathBuf {
        let bundle = self.work.join(name);
        fs::create_dir(&bundle).unwrap();
        write_config(&bundle, self.rootfs, json!({}));
        let path = bundle.join("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let annotations: Map<_, _> = annotations
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect();
        config["annotations"] = annotations.clone().into();
        config["process"]["env"] = json!(["PATH=/bin"]);
        if let (Some(mounts), Some(hosts)) = (config["mounts"].as_array_mut(), hosts) {
            mounts.push(hosts.clone());
        }
        pad(&mut config, bytes);
        fs::write(&path, serde_json::to_vec(&config).unwrap()).unwrap();
        let mut state = self.held.state.clone();
        state["bundle"] = json!(bundle);
        state["annotations"] = annotations.into();
        let state_path = bundle.join("state.json");
        fs::write(&state_path, serde_json::to_vec(&state).unwrap()).unwrap();
        state_path
    }
}
