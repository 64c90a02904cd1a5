//! How long to wait before the next try: a random time up to a ceiling that doubles
//! ("full jitter"), so that those who failed together do not come back together.
//!
//! Owns: the count of failures in a row. Promises: never longer than the longest;
//! back to the start after calm. Never: sleeps.

use std::time::Duration;

/// The ceiling of the first wait.
pub const FIRST: Duration = Duration::from_secs(1);

/// The longest wait after so many tries: doubled each time, up to `longest`.
pub fn ceiling(first: Duration, longest: Duration, tries: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(tries)).min(longest)
}

/// The waits between tries at one thing, such as connections to one server.
#[derive(Debug)]
pub struct Backoff {
    longest: Duration,
    tries: u32,
}

impl Backoff {
    /// Starts at up to a second and grows up to `longest`.
    pub fn new(longest: Duration) -> Backoff {
        Backoff { longest, tries: 0 }
    }

    /// How long to wait now.
    pub fn next_wait(&mut self) -> Duration {
        let ceiling = ceiling(FIRST, self.longest, self.tries);
        self.tries = self.tries.saturating_add(1);
        ceiling.mul_f64(rand::random_range(0.0..=1.0))
    }

    /// Starts over: it went well for a while.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn ceilings_double_up_to_the_longest() {
        let seconds: Vec<u64> = (0..8).map(|tries| ceiling(FIRST, MINUTE, tries).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(ceiling(FIRST, MINUTE, u32::MAX), MINUTE);
    }

    #[test]
    fn waits_stay_below_their_ceiling_and_start_over() {
        let mut backoff = Backoff::new(MINUTE);
        for tries in 0..100 {
            assert!(backoff.next_wait() <= ceiling(FIRST, MINUTE, tries));
        }
        backoff.reset();
        assert!(backoff.next_wait() <= FIRST);
    }
}
