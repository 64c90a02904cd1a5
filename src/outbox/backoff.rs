//! How long to wait before the next try. Pure: chance is passed in.

use crate::config::SinkKind;
use std::time::Duration;

/// No wait is longer, whatever the far side asks for: a day later the delivery is
/// given up anyway.
pub const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// How a sink is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffPolicy {
    /// The first try again comes within this time; each further one may take
    /// twice as long.
    pub first: Duration,
    /// The doubling ends here.
    pub longest: Duration,
    /// A sink that is not ready is asked again not before this time ...
    pub not_ready_least: Duration,
    /// ... and not later than this.
    pub not_ready_most: Duration,
    /// A sink that is down is probed not more often than this, and at most half as
    /// long after it.
    pub probe: Duration,
}

impl BackoffPolicy {
    /// Within 1 s, doubling to 60 s.
    pub const QUICK: BackoffPolicy = BackoffPolicy {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(60),
        not_ready_least: Duration::from_secs(1),
        not_ready_most: Duration::from_secs(5),
        probe: Duration::from_secs(30),
    };

    /// Within 1 s, doubling to 5 min: a mail server that says "later" means minutes.
    pub const MAIL: BackoffPolicy =
        BackoffPolicy { longest: Duration::from_secs(300), ..BackoffPolicy::QUICK };

    /// The policy for a kind of sink.
    pub fn of(kind: &SinkKind) -> BackoffPolicy {
        match kind {
            SinkKind::Email(_) => BackoffPolicy::MAIL,
            SinkKind::Console(_) | SinkKind::Irc(_) | SinkKind::Webhook(_) | SinkKind::Exec(_) => {
                BackoffPolicy::QUICK
            }
        }
    }

    /// The wait after a try that failed: anything up to a bound that doubles with
    /// each of the `tries` before it ("full jitter"), so that those who failed
    /// together do not come back together. Never below `after`, never above
    /// [`LONGEST_WAIT`]. `chance` is from 0 to 1.
    pub fn retry(&self, tries: u32, after: Option<Duration>, chance: f64) -> Duration {
        let bound = crate::backoff::ceiling(self.first, self.longest, tries);
        bound.mul_f64(chance).max(after.unwrap_or_default()).min(LONGEST_WAIT)
    }

    /// The wait between two probes of a sink that is down. `chance` is from 0 to 1.
    pub fn probe(&self, chance: f64) -> Duration {
        self.probe + (self.probe / 2).mul_f64(chance)
    }

    /// The wait after a sink said that it is not ready. `chance` is from 0 to 1.
    pub fn not_ready(&self, chance: f64) -> Duration {
        let span = self.not_ready_most.saturating_sub(self.not_ready_least);
        self.not_ready_least + span.mul_f64(chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bound_doubles_up_to_the_longest() {
        for (tries, seconds) in [(0, 1), (1, 2), (2, 4), (5, 32), (6, 60), (7, 60), (u32::MAX, 60)] {
            assert_eq!(BackoffPolicy::QUICK.retry(tries, None, 1.0), Duration::from_secs(seconds));
        }
        assert_eq!(BackoffPolicy::MAIL.retry(20, None, 1.0), Duration::from_secs(300));
    }

    #[test]
    fn what_the_far_side_asks_for_is_a_minimum_up_to_a_day() {
        let asked = |seconds| BackoffPolicy::QUICK.retry(0, Some(Duration::from_secs(seconds)), 0.5);
        assert_eq!(asked(120), Duration::from_secs(120));
        assert_eq!(asked(0), Duration::from_millis(500));
        assert_eq!(asked(u64::MAX), LONGEST_WAIT);
    }

    proptest! {
        #[test]
        fn a_retry_is_bounded_and_never_below_what_was_asked(
            tries: u32,
            after in proptest::option::of(0..u64::MAX),
            chance in 0.0..=1.0_f64,
        ) {
            let after = after.map(Duration::from_millis);
            let wait = BackoffPolicy::QUICK.retry(tries, after, chance);
            prop_assert!(wait <= BackoffPolicy::QUICK.longest.max(after.unwrap_or_default()));
            prop_assert!(wait <= LONGEST_WAIT);
            prop_assert!(wait >= after.unwrap_or_default().min(LONGEST_WAIT));
        }

        #[test]
        fn more_tries_never_lower_the_bound(tries in 0..u32::MAX) {
            let bound = |tries| BackoffPolicy::MAIL.retry(tries, None, 1.0);
            prop_assert!(bound(tries) <= bound(tries + 1));
        }

        #[test]
        fn a_sink_that_is_not_ready_is_asked_again_in_1_to_5_seconds(chance in 0.0..=1.0_f64) {
            let wait = BackoffPolicy::QUICK.not_ready(chance);
            prop_assert!(wait >= Duration::from_secs(1) && wait <= Duration::from_secs(5));
        }
    }
}
