//! Schedules as they are meant: who takes turns, and when.

use crate::span::{self, Span};
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use secrecy::SecretString;
use std::path::PathBuf;

/// Who is on call when.
#[derive(Debug, Clone)]
pub struct ScheduleSettings {
    /// Its name.
    pub name: String,
    /// `zone`: hand-overs go by its clocks; that of `[defaults]` where not set.
    pub zone: TimeZone,
    /// Where the turns come from.
    pub source: ScheduleSource,
    /// `gaps`: whether hours without anybody on call are meant. False unless set.
    pub gaps_are_meant: bool,
}

/// Where the turns of a schedule come from.
#[derive(Debug, Clone)]
pub enum ScheduleSource {
    /// `[[schedule.<name>.layer]]`, at least one; a later one stands above those before it.
    Layers(Vec<LayerSettings>),
    /// `ical_file`: a calendar in a file.
    IcalFile(PathBuf),
    /// `ical_url`, `ical_url_file` or `ical_url_env`: a calendar on a server, `https`; the
    /// address may hold a token.
    IcalUrl {
        /// The address.
        url: SecretString,
        /// `ical_ca_file`: PEM of a private CA; without it the system's CAs are trusted.
        ca_file: Option<PathBuf>,
    },
}

/// One layer of a schedule: persons in turn.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerSettings {
    /// `persons`, at least one; each is a `[person.<name>]`.
    pub persons: Vec<String>,
    /// `rotate`: how long a turn is.
    pub rotate: Rotation,
    /// `handover`: when turns change.
    pub handover: Handover,
    /// `from`: the first turn begins at the first hand-over on this day or after it.
    pub from: Date,
    /// `until`: the last day on which anybody has a turn.
    pub until: Option<Date>,
    /// `during`: when the layer is in force; always, where not set.
    pub during: Option<Span>,
}

/// How long a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Hours that pass, whatever clocks show; at least one.
    Hours(u16),
    /// Days of the calendar, at least one; weeks are seven.
    Days(u16),
}

impl Rotation {
    /// Reads `12h`, `1d` or `2w`, up to 999 of them.
    pub fn parse(text: &str) -> Option<Rotation> {
        let text = text.trim();
        let number = text.get(..text.len().checked_sub(1)?)?;
        let is_number = (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u16 = number.parse().ok().filter(|number| is_number && *number > 0)?;
        match &text[text.len() - 1..] {
            "h" => Some(Rotation::Hours(number)),
            "d" => Some(Rotation::Days(number)),
            "w" => Some(Rotation::Days(7 * number)),
            _ => None,
        }
    }
}

/// When turns change, on the clock on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handover {
    /// The day of the week; any, where not set.
    pub day: Option<Weekday>,
    /// The time. One that the clocks skip comes as much later as they skip; one that comes
    /// twice is meant the first time.
    pub time: Time,
}

impl Handover {
    /// Reads `mon 09:00` or `09:00`.
    pub fn parse(text: &str) -> Option<Handover> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            [time] => Some(Handover { day: None, time: span::time(time)? }),
            [day, time] => Some(Handover { day: Some(span::weekday(day)?), time: span::time(time)? }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_are_read_as_people_write_them() {
        for (text, expected) in [
            ("12h", Some(Rotation::Hours(12))),
            ("1d", Some(Rotation::Days(1))),
            (" 2w ", Some(Rotation::Days(14))),
            ("999w", Some(Rotation::Days(6993))),
            ("", None),
            ("w", None),
            ("0d", None),
            ("1000d", None),
            ("+1d", None),
            ("1m", None),
            ("1w2d", None),
            ("1ä", None),
            ("daily", None),
        ] {
            assert_eq!(Rotation::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn hand_overs_are_read_as_people_write_them() {
        let at = |day, hour, minute| Some(Handover { day, time: Time::constant(hour, minute, 0, 0) });
        for (text, expected) in [
            ("mon 09:00", at(Some(Weekday::Monday), 9, 0)),
            ("Friday 18:30", at(Some(Weekday::Friday), 18, 30)),
            ("0:00", at(None, 0, 0)),
            ("24:00", None),
            ("mon", None),
            ("mo 09:00", None),
            ("9", None),
            ("09:00 mon", None),
            ("mon 09:00 sharp", None),
            ("", None),
        ] {
            assert_eq!(Handover::parse(text), expected, "{text}");
        }
    }
}
