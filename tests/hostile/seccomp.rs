//! The hook works under a real seccomp filter that allows what `SECURITY.md` lists and kills for anything else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bundle::Bundle;
use crate::system_calls::{each_stage, listed};
use crate::{ALIASES_SECTION, tracer};

/// A program that installs a filter which allows these calls, and becomes the one that it is given.
fn program_with_filter(directory: &Path, allowed: &str) -> PathBuf {
    let rules: String = allowed
        .split(',')
        .map(|name| {
            format!(
                "BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_{name}, 0, 1), \
                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),\n"
            )
        })
        .collect();
    let source = format!(
        "#include <linux/filter.h>\n#include <linux/seccomp.h>\n#include <stddef.h>\n#include <sys/prctl.h>\n\
         #include <sys/syscall.h>\n#include <unistd.h>\n\
         static struct sock_filter rules[] = {{\n\
         BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),\n{rules}\
         BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS) }};\n\
         int main(int argc, char **argv) {{\n\
         struct sock_fprog filter = {{ sizeof rules / sizeof *rules, rules }};\n\
         if (argc < 2 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) return 125;\n\
         execv(argv[1], argv + 1);\nreturn 126; }}\n"
    );
    let (written, program) = (directory.join("filter.c"), directory.join("filter"));
    fs::write(&written, source).unwrap();
    let status = Command::new("gcc")
        .args(["-Wall", "-o"])
        .args([&program, &written])
        .status()
        .unwrap();
    assert!(status.success(), "gcc {}", written.display());
    program
}

fn put_under(bundle: &mut Bundle, allowed: &str) {
    let program = program_with_filter(bundle.directory(), allowed);
    tracer::put_before_hook(bundle, &program.display().to_string());
}

#[test]
fn listed_calls_are_enough() {
    each_stage("seccomp::listed_calls_are_enough", |bundle| {
        put_under(bundle, &listed());
        let ran = bundle.run();
        assert!(ran.stdout.ends_with(ALIASES_SECTION), "{}", ran.stderr);

        bundle.annotate("oci-hostaliases.io/unknown", "x");
        let ran = bundle.run();
        assert!(!ran.started);
        let code = ["exit status 5", "(exit code: 5)"];
        assert!(
            code.iter().any(|code| ran.stderr.contains(code)),
            "{}",
            ran.stderr
        );
    });
}

/// Without one of them the hook is killed and the container does not start: the test above tests something.
#[test]
fn filter_bites() {
    each_stage("seccomp::filter_bites", |bundle| {
        let without = format!(",{},", listed()).replace(",fsmount,", ",");
        put_under(bundle, without.trim_matches(','));
        let ran = bundle.run();
        assert!(!ran.started, "{}", ran.stdout);
    });
}
