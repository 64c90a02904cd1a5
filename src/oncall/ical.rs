//! Calendars that are kept elsewhere (iCalendar, RFC 5545), as turns, and turns as such.
//!
//! Owns: what of a calendar is understood: events with their rules (`RRULE`, `RDATE`,
//! `EXDATE`), single ones that were moved (`RECURRENCE-ID`), zones, whole days. Promises: a
//! calendar that is broken, or that says what is not understood, is refused as a whole, with the
//! line; however hostile, it takes bounded time and room. The end of an event stays at its time
//! of the clock on the wall in each of its repetitions, as people mean it.
//! Never: reads a file or a clock.

mod event;
mod lines;
mod recur;
mod who;
mod write;
mod zones;

pub use who::People;
pub use write::write;

use crate::model::Timestamp;
use event::{Event, Moved};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use std::collections::{BTreeMap, BTreeSet};

/// How long a calendar may be, in bytes.
pub const LONGEST: usize = 4 << 20;

/// How many turns it may have in the time that is looked at.
const MOST_TURNS: usize = 20_000;

/// How far before and after a moment turns are worked out, in days.
const REACH_DAYS: i64 = 400;

/// Why a calendar cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {wrong}")]
pub struct IcalError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub wrong: String,
}

impl IcalError {
    fn at(line: usize, wrong: impl Into<String>) -> IcalError {
        IcalError { line, wrong: wrong.into() }
    }
}

/// Who is on call by a calendar, worked out around a moment.
#[derive(Debug, Clone)]
pub struct Calendar {
    events: Vec<Event>,
    /// Repetitions that other events stand for.
    moved: BTreeSet<Moved>,
    /// Since when who is on call, in order; nobody before the first.
    steps: Vec<(Timestamp, Vec<String>)>,
    around: Timestamp,
}

impl Calendar {
    /// Reads a calendar. Times without a zone are in `zone`; who is meant by an event, `people`
    /// say; turns are known for 400 days on each side of `around`.
    pub fn read(
        text: &str,
        zone: &TimeZone,
        people: &People,
        around: Timestamp,
    ) -> Result<Calendar, IcalError> {
        if text.len() > LONGEST {
            return Err(IcalError::at(1, format!("the calendar is longer than {LONGEST} bytes")));
        }
        let (events, moved) = event::events(&lines::components(text)?, zone, people)?;
        let mut calendar = Calendar { events, moved, steps: Vec::new(), around };
        calendar.steps = calendar.worked_out(around)?;
        Ok(calendar)
    }

    /// The moment around which turns are known.
    pub fn around(&self) -> Timestamp {
        self.around
    }

    /// Works out the turns around another moment. What was known stays where that has too many.
    pub fn move_to(&mut self, around: Timestamp) {
        if let Ok(steps) = self.worked_out(around) {
            self.steps = steps;
        }
        self.around = around;
    }

    /// What events are called that name nobody we know, each once: their hours are nobody's.
    pub fn nameless(&self) -> BTreeSet<&str> {
        let nameless = self.events.iter().filter(|event| event.persons.is_empty() && !event.cancelled);
        nameless.map(|event| event.summary.as_str()).collect()
    }

    /// Everybody who is named by an event.
    pub(super) fn persons(&self) -> impl Iterator<Item = &str> {
        self.events.iter().flat_map(|event| &event.persons).map(String::as_str)
    }

    /// Who is on call at a moment.
    pub(super) fn covering(&self, at: Timestamp) -> &[String] {
        let after = self.steps.partition_point(|(from, _)| *from <= at);
        after.checked_sub(1).map_or(&[], |step| &self.steps[step].1)
    }

    /// The moments between two others at which somebody else is on call.
    pub(super) fn edges(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Timestamp> {
        let first = self.steps.partition_point(|(edge, _)| *edge < from);
        self.steps[first..].iter().map(|(edge, _)| *edge).take_while(move |edge| *edge < to)
    }

    fn worked_out(&self, around: Timestamp) -> Result<Vec<(Timestamp, Vec<String>)>, IcalError> {
        let reach = SignedDuration::from_hours(24 * REACH_DAYS);
        let from = around.saturating_sub(reach).unwrap_or(Timestamp::MIN);
        let to = around.saturating_add(reach).unwrap_or(Timestamp::MAX);
        // At each moment, who comes and who goes.
        let mut changes: BTreeMap<Timestamp, Vec<(&str, bool)>> = BTreeMap::new();
        let mut turns = 0;
        let mut work = recur::Work::default();
        for event in self.events.iter().filter(|event| !event.cancelled) {
            for (begin, end) in event.times(from, to, &self.moved, &mut work)? {
                turns += 1;
                if turns > MOST_TURNS {
                    let wrong = format!("the calendar has more than {MOST_TURNS} events within two years");
                    return Err(IcalError::at(event.line, wrong));
                }
                for person in &event.persons {
                    changes.entry(begin).or_default().push((person, true));
                    changes.entry(end).or_default().push((person, false));
                }
            }
        }
        Ok(steps(changes))
    }
}

/// Since when who is there, from who comes and goes.
fn steps(changes: BTreeMap<Timestamp, Vec<(&str, bool)>>) -> Vec<(Timestamp, Vec<String>)> {
    let mut there: BTreeMap<&str, usize> = BTreeMap::new();
    let mut steps: Vec<(Timestamp, Vec<String>)> = Vec::new();
    for (at, changes) in changes {
        for (person, comes) in changes {
            let count = there.entry(person).or_default();
            // Whoever goes at the moment they come again may be counted in either order.
            *count = if comes { count.wrapping_add(1) } else { count.wrapping_sub(1) };
        }
        there.retain(|_, count| *count != 0);
        let persons: Vec<String> = there.keys().map(|person| (*person).to_owned()).collect();
        if steps.last().map_or(!persons.is_empty(), |(_, before)| *before != persons) {
            steps.push((at, persons));
        }
    }
    steps
}

/// A day later than midnight of another, in a zone; `None` at the end of time.
fn midnight_after(day: jiff::civil::Date, days: i64) -> Option<jiff::civil::DateTime> {
    Some(day.checked_add(days.days()).ok()?.at(0, 0, 0, 0))
}

#[cfg(test)]
mod tests;
