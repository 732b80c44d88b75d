//! Many cases against one engine, which takes longer to start than a case takes to run.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What is promised, and how it is tried.
pub(crate) type Case<Engine> = (&'static str, fn(&Engine));

/// Tries all cases, also after one failed, and asserts that none did and that none left a mount on the
/// node. `clean_up` follows each.
pub(crate) fn try_all<Engine>(engine: &Engine, cases: &[Case<Engine>], clean_up: impl Fn(&Engine)) {
    let before = crate::throwaway::mounts();
    let mut failed = Vec::new();
    for (promise, case) in cases {
        println!("case: {promise}");
        if catch_unwind(AssertUnwindSafe(|| case(engine))).is_err() {
            println!("case failed: {promise}");
            failed.push(*promise);
        }
        clean_up(engine);
    }
    assert!(failed.is_empty(), "cases that failed: {failed:#?}");
    let after = crate::throwaway::mounts();
    // Podman mounts its storage's directory on itself while it runs, and takes it away when it likes.
    let left: Vec<_> = after
        .difference(&before)
        .filter(|line| !line.contains("/storage/overlay "))
        .collect();
    assert!(left.is_empty(), "mounts left on the node: {left:#?}");
}
