//! What an agent costs the API server: `make bench-cluster`. Its figures are in docs/performance.md.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oci_hostaliases::kubernetes::follow::{self, Settings};

use crate::cluster;
use crate::control_plane::ControlPlane;
use crate::files::CORP;

const AGENTS: usize = 500;
const UPDATES: usize = 20;
const OBJECTS: usize = 100;

/// Resident memory in KiB and processor time in ticks of the API server.
fn cost(plane: &ControlPlane) -> (u64, u64) {
    let pid = plane.api_server_id();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("VmRSS");
    let resident = line
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number");
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    let fields: Vec<_> = stat
        .rsplit(") ")
        .next()
        .expect("fields")
        .split(' ')
        .collect();
    // utime and stime, proc(5), counted from the field behind the name.
    let ticks = |field: usize| fields[field].parse::<u64>().expect("a number");
    (resident, ticks(11) + ticks(12))
}

/// Changes the object, and waits until each of these directories has it.
fn update(plane: &ControlPlane, directories: &[std::path::PathBuf], n: usize) -> Duration {
    let address = format!("10.0.1.{n}");
    let began = Instant::now();
    plane.apply(&CORP.replace("10.0.0.1", &address));
    for directory in directories {
        let file = directory.join("+corp+clusterhostaliasset.hosts");
        while !fs::read_to_string(&file).is_ok_and(|text| text.contains(&address)) {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{}",
                file.display()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    began.elapsed()
}

/// Processor time that so many updates take, in ticks, and the median time until all have one.
fn updates(
    plane: &ControlPlane,
    directories: &[std::path::PathBuf],
    from: usize,
) -> (u64, Duration) {
    let before = cost(plane).1;
    let mut times: Vec<_> = (from..from + UPDATES)
        .map(|n| update(plane, directories, n))
        .collect();
    times.sort();
    (cost(plane).1 - before, times[UPDATES / 2])
}

fn follow(plane: &ControlPlane, directory: &Path) {
    let settings = Settings {
        kubeconfig: Some(plane.kubeconfig("agent")),
        hosts_d: directory.to_owned(),
        look_again: Arc::default(),
    };
    std::thread::spawn(move || follow::run(&settings, &mut |_| ()));
}

#[test]
#[ignore = "a benchmark: make bench-cluster"]
fn five_hundred_agents() {
    cluster("scale::five_hundred_agents", |plane, home| {
        let objects: String = (0..OBJECTS)
            .map(|n| {
                format!(
                    "---{}",
                    CORP.replace("name: corp", &format!("name: corp-{n}"))
                )
            })
            .collect();
        plane.apply(&objects);
        plane.apply(CORP);
        let directory = |n: usize| home.join(format!("agents/{n}"));
        // The first one, alone: what an update costs without the others.
        follow(plane, &directory(0));
        update(plane, &[directory(0)], 250);
        std::thread::sleep(Duration::from_secs(10));
        let (alone, time_alone) = updates(plane, &[directory(0)], 1);

        let (resident, ticks) = cost(plane);
        let began = Instant::now();
        (1..=AGENTS).for_each(|n| follow(plane, &directory(n)));
        let directories: Vec<_> = (0..=AGENTS).map(directory).collect();
        update(plane, &directories, 251);
        println!(
            "{AGENTS} agents have {} objects after {} ms",
            OBJECTS + 1,
            began.elapsed().as_millis()
        );
        let started = cost(plane).1 - ticks;
        std::thread::sleep(Duration::from_secs(10));
        let (with_all, _) = cost(plane);
        let (all, time) = updates(plane, &directories, 101);

        let tick = 1000.0 / 100.0; // sysconf(_SC_CLK_TCK) is 100 on Linux.
        let agents = AGENTS as f64;
        println!(
            "the API server: {resident} KiB before, {with_all} KiB with them: {:.0} KiB each",
            (with_all - resident) as f64 / agents
        );
        println!(
            "processor time: {:.2} ms for an agent's start",
            started as f64 * tick / agents
        );
        println!(
            "processor time: {:.3} ms for an agent and an update",
            all.saturating_sub(alone) as f64 * tick / agents / UPDATES as f64
        );
        println!(
            "kubectl apply to the file: {} ms with one agent, {} ms to the last of {AGENTS} (median of {UPDATES})",
            time_alone.as_millis(),
            time.as_millis()
        );
    });
}
