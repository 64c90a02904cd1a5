//! Storms stay readable: who may be told what now, and when what waits is folded.
//!
//! Owns: a budget for each recipient of one sink. Promises: in calm times everything
//! goes out at once and alone. When many wait for one recipient, or what it may be told
//! alone is used up, all that waits for it becomes one digest at the next moment that is
//! kept for one; nothing younger overtakes a digest, but calls. Problems go before
//! recoveries, the worst first. Never: folds an answer to a command, nor what is under
//! way; holds what waits in memory.
//!
//! ```text
//!                ┌ few wait, room ────▶ alone, the worst first
//!  waiting ──────┼ many, or no room ──▶ digest, at the next moment for one
//!                └ a digest is pending ▶ that one before anything younger
//! ```
//! After a crash: what was spent is forgotten, so a minute may hear of two budgets.

use super::budget::Budget;
use crate::clock;
use crate::config::{Config, SinkSettings};
use crate::model::event::Digest;
use crate::model::words::counted;
use crate::model::{Delivery, DeliveryId, Message, Tells, Timestamp};
use crate::store::fold::{Choice, FOLDED_BY, Fold, Folded, Group, Recipient, Waiting};
use crate::store::{Store, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// When more than this waits for one recipient, it is folded; more where the budget is
/// large, so that who wants it all gets it all.
const MANY: u32 = 10;
/// This part of a budget may wait.
const SHARE_THAT_WAITS: u32 = 3;

/// How many deliveries become one digest at most: as many as the database marks, slice by
/// slice, in a few seconds. The rest becomes the next one.
const MOST_FOLDED: usize = 200_000;

/// How many lines a digest has where lines cost something, and where they do not.
const SHORT: u32 = 5;
const LONG: u32 = 50;

/// Longest name and longest line, in characters: one line of IRC holds it.
const LONGEST_NAME: usize = 48;
const LONGEST_LINE: usize = 300;

/// A digest in words, for a sink.
pub type WriteDigest = Arc<dyn Fn(Digest) -> Message + Send + Sync>;

/// The budgets of one sink, and how its digests are made.
pub struct Storms {
    sink: String,
    /// What each target may be told in a minute; what is not here is not bounded.
    per_minute: BTreeMap<String, u32>,
    /// Whether a line costs something, or only a message.
    by_line: bool,
    /// How much waits for a recipient before it is folded, at most.
    counted_to: u32,
    write: WriteDigest,
    budgets: Mutex<BTreeMap<Recipient, Budget>>,
}

/// What may be sent now.
#[derive(Debug, Default)]
pub(super) struct Admitted {
    /// Each of another lane.
    pub(super) due: Vec<Delivery>,
    /// When more may be sent, as far as budgets are concerned.
    pub(super) more_at: Option<Instant>,
}

impl Storms {
    /// Those of a sink; `None` if none of its targets has a budget.
    pub fn of(sink: &SinkSettings, config: &Config, write: WriteDigest) -> Option<Storms> {
        let targets = config.targets.values().filter(|target| target.sink == sink.name);
        let per_minute: BTreeMap<String, u32> =
            targets.filter_map(|target| Some((target.name.clone(), target.per_minute?))).collect();
        let by_line = sink.kind.name() == "irc";
        (!per_minute.is_empty()).then(|| Storms::new(&sink.name, per_minute, by_line, write))
    }

    /// Budgets of the targets of a sink. `by_line`: they are counted in lines, not in
    /// messages.
    pub fn new(sink: &str, per_minute: BTreeMap<String, u32>, by_line: bool, write: WriteDigest) -> Storms {
        let counted_to = per_minute.values().copied().map(many).max().unwrap_or(MANY) + 1;
        Storms { sink: sink.to_owned(), per_minute, by_line, counted_to, write, budgets: Mutex::default() }
    }

    /// What may be sent now, at most `limit`, and none of the lanes in `busy`. Folds what is
    /// to be folded. `cost` is in lines. Blocks on the store.
    pub(super) fn admit(
        &self,
        store: &dyn Store,
        busy: &[String],
        limit: usize,
        cost: &dyn Fn(&Delivery) -> u32,
        now: Instant,
    ) -> Result<Admitted, StoreError> {
        let mut waiting = store.recipients(&self.sink, self.counted_to)?;
        // Somebody waits for an answer; after that, whoever waits longest.
        waiting.sort_by_key(|waiting| (waiting.to.target != "reply", waiting.oldest));
        let admitted = Admitted::default();
        let mut look = Look { storms: self, store, busy, limit, cost, now, at: clock::now(), admitted };
        for waiting in &waiting {
            if look.left() == 0 {
                break;
            }
            look.recipient(waiting)?;
        }
        Ok(look.admitted)
    }

    /// Counts a delivery that leaves.
    pub(super) fn spend(&self, delivery: &Delivery, cost: u32, now: Instant) {
        let mut budgets = self.budgets();
        let Some(budget) = self.budget(&mut budgets, &recipient_of(delivery)) else { return };
        let cost = self.charged(cost);
        if is_storm(delivery) { budget.spend_digest(cost, now) } else { budget.spend(cost, now) }
    }

    /// The delivery of this lane that was counted last has not left: the sink was not ready.
    pub(super) fn take_back(&self, lane: &str) {
        let mut parts = lane.split('\u{1f}').map(str::to_owned);
        let (Some(target), Some(address)) = (parts.next(), parts.next()) else { return };
        if let Some(budget) = self.budget(&mut self.budgets(), &Recipient { target, address }) {
            budget.take_back();
        }
    }

    fn charged(&self, lines: u32) -> u32 {
        if self.by_line { lines } else { 1 }
    }

    fn budgets(&self) -> MutexGuard<'_, BTreeMap<Recipient, Budget>> {
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn budget<'a>(
        &self,
        budgets: &'a mut BTreeMap<Recipient, Budget>,
        to: &Recipient,
    ) -> Option<&'a mut Budget> {
        let per_minute = *self.per_minute.get(&to.target)?;
        let digest = if self.by_line { SHORT } else { 1 };
        Some(budgets.entry(to.clone()).or_insert_with(|| Budget::new(per_minute, digest)))
    }
}

/// One look at what waits.
struct Look<'a> {
    storms: &'a Storms,
    store: &'a dyn Store,
    busy: &'a [String],
    limit: usize,
    cost: &'a dyn Fn(&Delivery) -> u32,
    now: Instant,
    at: Timestamp,
    admitted: Admitted,
}

/// What one recipient may be told now.
struct Means {
    /// Alone.
    room: u32,
    /// All that there ever is for what goes alone.
    most: u32,
    room_at: Option<Instant>,
    /// Alone, in the place of a digest.
    spare: u32,
    /// How many may wait before they are folded.
    many: u32,
    digest: u32,
    digest_at: Instant,
}

impl Look<'_> {
    fn left(&self) -> usize {
        self.limit.saturating_sub(self.admitted.due.len())
    }

    fn recipient(&mut self, waiting: &Waiting) -> Result<(), StoreError> {
        let Some(means) = self.means(waiting) else {
            let no_bound = Allowance { room: u32::MAX, spare: 0, most: 1, calls: u32::MAX };
            return self.take(waiting, DeliveryId::MAX, no_bound).map(drop);
        };
        let alone = Allowance { room: means.room, spare: 0, most: means.most, calls: means.many };
        let before = self.left();
        if waiting.digest.is_none() && waiting.count <= means.many {
            let spare = if waiting.count <= means.spare { means.spare } else { 0 };
            let held = self.take(waiting, DeliveryId::MAX, Allowance { spare, ..alone })?;
            if !held || self.left() < before {
                return Ok(());
            }
        }
        if means.digest_at > self.now {
            // What is older than a pending digest need not wait for it, nor need calls.
            let up_to = waiting.digest.map_or(0, |digest| digest - 1);
            self.take(waiting, up_to, alone)?;
            self.come_back(means.digest_at);
        } else if let Some(digest) = waiting.digest {
            self.take(waiting, digest, alone)?;
        } else {
            self.fold(waiting, &means, alone)?;
        }
        if let Some(room_at) = means.room_at {
            self.come_back(room_at);
        }
        Ok(())
    }

    /// `None` for a recipient without a budget.
    fn means(&self, waiting: &Waiting) -> Option<Means> {
        let mut budgets = self.storms.budgets();
        let budget = self.storms.budget(&mut budgets, &waiting.to)?;
        Some(Means {
            room: budget.room(self.now),
            most: budget.most_alone(),
            room_at: budget.room_at(),
            spare: budget.spare(self.now),
            many: self.storms.per_minute.get(&waiting.to.target).copied().map_or(MANY, many),
            digest: budget.digest_cost(),
            digest_at: budget.digest_at(self.now),
        })
    }

    fn come_back(&mut self, at: Instant) {
        let admitted = &mut self.admitted;
        admitted.more_at = Some(admitted.more_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// Takes what may be sent and is allowed: nothing younger than `up_to` but calls, if they
    /// are few. Says whether something was held.
    fn take(
        &mut self,
        waiting: &Waiting,
        up_to: DeliveryId,
        mut allowed: Allowance,
    ) -> Result<bool, StoreError> {
        let choice = Choice {
            sink: &self.storms.sink,
            to: &waiting.to,
            up_to,
            called: waiting.calls > 0 && waiting.calls <= allowed.calls,
            busy: self.busy,
            limit: self.left(),
        };
        for delivery in self.store.due_of(&choice, self.at)? {
            let cost = self.storms.charged((self.cost)(&delivery));
            if !is_storm(&delivery) && !allowed.takes(cost) {
                return Ok(true);
            }
            self.admitted.due.push(delivery);
        }
        Ok(false)
    }

    /// Folds what waits. One that waits alone goes as it is, in the place of a digest.
    fn fold(&mut self, waiting: &Waiting, means: &Means, alone: Allowance) -> Result<(), StoreError> {
        let lines = if self.storms.by_line { means.digest } else { LONG };
        let fold = Fold {
            sink: &self.storms.sink,
            to: &waiting.to,
            busy: self.busy,
            spare_calls: waiting.calls <= means.many,
            most: MOST_FOLDED,
            // One line is for the sums, one for what is not named.
            groups: usize::try_from(lines).unwrap_or(usize::MAX).saturating_sub(2),
            at: self.at,
        };
        let write = |folded: &Folded| (self.storms.write)(digest(folded, waiting));
        let made = if waiting.count > 1 { self.store.fold(&fold, &write)? } else { None };
        match made {
            Some(made) => self.take(waiting, made.id, alone),
            None => self.take(waiting, DeliveryId::MAX, Allowance { spare: means.spare, ..alone }),
        }
        .map(drop)
    }
}

/// What may go out alone now.
#[derive(Clone, Copy)]
struct Allowance {
    /// From the part that is for it.
    room: u32,
    /// In the place of a digest.
    spare: u32,
    /// For how much one message counts at most.
    most: u32,
    /// How many calls may wait and yet go before a digest.
    calls: u32,
}

impl Allowance {
    /// Takes the cost of one message off, if there is so much.
    fn takes(&mut self, cost: u32) -> bool {
        let cost = cost.clamp(1, self.most);
        if cost <= self.room {
            self.room -= cost;
        } else if cost <= self.spare {
            self.spare -= cost;
        } else {
            return false;
        }
        true
    }
}

/// How many may wait for a recipient with this budget before they are folded.
fn many(per_minute: u32) -> u32 {
    MANY.max(per_minute / SHARE_THAT_WAITS)
}

/// Whether this is the digest of a storm.
fn is_storm(delivery: &Delivery) -> bool {
    delivery.rule == FOLDED_BY
}

fn recipient_of(delivery: &Delivery) -> Recipient {
    Recipient { target: delivery.target.clone(), address: delivery.recipient.clone() }
}

/// What was folded, as an event that templates know.
fn digest(folded: &Folded, waiting: &Waiting) -> Digest {
    let states: Vec<String> = folded.states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    Digest {
        key: FOLDED_BY.to_owned(),
        rule: format!("the budget of {}", waiting.to.target),
        since: folded.since,
        problems: folded.problems,
        recoveries: folded.recoveries,
        worst: folded.groups.iter().find_map(|group| group.worst).filter(|state| state.is_problem()),
        lines: folded.groups.iter().map(line).collect(),
        more: folded.more,
        changes: folded.count,
        states: states.join(", "),
        more_groups: folded.more_groups,
    }
}

/// `wan-berlin: 412 CRITICAL: sw1!uplink, sw2!uplink, ...`.
fn line(group: &Group) -> String {
    let what = match (group.tells, group.worst) {
        (Tells::Problem, Some(worst)) => format!("{}, worst {worst}", counted(group.count, "problem")),
        (Tells::Problem, None) => counted(group.count, "problem"),
        (Tells::Recovery, _) => format!("{} recovered", group.count),
        (Tells::Other, _) => format!("{} other", group.count),
    };
    let of =
        if group.name.is_empty() { String::new() } else { format!("{}: ", cut(&group.name, LONGEST_NAME)) };
    let names: Vec<String> = group.names.iter().map(|name| cut(name, LONGEST_NAME)).collect();
    let beyond = if group.count > names.len() as u64 { ", ..." } else { "" };
    cut(&format!("{of}{what}: {}{beyond}", names.join(", ")), LONGEST_LINE)
}

fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
