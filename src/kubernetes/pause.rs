//! How long to wait before the API server is asked again.
//!
//! Thousands of agents lose the API server at the same time. They must not reconnect at the same time.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// The first pause after a failure is at most this long; each further one twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST: Duration = Duration::from_secs(30);

/// Pauses after failures.
#[derive(Debug)]
pub struct Pauses {
    next: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Pauses {
    /// The next pause: between half of its longest time and all of it.
    pub fn after_failure(&mut self) -> Duration {
        let pause = self.next / 2 + random_part(self.next / 2);
        self.next = (self.next * 2).min(LONGEST);
        pause
    }

    /// The API server answers again.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// A pause before a list that all agents need at the same time.
pub fn before_list() -> Duration {
    random_part(LONGEST)
}

/// A random part of a time. The standard library's hash keys are random enough for this, without another crate.
fn random_part(whole: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    whole.mul_f64(random as f64 / u64::MAX as f64)
}
