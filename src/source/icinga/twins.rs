//! The same event from both masters of a zone, told apart from the same thing happening twice.
//!
//! Owns: what each master has sent of late, by its content; never by `timestamp`, which
//! differs from master to master. Promises: in whatever way the streams interleave, each
//! event passes once, with whichever master is first; what happens twice passes twice.
//! What is kept is bounded by time and number. Never: reads a clock; compares with what
//! the engine knows, which guards against what is older still.

use crate::model::{Detail, Event, ObjectKey};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// For how long at least the second of a pair is waited for.
const KEPT: Duration = Duration::from_secs(600);
/// More contents than this end the wait of the oldest early.
const MOST: usize = 200_000;

/// How often each master sent each content.
///
/// The n-th of a content passes when no other master has sent n of it yet: so two equal
/// custom notifications are two, and their twins none.
#[derive(Debug)]
pub struct Twins {
    masters: usize,
    young: Generation,
    old: Generation,
    turned: Instant,
}

#[derive(Debug, Default)]
struct Generation {
    sent: HashMap<u64, Vec<u32>>,
    moved: HashMap<ObjectKey, Instant>,
}

impl Twins {
    /// For this many masters; with one, all passes.
    pub fn new(masters: usize, now: Instant) -> Twins {
        Twins { masters, young: Generation::default(), old: Generation::default(), turned: now }
    }

    /// Notes that a master opened a stream: what the others sent before, it sends no more.
    pub fn joins(&mut self, master: usize) {
        for counts in self.young.sent.values_mut().chain(self.old.sent.values_mut()) {
            counts[master] = most(counts);
        }
    }

    /// Takes in what a master sent; whether no other has sent it before.
    pub fn is_first(&mut self, master: usize, event: &Event, now: Instant) -> bool {
        if self.masters < 2 {
            return true;
        }
        self.turn(now);
        if let Some(object) = &event.object {
            self.old.moved.remove(object);
            self.young.moved.insert(object.clone(), now);
        }
        let content = content(event);
        let known = self.young.sent.remove(&content).or_else(|| self.old.sent.remove(&content));
        let mut counts = known.unwrap_or_else(|| vec![0; self.masters]);
        let most_before = most(&counts);
        counts[master] += 1;
        let is_first = counts[master] > most_before;
        self.young.sent.insert(content, counts);
        is_first
    }

    /// The objects that events were about since then, in no order.
    pub fn moved_since(&self, then: Instant) -> Vec<ObjectKey> {
        let all = self.young.moved.iter().chain(&self.old.moved);
        all.filter(|(_, at)| **at >= then).map(|(key, _)| key.clone()).collect()
    }

    /// Forgets the old and makes the young old, when it is time.
    fn turn(&mut self, now: Instant) {
        if now.duration_since(self.turned) >= KEPT || self.young.sent.len() >= MOST {
            self.old = std::mem::take(&mut self.young);
            self.turned = now;
        }
    }
}

fn most(counts: &[u32]) -> u32 {
    counts.iter().copied().max().unwrap_or(0)
}

/// What is the same on all masters of a zone.
fn content(event: &Event) -> u64 {
    let mut hasher = DefaultHasher::new();
    (event.event_type(), &event.object).hash(&mut hasher);
    match &event.detail {
        Detail::CheckResult(report) | Detail::StateChange(report) => {
            (report.execution_end, report.state, report.hard, report.attempt).hash(&mut hasher);
            report.output.hash(&mut hasher);
        }
        Detail::Notification(sent) => {
            // A set in Icinga, in the order of its addresses in memory.
            let mut users: Vec<&String> = sent.users.iter().collect();
            users.sort_unstable();
            (users, &sent.notification_type, &sent.command).hash(&mut hasher);
            (&sent.author, &sent.text, sent.state, &sent.output).hash(&mut hasher);
        }
        Detail::Flapping(flapping) => (flapping.is_flapping, flapping.state).hash(&mut hasher),
        Detail::AcknowledgementSet(set) => {
            (&set.author, &set.comment, set.sticky, set.expiry, set.state).hash(&mut hasher);
        }
        Detail::AcknowledgementCleared(end) => end.state.hash(&mut hasher),
        Detail::ObjectCreated(change) | Detail::ObjectModified(change) | Detail::ObjectDeleted(change) => {
            (&change.object_type, &change.object_name).hash(&mut hasher);
        }
        _ => {}
    }
    event.comment().map(|comment| &comment.name).hash(&mut hasher);
    event.downtime().map(|downtime| &downtime.name).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::model::event::{IcingaNotification, ObjectChange};
    use std::sync::Arc;

    fn custom(text: &str, users: &[&str]) -> Event {
        let sent = IcingaNotification {
            notification_type: "CUSTOM".to_owned(),
            users: users.iter().map(|user| (*user).to_owned()).collect(),
            author: "bob".to_owned(),
            text: text.to_owned(),
            command: "mail".to_owned(),
            state: None,
            output: String::new(),
        };
        let object = ObjectKey::from_name(&Arc::from("lab"), "db1");
        Event { object: Some(object), ..Event::ours(Timestamp::UNIX_EPOCH, Detail::Notification(sent)) }
    }

    fn passes(twins: &mut Twins, order: &[(usize, &Event)], now: Instant) -> usize {
        order.iter().filter(|(master, event)| twins.is_first(*master, event, now)).count()
    }

    #[test]
    fn the_twin_is_known_by_its_content_and_what_happens_twice_is_two() {
        let now = Instant::now();
        let (a, b) = (custom("a", &["x", "y"]), custom("b", &["x"]));
        let a_at_the_other = custom("a", &["y", "x"]);
        for (order, passed) in [
            (vec![(0, &a), (1, &a_at_the_other)], 1),
            (vec![(0, &a), (0, &a), (1, &a), (1, &a)], 2),
            (vec![(0, &a), (1, &a), (1, &a), (0, &a)], 2),
            (vec![(0, &a), (1, &b)], 2),
        ] {
            assert_eq!(passes(&mut Twins::new(2, now), &order, now), passed, "{order:?}");
        }
        assert_eq!(passes(&mut Twins::new(1, now), &[(0, &a), (0, &a)], now), 2, "one master");
    }

    #[test]
    fn a_master_that_comes_back_is_not_owed_what_it_missed() {
        let now = Instant::now();
        let mut twins = Twins::new(2, now);
        let a = custom("a", &[]);
        assert!(twins.is_first(0, &a, now), "the second master is away");
        twins.joins(1);
        assert!(twins.is_first(1, &a, now), "it happened again");
        assert!(!twins.is_first(0, &a, now), "and this is the twin");
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        let begin = Instant::now();
        let mut twins = Twins::new(2, begin);
        let a = custom("a", &[]);
        assert!(twins.is_first(0, &a, begin));
        assert!(!twins.is_first(1, &a, begin + KEPT), "the second of a pair is waited for");
        twins.is_first(0, &custom("b", &[]), begin + 2 * KEPT);
        assert!(twins.is_first(1, &a, begin + 3 * KEPT));
        assert!(twins.moved_since(begin + 4 * KEPT).is_empty());
        assert_eq!(twins.moved_since(begin).len(), 1);
    }

    #[test]
    fn changes_of_objects_have_no_object_and_differ_by_their_names() {
        let now = Instant::now();
        let mut twins = Twins::new(2, now);
        let created = |name: &str| {
            let change = ObjectChange { object_type: "Host".to_owned(), object_name: name.to_owned() };
            Event::ours(Timestamp::UNIX_EPOCH, Detail::ObjectCreated(change))
        };
        let (a, b) = (created("a"), created("b"));
        assert_eq!(passes(&mut twins, &[(0, &a), (1, &a), (1, &b), (0, &b)], now), 2);
    }
}
