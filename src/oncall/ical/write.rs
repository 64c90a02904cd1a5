//! Turns as a calendar.
//!
//! Promises: what is written reads back as the same turns; the same turn has the same `UID`
//! each time, so that a calendar that is imported again changes and does not grow.

use crate::model::Timestamp;
use crate::oncall::Turn;
use jiff::tz::TimeZone;

/// How long a line may be, in bytes, without its end.
const LINE: usize = 75;

/// Writes the turns of a schedule as a calendar: an event for each turn that somebody has.
/// `stamp`: when that is.
pub fn write(schedule: &str, turns: &[Turn], stamp: Timestamp) -> String {
    let mut text = String::new();
    let mut line = |content: &str| fold(content, &mut text);
    line("BEGIN:VCALENDAR");
    line("VERSION:2.0");
    line("PRODID:-//Watchbell//on call//EN");
    line("CALSCALE:GREGORIAN");
    line(&format!("X-WR-CALNAME:on call: {}", escaped(schedule)));
    for turn in turns.iter().filter(|turn| !turn.persons.is_empty()) {
        let persons = turn.persons.join(", ");
        let uid = format!("{schedule}-{}-{}@watchbell", utc(turn.from), turn.persons.join("-"));
        line("BEGIN:VEVENT");
        line(&format!("UID:{}", escaped(&uid)));
        line(&format!("DTSTAMP:{}", utc(stamp)));
        line(&format!("DTSTART:{}", utc(turn.from)));
        line(&format!("DTEND:{}", utc(turn.to)));
        line(&format!("SUMMARY:{}", escaped(&persons)));
        line("END:VEVENT");
    }
    line("END:VCALENDAR");
    text
}

fn utc(moment: Timestamp) -> String {
    moment.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '\\' | ';' | ',' => escaped.extend(['\\', letter]),
            '\n' => escaped.push_str("\\n"),
            letter if letter.is_control() => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Adds a line, folded where it is too long, between characters.
fn fold(content: &str, text: &mut String) {
    let mut length = 0;
    for letter in content.chars() {
        if length + letter.len_utf8() > LINE {
            text.push_str("\r\n ");
            length = 1;
        }
        text.push(letter);
        length += letter.len_utf8();
    }
    text.push_str("\r\n");
}
