//! What the world does by the time alone: states that are judged again, timers, reminders.
//!
//! Promises: what was due while the program was away is due once, at its next look;
//! what has come due is taken out, and never comes twice. Never: reads a clock.

use super::World;
use super::durable::Entry;
use crate::engine::timers::{Pending, TimerKey};
use crate::model::time::age;
use crate::model::{IncidentId, ObjectKey, Reminding, Timestamp};
use std::time::Duration;

/// How long one check of an object is enough for all who want it checked.
const ASK_AGAIN: Duration = Duration::from_secs(30);

impl World {
    /// Sets or clears the time at which a withheld state is judged again.
    pub fn set_again(&mut self, key: &ObjectKey, at: Option<Timestamp>) {
        let old = self.records.get(key).and_then(|record| record.marks().again_at);
        if old == at {
            return;
        }
        if let Some(old) = old {
            self.again.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.again.insert((at, key.clone()));
        }
        self.change_record(key, |record| record.marks_mut().again_at = at);
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
        let key = Box::new(timer.key.clone());
        self.timers.set(timer)?;
        self.change(|| Entry::Timer(key));
        Ok(())
    }

    /// Takes a timer away; whether there was one.
    pub fn cancel_timer(&mut self, key: &TimerKey) -> bool {
        let is_there = self.timers.take(key).is_some();
        if is_there {
            self.change(|| Entry::Timer(Box::new(key.clone())));
        }
        is_there
    }

    /// Takes out a timer that is due, the oldest first.
    pub fn take_due_timer(&mut self, now: Timestamp) -> Option<Pending> {
        let timer = self.timers.take_due(now)?;
        self.change(|| Entry::Timer(Box::new(timer.key.clone())));
        Some(timer)
    }

    /// Takes away all timers of an object.
    pub(super) fn remove_timers_of(&mut self, object: &ObjectKey) {
        for key in self.timers.of_object(object) {
            self.cancel_timer(&key);
        }
    }

    /// Has people reminded of an incident, unless they are already; whether it is new.
    pub fn remind(&mut self, id: IncidentId, reminding: Reminding) -> bool {
        if self.incident(id).is_none_or(|incident| incident.closed.is_some() || incident.reminding.is_some())
        {
            return false;
        }
        self.reminders.insert((reminding.next, id));
        self.change_incident(id, |incident| incident.reminding = Some(reminding));
        true
    }

    /// Nobody is reminded of an incident any more.
    pub(super) fn stop_reminding(&mut self, id: IncidentId) {
        let Some(next) = self.incident(id).and_then(|i| i.reminding.as_ref()).map(|r| r.next) else { return };
        self.reminders.remove(&(next, id));
        self.change_incident(id, |incident| incident.reminding = None);
    }

    /// Notes the oldest reminder that is due as given: of what, and how it goes on. Those
    /// that were missed meanwhile count as one.
    pub fn take_due_reminder(&mut self, now: Timestamp) -> Option<(ObjectKey, Reminding)> {
        let (at, id) = self.reminders.first().copied().filter(|(at, _)| *at <= now)?;
        self.reminders.remove(&(at, id));
        let incident = self.incidents.get(&id)?;
        let (object, reminding) = (incident.object.clone(), incident.reminding.as_ref()?.after_one(now));
        self.reminders.insert((reminding.next, id));
        self.change_incident(id, |incident| incident.reminding = Some(reminding.clone()));
        Some((object, reminding))
    }

    /// Whether a check of an object is to be asked for: not if that was done a moment ago,
    /// such as for another service of a host.
    pub fn may_ask_check(&mut self, key: &ObjectKey, now: Timestamp) -> bool {
        if self.checks_asked.get(key).is_some_and(|asked| age(*asked, now) < ASK_AGAIN) {
            return false;
        }
        self.checks_asked.insert(key.clone(), now);
        true
    }

    /// Forgets which checks were asked for long ago.
    pub(super) fn forget_checks_asked(&mut self, now: Timestamp) {
        self.checks_asked.retain(|_, asked| age(*asked, now) < ASK_AGAIN);
    }

    /// The next moment something is to happen by itself.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let again = self.again.first().map(|(at, _)| *at);
        let mute = self.mutes.values().filter_map(|mute| mute.mute.next()).min();
        let reminder = self.reminders.first().map(|(at, _)| *at);
        let escalation = self.escalations.next_due();
        let look = self.oncall.next_look();
        let all = [again, mute, self.timers.next(), reminder, escalation, self.gathers.next_due(), look];
        all.into_iter().chain([self.next_late_extension(), self.next_report()]).flatten().min()
    }
}
