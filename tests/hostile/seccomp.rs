//! The hook works under a real seccomp filter that allows what `SECURITY.md` lists and kills for anything else.

use crate::bundle::Bundle;
use crate::system_calls::{each_stage, listed};
use crate::{ALIASES_SECTION, seccomp_filter, tracer};

fn put_under(bundle: &mut Bundle, allowed: &str) {
    let program = seccomp_filter::build(
        bundle.directory(),
        allowed,
        "SECCOMP_RET_ALLOW",
        "SECCOMP_RET_KILL_PROCESS",
    );
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
