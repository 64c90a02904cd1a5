//! What the world does by the time alone: states that are judged again, timers.
//!
//! Promises: what was due while the program was away is due once, at its next look;
//! what has come due is taken out, and never comes twice. Never: reads a clock.

use super::World;
use super::durable::Entry;
use crate::engine::timers::{Pending, TimerKey};
use crate::model::{ObjectKey, Timestamp};

/// How many timers come due in one step.
const DUE_AT_ONCE: usize = 1000;

impl World {
    /// Sets or clears the time at which a withheld state is judged again.
    pub fn set_again(&mut self, key: &ObjectKey, at: Option<Timestamp>) {
        let old = self.records.get(key).and_then(|record| record.again_at);
        if old == at {
            return;
        }
        if let Some(old) = old {
            self.again.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.again.insert((at, key.clone()));
        }
        self.change_record(key, |record| record.again_at = at);
    }

    /// Takes out the objects whose time to be judged again has come, oldest first.
    pub fn due_again(&mut self, now: Timestamp) -> Vec<ObjectKey> {
        let mut due = Vec::new();
        while let Some((at, key)) = self.again.first().cloned() {
            if at > now {
                break;
            }
            self.set_again(&key, None);
            due.push(key);
        }
        due
    }

    /// Sets a timer of a rule; one that is there already moves. Why not, if it cannot be.
    pub fn set_timer(&mut self, timer: Pending) -> Result<(), String> {
        let key = timer.key.clone();
        self.timers.set(timer)?;
        self.change(|| Entry::Timer(key));
        Ok(())
    }

    /// Takes a timer away; whether there was one.
    pub fn cancel_timer(&mut self, key: &TimerKey) -> bool {
        let is_there = self.timers.take(key).is_some();
        if is_there {
            self.change(|| Entry::Timer(key.clone()));
        }
        is_there
    }

    /// Takes out the timers that are due, oldest first, and not too many at once: the
    /// others are due at the next tick, which follows at once.
    pub fn due_timers(&mut self, now: Timestamp) -> Vec<Pending> {
        let timers: Vec<Pending> =
            std::iter::from_fn(|| self.timers.take_due(now)).take(DUE_AT_ONCE).collect();
        for timer in &timers {
            self.change(|| Entry::Timer(timer.key.clone()));
        }
        timers
    }

    /// Takes away all timers of an object.
    pub(super) fn remove_timers_of(&mut self, object: &ObjectKey) {
        for key in self.timers.of_object(object) {
            self.cancel_timer(&key);
        }
    }

    /// The next moment something is to happen by itself.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let again = self.again.first().map(|(at, _)| *at);
        let mute = self.mutes.values().map(|mute| mute.mute.until).min();
        [again, mute, self.timers.next()].into_iter().flatten().min()
    }
}
