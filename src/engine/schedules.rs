//! The engine's part in who is on call: calendars that were read, and gaps that are told before
//! they come.
//!
//! Promises: a gap is told once, a day before it begins, or when it is found after that; a
//! calendar that cannot be read or understood is told once, and the one before it stays in force.

use super::world::{KeptCalendar, World};
use super::{Engine, Next, Settings};
use crate::config::Config;
use crate::model::event::{ScheduleGap, Trouble};
use crate::model::time::later;
use crate::model::{Detail, Event, Timestamp};
use crate::oncall::{Calendar, IcalError, People, Schedule};
use jiff::SignedDuration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// How long before it begins a gap is told.
const BEFORE: Duration = Duration::from_secs(86_400);
/// How far is looked ahead.
const AHEAD: Duration = Duration::from_secs(31 * 86_400);
/// How far the moment may lie away around which a calendar was worked out.
const WORKED_OUT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// The schedules of the configuration, by name.
pub(super) fn configured(config: &Config) -> BTreeMap<String, Schedule> {
    config.schedules.iter().map(|(name, settings)| (name.clone(), Schedule::of(settings))).collect()
}

impl Engine {
    /// Reads the calendars that the world kept, and works out anew those that were worked out
    /// long ago.
    pub(super) fn keep_up_calendars(&mut self, now: Timestamp) {
        let world = self.world();
        let is_old = |schedule: &&Schedule| match schedule.calendar() {
            Some(known) => now.duration_since(known.around()).abs() > WORKED_OUT,
            None => schedule.is_calendar() && !world.calendar(schedule.name()).text.is_empty(),
        };
        let old = self.settings().schedules.values().filter(is_old);
        for name in old.map(|schedule| schedule.name().to_owned()).collect::<Vec<_>>() {
            let text = self.world().calendar(&name).text;
            // It was understood when it was kept. Where it no longer is, as in another version,
            // the next reading tells it.
            if self.use_calendar(&name, &text, now).is_err() {
                self.world_mut().put_calendar(&name, KeptCalendar::default());
            }
        }
    }

    /// Takes in what came of reading a schedule's calendar: its text, or why there is none.
    pub(super) fn take_calendar(
        &mut self,
        name: &str,
        read: Result<Arc<str>, String>,
        now: Timestamp,
        queue: &mut VecDeque<Next>,
    ) {
        if !self.settings().schedules.get(name).is_some_and(Schedule::is_calendar) {
            return;
        }
        let before = self.world().calendar(name);
        let understood = read.and_then(|text| match self.use_calendar(name, &text, now) {
            Ok(()) => Ok(text),
            Err(error) => Err(error.to_string()),
        });
        let kept = match understood {
            Ok(text) => KeptCalendar { text: text.to_string(), fault: None },
            Err(fault) => KeptCalendar { text: before.text.clone(), fault: Some(fault) },
        };
        if kept == before {
            return;
        }
        if kept.fault != before.fault {
            queue.push_back(Next::Event(Event::ours(now, Detail::Trouble(trouble(name, &kept)))));
        }
        self.world_mut().put_calendar(name, kept);
    }

    fn use_calendar(&mut self, name: &str, text: &str, now: Timestamp) -> Result<(), IcalError> {
        if text.is_empty() {
            return Ok(());
        }
        let settings = Arc::make_mut(&mut self.stage().settings);
        let people = People::of(&settings.persons);
        if let Some(schedule) = settings.schedules.get_mut(name) {
            let calendar = Calendar::read(text, schedule.zone(), &people, now)?;
            schedule.put_calendar(calendar);
        }
        Ok(())
    }

    /// Looks for gaps, if it is time to: what is to be told of them.
    pub(super) fn look_for_gaps(&mut self, now: Timestamp, queue: &mut VecDeque<Next>) {
        if self.settings().schedules.is_empty() || !self.world().is_look_due(now) {
            return;
        }
        let mut next = later(now, BEFORE);
        let settings = self.stage().settings.clone();
        for schedule in settings.schedules.values() {
            let Some(gap) = next_gap(schedule, self.world(), now) else { continue };
            let tell_at = gap.from.checked_sub(BEFORE).unwrap_or(now);
            if tell_at > now {
                next = next.min(tell_at);
                continue;
            }
            let end = gap.until.unwrap_or(later(now, AHEAD));
            self.world_mut().note_gap(schedule.name(), end);
            queue.push_back(Next::Event(Event::ours(now, Detail::ScheduleGap(gap))));
            // The gap after it is looked for at once.
            next = now;
        }
        self.world_mut().set_next_look(next);
    }
}

/// The gap that is, or the next one that comes, and that was not told. The first moment at which
/// somebody is on call again is not known where it lies far ahead.
fn next_gap(schedule: &Schedule, world: &World, now: Timestamp) -> Option<ScheduleGap> {
    // One whose calendar was never read has its own trouble.
    if schedule.is_calendar() && schedule.calendar().is_none() {
        return None;
    }
    let end = later(now, AHEAD);
    let gaps = schedule.gaps(now, end, world.overrides());
    let gap = gaps.into_iter().find(|gap| !world.is_gap_told(schedule.name(), gap.from))?;
    let until = Some(gap.to).filter(|to| *to < end);
    Some(ScheduleGap { schedule: schedule.name().to_owned(), from: gap.from, until })
}

fn trouble(name: &str, kept: &KeptCalendar) -> Trouble {
    let what = format!("the calendar of the schedule {name}");
    match &kept.fault {
        None => Trouble { what, text: "it is read again".to_owned(), over: true },
        Some(fault) => {
            let meanwhile = match kept.text.is_empty() {
                true => "nobody is on call by it until it can be read",
                false => "the one before it stays in force",
            };
            Trouble { what, text: format!("{fault}; {meanwhile}"), over: false }
        }
    }
}

impl Settings {
    /// The schedule of this name; what to write if there is none.
    pub fn schedule(&self, name: &str) -> Result<&Schedule, String> {
        self.schedules.get(name).ok_or_else(|| {
            let known = self.schedules.keys().cloned();
            match super::matcher::nearest(name, known) {
                Some(meant) => format!("there is no schedule `{name}`; did you mean `{meant}`?"),
                None if self.schedules.is_empty() => {
                    format!("there is no schedule `{name}`; watchbell.toml has none, add `[schedule.{name}]`")
                }
                None => {
                    let known: Vec<&str> = self.schedules.keys().map(String::as_str).collect();
                    format!("there is no schedule `{name}`; watchbell.toml has: {}", known.join(", "))
                }
            }
        })
    }
}
