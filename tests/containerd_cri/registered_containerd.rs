//! A containerd of the test's own with the hook registered.

use std::path::Path;
use std::process::Command;

use crate::containerd_daemon::{self, Containerd, handler};
use crate::hook_program;

/// Each runtime as a handler with the hook and, as `<runtime>-plain`, without.
const RUNTIMES: [&str; 2] = ["runc", "crun"];

impl Containerd {
    /// Started in `home`, with the hook registered for the handlers named as in [`RUNTIMES`].
    pub(crate) fn start(home: &Path, hook: &str) -> Self {
        let version = Command::new("containerd")
            .arg("--version")
            .output()
            .expect("containerd");
        println!("{}", String::from_utf8_lossy(&version.stdout));
        let path = |name: &str| home.join(name).display().to_string();
        configure(home);
        let (config, base_spec) = (path("config.toml"), path("base-spec.json"));
        let files = ["--config", &config, "--base-spec", &base_spec];
        let runtimes = RUNTIMES.map(|runtime| ["--runtime", runtime]).concat();
        hook_program::register("containerd", hook, &[&files[..], &runtimes].concat());
        // 1.x would replace the whole table of the CRI plugin by a drop-in's.
        assert_eq!(
            home.join("conf.d/oci-hostaliases.toml").exists(),
            String::from_utf8_lossy(&version.stdout).contains("containerd/v2 ")
        );
        Self::start_configured(home)
    }
}

fn configure(home: &Path) {
    let imports = format!("imports = [\"{}/conf.d/*.toml\"]", home.display());
    let mut tables = String::new();
    for runtime in RUNTIMES {
        let program = crate::needs::find(runtime).expect("a runtime");
        tables += &handler(runtime, &program);
        tables += &handler(&format!("{runtime}-plain"), &program);
    }
    containerd_daemon::configure(home, &imports, &tables);
}
