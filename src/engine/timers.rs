//! Timers: what rules want judged at a later time.
//!
//! Owns: the timers, by whom they belong to and by when they are due. Promises: one
//! timer for each rule, name and object; a timer comes due once; there are never more
//! than [`TIMER_CAP`]. Never: reads a clock; the time is an argument.

use crate::model::event::Timer;
use crate::model::{Detail, Event, ObjectKey, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many timers there may be.
pub const TIMER_CAP: usize = 100_000;

/// How long the name of a timer may be, in bytes.
const NAME_CAP: usize = 256;

/// How much a timer may carry, in bytes of JSON.
const DATA_CAP: usize = 16 * 1024;

/// Whom a timer belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TimerKey {
    /// The object it is about; `None` where the event that set it was about none.
    pub object: Option<ObjectKey>,
    /// The source of the event that set it.
    pub source: Arc<str>,
    /// The name of the rule.
    pub rule: String,
    /// What the rule calls it.
    pub name: String,
}

/// A timer that is not due yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// Whom it belongs to.
    pub key: TimerKey,
    /// What it carries.
    pub data: serde_json::Value,
    /// When it was set.
    pub set_at: Timestamp,
    /// When it is due.
    pub due: Timestamp,
}

impl Pending {
    /// The event that says that its time has come.
    pub fn event(self, now: Timestamp) -> Event {
        let TimerKey { object, source, rule, name } = self.key;
        let timer = Timer { name, data: self.data, rule, set_at: self.set_at };
        Event { source, timestamp: now, object, missed: false, withheld: None, detail: Detail::Timer(timer) }
    }

    fn check(&self) -> Result<(), String> {
        let name = self.key.name.len();
        if name == 0 || name > NAME_CAP {
            return Err(format!("a timer's name has 1 to {NAME_CAP} bytes; this one has {name}"));
        }
        let data = self.data.to_string().len();
        if data > DATA_CAP {
            return Err(format!("a timer carries at most {DATA_CAP} bytes of data; these are {data}"));
        }
        Ok(())
    }
}

/// All timers.
#[derive(Debug, Clone, Default)]
pub struct Timers {
    pending: BTreeMap<TimerKey, Pending>,
    due: BTreeSet<(Timestamp, TimerKey)>,
}

impl Timers {
    /// Sets a timer; the same one, set before, moves. Why not, if it cannot be.
    pub fn set(&mut self, timer: Pending) -> Result<(), String> {
        timer.check()?;
        let is_new = self.take(&timer.key).is_none();
        if is_new && self.pending.len() >= TIMER_CAP {
            return Err(format!("there are {TIMER_CAP} timers already; cancel those that are not needed"));
        }
        self.due.insert((timer.due, timer.key.clone()));
        self.pending.insert(timer.key.clone(), timer);
        Ok(())
    }

    /// Takes a timer away.
    pub fn take(&mut self, key: &TimerKey) -> Option<Pending> {
        let timer = self.pending.remove(key)?;
        self.due.remove(&(timer.due, key.clone()));
        Some(timer)
    }

    /// Whom all timers belong to, in order.
    pub fn keys(&self) -> impl Iterator<Item = &TimerKey> {
        self.pending.keys()
    }

    /// Moves a timer, with the moment it was set at.
    pub fn move_to(&mut self, key: &TimerKey, moved: impl Fn(Timestamp) -> Timestamp) {
        let Some(mut timer) = self.take(key) else { return };
        (timer.set_at, timer.due) = (moved(timer.set_at), moved(timer.due));
        self.due.insert((timer.due, key.clone()));
        self.pending.insert(key.clone(), timer);
    }

    /// A timer that is not due yet.
    pub fn get(&self, key: &TimerKey) -> Option<&Pending> {
        self.pending.get(key)
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Takes out one that is due, the oldest first.
    pub fn take_due(&mut self, now: Timestamp) -> Option<Pending> {
        let (_, key) = self.due.first().filter(|(due, _)| *due <= now)?.clone();
        self.take(&key)
    }

    /// Whom the timers about an object belong to.
    pub fn of_object(&self, object: &ObjectKey) -> Vec<TimerKey> {
        let first = TimerKey {
            object: Some(object.clone()),
            source: Arc::from(""),
            rule: String::new(),
            name: String::new(),
        };
        let from_there = self.pending.range(first..).map(|(key, _)| key);
        from_there.take_while(|key| key.object.as_ref() == Some(object)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).expect("a moment")
    }

    fn timer(object: &str, name: &str, due: i64) -> Pending {
        let source: Arc<str> = Arc::from("lab");
        let object = Some(ObjectKey::from_name(&source, object));
        let key = TimerKey { object, source, rule: "r".to_owned(), name: name.to_owned() };
        Pending { key, data: serde_json::Value::Null, set_at: at(0), due: at(due) }
    }

    fn names(mut timers: Timers, now: i64) -> Vec<String> {
        std::iter::from_fn(|| timers.take_due(at(now))).map(|timer| timer.key.name).collect()
    }

    #[test]
    fn timers_come_due_by_their_time_and_one_that_is_set_again_moves() {
        let mut timers = Timers::default();
        for (name, due) in [("c", 30), ("a", 10), ("b", 20), ("a", 25)] {
            timers.set(timer("h", name, due)).expect("there is room");
        }
        assert_eq!(timers.next(), Some(at(20)));
        assert_eq!(names(timers, 29), ["b", "a"]);
    }

    #[test]
    fn the_timers_of_an_object_are_found_among_those_of_its_neighbours() {
        let mut timers = Timers::default();
        for object in ["g", "h", "h!a", "h!b", "i"] {
            timers.set(timer(object, "t", 1)).expect("there is room");
            timers.set(timer(object, "u", 1)).expect("there is room");
        }
        let source: Arc<str> = Arc::from("lab");
        for object in ["g", "h", "h!a", "h!b", "i"] {
            let key = ObjectKey::from_name(&source, object);
            let found = timers.of_object(&key);
            assert_eq!(found.len(), 2, "{object}: {found:?}");
            assert!(found.iter().all(|timer| timer.object.as_ref() == Some(&key)));
        }
    }

    #[test]
    fn what_would_grow_without_a_bound_is_refused() {
        let mut timers = Timers::default();
        for number in 0..TIMER_CAP {
            timers.set(timer("h", &number.to_string(), 1)).expect("there is room");
        }
        let error = timers.set(timer("h", "one more", 1)).expect_err("there is no room");
        assert!(error.contains("100000 timers"), "{error}");
        timers.set(timer("h", "7", 2)).expect("one that is there may move");
        assert!(timers.set(timer("h", "", 1)).is_err(), "no name");
        assert!(timers.set(timer("h", &"n".repeat(257), 1)).is_err(), "a long name");
        let heavy = Pending { data: "x".repeat(20_000).into(), ..timer("h", "7", 1) };
        assert!(timers.set(heavy).is_err(), "much data");
        assert_eq!(
            timers.get(&timer("h", "7", 2).key),
            Some(&timer("h", "7", 2)),
            "a refusal changes nothing"
        );
    }
}
