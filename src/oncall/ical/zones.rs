//! The zones that a calendar names.
//!
//! A name of the IANA list is that zone, whatever the calendar says of it: what is said there
//! was true when it was written. Another name is what its `VTIMEZONE` says.

use super::IcalError;
use super::lines::{Component, Property};
use crate::span;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// The zones by the names that a calendar gives them.
#[derive(Debug, Default)]
pub(super) struct Zones {
    known: BTreeMap<String, TimeZone>,
}

impl Zones {
    /// The zones that a calendar describes.
    pub(super) fn of(calendar: &Component) -> Result<Zones, IcalError> {
        let mut zones = Zones::default();
        for described in calendar.inner("VTIMEZONE") {
            let Some(name) = described.property("TZID") else {
                return Err(IcalError::at(described.line, "a VTIMEZONE has no TZID"));
            };
            let place = described.property("X-LIC-LOCATION").and_then(|place| iana(&place.value));
            if iana(&name.value).is_none() {
                let zone = place.map_or_else(|| as_described(described), Ok)?;
                zones.known.insert(name.value.trim().to_owned(), zone);
            }
        }
        Ok(zones)
    }

    /// The zone that a property names; `None` if it names none.
    pub(super) fn named_by(&self, property: &Property) -> Result<Option<TimeZone>, IcalError> {
        let Some(name) = property.parameter("TZID") else { return Ok(None) };
        let zone = iana(name).or_else(|| self.known.get(name.trim()).cloned());
        zone.map(Some).ok_or_else(|| {
            property.wrong(format!("names the zone `{name}`, which is no IANA name and has no VTIMEZONE"))
        })
    }
}

/// A zone of the IANA list, also behind a prefix, as in `/example.org/Europe/Berlin`.
fn iana(name: &str) -> Option<TimeZone> {
    let name = name.trim();
    if !name.starts_with('/') {
        return span::zone(name).ok();
    }
    let parts: Vec<&str> = name.split('/').collect();
    (1..parts.len()).find_map(|first| span::zone(&parts[first..].join("/")).ok())
}

/// What a `VTIMEZONE` says for the years to come: the newest of its `STANDARD` and the newest of
/// its `DAYLIGHT`, each with the day of the year on which it begins.
fn as_described(zone: &Component) -> Result<TimeZone, IcalError> {
    let newest = |name: &'static str| {
        zone.inner(name).max_by_key(|one| one.property("DTSTART").map(|start| start.value.clone()))
    };
    let Some(standard) = newest("STANDARD").or_else(|| newest("DAYLIGHT")) else {
        return Err(IcalError::at(zone.line, "a VTIMEZONE has neither STANDARD nor DAYLIGHT"));
    };
    let rule = |one: &Component| one.property("RRULE").is_some();
    let written = match newest("DAYLIGHT").filter(|summer| rule(summer) && rule(standard)) {
        None => offset(standard)?,
        Some(summer) => {
            let (winter, begin, end) = (offset(standard)?, begin(summer)?, begin(standard)?);
            format!("{winter}{},{begin},{end}", offset(summer)?)
        }
    };
    TimeZone::posix(&written)
        .map_err(|error| IcalError::at(zone.line, format!("a VTIMEZONE cannot be understood: {error}")))
}

/// `TZOFFSETTO` as POSIX writes it: with the sign turned around.
fn offset(one: &Component) -> Result<String, IcalError> {
    let Some(property) = one.property("TZOFFSETTO") else {
        return Err(IcalError::at(one.line, format!("{} has no TZOFFSETTO", one.name)));
    };
    let value = property.value.trim();
    let (sign, digits) = match value.split_at_checked(1) {
        Some(("+", digits)) => ("-", digits),
        Some(("-", digits)) => ("+", digits),
        _ => return Err(property.wrong("is no offset, such as +0100")),
    };
    if !matches!(digits.len(), 4 | 6) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(property.wrong("is no offset, such as +0100"));
    }
    Ok(format!("<{}>{sign}{}:{}", value.trim_end_matches("00"), &digits[..2], &digits[2..4]))
}

/// On which day of each year it begins, and when, as POSIX writes it.
fn begin(one: &Component) -> Result<String, IcalError> {
    let (Some(start), Some(rule)) = (one.property("DTSTART"), one.property("RRULE")) else {
        return Err(IcalError::at(one.line, format!("{} has no DTSTART or no RRULE", one.name)));
    };
    let wrong = || rule.wrong("of a zone is not like FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU");
    let part = |name: &str| {
        let parts = rule.value.split(';').filter_map(|part| part.split_once('='));
        parts.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    };
    if !part("FREQ").is_some_and(|frequency| frequency.eq_ignore_ascii_case("YEARLY")) {
        return Err(wrong());
    }
    let month: u8 = part("BYMONTH").and_then(|month| month.parse().ok()).ok_or_else(wrong)?;
    let (number, day) =
        part("BYDAY").and_then(|day| day.split_at_checked(day.len().checked_sub(2)?)).ok_or_else(wrong)?;
    let week = match number {
        "-1" => 5,
        number => number.trim_start_matches('+').parse::<u8>().ok().ok_or_else(wrong)?,
    };
    let days = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];
    let day = days.iter().position(|known| known.eq_ignore_ascii_case(day)).ok_or_else(wrong)?;
    let time = start.value.split_once('T').map(|(_, time)| time.trim_end_matches('Z'));
    let time = time.filter(|time| time.len() == 6 && time.bytes().all(|byte| byte.is_ascii_digit()));
    let time = time.ok_or_else(|| start.wrong("of a zone is no time, such as 19701025T030000"))?;
    Ok(format!("M{month}.{week}.{day}/{}:{}:{}", &time[..2], &time[2..4], &time[4..]))
}
