//! A real seccomp filter before a program: the kernel answers it as the filter says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes a program in `directory` that installs a filter and becomes the one that it is given: `listed` is
/// the answer to the calls (names with commas between them), `others` to all the rest; both in the words of
/// seccomp(2), `SECCOMP_RET_ALLOW`.
pub(crate) fn build(directory: &Path, calls: &str, listed: &str, others: &str) -> PathBuf {
    let rules: String = calls
        .split(',')
        .map(|name| {
            format!(
                "BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_{name}, 0, 1), \
                 BPF_STMT(BPF_RET | BPF_K, {listed}),\n"
            )
        })
        .collect();
    let source = format!(
        "#include <errno.h>\n#include <linux/filter.h>\n#include <linux/seccomp.h>\n#include <stddef.h>\n\
         #include <sys/prctl.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n\
         static struct sock_filter rules[] = {{\n\
         BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),\n{rules}\
         BPF_STMT(BPF_RET | BPF_K, {others}) }};\n\
         int main(int argc, char **argv) {{\n\
         struct sock_fprog filter = {{ sizeof rules / sizeof *rules, rules }};\n\
         if (argc < 2 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) return 125;\n\
         execv(argv[1], argv + 1);\nreturn 126; }}\n"
    );
    let (written, program) = (directory.join("filter.c"), directory.join("filter"));
    if fs::read_to_string(&written).is_ok_and(|before| before == source) {
        return program;
    }
    fs::write(&written, source).unwrap();
    let status = Command::new("gcc")
        .args(["-Wall", "-o"])
        .args([&program, &written])
        .status()
        .unwrap();
    assert!(status.success(), "gcc {}", written.display());
    program
}
