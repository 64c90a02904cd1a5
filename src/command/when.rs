//! Times as people write them in chat: `2h`, `for 2h`, `until 18:00`,
//! `until fri 9:00`, `until 2026-11-24 9:00`.

use crate::model::Timestamp;
use crate::model::time::{later, parse_duration};
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use std::time::Duration;

/// Why a time was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// Not a time at all.
    #[error("`{0}` is not a time; write it like 2h, until 18:00, until fri 9:00 or until 2026-11-24 9:00")]
    NotATime(String),
    /// Nothing behind `for` or `until`.
    #[error("a time is missing; write it like 2h, until 18:00, until fri 9:00 or until 2026-11-24 9:00")]
    Missing,
    /// Not a moment at all.
    #[error(
        "`{0}` is not a moment; write it like 3:00, \"fri 3:00\", \"2026-11-24 3:00\", or 2h for two hours from now"
    )]
    NotAMoment(String),
    /// A moment that is over.
    #[error("{0} is in the past")]
    Past(String),
}

/// Takes a time from the front of the words, if one stands there: the moment, and
/// how many words it took.
pub fn take(
    words: &[&str],
    now: Timestamp,
    zone: &TimeZone,
) -> Result<Option<(Timestamp, usize)>, WhenError> {
    let Some((first, rest)) = words.split_first() else { return Ok(None) };
    match first.to_ascii_lowercase().as_str() {
        "for" => {
            let said = rest.first().ok_or(WhenError::Missing)?;
            let (length, used) = length(rest).ok_or_else(|| WhenError::NotATime((*said).to_owned()))?;
            Ok(Some((later(now, length), used + 1)))
        }
        "until" => {
            let (moment, used) = until(rest, now, zone)?;
            Ok(Some((moment, used + 1)))
        }
        _ => match (length(words), like_a_length(first, rest.first().copied())) {
            (Some((length, used)), _) => Ok(Some((later(now, length), used))),
            (None, Some(text)) => Err(WhenError::NotATime(text)),
            (None, None) => Ok(None),
        },
    }
}

/// Takes a length of time from the front of the words, as it is written or spoken: `2h`, `2h 30m`,
/// `2 hours`, `1 day 12 hours`. How many words it took.
fn length(words: &[&str]) -> Option<(Duration, usize)> {
    let (mut whole, mut used) = part_of_length(words)?;
    let mut last = whole;
    while let Some((part, more)) = part_of_length(&words[used..])
        && part < last
    {
        (whole, used, last) = (whole + part, used + more, part);
    }
    Some((whole, used))
}

/// One part of it, such as `2h`, `2hours` or `2 hours`.
fn part_of_length(words: &[&str]) -> Option<(Duration, usize)> {
    let first = words.first()?;
    if let Ok(length) = parse_duration(first) {
        return Some((length, 1));
    }
    let (number, unit) = number_and_unit(first);
    let (unit, used) = if unit.is_empty() { (*words.get(1)?, 2) } else { (unit, 1) };
    let length = parse_duration(&format!("{number}{}", letter(unit)?)).ok()?;
    Some((length, used))
}

/// What looks like a length of time and is none, such as `0m`, `-2h` or `2 months`: nobody gives that
/// as a reason.
fn like_a_length(word: &str, next: Option<&str>) -> Option<String> {
    let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
    let (number, units) = number_and_unit(unsigned);
    if number.is_empty() {
        return None;
    }
    if units.is_empty() {
        return next.filter(|next| is_unit(next)).map(|next| format!("{word} {next}"));
    }
    let short = |letter: char| letter.is_ascii_digit() || "smhdw".contains(letter.to_ascii_lowercase());
    (is_unit(units) || units.chars().all(short)).then(|| word.to_owned())
}

/// The digits in front of a word, and what is behind them.
fn number_and_unit(word: &str) -> (&str, &str) {
    let unit = word.trim_start_matches(|letter: char| letter.is_ascii_digit());
    word.split_at(word.len() - unit.len())
}

/// Whether a word is a unit of time as it is spoken.
fn is_unit(word: &str) -> bool {
    letter(word).is_some()
}

/// The letter of a unit of time that is spoken, as [`parse_duration`] has it; `?` for one that is not
/// always as long.
fn letter(unit: &str) -> Option<char> {
    let unit = unit.to_ascii_lowercase();
    let one = unit.strip_suffix('s').filter(|one| one.len() > 1).unwrap_or(&unit);
    Some(match one {
        "s" | "sec" | "second" => 's',
        "m" | "min" | "minute" => 'm',
        "h" | "hr" | "hour" => 'h',
        "d" | "day" => 'd',
        "w" | "week" => 'w',
        "mo" | "month" | "y" | "yr" | "year" => '?',
        _ => return None,
    })
}

/// Takes a moment from the front of the words, such as `fri 3:00`, `18:00`, `2026-11-24 9:00`
/// or `2h`: the moment, and how many words it took. A day without a time is its morning.
pub fn take_moment(words: &[&str], now: Timestamp, zone: &TimeZone) -> Result<(Timestamp, usize), WhenError> {
    match length(words) {
        Some((length, used)) => Ok((later(now, length), used)),
        None => until(words, now, zone),
    }
}

/// Takes the moment at which something begins from the front of the words: `now`, `22:00`,
/// `fri 9:00`; it is not past. The moment, and how many words it took.
pub fn beginning(words: &[&str], now: Timestamp, zone: &TimeZone) -> Result<(Timestamp, usize), WhenError> {
    if words.first() == Some(&"now") { Ok((now, 1)) } else { until(words, now, zone) }
}

/// Reads one moment, which may be past: a time as in chat, `until` and `for` left out or
/// not, a date with its time, or RFC 3339 as in `2026-11-24T09:00:00Z`.
pub fn moment(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, WhenError> {
    if let Ok(moment) = text.trim().parse() {
        return Ok(moment);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let not_a_moment = || WhenError::NotAMoment(text.to_owned());
    if let [date, time] = words.as_slice()
        && let (Ok(date), Some(time)) = (date.parse::<Date>(), clock(time))
    {
        let moment = date.to_datetime(time).to_zoned(zone.clone());
        return moment.map(|moment| moment.timestamp()).map_err(|_| not_a_moment());
    }
    let taken = match take(&words, now, zone) {
        Ok(None) => until(&words, now, zone),
        Ok(Some(taken)) => Ok(taken),
        Err(error) => Err(error),
    };
    let (moment, used) = taken.map_err(|error| match error {
        WhenError::Past(_) => error,
        _ => not_a_moment(),
    })?;
    if used == words.len() { Ok(moment) } else { Err(not_a_moment()) }
}

fn until(words: &[&str], now: Timestamp, zone: &TimeZone) -> Result<(Timestamp, usize), WhenError> {
    let local = now.to_zoned(zone.clone());
    let not_a_time = || WhenError::NotATime(words.iter().take(2).copied().collect::<Vec<_>>().join(" "));
    let (first, second) = (words.first().copied().ok_or(WhenError::Missing)?, words.get(1).copied());
    if let Some(time) = clock(first) {
        return Ok((next(&local, local.date(), time, 1)?, 1));
    }
    let time = second.and_then(clock);
    if let Some(date) = day(first, &local) {
        // A day without a time ends with its morning, when people are back.
        let used = if time.is_some() { 2 } else { 1 };
        let time = time.unwrap_or(Time::constant(9, 0, 0, 0));
        return Ok((next(&local, date, time, 7)?, used));
    }
    let date: Date = first.parse().map_err(|_| not_a_time())?;
    let time_or_morning = time.unwrap_or(Time::constant(9, 0, 0, 0));
    let used = if time.is_some() { 2 } else { 1 };
    match ahead(&local, date, time_or_morning).map_err(|_| not_a_time())? {
        Some(moment) => Ok((moment, used)),
        None => Err(WhenError::Past(words[..used].join(" "))),
    }
}

fn clock(word: &str) -> Option<Time> {
    let (hours, minutes) = word.split_once(':')?;
    if minutes.len() != 2 {
        return None;
    }
    Time::new(hours.parse().ok()?, minutes.parse().ok()?, 0, 0).ok()
}

fn day(word: &str, local: &Zoned) -> Option<Date> {
    let word = word.to_ascii_lowercase();
    if word == "tomorrow" {
        return local.date().tomorrow().ok();
    }
    let days = [
        ("mon", Weekday::Monday),
        ("tue", Weekday::Tuesday),
        ("wed", Weekday::Wednesday),
        ("thu", Weekday::Thursday),
        ("fri", Weekday::Friday),
        ("sat", Weekday::Saturday),
        ("sun", Weekday::Sunday),
    ];
    let (_, weekday) = days.iter().find(|(name, _)| word.len() >= 3 && full_name(name).starts_with(&word))?;
    let ahead = local.date().weekday().until(*weekday);
    local.date().checked_add(i64::from(ahead).days()).ok()
}

fn full_name(short: &str) -> &'static str {
    match short {
        "mon" => "monday",
        "tue" => "tuesday",
        "wed" => "wednesday",
        "thu" => "thursday",
        "fri" => "friday",
        "sat" => "saturday",
        _ => "sunday",
    }
}

/// This day at this time, or as many days later as make it lie ahead.
fn next(local: &Zoned, date: Date, time: Time, step_days: i64) -> Result<Timestamp, WhenError> {
    let not_a_time = |_| WhenError::NotATime(format!("{date} {time}"));
    if let Some(moment) = ahead(local, date, time).map_err(not_a_time)? {
        return Ok(moment);
    }
    let later = date.checked_add(step_days.days()).map_err(not_a_time)?;
    Ok(later.to_datetime(time).to_zoned(local.time_zone().clone()).map_err(not_a_time)?.timestamp())
}

/// This day at this time, if that lies ahead. A time that comes twice in the night in which the
/// clocks go back is the first of the two that does.
fn ahead(local: &Zoned, date: Date, time: Time) -> Result<Option<Timestamp>, jiff::Error> {
    let zoned = || local.time_zone().to_ambiguous_zoned(date.to_datetime(time));
    let both = [zoned().compatible()?.timestamp(), zoned().later()?.timestamp()];
    Ok(both.into_iter().find(|moment| *moment > local.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sunday 2026-11-22, 12:00 in Berlin.
    fn noon() -> (Timestamp, TimeZone) {
        let zone = TimeZone::get("Europe/Berlin").expect("the zone data is built in");
        let moment: jiff::civil::DateTime = "2026-11-22T12:00".parse().expect("a moment");
        (moment.to_zoned(zone.clone()).expect("a real moment").timestamp(), zone)
    }

    fn read(text: &str) -> Result<Option<(String, usize)>, WhenError> {
        let (now, zone) = noon();
        let words: Vec<&str> = text.split_whitespace().collect();
        let taken = take(&words, now, &zone)?;
        Ok(taken.map(|(at, used)| (at.to_zoned(zone.clone()).strftime("%F %H:%M").to_string(), used)))
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, wanted, used) in [
            ("2h looking", "2026-11-22 14:00", 1),
            ("for 90m", "2026-11-22 13:30", 2),
            ("until 18:00 looking", "2026-11-22 18:00", 2),
            ("until 9:00", "2026-11-23 09:00", 2),
            ("until tomorrow", "2026-11-23 09:00", 2),
            ("until fri 8:30", "2026-11-27 08:30", 3),
            ("until sunday 11:00", "2026-11-29 11:00", 3),
            ("until 2026-12-24", "2026-12-24 09:00", 2),
            ("Until 18:00", "2026-11-22 18:00", 2),
            ("FOR 2h", "2026-11-22 14:00", 2),
            ("until 2026-12-24 18:00 holidays", "2026-12-24 18:00", 3),
            ("2 hours looking", "2026-11-22 14:00", 2),
            ("for 2 Hours", "2026-11-22 14:00", 3),
            ("90min", "2026-11-22 13:30", 1),
            ("2hrs", "2026-11-22 14:00", 1),
            ("3 Days", "2026-11-25 12:00", 2),
            ("1 day 12 hours 5m", "2026-11-24 00:05", 5),
            ("2h 30m looking", "2026-11-22 14:30", 2),
            ("1h 2h", "2026-11-22 13:00", 1),
            ("2h 5 disks", "2026-11-22 14:00", 1),
        ] {
            assert_eq!(read(text), Ok(Some((wanted.to_owned(), used))), "{text}");
        }
    }

    #[test]
    fn a_moment_may_stand_alone_and_be_past() {
        let (now, zone) = noon();
        let read = |text: &str| {
            let moment = moment(text, now, &zone)?;
            Ok::<String, WhenError>(moment.to_zoned(zone.clone()).strftime("%F %H:%M").to_string())
        };
        for (text, wanted) in [
            ("18:00", "2026-11-22 18:00"),
            ("until 18:00", "2026-11-22 18:00"),
            ("2h", "2026-11-22 14:00"),
            ("fri 3:00", "2026-11-27 03:00"),
            ("tomorrow", "2026-11-23 09:00"),
            ("2026-11-24 03:00", "2026-11-24 03:00"),
            ("2020-02-29 9:00", "2020-02-29 09:00"),
            ("2026-11-24T02:00:00Z", "2026-11-24 03:00"),
        ] {
            assert_eq!(read(text), Ok(wanted.to_owned()), "{text}");
        }
        for text in ["", "soon", "18:00 sharp", "2h later", "2026-13-01 9:00"] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.starts_with(&format!("`{text}` is not a moment; write it like 3:00")), "{error}");
        }
    }

    #[test]
    fn what_is_no_time_is_left_alone() {
        assert_eq!(read("looking into it"), Ok(None));
        assert_eq!(read(""), Ok(None));
        for reason in
            ["3rd time today", "10GbE is down", "2 disks", "30", "4x slower", "-", "dhm", "-v was set"]
        {
            assert_eq!(read(reason), Ok(None), "{reason}");
        }
    }

    #[test]
    fn what_looks_like_a_length_of_time_and_is_none_is_no_reason() {
        for text in [
            "0m", "-2h", "+2h", "1h0", "99999d", "0hours", "-90min", "2ms", "1y", "2 months", "0 hours",
            "0 m", "-1 h",
        ] {
            assert_eq!(read(text), Err(WhenError::NotATime(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn wrong_and_past_times_are_refused_in_words() {
        for (text, words) in [
            ("for ever", "`ever` is not a time"),
            ("until soon", "`soon` is not a time"),
            ("until", "a time is missing; write it like 2h"),
            ("for", "a time is missing; write it like 2h"),
            ("for -2h", "`-2h` is not a time"),
            ("for 0m", "`0m` is not a time"),
            ("until 25:00", "is not a time"),
            ("until 2020-01-01 9:00", "2020-01-01 9:00 is in the past"),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    /// In the night of 2026-10-25 Berlin has 2:30 twice.
    #[test]
    fn a_time_that_comes_twice_is_the_next_of_the_two() {
        let zone = TimeZone::get("Europe/Berlin").expect("the zone data is built in");
        for (now, words, wanted) in [
            ("2026-10-24T23:50:00Z", "until 2:30", "2026-10-25T00:30:00Z"),
            ("2026-10-25T00:40:00Z", "until 2:30", "2026-10-25T01:30:00Z"),
            ("2026-10-25T00:40:00Z", "until sun 2:30", "2026-10-25T01:30:00Z"),
            ("2026-10-25T00:40:00Z", "until 2026-10-25 2:30", "2026-10-25T01:30:00Z"),
            ("2026-10-25T01:40:00Z", "until 2:30", "2026-10-26T01:30:00Z"),
        ] {
            let now = now.parse().expect("a moment");
            let words: Vec<&str> = words.split(' ').collect();
            let taken = take(&words, now, &zone).expect("read").expect("a time").0;
            assert_eq!(taken.to_string(), wanted, "{now} {words:?}");
        }
        let past =
            take(&["until", "2026-10-25", "2:30"], "2026-10-25T01:30:00Z".parse().expect("a moment"), &zone);
        assert_eq!(past, Err(WhenError::Past("2026-10-25 2:30".to_owned())));
    }

    /// In the night of 2027-03-28 Berlin has no 2:30.
    #[test]
    fn a_time_that_does_not_exist_is_the_next_that_does() {
        let zone = TimeZone::get("Europe/Berlin").expect("the zone data is built in");
        let evening: jiff::civil::DateTime = "2027-03-27T22:00".parse().expect("a moment");
        let now = evening.to_zoned(zone.clone()).expect("a real moment").timestamp();
        let taken = take(&["until", "2:30"], now, &zone).expect("read").expect("a time");
        assert_eq!(taken.0.to_zoned(zone).strftime("%H:%M").to_string(), "03:30");
    }
}
