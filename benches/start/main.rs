//! What the hook costs: the real release hook against a container that runc has made and that waits
//! at the moment at which hooks run, beside what it could be at best (`floor.c`), nothing
//! (`nothing.c`, `/bin/true`) and what people write instead (`shell-hook.sh`).
//!
//! Run by `make bench`, as root. Everything takes turns within a table, so that a busy moment of the
//! machine is everybody's, and the ratios are what to compare.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod counts;
mod held_container;
mod timing;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use oci_hostaliases::kernel::privileges::close_inherited_descriptors;
use rustix::fs::{Advice, fadvise};
use serde_json::{Map, Value, json};

use counts::Counts;
use held_container::HeldContainer;
use timing::{Times, Variant, in_turn};

const ROUNDS: usize = 500;
const ROUNDS_OF_SIZES: usize = 200;
const ROUNDS_OF_CONTAINERS: usize = 2_000;
const HOST_ALIASES: &str = "oci-hostaliases.io/host-aliases";
const TWO_ENTRIES: &str = r#"[{"ip":"10.1.2.3","hostnames":["foo.remote"]},{"ip":"10.1.2.4","hostnames":["bar.remote"]}]"#;
/// The configuration of a container as an engine writes it.
const USUAL_CONFIG: usize = 20_000;

fn main() {
    // Runtimes leave nothing open at this stage; whoever runs this may.
    close_inherited_descriptors().unwrap();
    let hook = std::env::var("OCI_HOSTALIASES_HOOK").expect("make bench sets OCI_HOSTALIASES_HOOK");
    let work = tempfile::tempdir().unwrap();
    let programs = Programs::build(work.path(), hook);
    let rootfs = make_rootfs(work.path());
    let size = fs::metadata(&programs.hook).unwrap().len();
    println!("The hook's binary has {size} bytes.");
    {
        let held = HeldContainer::start(work.path(), &rootfs);
        let bundles = Bundles {
            work: work.path(),
            rootfs: &rootfs,
            held: &held,
        };
        of_a_hook(&programs, &bundles);
        sizes(&programs, &bundles);
        hosts_d(&programs, &bundles);
    }
    of_a_container(&programs, work.path(), &rootfs);
}

/// A hook's whole process, and what is counted of it.
fn of_a_hook(programs: &Programs, bundles: &Bundles<'_>) {
    let request = [(HOST_ALIASES, TWO_ENTRIES)];
    let engine_file = json!({"destination": "/etc/hosts", "type": "bind", "options": ["rbind", "rw"],
        "source": "/var/lib/kubelet/pods/8a8a3b3e-5e44-4b49-9d3c-0f0d8d4d5b11/etc-hosts"});
    let leave = bundles.make("leave", &[], USUAL_CONFIG, Some(&engine_file));
    let manage = bundles.make("manage", &request, USUAL_CONFIG, None);
    let extend = bundles.make("extend", &request, USUAL_CONFIG, Some(&engine_file));
    let hook = [programs.hook.as_str(), "prestart"];
    let rootfs = bundles.rootfs.display().to_string();
    let variants = [
        Variant::new("nothing", &[&programs.nothing], &manage),
        Variant::new("nothing, in Rust", &[&programs.nothing_in_rust], &manage),
        Variant::new("/bin/true", &["/bin/true"], &manage),
        Variant::new("floor", &[&programs.floor, &rootfs], &manage),
        Variant::new("hook, leave", &hook, &leave),
        Variant::new("hook, manage", &hook, &manage),
        Variant::new("hook, extend", &hook, &extend),
    ];
    let undo = || bundles.held.umount_hosts();
    let times = in_turn(ROUNDS, &variants, undo);
    timing::print(
        "A hook's process",
        &times,
        &["nothing", "/bin/true", "floor"],
    );

    let shell = [
        Variant::new("floor", &[&programs.floor, &rootfs], &manage),
        Variant::new("hook, manage", &hook, &manage),
        Variant::new("shell hook", &[&programs.shell_hook], &manage),
    ];
    let times = in_turn(ROUNDS / 10, &shell, undo);
    timing::print("Beside a hook in shell", &times, &["floor", "hook, manage"]);

    let counts: Vec<_> = variants
        .iter()
        .map(|variant| {
            (
                variant.name.as_str(),
                Counts::of(variant, &programs.usage, bundles.work, undo),
            )
        })
        .collect();
    counts::print(&counts, "nothing, in Rust");
}

/// How the cost grows with the Pod's entries and with `config.json`.
fn sizes(programs: &Programs, bundles: &Bundles<'_>) {
    let hook = [programs.hook.as_str(), "prestart"];
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
        let state = bundles.make(&format!("entries-{entries}"), request, 0, None);
        Variant::new(&format!("{entries} entries"), &hook, &state)
    });
    let times = in_turn(ROUNDS_OF_SIZES, &variants, undo);
    timing::print("Entries of the Pod", &times, &["0 entries"]);

    let variants = [10_000, 100_000, 1_000_000].map(|bytes| {
        let state = bundles.make(
            &format!("config-{bytes}"),
            &[(HOST_ALIASES, TWO_ENTRIES)],
            bytes,
            None,
        );
        Variant::new(&format!("{} KB", bytes / 1000), &hook, &state)
    });
    let times = in_turn(ROUNDS_OF_SIZES, &variants, undo);
    timing::print("config.json", &times, &["10 KB"]);
}

/// What the entries of a node cost, ten in a file.
fn hosts_d(programs: &Programs, bundles: &Bundles<'_>) {
    let state = bundles.make("hosts.d", &[], USUAL_CONFIG, None);
    let variants = [0, 10, 1_000].map(|files| {
        let directory = bundles.work.join(format!("hosts.d-{files}"));
        fs::create_dir(&directory).unwrap();
        for file in 0..files {
            let name = |line| format!("host-{line}.team-{file}.corp.example host-{line}");
            let lines: String = (0..10)
                .map(|line| format!("10.{}.{}.{line}  {}\n", file / 250, file % 250, name(line)))
                .collect();
            fs::write(directory.join(format!("{file:04}.hosts")), lines).unwrap();
        }
        let hook = [
            &programs.hook,
            "prestart",
            "--hosts-d",
            &directory.display().to_string(),
        ];
        Variant::new(&format!("{files} files"), &hook, &state)
    });
    let times = in_turn(ROUNDS_OF_SIZES / 2, &variants, || {
        bundles.held.umount_hosts()
    });
    timing::print("Files in hosts.d", &times, &["0 files"]);
}

/// `runc run` of a whole container, with each of them as its hook.
fn of_a_container(programs: &Programs, work: &Path, rootfs: &Path) {
    let rootfs_words = rootfs.display().to_string();
    let with = |name: &str, command: &[&str]| {
        let bundle = work.join(format!("run, {name}"));
        fs::create_dir(&bundle).unwrap();
        let hooks = command.first().map_or(json!({}), |path| {
            json!({"prestart": [{"path": path, "args": command, "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}]})
        });
        write_config(&bundle, rootfs, hooks);
        let id = format!("oci-hostaliases-bench-{}", std::process::id());
        let bundle = bundle.display().to_string();
        Variant::new(
            name,
            &["runc", "run", "--bundle", &bundle, &id],
            Path::new("/dev/null"),
        )
    };
    let variants = [
        with("no hook", &[]),
        with("nothing", &[&programs.nothing]),
        with("floor", &[&programs.floor, &rootfs_words]),
        with("hook, manage", &[&programs.hook, "prestart"]),
    ];
    let times = in_turn(ROUNDS_OF_CONTAINERS, &variants, || {});
    timing::print("runc run of a whole container", &times, &["no hook"]);
    let [none, nothing, floor, hook] = times.as_slice() else {
        panic!("four variants")
    };
    println!("\nAdded by the hook, by the means of the fastest tenth of each\n");
    println!("| | mean | added | to floor |\n|---|---|---|---|");
    let added = |times: &Times| times.mean_of_fastest() - none.mean_of_fastest();
    for times in [none, nothing, floor, hook] {
        println!(
            "| {} | {:.3} ms | {:.3} ms | {:.2} |",
            times.name,
            times.mean_of_fastest(),
            added(times),
            added(times) / added(floor)
        );
    }
    let shell = [
        with("without a hook", &[]),
        with("shell hook", &[&programs.shell_hook]),
    ];
    let times = in_turn(ROUNDS_OF_CONTAINERS / 60, &shell, || {});
    timing::print("runc run with a hook in shell", &times, &["without a hook"]);
}

struct Programs {
    hook: String,
    nothing: String,
    nothing_in_rust: String,
    floor: String,
    shell_hook: String,
    usage: PathBuf,
}

impl Programs {
    fn build(work: &Path, hook: String) -> Self {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/start");
        let build = |name: &str| {
            let program = work.join(name);
            let status = Command::new("gcc")
                .args(["-O2", "-Wall", "-static", "-o"])
                .arg(&program)
                .arg(sources.join(format!("{name}.c")))
                .status()
                .unwrap();
            assert!(status.success(), "gcc {name}.c");
            program
        };
        let path_of = |name| install(&build(name), work);
        let nothing_in_rust = work.join("nothing-in-rust");
        // As make build builds the hook, with the profile of Cargo.toml.
        let status = Command::new("rustc")
            .args([
                "--edition=2024",
                "-Copt-level=s",
                "-Ctarget-feature=+crt-static",
                "-Clto=fat",
            ])
            .args(["-Cpanic=abort", "-Cstrip=symbols", "-o"])
            .arg(&nothing_in_rust)
            .arg(sources.join("empty.rs"))
            .status()
            .unwrap();
        assert!(status.success(), "rustc empty.rs");
        let usage = build("usage");
        let shell_hook = sources.join("shell-hook.sh").display().to_string();
        Self {
            hook: install(Path::new(&hook), work),
            nothing: path_of("nothing"),
            nothing_in_rust: install(&nothing_in_rust, work),
            floor: path_of("floor"),
            shell_hook,
            usage,
        }
    }
}

/// A copy of a program as a node has it that has booted since: read from its disk. One that still lies in
/// the page cache as it was written starts up to a tenth sooner, and each in its own way.
fn install(program: &Path, work: &Path) -> String {
    let name = program.file_name().unwrap().to_str().unwrap();
    let installed = work.join(format!("{name}.installed"));
    fs::write(&installed, fs::read(program).unwrap()).unwrap();
    fs::set_permissions(&installed, fs::Permissions::from_mode(0o755)).unwrap();
    let file = fs::File::open(&installed).unwrap();
    file.sync_all().unwrap();
    fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    installed.display().to_string()
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

/// Makes it about as long as `bytes`, with what makes real ones long: mostly a seccomp profile and
/// the environment.
fn pad(config: &mut Value, bytes: usize) {
    let missing = bytes.saturating_sub(serde_json::to_vec(config).unwrap().len());
    let variables: Vec<_> = (0..missing / 2 / 60)
        .map(|nth| {
            format!(
                "SERVICE_{nth:06}_PORT_8080_TCP=tcp://10.96.{}.{}:8080",
                nth / 250 % 250,
                nth % 250
            )
        })
        .collect();
    let rules: Vec<_> = (0..missing / 2 / 135)
        .map(|nth| {
            json!({"names": ["read", "write", "openat"], "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": nth, "valueTwo": 0, "op": "SCMP_CMP_EQ"}]})
        })
        .collect();
    if let Some(env) = config["process"]["env"].as_array_mut() {
        env.extend(variables.into_iter().map(Value::from));
    }
    // runc reads it too, and must not have to make a filter of it.
    config["annotations-of-nobody"] = json!({"syscalls": rules});
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
