//! Thousands of agents that lost the API server at the same moment do not come back at the same moment.

use std::time::Duration;

use oci_hostaliases::kubernetes::pause::{Pauses, before_list};

#[test]
fn lists_are_spread_over_half_a_minute() {
    let mut tenths = [0; 10];
    for _ in 0..5000 {
        let pause = before_list();
        assert!(pause <= Duration::from_secs(30));
        tenths[(pause.as_millis() / 3001) as usize] += 1;
    }
    // 500 each on average; with a good source of chance a tenth has less than 400 or more than 600 in one of some
    // 40,000 runs.
    assert!(tenths.iter().all(|n| (400..600).contains(n)), "{tenths:?}");
}

#[test]
fn pauses_double_up_to_half_a_minute_and_begin_anew() {
    let mut pauses = Pauses::default();
    for most in [1000, 2000, 4000, 8000, 16000, 30000, 30000] {
        let pause = pauses.after_failure().as_millis();
        assert!((most / 2..=most).contains(&pause), "{pause} of {most}");
    }
    pauses.reset();
    assert!(pauses.after_failure() <= Duration::from_secs(1));
}

#[test]
fn no_two_agents_wait_alike() {
    let mut pauses: Vec<_> = (0..100)
        .map(|_| Pauses::default().after_failure())
        .collect();
    pauses.sort();
    pauses.dedup();
    assert_eq!(pauses.len(), 100);
}
