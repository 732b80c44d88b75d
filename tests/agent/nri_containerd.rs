//! The test's own containerd 2.x, with NRI on and nothing of this project in its configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::containerd_daemon::{self, Containerd, handler};

impl Containerd {
    /// Started in `home`. It has a handler for each runtime, and `<runtime>-plain`, whose runtime ignores hooks as
    /// Kata's and gVisor's do.
    pub(crate) fn start(home: &Path) -> Self {
        configure(home);
        Self::start_configured(home)
    }
}

/// Writes its configuration.
pub(crate) fn configure(home: &Path) {
    let shown = home.display();
    let mut tables = format!(
        r#"[plugins."io.containerd.nri.v1.nri"]
  disable = false
  socket_path = "{shown}/nri.sock"
  plugin_path = "{shown}/nri-plugins"
  plugin_config_path = "{shown}/nri-config"
"#
    );
    for runtime in ["runc", "crun"] {
        let program = crate::needs::find(runtime).expect("a runtime");
        tables += &handler(runtime, &program);
        let without_hooks = without_hooks(home, runtime, &program);
        tables += &handler(&format!("{runtime}-plain"), &without_hooks);
    }
    containerd_daemon::configure(home, "", &tables);
}

/// The socket on which it takes plugins.
pub(crate) fn nri_socket(home: &Path) -> PathBuf {
    home.join("nri.sock")
}

/// A runtime that takes the hooks out of each bundle.
fn without_hooks(home: &Path, runtime: &str, program: &Path) -> PathBuf {
    let script = home.join(format!("{runtime}-without-hooks"));
    let text = format!(
        r#"#!/bin/sh
before=
for argument; do
    if [ "$before" = --bundle ] && [ -e "$argument/config.json" ]; then
        jq 'del(.hooks)' "$argument/config.json" >"$argument/config.json.new"
        mv "$argument/config.json.new" "$argument/config.json"
    fi
    before=$argument
done
exec {} "$@"
"#,
        program.display()
    );
    fs::write(&script, text).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("executable");
    script
}
