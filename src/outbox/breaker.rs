//! Whether a sink is trusted. Pure: time and chance are passed in.
//!
//! Owns: how a sink is doing, and how much of it may be tried now. Promises: a sink
//! that fails again and again is probed with one delivery every half minute, until it
//! takes one; a sink that can tell when it works again is tried at once then. Never: touches a delivery.

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
    /// Whether it was tried again since it came into doubt.
    probed: bool,
    /// Whether a probe failed as well.
    down: bool,
}

/// What an answer has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing that anybody need hear of.
    None,
    /// The sink is down: it was in doubt, and a probe failed, too.
    Down,
    /// It takes deliveries again.
    Up,
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
        !self.not_ready && !self.is_in_doubt()
    }

    /// Whether it is known that it takes nothing.
    pub(super) fn is_down(&self) -> bool {
        self.down
    }

    /// How many deliveries may be under way, of the `places` that the sink has.
    pub(super) fn places(&self, places: usize) -> usize {
        if self.is_in_doubt() { 1 } else { places.max(1) }
    }

    /// The pause is over: what is tried next is a probe, if the sink is in doubt.
    pub(super) fn resume(&mut self) {
        self.paused_until = None;
        self.not_ready = false;
        self.probed = self.is_in_doubt();
    }

    /// The sink answered.
    pub(super) fn answered(&mut self) -> Change {
        let was_down = self.down;
        *self = Breaker::default();
        if was_down { Change::Up } else { Change::None }
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
        if self.probed {
            self.paused_until = Some(now + policy.probe(chance));
        } else if not_ready || self.is_in_doubt() {
            // The first probe comes soon: most faults are short.
            self.paused_until = Some(now + policy.not_ready(chance));
        }
        if !self.probed || self.down {
            return Change::None;
        }
        self.down = true;
        Change::Down
    }

    fn is_in_doubt(&self) -> bool {
        self.failures_in_a_row >= DOUBTFUL
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const POLICY: BackoffPolicy = BackoffPolicy::QUICK;

    #[tokio::test(start_paused = true)]
    async fn a_sink_that_fails_again_and_again_is_probed_until_it_answers() {
        let (now, mut breaker) = (Instant::now(), Breaker::default());
        for _ in 1..DOUBTFUL {
            assert_eq!(breaker.failed(false, &POLICY, now, 0.0), Change::None);
        }
        assert_eq!((breaker.places(4), breaker.paused(now)), (4, None));
        // What was under way when it came into doubt is no probe.
        for _ in 0..4 {
            assert_eq!(breaker.failed(false, &POLICY, now, 0.0), Change::None);
            assert_eq!((breaker.places(4), breaker.paused(now)), (1, Some(now + POLICY.not_ready_least)));
        }
        for change in [Change::Down, Change::None, Change::None] {
            breaker.resume();
            assert_eq!((breaker.places(4), breaker.paused(now)), (1, None));
            assert_eq!(breaker.failed(false, &POLICY, now, 0.0), change);
            assert!(breaker.is_down() && !breaker.is_sound());
            assert_eq!(breaker.paused(now), Some(now + Duration::from_secs(30)));
        }
        assert_eq!(breaker.answered(), Change::Up);
        assert_eq!((breaker.places(4), breaker.paused(now)), (4, None));
        assert_eq!(breaker.answered(), Change::None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_fault_is_no_news() {
        let (now, mut breaker) = (Instant::now(), Breaker::default());
        for _ in 0..DOUBTFUL {
            breaker.failed(false, &POLICY, now, 0.5);
        }
        breaker.resume();
        assert_eq!(breaker.answered(), Change::None);
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
