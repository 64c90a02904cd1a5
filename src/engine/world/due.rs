//! What the world does by the time alone: states that are judged again.
//!
//! Promises: what was due while the program was away is due once, at its next look;
//! what has come due is taken out, and never comes twice. Never: reads a clock.

use super::World;
use crate::model::{ObjectKey, Timestamp};

impl World {
    /// Sets or clears the time at which a withheld state is judged again.
    pub fn set_again(&mut self, key: &ObjectKey, at: Option<Timestamp>) {
        let old = self.records.get(key).and_then(|record| record.again_at);
        if old == at {
            return;
        }
        if let Some(old) = old {
            self.timers.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.timers.insert((at, key.clone()));
        }
        self.change_record(key, |record| record.again_at = at);
    }

    /// Takes out the objects whose time to be judged again has come, oldest first.
    pub fn due_again(&mut self, now: Timestamp) -> Vec<ObjectKey> {
        let mut due = Vec::new();
        while let Some((at, key)) = self.timers.first().cloned() {
            if at > now {
                break;
            }
            self.set_again(&key, None);
            due.push(key);
        }
        due
    }

    /// The next moment something is to happen by itself.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let again = self.timers.first().map(|(at, _)| *at);
        let mute = self.mutes.values().map(|mute| mute.mute.until).min();
        again.into_iter().chain(mute).min()
    }
}
