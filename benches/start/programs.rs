//! The programs that are compared.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{Advice, fadvise};

/// Each program by its name, with its copies.
pub(crate) struct Programs {
    /// As `make bench` builds it, the one that is shipped first.
    pub(crate) hooks: Vec<Hook>,
    /// The first one with glibc.
    pub(crate) that_do_nothing: Vec<(&'static str, Vec<String>)>,
    /// The same.
    pub(crate) floors: Vec<(&'static str, Vec<String>)>,
    pub(crate) shell_hook: Vec<String>,
}

pub(crate) struct Hook {
    /// The C library.
    pub(crate) library: &'static str,
    pub(crate) copies: Vec<String>,
}

impl Programs {
    /// Builds what is not built yet, in `work`, where the counters are too.
    pub(crate) fn build(work: &Path) -> Self {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/start");
        let build = |compiler: &[&str], source: &str, name: &str| {
            let program = work.join(name);
            let status = Command::new(compiler[0])
                .args(&compiler[1..])
                .arg("-o")
                .arg(&program)
                .arg(sources.join(source))
                .status();
            let status = status.unwrap_or_else(|error| panic!("{}: {error}", compiler[0]));
            assert!(status.success(), "{compiler:?} {source}");
            program
        };
        let glibc = ["gcc", "-O2", "-Wall", "-static"];
        let musl = ["musl-gcc", "-O2", "-Wall", "-static"];
        // As make build builds the hook, with the profile of Cargo.toml.
        let rust = [
            "rustc",
            "--edition=2024",
            "-Copt-level=s",
            "-Ctarget-feature=+crt-static",
            "-Clto=fat",
            "-Cpanic=abort",
            "-Cstrip=symbols",
        ];
        let go = ["go", "build", "-ldflags=-s -w"];
        build(&glibc, "usage.c", "usage");
        build(&glibc, "steps.c", "steps");
        let of = |compiler, source, name| copies(&build(compiler, source, name), work);
        let mut that_do_nothing = vec![
            ("nothing, glibc", of(&glibc, "nothing.c", "nothing-glibc")),
            ("nothing, musl", of(&musl, "nothing.c", "nothing-musl")),
            ("nothing, in Rust", of(&rust, "empty.rs", "nothing-rust")),
            ("/bin/true", vec!["/bin/true".to_owned()]),
        ];
        let shell = work.join("nothing.sh");
        fs::write(&shell, "#!/bin/sh\nexit 0\n").unwrap();
        that_do_nothing.push(("nothing, in shell", copies(&shell, work)));
        if Command::new("go").arg("version").output().is_ok() {
            that_do_nothing.push(("nothing, in Go", of(&go, "nothing.go", "nothing-go")));
        } else {
            println!("There is no go: a hook in Go is not compared.");
        }
        let floors = vec![
            ("floor, glibc", of(&glibc, "floor.c", "floor-glibc")),
            ("floor, musl", of(&musl, "floor.c", "floor-musl")),
        ];
        let hooks = std::env::var_os("OCI_HOSTALIASES_HOOKS")
            .expect("make bench sets OCI_HOSTALIASES_HOOKS");
        let hooks = std::env::split_paths(&hooks).map(|path| {
            // In a directory named like its target.
            let library = if path.to_string_lossy().contains("-musl/") {
                "musl"
            } else {
                "glibc"
            };
            let named = work.join(format!("hook-{library}"));
            fs::copy(path, &named).unwrap();
            Hook {
                library,
                copies: copies(&named, work),
            }
        });
        Self {
            hooks: hooks.collect(),
            that_do_nothing,
            floors,
            shell_hook: vec![sources.join("shell-hook.sh").display().to_string()],
        }
    }
}

/// Three copies of a program, each as a node has it that has booted since: read from its disk. One that still
/// lies in the page cache as it was written starts up to a tenth sooner, and each in its own way.
fn copies(program: &Path, work: &Path) -> Vec<String> {
    let name = program.file_name().unwrap().to_str().unwrap();
    let install = |nth| {
        let installed: PathBuf = work.join(format!("{name}.installed-{nth}"));
        fs::write(&installed, fs::read(program).unwrap()).unwrap();
        fs::set_permissions(&installed, fs::Permissions::from_mode(0o755)).unwrap();
        let file = fs::File::open(&installed).unwrap();
        file.sync_all().unwrap();
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        installed.display().to_string()
    };
    (0..3).map(install).collect()
}
