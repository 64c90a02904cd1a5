//! When a digest is told: a time of day, or a length of time.
//!
//! Promises: each time of day comes once a day, also in a night with a clock change: what
//! the clock skips comes as much later, what it shows twice comes the first time.

use crate::model::Timestamp;
use crate::model::time::{later, parse_duration};
use crate::span;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use std::time::Duration;

/// When a digest is told.
#[derive(Debug, Clone, PartialEq)]
pub enum At {
    /// This long after its first event.
    After(Duration),
    /// The next time a clock shows this.
    Clock {
        /// On which days of the week, from Monday.
        days: [bool; 7],
        /// At which time of day.
        time: Time,
        /// Where the clock hangs; `None` means the zone of watchbell.toml.
        zone: Option<TimeZone>,
    },
}

/// Why a time was not understood.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{text}` is no time for a digest{why}; write it like 08:00, Mon-Fri 08:00 Europe/Berlin or 1h")]
pub struct AtError {
    /// As written.
    text: String,
    /// What exactly is wrong with it, if that is known.
    why: String,
}

impl At {
    /// Reads `1h`, `08:00`, `Mon-Fri 08:00`, `Sat,Sun 10:00 Europe/Berlin`.
    pub fn parse(text: &str) -> Result<At, AtError> {
        let error = |why: String| AtError { text: text.to_owned(), why };
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, rest) = match words.split_first() {
            Some((first, rest)) if !first.contains(char::is_numeric) => {
                let days = days(first);
                (days.ok_or_else(|| error(format!(": there is no day `{first}`")))?, rest)
            }
            _ => ([true; 7], words.as_slice()),
        };
        let (time, zone) = match rest {
            [length] if words.len() == 1 && parse_duration(length).is_ok() => {
                return parse_duration(length).map(At::After).map_err(|_| error(String::new()));
            }
            [time] => (time, None),
            [time, zone] => (time, Some(zone)),
            _ => return Err(error(String::new())),
        };
        let time = clock(time).ok_or_else(|| error(String::new()))?;
        let zone = zone.map(|zone| span::zone(zone)).transpose();
        let zone = zone.map_err(|wrong| error(format!(": {wrong}")))?;
        Ok(At::Clock { days, time, zone })
    }

    /// The next such moment after `now`; `zone` is that of watchbell.toml.
    pub fn next(&self, now: Timestamp, zone: &TimeZone) -> Timestamp {
        let (days, time, zone) = match self {
            At::After(length) => return later(now, *length),
            At::Clock { days, time, zone: own } => (days, time, own.as_ref().unwrap_or(zone)),
        };
        let mut date = now.to_zoned(zone.clone()).date();
        // One more than a week: today's time may be over.
        for _ in 0..8 {
            let moment = date.to_datetime(*time).to_zoned(zone.clone()).map(|moment| moment.timestamp());
            let is_day = days[date.weekday().to_monday_zero_offset() as usize];
            match (moment, date.tomorrow()) {
                (Ok(moment), _) if is_day && moment > now => return moment,
                (_, Ok(tomorrow)) => date = tomorrow,
                (_, Err(_)) => break,
            }
        }
        Timestamp::MAX
    }
}

fn clock(word: &str) -> Option<Time> {
    let (hours, minutes) = word.split_once(':')?;
    if minutes.len() != 2 {
        return None;
    }
    Time::new(hours.parse().ok()?, minutes.parse().ok()?, 0, 0).ok()
}

/// Days and spans of days: `Mon`, `Mon-Fri`, `Sat,Sun`.
fn days(words: &str) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    words.split(',').try_for_each(|word| span::add_days(&mut days, word)).ok()?;
    Some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").expect("the zone data is built in")
    }

    #[test]
    fn the_next_time_is_the_next_one_of_the_clock() {
        // 2026-11-22 is a Sunday; Berlin is an hour ahead of UTC in winter, two in summer.
        for (text, now, next) in [
            ("1h", "2026-11-22T12:00:00Z", "2026-11-22T13:00:00Z"),
            ("08:00", "2026-11-22T06:59:59Z", "2026-11-22T07:00:00Z"),
            ("8:00", "2026-11-22T07:00:00Z", "2026-11-23T07:00:00Z"),
            ("08:00 UTC", "2026-11-22T07:00:00Z", "2026-11-22T08:00:00Z"),
            ("Mon-Fri 08:00", "2026-11-21T12:00:00Z", "2026-11-23T07:00:00Z"),
            ("Fri-Mon 08:00", "2026-11-22T12:00:00Z", "2026-11-23T07:00:00Z"),
            ("Fri-Mon 08:00", "2026-11-23T12:00:00Z", "2026-11-27T07:00:00Z"),
            ("sun 08:00", "2026-11-22T12:00:00Z", "2026-11-29T07:00:00Z"),
            ("Sat,Wed 08:00 America/New_York", "2026-11-22T12:00:00Z", "2026-11-25T13:00:00Z"),
            // 2028-02-29 is a Tuesday; 2027 has no such day.
            ("Tue 08:00", "2028-02-28T12:00:00Z", "2028-02-29T07:00:00Z"),
            ("08:00", "2028-02-28T12:00:00Z", "2028-02-29T07:00:00Z"),
            ("08:00", "2028-02-29T07:00:00Z", "2028-03-01T07:00:00Z"),
            ("08:00", "2027-02-28T07:00:00Z", "2027-03-01T07:00:00Z"),
            // The night of 2026-03-29: 02:00 to 03:00 is skipped.
            ("08:00", "2026-03-28T20:00:00Z", "2026-03-29T06:00:00Z"),
            ("02:30", "2026-03-28T20:00:00Z", "2026-03-29T01:30:00Z"),
            ("02:30", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"),
            // The night of 2026-10-25: 02:00 to 03:00 comes twice.
            ("08:00", "2026-10-24T20:00:00Z", "2026-10-25T07:00:00Z"),
            ("02:30", "2026-10-24T20:00:00Z", "2026-10-25T00:30:00Z"),
            ("02:30", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
        ] {
            let at = At::parse(text).unwrap_or_else(|error| panic!("{error}"));
            let now: Timestamp = now.parse().expect("a moment");
            assert_eq!(at.next(now, &berlin()).to_string(), next, "{text} after {now}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_an_example() {
        for text in
            ["", "tomorrow", "08", "8:0", "25:00", "Mo 08:00", "Mon", "08:00 Berlin", "Mon 1h", "1h x y"]
        {
            let error = At::parse(text).expect_err(text).to_string();
            assert!(error.contains("Mon-Fri 08:00 Europe/Berlin"), "{error}");
        }
        let error = At::parse("08:00 Europe/Berln").expect_err("no such zone").to_string();
        assert!(
            error.contains("there is no time zone `Europe/Berln`; did you mean Europe/Berlin?"),
            "{error}"
        );
    }

    #[test]
    fn the_end_of_time_is_no_hang() {
        let at = At::parse("08:00").expect("a time");
        assert_eq!(at.next(Timestamp::MAX, &TimeZone::UTC), Timestamp::MAX);
    }
}
