//! What the rules cost: how often each was called, and how long that took.
//!
//! Owns: the sums since the rules came into force. Never: reads a clock, decides by them.

use std::time::Duration;

/// A rule that takes longer than this for a call is worth a word.
const SLOW: Duration = Duration::from_millis(1);

/// The calls of one rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// How many.
    pub calls: u32,
    /// How long all of them took.
    pub time: Duration,
}

impl Cost {
    /// How long one call took; nothing if there was none.
    pub fn mean(&self) -> Duration {
        self.time.checked_div(self.calls).unwrap_or_default()
    }
}

/// The calls of all rules, by the rule's place in its ruleset.
#[derive(Debug, Clone, Default)]
pub struct Costs(Vec<Cost>);

impl Costs {
    /// No call yet of so many rules.
    pub fn new(rules: usize) -> Costs {
        Costs(vec![Cost::default(); rules])
    }

    /// Adds a call.
    pub fn note(&mut self, rule: usize, time: Duration) {
        let cost = &mut self.0[rule];
        cost.calls = cost.calls.saturating_add(1);
        cost.time += time;
    }

    /// The rule that took most time since `before`, and its calls since then.
    pub fn most_since(&self, before: &Costs) -> Option<(usize, Cost)> {
        let since = self.0.iter().enumerate().map(|(rule, cost)| {
            let before = before.0.get(rule).copied().unwrap_or_default();
            let calls = cost.calls.saturating_sub(before.calls);
            (rule, Cost { calls, time: cost.time.saturating_sub(before.time) })
        });
        since.max_by_key(|(_, cost)| cost.time).filter(|(_, cost)| cost.calls > 0)
    }

    /// The slow rules, the slowest on top, by the time of a call.
    pub fn slow(&self) -> Vec<(usize, Cost)> {
        let mut slow: Vec<(usize, Cost)> =
            self.0.iter().copied().enumerate().filter(|(_, cost)| cost.mean() > SLOW).collect();
        slow.sort_by_key(|(_, cost)| std::cmp::Reverse(cost.mean()));
        slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_summed_up_by_rule() {
        let ms = Duration::from_millis;
        let mut costs = Costs::new(3);
        assert_eq!(costs.most_since(&Costs::default()), None);
        costs.note(0, ms(5));
        costs.note(2, ms(1));
        costs.note(2, ms(2));
        assert_eq!(costs.slow(), [(0, Cost { calls: 1, time: ms(5) }), (2, Cost { calls: 2, time: ms(3) })]);
        let before = costs.clone();
        assert_eq!(costs.most_since(&before), None);
        costs.note(2, ms(1));
        assert_eq!(costs.most_since(&before), Some((2, Cost { calls: 1, time: ms(1) })));
        assert_eq!(costs.most_since(&Costs::default()).map(|(rule, _)| rule), Some(0));
    }
}
