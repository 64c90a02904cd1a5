//! Whether a sink is trusted. Pure: time and chance are passed in.
//!
//! Owns: how a sink is doing, and how much of it may be tried now. Promises: a sink
//! that fails again and again is tried with one delivery at a time, with a pause
//! between, until it takes one. Never: touches a delivery.

use super::backoff::BackoffPolicy;
use tokio::time::Instant;

/// After so many failures in a row the sink itself is in doubt.
const DOUBTFUL: u32 = 5;

/// How one sink is doing.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures_in_a_row: u32,
    paused_until: Option<Instant>,
    not_ready: bool,
}

/// What an answer has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing that anybody need hear of.
    None,
    /// The sink is in doubt from now on.
    Opened,
    /// It takes deliveries again.
    Closed,
}

impl Breaker {
    /// Until when nothing is tried; `None` if something may be tried now.
    pub(super) fn paused(&self, now: Instant) -> Option<Instant> {
        self.paused_until.filter(|until| *until > now)
    }

    /// Whether the sink said that it cannot send at all now.
    pub(super) fn is_not_ready(&self) -> bool {
        self.not_ready
    }

    /// Whether it takes what it is given, as far as is known.
    pub(super) fn is_sound(&self) -> bool {
        !self.not_ready && self.failures_in_a_row < DOUBTFUL
    }

    /// How many deliveries may be under way, of the `places` that the sink has.
    pub(super) fn places(&self, places: usize) -> usize {
        if self.failures_in_a_row >= DOUBTFUL { 1 } else { places.max(1) }
    }

    /// The pause is over.
    pub(super) fn resume(&mut self) {
        self.paused_until = None;
        self.not_ready = false;
    }

    /// The sink answered.
    pub(super) fn answered(&mut self) -> Change {
        let was_in_doubt = self.failures_in_a_row >= DOUBTFUL;
        self.failures_in_a_row = 0;
        self.resume();
        if was_in_doubt { Change::Closed } else { Change::None }
    }

    /// The sink could not take a delivery; `not_ready` if it cannot take any. `chance`
    /// is from 0 to 1.
    pub(super) fn failed(
        &mut self,
        not_ready: bool,
        policy: &BackoffPolicy,
        now: Instant,
        chance: f64,
    ) -> Change {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.not_ready |= not_ready;
        if not_ready || self.failures_in_a_row >= DOUBTFUL {
            self.paused_until = Some(now + policy.not_ready(chance));
        }
        if self.failures_in_a_row == DOUBTFUL { Change::Opened } else { Change::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: BackoffPolicy = BackoffPolicy::QUICK;

    #[tokio::test(start_paused = true)]
    async fn a_sink_that_fails_again_and_again_is_tried_one_by_one_until_it_answers() {
        let (now, mut breaker) = (Instant::now(), Breaker::default());
        for _ in 1..DOUBTFUL {
            assert_eq!(breaker.failed(false, &POLICY, now, 0.0), Change::None);
        }
        assert_eq!((breaker.places(4), breaker.paused(now)), (4, None));
        assert_eq!(breaker.failed(false, &POLICY, now, 0.0), Change::Opened);
        assert_eq!((breaker.places(4), breaker.paused(now)), (1, Some(now + POLICY.not_ready_least)));
        assert_eq!(breaker.failed(false, &POLICY, now, 0.0), Change::None);
        assert_eq!(breaker.answered(), Change::Closed);
        assert_eq!((breaker.places(4), breaker.paused(now)), (4, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sink_that_is_not_ready_is_left_alone_at_once() {
        let (now, mut breaker) = (Instant::now(), Breaker::default());
        assert_eq!(breaker.failed(true, &POLICY, now, 1.0), Change::None);
        assert!(breaker.is_not_ready());
        assert_eq!(breaker.paused(now), Some(now + POLICY.not_ready_most));
        breaker.resume();
        assert!(!breaker.is_not_ready());
    }
}
