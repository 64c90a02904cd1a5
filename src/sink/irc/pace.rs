//! How fast we may speak. Pure; time is an argument.
//!
//! Owns: a token bucket. Promises: in any span of time no more than `burst` lines
//! plus the span times the pace. Never: sleeps.

use std::time::Duration;
use tokio::time::Instant;

/// A bucket that holds up to `burst` lines and fills at `per_second`.
#[derive(Debug)]
pub(super) struct Pace {
    burst: f64,
    per_second: f64,
    lines: f64,
    filled_at: Instant,
}

impl Pace {
    /// A full bucket. `per_second` is finite and above 0, `burst` at least 1.
    pub(super) fn new(burst: u32, per_second: f64, now: Instant) -> Pace {
        let burst = f64::from(burst);
        Pace { burst, per_second, lines: burst, filled_at: now }
    }

    /// Whether a line may leave now.
    pub(super) fn ready(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.lines >= 1.0
    }

    /// Counts a line that leaves; only after [`Pace::ready`] said so.
    pub(super) fn spend(&mut self) {
        self.lines -= 1.0;
    }

    /// When the next line may leave.
    pub(super) fn next_at(&self) -> Instant {
        let missing = (1.0 - self.lines).max(0.0);
        // Rounded up, so that whoever wakes then does find a line.
        self.filled_at + Duration::from_secs_f64(missing / self.per_second) + Duration::from_micros(1)
    }

    fn fill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.lines = (self.lines + seconds * self.per_second).min(self.burst);
        self.filled_at = self.filled_at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn take(pace: &mut Pace, now: Instant) -> bool {
        let ready = pace.ready(now);
        if ready {
            pace.spend();
        }
        ready
    }

    #[test]
    fn a_burst_and_then_the_pace() {
        let start = Instant::now();
        let mut pace = Pace::new(4, 0.5, start);
        assert_eq!((0..10).filter(|_| take(&mut pace, start)).count(), 4);
        assert!(!take(&mut pace, start + Duration::from_millis(1900)));
        let next = pace.next_at();
        assert!(take(&mut pace, next));
        assert!(!take(&mut pace, start + Duration::from_millis(2100)));
        assert_eq!((0..10).filter(|_| take(&mut pace, start + Duration::from_secs(3600))).count(), 4);
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_pace(
            burst in 1u32..20,
            per_second in 0.05f64..50.0,
            waits in proptest::collection::vec(0u64..5000, 1..200),
        ) {
            let start = Instant::now();
            let (mut now, mut taken) = (start, 0.0);
            let mut pace = Pace::new(burst, per_second, start);
            for wait in waits {
                now += Duration::from_millis(wait);
                while take(&mut pace, now) {
                    taken += 1.0;
                }
                let allowed = f64::from(burst) + (now - start).as_secs_f64() * per_second;
                prop_assert!(taken <= allowed + 1e-6);
            }
        }
    }
}
