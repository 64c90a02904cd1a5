//! The clock was set back: what is due moves along.
//!
//! Promises: what had an hour to go still has an hour to go, so nothing freezes until the
//! clock has caught up, and nothing comes twice. Never: reads a clock.

use super::World;
use super::durable::Entry;
use crate::engine::timers::TimerKey;
use crate::model::{Incident, IncidentId, ObjectKey, Timestamp};
use std::time::Duration;

impl World {
    /// Moves all that is due, and the times that lengths are counted from, back by this: it is
    /// `now` again.
    pub fn set_back(&mut self, by: Duration, now: Timestamp) {
        let back = |at: Timestamp| at.checked_sub(by).unwrap_or(Timestamp::MIN);
        self.set_back_records(back);
        self.set_back_incidents(back);
        self.set_back_timers(back);
        self.set_back_escalations(back);
        self.set_back_mutes(now, back);
        self.set_back_watches(back);
        self.set_back_gathers(back);
        self.set_back_posts(back);
        self.set_back_codes(back);
        self.set_back_extensions(back);
        self.set_back_reports(back);
        let (windows, kept) = self.windows.set_back(back);
        windows.into_iter().for_each(|name| self.change(|| Entry::Window(name)));
        kept.into_iter().for_each(|name| self.change(|| Entry::Kept(name)));
        self.checks_asked.clear();
        // Overrides and gaps are of the calendar, which nobody set back.
        self.look_again();
    }

    fn set_back_records(&mut self, back: impl Fn(Timestamp) -> Timestamp) {
        let again: Vec<(Timestamp, ObjectKey)> = self.again.iter().cloned().collect();
        for (at, key) in again {
            self.set_again(&key, Some(back(at)));
        }
        let returned: Vec<ObjectKey> = self
            .records()
            .filter(|(_, record)| record.marks().returned.is_some())
            .map(|(key, _)| key.clone())
            .collect();
        for key in returned {
            self.change_record(&key, |record| {
                let marks = record.marks_mut();
                marks.returned = marks.returned.map(&back);
            });
        }
    }

    fn set_back_incidents(&mut self, back: impl Fn(Timestamp) -> Timestamp) {
        self.reminders =
            std::mem::take(&mut self.reminders).into_iter().map(|(at, id)| (back(at), id)).collect();
        let waiting = |incident: &Incident| !incident.holds.is_empty() || incident.reminding.is_some();
        let waiting: Vec<IncidentId> = self
            .incidents
            .values()
            .filter(|incident| waiting(incident))
            .map(|incident| incident.id)
            .collect();
        for id in waiting {
            self.change_incident(id, |incident| {
                incident.holds.values_mut().for_each(|hold| hold.until = back(hold.until));
                incident.reminding.iter_mut().for_each(|reminding| reminding.next = back(reminding.next));
            });
        }
    }

    fn set_back_timers(&mut self, back: impl Fn(Timestamp) -> Timestamp) {
        let timers: Vec<TimerKey> = self.timers.keys().cloned().collect();
        for key in timers {
            self.timers.move_to(&key, &back);
            self.change(|| Entry::Timer(Box::new(key)));
        }
    }

    fn set_back_gathers(&mut self, back: impl Fn(Timestamp) -> Timestamp) {
        let heads: Vec<_> = self.gathers.heads().map(|(name, head)| (name.clone(), head.clone())).collect();
        for (name, mut head) in heads {
            (head.since, head.due) = (head.since.map(&back), back(head.due));
            self.put_gather(&name, head);
        }
    }
}
