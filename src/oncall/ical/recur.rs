//! When an event repeats, by its rule.
//!
//! The crate that knows the rules is asked for times of the clock on the wall only, as if they
//! were UTC, so that zones are the matter of one library alone.

use super::IcalError;
use super::lines::Property;
use chrono::{Datelike, TimeZone as _, Timelike};
use jiff::civil::DateTime;
use rrule::{Frequency, RRule, RRuleSet, Tz, Unvalidated};

/// How often all rules of a calendar may repeat from their beginnings on, all told.
const MOST_STEPS: usize = 200_000;

/// What the rules of one calendar have taken so far.
#[derive(Debug, Default)]
pub(super) struct Work {
    steps: usize,
}

/// A rule that was read.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    line: usize,
    set: RRuleSet,
}

impl Rule {
    /// Reads the rule of an event that begins so; `until` makes the end of the rule, as it is
    /// written, a time on the wall.
    pub(super) fn read(
        property: &Property,
        start: DateTime,
        until: impl Fn(&str) -> Result<DateTime, IcalError>,
    ) -> Result<Rule, IcalError> {
        let wrong = |error: &dyn std::fmt::Display| property.wrong(format!("cannot be understood: {error}"));
        let parts = property.value.split(';');
        let is_until = |part: &&str| part.trim().to_ascii_uppercase().starts_with("UNTIL=");
        let (ends, rest): (Vec<&str>, Vec<&str>) = parts.partition(|part| is_until(part));
        let mut rule: RRule<Unvalidated> = rest.join(";").parse().map_err(|error| wrong(&error))?;
        if matches!(rule.get_freq(), Frequency::Minutely | Frequency::Secondly) {
            return Err(property.wrong("repeats more often than every hour"));
        }
        if let Some((_, end)) = ends.first().and_then(|end| end.split_once('=')) {
            rule = rule.until(as_utc(until(end.trim())?).ok_or_else(|| wrong(&"its end is no time"))?);
        }
        let begin = as_utc(start).ok_or_else(|| wrong(&"its begin is no time"))?;
        let rule = rule.validate(begin).map_err(|error| wrong(&error))?;
        Ok(Rule { line: property.line, set: RRuleSet::new(begin).rrule(rule).limit() })
    }

    /// The times on the wall at which it repeats, up to one, in order.
    pub(super) fn times(&self, to: DateTime, work: &mut Work) -> Result<Vec<DateTime>, IcalError> {
        let mut times = Vec::new();
        for time in &self.set {
            work.steps += 1;
            if work.steps > MOST_STEPS {
                return Err(IcalError::at(
                    self.line,
                    format!("the rules repeat more than {MOST_STEPS} times"),
                ));
            }
            match as_wall(&time) {
                Some(time) if time <= to => times.push(time),
                _ => break,
            }
        }
        Ok(times)
    }
}

fn as_utc(wall: DateTime) -> Option<chrono::DateTime<Tz>> {
    let (date, time) = (wall.date(), wall.time());
    let (month, day) = (date.month() as u32, date.day() as u32);
    let (hour, minute, second) = (time.hour() as u32, time.minute() as u32, time.second() as u32);
    Tz::UTC.with_ymd_and_hms(date.year().into(), month, day, hour, minute, second).single()
}

fn as_wall(time: &chrono::DateTime<Tz>) -> Option<DateTime> {
    let year = time.year().try_into().ok()?;
    let (month, day) = (time.month() as i8, time.day() as i8);
    DateTime::new(year, month, day, time.hour() as i8, time.minute() as i8, time.second() as i8, 0).ok()
}
