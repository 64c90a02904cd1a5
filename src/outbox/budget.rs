//! How much one recipient is told in a minute. Pure: time is passed in.
//!
//! Owns: what was said to one recipient in the last minute. Promises: in any minute no
//! more than the budget; half of it, rounded up, is for messages that go out alone, the
//! rest is kept for digests, which are spaced over the minute. The first message waits
//! for nothing. Never: knows what is said.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// What one recipient may be told. What it costs is counted in lines or in messages, as
/// the sink sees it.
#[derive(Debug)]
pub(super) struct Budget {
    /// For messages that go out alone.
    alone: u32,
    /// For digests.
    digests: u32,
    /// What one digest costs at most.
    digest: u32,
    /// What was spent in the last minute, oldest first.
    spent: VecDeque<Spent>,
}

#[derive(Debug)]
struct Spent {
    at: Instant,
    on: Part,
    cost: u32,
}

/// The two parts of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Alone,
    Digest,
}

impl Budget {
    /// An unspent budget; `per_minute` is 2 at least. A digest costs `digest` at most, as far
    /// as there is so much.
    pub(super) fn new(per_minute: u32, digest: u32) -> Budget {
        let alone = per_minute.div_ceil(2);
        let digests = (per_minute - alone).max(1);
        Budget { alone, digests, digest: digest.clamp(1, digests), spent: VecDeque::new() }
    }

    /// What a digest may cost.
    pub(super) fn digest_cost(&self) -> u32 {
        self.digest
    }

    /// How much may go out alone in a minute.
    pub(super) fn most_alone(&self) -> u32 {
        self.alone
    }

    /// How much may go out alone now.
    pub(super) fn room(&mut self, now: Instant) -> u32 {
        self.forget(now);
        self.alone.saturating_sub(self.sum(Part::Alone))
    }

    /// How much may go out alone in the place of a digest now.
    pub(super) fn spare(&mut self, now: Instant) -> u32 {
        self.forget(now);
        let each = self.each();
        let recent = self.digests().filter(|spent| spent.at + each > now).map(|spent| spent.cost).sum();
        let left = self.digests.saturating_sub(self.sum(Part::Digest));
        self.digest.saturating_sub(recent).min(left)
    }

    /// When the next digest may leave: now or earlier, if it may.
    pub(super) fn digest_at(&mut self, now: Instant) -> Instant {
        self.forget(now);
        let spaced = self.digests().next_back().map_or(now, |last| last.at + self.each());
        // What cost more than a digest should must leave the minute first.
        let mut over = (self.sum(Part::Digest) + self.digest).saturating_sub(self.digests);
        let mut afforded = now;
        for spent in self.digests() {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(spent.cost);
            afforded = spent.at + MINUTE;
        }
        spaced.max(afforded)
    }

    /// When something of what was spent alone may be spent again; `None` if nothing was.
    pub(super) fn room_at(&self) -> Option<Instant> {
        self.spent.iter().find(|spent| spent.on == Part::Alone).map(|spent| spent.at + MINUTE)
    }

    /// Counts a message that leaves alone: from its own part where there is room, else in
    /// the place of a digest. One that is longer than a part counts as all of it.
    pub(super) fn spend(&mut self, cost: u32, now: Instant) {
        let cost = cost.clamp(1, self.alone);
        if self.room(now) >= cost {
            self.spent.push_back(Spent { at: now, on: Part::Alone, cost });
        } else {
            self.spend_digest(cost, now);
        }
    }

    /// Counts a digest that leaves.
    pub(super) fn spend_digest(&mut self, cost: u32, now: Instant) {
        let cost = cost.clamp(1, self.digests);
        self.spent.push_back(Spent { at: now, on: Part::Digest, cost });
    }

    /// The last that was counted has not left after all.
    pub(super) fn take_back(&mut self) {
        self.spent.pop_back();
    }

    fn forget(&mut self, now: Instant) {
        while self.spent.front().is_some_and(|spent| spent.at + MINUTE <= now) {
            self.spent.pop_front();
        }
    }

    /// How far digests are apart.
    fn each(&self) -> Duration {
        MINUTE / (self.digests / self.digest)
    }

    fn digests(&self) -> impl DoubleEndedIterator<Item = &Spent> {
        self.spent.iter().filter(|spent| spent.on == Part::Digest)
    }

    fn sum(&self, part: Part) -> u32 {
        self.spent.iter().filter(|spent| spent.on == part).map(|spent| spent.cost).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn half_is_for_messages_alone_and_digests_are_spaced_over_the_minute() {
        let start = Instant::now();
        let mut channel = Budget::new(30, 5);
        assert_eq!((channel.room(start), channel.digest_cost()), (15, 5));
        (0..15).for_each(|_| channel.spend(1, start));
        assert_eq!((channel.room(start), channel.room_at()), (0, Some(start + MINUTE)));
        for slot in [0, 20, 40, 60] {
            let now = start + seconds(slot);
            assert!(channel.digest_at(now) <= now, "at {slot} s");
            channel.spend_digest(5, now);
            assert_eq!(channel.digest_at(now), now + seconds(20));
        }
        assert_eq!(channel.room(start + MINUTE), 15);
    }

    #[test]
    fn a_mailbox_gets_two_mails_and_a_digest() {
        let start = Instant::now();
        let mut mailbox = Budget::new(3, 1);
        mailbox.spend(1, start);
        mailbox.spend(1, start);
        assert_eq!(mailbox.room(start), 0);
        assert!(mailbox.digest_at(start) <= start);
        assert_eq!(mailbox.spare(start), 1, "a third one goes in the place of the digest");
        mailbox.spend(1, start);
        assert_eq!(mailbox.spare(start), 0);
        assert_eq!(mailbox.digest_at(start), start + MINUTE);
        mailbox.take_back();
        assert!(mailbox.digest_at(start) <= start);
    }

    #[test]
    fn a_digest_that_cost_more_than_it_should_makes_the_next_wait() {
        let start = Instant::now();
        let mut channel = Budget::new(30, 5);
        channel.spend_digest(12, start);
        assert_eq!(channel.digest_at(start), start + MINUTE);
        assert!(Budget::new(2, 5).digest_cost() == 1, "no more than there is");
    }

    proptest! {
        #[test]
        fn never_more_than_the_budget_in_a_minute_and_never_silent_for_longer(
            per_minute in 2u32..60,
            digest in 1u32..10,
            steps in proptest::collection::vec((0u64..20_000, 1u32..8, any::<bool>()), 1..300),
        ) {
            let start = Instant::now();
            let (mut now, mut budget) = (start, Budget::new(per_minute, digest));
            let mut said: Vec<(Instant, u32)> = Vec::new();
            for (wait, cost, alone) in steps {
                now += Duration::from_millis(wait);
                let cost_alone = cost.min(budget.alone);
                if alone && (budget.room(now) >= cost_alone || budget.spare(now) >= cost_alone) {
                    budget.spend(cost, now);
                    said.push((now, cost_alone));
                } else if budget.digest_at(now) <= now {
                    let cost = cost.min(budget.digest_cost());
                    budget.spend_digest(cost, now);
                    said.push((now, cost));
                }
                prop_assert!(!said.is_empty(), "the first message waits for nothing");
                prop_assert!(budget.digest_at(now) <= now + MINUTE, "a digest may leave within a minute");
                let last_minute = said.iter().filter(|(at, _)| *at + MINUTE > now);
                prop_assert!(last_minute.map(|(_, cost)| cost).sum::<u32>() <= per_minute);
            }
        }
    }
}
