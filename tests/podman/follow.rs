//! The agent beside an engine without NRI: the hook is registered, and the agent follows what Podman writes to its
//! files.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::image_archive::IMAGE;
use crate::private_podman::{ANNOTATED, NO_HOOK, Podman, User};
use crate::{ASKS, ENTRIES, needs, throwaway};

const TEST: &str = "follow::networks_without_a_refresh";

/// Ends with the test.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn networks_without_a_refresh() {
    if !needs::met(TEST, &crate::PROGRAMS) {
        return;
    }
    throwaway::world(TEST, |home| {
        let podman = Podman::set_up(home, "crun", User::Root);
        let built = std::env::var_os("OCI_HOSTALIASES_AGENT");
        let built = built.unwrap_or(env!("CARGO_BIN_EXE_oci-hostaliases-agent").into());
        let agent = Command::new(built)
            .args(["--hook", &podman.hook])
            .stdin(Stdio::null())
            .spawn();
        let _agent = Agent(agent.expect("the agent"));
        std::thread::sleep(Duration::from_millis(500));
        let run = ["run", "--detach", "--name", "web"];
        podman.output(
            ANNOTATED,
            &[&run[..], &[ASKS, IMAGE, "sleep", "600"]].concat(),
        );
        let hosts = || podman.output(NO_HOOK, &["exec", "web", "cat", "/etc/hosts"]);
        assert!(hosts().ends_with(ENTRIES), "{}", hosts());
        // As long as the agent may take to see that a container has started.
        std::thread::sleep(Duration::from_secs(1));
        podman.output(NO_HOOK, &["network", "connect", "second", "web"]);
        let began = Instant::now();
        let after = loop {
            let after = hosts();
            if after.contains("198.51.100.") {
                break after;
            }
            assert!(began.elapsed() < Duration::from_secs(10), "{after}");
        };
        println!("seen {:?} after Podman had ended", began.elapsed());
        assert!(after.ends_with(ENTRIES), "{after}");
        podman.output(NO_HOOK, &["rm", "--force", "--time", "0", "web"]);
    });
}
