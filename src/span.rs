//! Spans of the week, as rules write them: `Mon-Fri 09:00-17:00 Europe/Berlin`.
//!
//! Owns: how such a text is read, and which moments it covers. Promises: it goes by
//! the clock on the wall. An hour that comes twice when clocks are set back counts
//! both times, one that is left out when they are set forward never comes.
//! Never: reads a clock or a file; the zones are those that are part of the program.

use crate::diagnostic::did_you_mean;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Minutes of a whole day; the end of a span may be 24:00.
const DAY: u16 = 24 * 60;
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Why a text is no span, and how to write one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "`{text}` is no span of the week: {wrong}; write it like Mon-Fri 09:00-17:00 Europe/Berlin, or Sat,Sun"
)]
pub struct SpanError {
    text: String,
    wrong: String,
}

/// A span of the week.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    parts: Vec<Part>,
    zone: Option<TimeZone>,
}

/// Days, and from when to when on each of them.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Part {
    /// Monday first.
    days: [bool; 7],
    hours: Hours,
}

/// Minutes from midnight. One that ends no later than it begins goes over midnight.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Hours {
    begin: u16,
    end: u16,
}

impl Span {
    /// Reads a span: days (`Mon`, `Mon-Fri`, `Sat,Sun`), times (`09:00-17:00`,
    /// `22:00-06:00`, `00:00-24:00`) or both, several behind commas, and a zone.
    ///
    /// Days take the times that stand next behind them, or are whole days; times
    /// without days are those of the days before them, or of every day.
    pub fn parse(text: &str) -> Result<Span, SpanError> {
        let error = |wrong: String| SpanError { text: text.trim().to_owned(), wrong };
        let joined = text.replace(" -", "-").replace("- ", "-");
        let mut words: Vec<&str> = joined.split([' ', ',', '\t']).filter(|word| !word.is_empty()).collect();
        let zone = words.last().and_then(|word| zone(word).ok());
        if zone.is_some() {
            words.pop();
        }
        if words.is_empty() {
            return Err(error("it names neither days nor times".to_owned()));
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut days = None;
        for word in words {
            if word.starts_with(|first: char| first.is_ascii_digit()) {
                let before = parts.last().map(|part| part.days);
                let hours = hours(word).map_err(error)?;
                parts.push(Part { days: days.take().or(before).unwrap_or([true; 7]), hours });
                continue;
            }
            let days = days.get_or_insert([false; 7]);
            add_days(days, word).map_err(|wrong| error(meant_zone(word).unwrap_or(wrong)))?;
        }
        parts.extend(days.map(|days| Part { days, hours: Hours { begin: 0, end: DAY } }));
        Ok(Span { parts, zone })
    }

    /// The zone it is meant in; `None` if the text names none.
    pub fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }

    /// Whether it covers this time of the clock on the wall. A span that goes over
    /// midnight belongs to the day it begins. `is_off`: days on which none begins.
    pub fn covers(&self, wall: DateTime, is_off: impl Fn(Date) -> bool) -> bool {
        let minute = wall.hour() as u16 * 60 + wall.minute() as u16;
        let today = wall.date();
        let yesterday = today.yesterday().ok();
        self.parts.iter().any(|part| {
            let begins = |date: Date| part.on(date.weekday()) && !is_off(date);
            let Hours { begin, end } = part.hours;
            if begin < end {
                return (begin..end).contains(&minute) && begins(today);
            }
            (minute >= begin && begins(today)) || (minute < end && yesterday.is_some_and(begins))
        })
    }

    /// The times of a day at which it may begin or end; it does neither at any other but
    /// where the clocks of the zone change.
    pub fn edges(&self, date: Date) -> impl Iterator<Item = DateTime> + '_ {
        let minutes = self.parts.iter().flat_map(|part| [part.hours.begin, part.hours.end]);
        let midnight = date.at(0, 0, 0, 0);
        minutes.filter_map(move |minutes| midnight.checked_add(jiff::Span::new().minutes(minutes)).ok())
    }
}

impl Part {
    fn on(&self, day: Weekday) -> bool {
        self.days[day.to_monday_zero_offset() as usize]
    }
}

/// The zone of this name, from the zones that are part of the program. The error names the
/// nearest one.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    let help = || match nearest_zone(name) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "write it like Europe/Berlin".to_owned(),
    };
    TimeZoneDatabase::bundled().get(name).map_err(|_| format!("there is no time zone `{name}`; {}", help()))
}

fn nearest_zone(name: &str) -> Option<String> {
    let known: Vec<String> = TimeZoneDatabase::bundled().available().map(|zone| zone.to_string()).collect();
    did_you_mean(name, known.iter().map(String::as_str))
}

/// What is wrong with a word that was meant for a zone: they are the only ones with a slash.
fn meant_zone(word: &str) -> Option<String> {
    word.contains('/').then(|| zone(word).err()).flatten()
}

/// Adds a day or a span of days, such as `Mon` or `Fri-Mon`; the error says what is wrong.
pub fn add_days(days: &mut [bool; 7], word: &str) -> Result<(), String> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let (Some(first), Some(last)) = (day(first), day(last)) else {
        return Err(format!(
            "`{word}` is neither a day (Mon Tue Wed Thu Fri Sat Sun), days (Mon-Fri), times (09:00-17:00) nor a time zone at the end"
        ));
    };
    let mut day = first;
    days[day] = true;
    while day != last {
        day = (day + 1) % 7;
        days[day] = true;
    }
    Ok(())
}

/// The day of the week of this name, by its first three letters or its whole name.
pub fn weekday(name: &str) -> Option<Weekday> {
    Weekday::from_monday_zero_offset(day(name)? as i8).ok()
}

/// A time of the day: `09:00` or `9:00`, before 24:00.
pub fn time(text: &str) -> Option<Time> {
    let minutes = minutes(text).filter(|minutes| *minutes < DAY)?;
    Time::new((minutes / 60) as i8, (minutes % 60) as i8, 0, 0).ok()
}

/// Which day of the week, from Monday: its first three letters, or its whole name.
fn day(name: &str) -> Option<usize> {
    let name = name.to_ascii_lowercase();
    DAYS.iter().position(|day| *day == name || day[..3] == name)
}

fn hours(word: &str) -> Result<Hours, String> {
    let times = word.split_once('-').and_then(|(begin, end)| Some((minutes(begin)?, minutes(end)?)));
    match times {
        None => Err(format!("`{word}` is not from when to when, such as 09:00-17:00")),
        Some((begin, end)) if begin == end => {
            Err(format!("`{word}` ends when it begins; leave the times out for whole days"))
        }
        Some((DAY, _)) => Err(format!("`{word}` begins at the end of a day; write 00:00")),
        Some((begin, end)) => Ok(Hours { begin, end }),
    }
}

/// Minutes from midnight, of `09:00`, `9:00` or `24:00`.
fn minutes(time: &str) -> Option<u16> {
    let (hour, minute) = time.split_once(':')?;
    let digits = |text: &str, most: usize| {
        let fits = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| fits)
    };
    let minute = digits(minute, 2).filter(|number| *number < 60 && minute.len() == 2)?;
    Some(digits(hour, 2)? * 60 + minute).filter(|minutes| *minutes <= DAY)
}

#[cfg(test)]
mod tests;
