//! The events of a calendar, and when each of them is.

use super::lines::{Component, Property};
use super::recur::{Rule, Work};
use super::zones::Zones;
use super::{IcalError, People, midnight_after};
use crate::model::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span};
use std::collections::BTreeSet;

/// A repetition of an event, by the event's `UID` and the moment it was to begin, that another
/// event stands for.
pub(super) type Moved = (String, Timestamp);

/// One event.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// Where it begins in the calendar.
    pub(super) line: usize,
    /// What it is called.
    pub(super) summary: String,
    /// Whom it means.
    pub(super) persons: Vec<String>,
    /// Whether it does not take place.
    pub(super) cancelled: bool,
    uid: String,
    start: Start,
    length: Length,
    rule: Option<Rule>,
    /// When it takes place besides.
    more: Vec<Start>,
    /// When it does not take place.
    without: Vec<Start>,
    /// Whether it stands for one repetition of another.
    stands_for_other: bool,
}

/// When something begins, by the clocks of a zone.
#[derive(Debug, Clone, PartialEq)]
struct Start {
    wall: DateTime,
    zone: TimeZone,
    /// Whether it is a day, without a time.
    is_day: bool,
}

/// How long an event is.
#[derive(Debug, Clone)]
enum Length {
    /// On the clock on the wall, as between two times of one zone.
    Wall(SignedDuration),
    /// As time passes, as between two zones.
    Passing(SignedDuration),
    /// `DURATION`: days on the wall, hours as they pass.
    Nominal(Span),
}

impl Start {
    fn moment(&self) -> Option<Timestamp> {
        moment(self.wall, &self.zone)
    }

    fn at(&self, wall: DateTime) -> Start {
        Start { wall, ..self.clone() }
    }
}

fn moment(wall: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(wall).compatible().ok()
}

/// All events of some calendars, and the repetitions that events of their own stand for.
pub(super) fn events(
    calendars: &[Component],
    usual: &TimeZone,
    people: &People,
) -> Result<(Vec<Event>, BTreeSet<Moved>), IcalError> {
    let mut events = Vec::new();
    let mut moved = BTreeSet::new();
    for calendar in calendars {
        let zones = Zones::of(calendar)?;
        let reader = Reader { zones: &zones, usual };
        for component in calendar.inner("VEVENT") {
            let (event, stands_for) = reader.event(component, people)?;
            moved.extend(stands_for.map(|moment| (event.uid.clone(), moment)));
            events.push(event);
        }
    }
    Ok((events, moved))
}

/// Reads the events of one calendar.
struct Reader<'a> {
    zones: &'a Zones,
    usual: &'a TimeZone,
}

impl Reader<'_> {
    fn event(&self, component: &Component, people: &People) -> Result<(Event, Option<Timestamp>), IcalError> {
        let missing = |what: &str| IcalError::at(component.line, format!("a VEVENT has no {what}"));
        let begin = component.property("DTSTART").ok_or_else(|| missing("DTSTART"))?;
        let start = self.start(begin, &begin.value)?;
        let length = self.length(component, &start)?;
        let uid = component.property("UID").map(|uid| uid.value.clone()).unwrap_or_default();
        let rule = component.property("RRULE").map(|rule| self.rule(rule, &start)).transpose()?;
        if rule.is_some() && component.all("RRULE").count() > 1 {
            return Err(IcalError::at(component.line, "a VEVENT has more than one RRULE"));
        }
        let stands_for = component.property("RECURRENCE-ID");
        if let Some(property) = stands_for.filter(|one| one.parameter("RANGE").is_some()) {
            return Err(
                property.wrong("with RANGE is not understood; let the calendar split the event in two")
            );
        }
        let stands_for = stands_for.map(|one| self.start(one, &one.value)).transpose()?;
        let status = component.property("STATUS").map(|status| status.value.trim());
        let event = Event {
            line: component.line,
            summary: component.property("SUMMARY").map(Property::text).unwrap_or_default(),
            persons: people.meant(component),
            cancelled: status.is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED")),
            uid,
            start,
            length,
            rule,
            more: self.starts(component, "RDATE")?,
            without: self.starts(component, "EXDATE")?,
            stands_for_other: stands_for.is_some(),
        };
        Ok((event, stands_for.and_then(|start| start.moment())))
    }

    fn length(&self, component: &Component, start: &Start) -> Result<Length, IcalError> {
        if let Some(property) = component.property("DURATION") {
            let length: Span =
                property.value.trim().parse().map_err(|_| property.wrong("is no length, such as PT8H"))?;
            return Ok(Length::Nominal(length));
        }
        let Some(property) = component.property("DTEND") else {
            let day = if start.is_day { 24 } else { 0 };
            return Ok(Length::Wall(SignedDuration::from_hours(day)));
        };
        let end = self.start(property, &property.value)?;
        let (begins, ends) = (start.moment(), end.moment());
        let passing = begins.zip(ends).map(|(begins, ends)| ends.duration_since(begins));
        let length = match passing {
            None => return Err(property.wrong("lies outside of time")),
            Some(passing) if passing.is_negative() => {
                return Err(property.wrong("is before the DTSTART of its event"));
            }
            Some(_) if end.zone == start.zone => Length::Wall(end.wall.duration_since(start.wall)),
            Some(passing) => Length::Passing(passing),
        };
        Ok(length)
    }

    fn rule(&self, property: &Property, start: &Start) -> Result<Rule, IcalError> {
        Rule::read(property, start.wall, |until| {
            let end = self.start(property, until)?;
            // A day holds all of its times.
            let wall = if end.is_day {
                end.wall.date().to_datetime(Time::constant(23, 59, 59, 0))
            } else {
                end.wall
            };
            // In the end it counts by the clocks of the event.
            if until.ends_with(['Z', 'z']) {
                return Ok(end.moment().map_or(wall, |end| start.zone.to_datetime(end)));
            }
            Ok(wall)
        })
    }

    /// All times of the properties of a name, each of which may have several.
    fn starts(&self, component: &Component, name: &str) -> Result<Vec<Start>, IcalError> {
        let mut starts = Vec::new();
        for property in component.all(name) {
            if property.parameter("VALUE").is_some_and(|value| value.eq_ignore_ascii_case("PERIOD")) {
                return Err(property.wrong("with VALUE=PERIOD is not understood"));
            }
            for value in property.value.split(',') {
                starts.push(self.start(property, value)?);
            }
        }
        Ok(starts)
    }

    /// A time as it is written: `20260105T090000` in the zone of the property, with a `Z` in
    /// UTC; or a day, `20260105`.
    fn start(&self, property: &Property, value: &str) -> Result<Start, IcalError> {
        let value = value.trim();
        let wrong = || property.wrong(format!("has `{value}`, which is no time such as 20260105T090000"));
        let (digits, is_utc) = match value.strip_suffix(['Z', 'z']) {
            Some(digits) => (digits, true),
            None => (value, false),
        };
        let named = self.zones.named_by(property)?;
        let zone = if is_utc { TimeZone::UTC } else { named.unwrap_or_else(|| self.usual.clone()) };
        let (date, time) = match digits.split_once(['T', 't']) {
            Some((date, time)) => (date, Some(time)),
            None => (digits, None),
        };
        let is_number =
            |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(date, 8) || !time.is_none_or(|time| is_number(time, 6)) {
            return Err(wrong());
        }
        let number = |text: &str| text.parse::<i16>().unwrap_or(-1);
        let part = |text: &str| text.parse::<i8>().unwrap_or(-1);
        let date = Date::new(number(&date[..4]), part(&date[4..6]), part(&date[6..])).map_err(|_| wrong())?;
        let time = time.unwrap_or("000000");
        // A leap second is the one before it.
        let second = part(&time[4..]).min(59);
        let time_of_day = Time::new(part(&time[..2]), part(&time[2..4]), second, 0).map_err(|_| wrong())?;
        Ok(Start { wall: date.to_datetime(time_of_day), zone, is_day: !digits.contains(['T', 't']) })
    }
}

impl Event {
    /// When it takes place between two moments, in no order.
    pub(super) fn times(
        &self,
        from: Timestamp,
        to: Timestamp,
        moved: &BTreeSet<Moved>,
        work: &mut Work,
    ) -> Result<Vec<(Timestamp, Timestamp)>, IcalError> {
        let mut starts = vec![self.start.clone()];
        if let Some(rule) = &self.rule {
            // A day more, for zones.
            let last = midnight_after(self.start.zone.to_datetime(to).date(), 1).unwrap_or(DateTime::MAX);
            starts = rule.times(last, work)?.into_iter().map(|wall| self.start.at(wall)).collect();
        }
        starts.extend(self.more.iter().cloned());
        let mut times: Vec<_> = starts
            .into_iter()
            .filter(|start| self.takes_place(start, moved))
            .filter_map(|start| Some((start.moment()?, self.end(&start)?)))
            .filter(|(begin, end)| begin < end && *end > from && *begin < to)
            .collect();
        times.sort_unstable();
        times.dedup();
        Ok(times)
    }

    /// Whether a repetition is neither taken out nor another event's.
    fn takes_place(&self, start: &Start, moved: &BTreeSet<Moved>) -> bool {
        let moment = start.moment();
        let is_out = |out: &Start| match out.is_day {
            true => out.wall.date() == start.wall.date(),
            false => out.moment() == moment,
        };
        let is_others = || moment.is_some_and(|moment| moved.contains(&(self.uid.clone(), moment)));
        !self.without.iter().any(is_out) && (self.stands_for_other || !is_others())
    }

    fn end(&self, start: &Start) -> Option<Timestamp> {
        match self.length {
            Length::Wall(length) => moment(start.wall.checked_add(length).ok()?, &start.zone),
            Length::Passing(length) => start.moment()?.checked_add(length).ok(),
            Length::Nominal(length) => {
                let end = start.moment()?.to_zoned(start.zone.clone()).checked_add(length).ok()?;
                Some(end.timestamp())
            }
        }
    }
}
