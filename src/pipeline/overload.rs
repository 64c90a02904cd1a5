//! Whether judging keeps up, and which rule is to blame if it does not.
//!
//! Owns: how much of the time went into judging since the last look. Promises: a rule is
//! blamed at most once in [`BLAME_EVERY`]. Never: reads a clock; the time is an argument.

use crate::engine::costs::Costs;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a span is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const BLAME_EVERY: Duration = Duration::from_secs(600);
/// Judging that takes a greater part of the time than this leaves too little for a storm.
const TOO_MUCH: f64 = 0.5;

/// What was seen since the last look.
pub(super) struct Overload {
    since: Instant,
    judging: Duration,
    before: Costs,
    blamed: HashMap<usize, Instant>,
}

/// The rule that takes most of the time while judging takes too much of it.
#[derive(Debug, PartialEq)]
pub(super) struct Blame {
    /// The rule's place in its ruleset.
    pub(super) rule: usize,
    /// How much of the time went into judging, 0 to 1.
    pub(super) judging: f64,
    /// How much of it into this rule.
    pub(super) share: f64,
    /// How long one of its calls took.
    pub(super) mean: Duration,
}

impl Overload {
    /// Nothing was judged yet under these rules.
    pub(super) fn new(now: Instant) -> Overload {
        Overload { since: now, judging: Duration::ZERO, before: Costs::default(), blamed: HashMap::new() }
    }

    /// Notes that an input was judged.
    pub(super) fn judged(&mut self, time: Duration) {
        self.judging += time;
    }

    /// Looks, if it is time to.
    pub(super) fn look(&mut self, now: Instant, costs: &Costs) -> Option<Blame> {
        let span = now.saturating_duration_since(self.since);
        if span < LOOK_EVERY {
            return None;
        }
        self.since = now;
        let of_span = |time: Duration| time.as_secs_f64() / span.as_secs_f64();
        let judging = of_span(std::mem::take(&mut self.judging));
        let before = std::mem::replace(&mut self.before, costs.clone());
        let (rule, cost) = costs.most_since(&before).filter(|_| judging > TOO_MUCH)?;
        let blamed = self.blamed.get(&rule);
        if blamed.is_some_and(|last| now.saturating_duration_since(*last) < BLAME_EVERY) {
            return None;
        }
        self.blamed.insert(rule, now);
        Some(Blame { rule, judging, share: of_span(cost.time), mean: cost.mean() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_slowest_rule_is_blamed_when_judging_takes_more_than_half_of_the_time() {
        let start = Instant::now();
        let mut overload = Overload::new(start);
        let mut costs = Costs::new(2);
        costs.note(0, SECOND);
        costs.note(1, 2 * SECOND);
        costs.note(1, 4 * SECOND);
        overload.judged(8 * SECOND);
        assert_eq!(overload.look(start + 9 * SECOND, &costs), None, "it is not time yet");
        let blame = overload.look(start + 10 * SECOND, &costs);
        assert_eq!(blame, Some(Blame { rule: 1, judging: 0.8, share: 0.6, mean: 3 * SECOND }));
    }

    #[test]
    fn nobody_is_blamed_while_judging_keeps_up() {
        let start = Instant::now();
        let mut overload = Overload::new(start);
        let mut costs = Costs::new(1);
        costs.note(0, 5 * SECOND);
        overload.judged(5 * SECOND);
        assert_eq!(overload.look(start + 10 * SECOND, &costs), None);
        overload.judged(4 * SECOND);
        assert_eq!(overload.look(start + 20 * SECOND, &costs), None, "each span counts for itself");
        overload.judged(9 * SECOND);
        assert_eq!(overload.look(start + 30 * SECOND, &costs), None, "no rule was called");
    }

    #[test]
    fn a_rule_is_blamed_once_in_ten_minutes() {
        let start = Instant::now();
        let mut overload = Overload::new(start);
        let mut costs = Costs::new(2);
        let mut blamed = Vec::new();
        for span in 1..=61 {
            let rule = usize::from(span == 3);
            costs.note(rule, 9 * SECOND);
            overload.judged(9 * SECOND);
            let blame = overload.look(start + 10 * span * SECOND, &costs);
            blamed.extend(blame.map(|blame| (span, blame.rule)));
        }
        assert_eq!(blamed, [(1, 0), (3, 1), (61, 0)]);
    }
}
