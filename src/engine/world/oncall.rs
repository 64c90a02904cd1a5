//! What the world knows of schedules: overrides, calendars as they were read, and which gap was
//! told last.

use super::World;
use super::durable::Entry;
use crate::model::Timestamp;
use crate::oncall::Override;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many overrides there are at most.
const OVERRIDES: usize = 1_000;

/// A calendar that a schedule takes its turns from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KeptCalendar {
    /// The last one that could be read, and that was understood; empty before the first.
    pub text: String,
    /// What is wrong with what came after it; `None` if nothing is.
    #[serde(default)]
    pub fault: Option<String>,
}

/// All that is known of schedules.
#[derive(Debug, Clone, Default)]
pub(super) struct OnCall {
    /// By number.
    overrides: Vec<Override>,
    /// The highest number that was given.
    pub(super) last_override: u64,
    calendars: BTreeMap<String, KeptCalendar>,
    /// The end of the gap that was told last, by the schedule's name.
    gaps: BTreeMap<String, Timestamp>,
    /// When gaps are looked for next. Not kept: at a start at once.
    next_look: Option<Timestamp>,
}

impl OnCall {
    /// One of the overrides.
    pub(super) fn one(&self, id: u64) -> Option<&Override> {
        self.overrides.iter().find(|one| one.id == id)
    }

    /// One of the calendars.
    pub(super) fn calendar(&self, schedule: &str) -> Option<&KeptCalendar> {
        self.calendars.get(schedule)
    }

    /// The end of the gap of a schedule that was told last.
    pub(super) fn gap(&self, schedule: &str) -> Option<&Timestamp> {
        self.gaps.get(schedule)
    }

    /// Puts back one that was kept.
    pub(super) fn restore_override(&mut self, one: Override) {
        self.overrides.push(one);
        self.overrides.sort_by_key(|one| one.id);
    }

    /// Puts back one that was kept.
    pub(super) fn restore_calendar(&mut self, schedule: &str, calendar: KeptCalendar) {
        self.calendars.insert(schedule.to_owned(), calendar);
    }

    /// Puts back one that was kept.
    pub(super) fn restore_gap(&mut self, schedule: &str, end: Timestamp) {
        self.gaps.insert(schedule.to_owned(), end);
    }

    /// When gaps are looked for next.
    pub(super) fn next_look(&self) -> Option<Timestamp> {
        self.next_look
    }
}

impl World {
    /// All overrides that are not over, by number.
    pub fn overrides(&self) -> &[Override] {
        &self.oncall.overrides
    }

    /// Adds overrides under the next numbers, all or none; why not, if there is no room.
    pub fn add_overrides(&mut self, overrides: Vec<Override>) -> Result<Vec<u64>, String> {
        if self.oncall.overrides.len() + overrides.len() > OVERRIDES {
            return Err(format!("there are {OVERRIDES} overrides already; cancel those that are not needed"));
        }
        let mut numbers = Vec::new();
        for one in overrides {
            self.oncall.last_override += 1;
            let id = self.oncall.last_override;
            self.oncall.overrides.push(Override { id, ..one });
            self.change(|| Entry::Override(id));
            numbers.push(id);
        }
        self.change(|| Entry::LastOverride);
        self.look_again();
        Ok(numbers)
    }

    /// Takes an override away.
    pub fn remove_override(&mut self, id: u64) -> Option<Override> {
        let at = self.oncall.overrides.iter().position(|one| one.id == id)?;
        self.change(|| Entry::Override(id));
        self.look_again();
        Some(self.oncall.overrides.remove(at))
    }

    /// Forgets the overrides that are over.
    pub(super) fn forget_overrides(&mut self, now: Timestamp) {
        let over: Vec<u64> =
            self.oncall.overrides.iter().filter(|one| one.until <= now).map(|one| one.id).collect();
        for id in over {
            self.oncall.overrides.retain(|one| one.id != id);
            self.change(|| Entry::Override(id));
        }
    }

    /// The calendars of schedules, by the schedule's name.
    pub fn calendars(&self) -> impl Iterator<Item = (&str, &KeptCalendar)> {
        self.oncall.calendars.iter().map(|(name, calendar)| (name.as_str(), calendar))
    }

    /// The calendar of a schedule; an empty one where none was read.
    pub fn calendar(&self, schedule: &str) -> KeptCalendar {
        self.oncall.calendar(schedule).cloned().unwrap_or_default()
    }

    /// Keeps the calendar of a schedule.
    pub fn put_calendar(&mut self, schedule: &str, calendar: KeptCalendar) {
        self.oncall.calendars.insert(schedule.to_owned(), calendar);
        self.change(|| Entry::Calendar(schedule.to_owned()));
        self.look_again();
    }

    /// Whether a gap of a schedule that begins then was told already.
    pub fn is_gap_told(&self, schedule: &str, begin: Timestamp) -> bool {
        self.oncall.gap(schedule).is_some_and(|end| begin < *end)
    }

    /// Notes that a gap of a schedule was told, which ends then.
    pub fn note_gap(&mut self, schedule: &str, end: Timestamp) {
        self.oncall.gaps.insert(schedule.to_owned(), end);
        self.change(|| Entry::ToldGap(schedule.to_owned()));
    }

    /// Whether gaps are to be looked for; never in a world to try things on.
    pub fn is_look_due(&self, now: Timestamp) -> bool {
        self.durable && self.oncall.next_look.is_none_or(|next| next <= now)
    }

    /// Has gaps looked for with the step under way, or the next one.
    pub(super) fn look_again(&mut self) {
        self.oncall.next_look = None;
    }

    /// Sets when gaps are looked for next.
    pub fn set_next_look(&mut self, at: Timestamp) {
        self.oncall.next_look = Some(at);
    }
}
