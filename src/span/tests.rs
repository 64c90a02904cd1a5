//! Spans of the week: what is read, what is refused, and the law that they agree with
//! a calendar written out minute by minute.

use super::*;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn covers(span: &str, wall: &str) -> bool {
    let wall: DateTime = wall.parse().expect("a time of the wall clock");
    Span::parse(span).unwrap_or_else(|error| panic!("{error}")).covers(wall, |_| false)
}

#[test]
fn spans_are_read_as_people_write_them() {
    // 2026-11-23 is a Monday.
    for (span, inside, outside) in [
        ("Mon-Fri 09:00-17:00", "2026-11-23T09:00", "2026-11-23T17:00"),
        ("Mon-Fri 9:00 - 17:00 Europe/Berlin", "2026-11-27T16:59", "2026-11-28T12:00"),
        ("mon-fri 09:00-17:00 UTC", "2026-11-27T16:59", "2026-11-29T12:00"),
        ("Sat,Sun", "2026-11-28T00:00", "2026-11-27T23:59"),
        ("Saturday, Sunday", "2026-11-29T23:59", "2026-11-30T00:00"),
        ("Fri-Mon", "2026-11-30T12:00", "2026-11-24T12:00"),
        ("Mon-Mon", "2026-11-23T12:00", "2026-11-24T12:00"),
        ("22:00-06:00", "2026-11-23T05:59", "2026-11-23T06:00"),
        ("22:00-00:00", "2026-11-23T23:59", "2026-11-23T00:00"),
        ("22:00-24:00", "2026-11-23T23:59", "2026-11-23T00:00"),
        ("00:00-24:00", "2026-11-23T00:00", "2026-11-23T00:00"),
        ("Fri 22:00-06:00", "2026-11-28T05:59", "2026-11-27T05:59"),
        ("Mon-Thu 08:00-17:00, Fri 08:00-14:00 Europe/Berlin", "2026-11-26T16:59", "2026-11-27T14:00"),
        ("Mon,Wed 08:00-12:00,13:00-17:00", "2026-11-25T13:00", "2026-11-25T12:00"),
        ("Mon-Fri 08:00-17:00, Sat", "2026-11-28T20:00", "2026-11-27T20:00"),
    ] {
        assert!(covers(span, inside), "{span} at {inside}");
        if inside != outside && span != "00:00-24:00" {
            assert!(!covers(span, outside), "{span} at {outside}");
        }
    }
    let zone = |span: &str| Span::parse(span).expect("a span").zone().cloned();
    assert_eq!(zone("Sat"), None);
    assert_eq!(zone("Sat Etc/GMT-5"), super::zone("Etc/GMT-5").ok());
}

#[test]
fn what_is_no_span_is_refused_with_what_is_wrong_and_an_example() {
    for (text, wrong) in [
        ("", "it names neither days nor times"),
        (" , ", "it names neither days nor times"),
        ("Europe/Berlin", "it names neither days nor times"),
        ("Mno-Fri", "`Mno-Fri` is neither a day"),
        ("Mo", "`Mo` is neither a day"),
        ("Mon 9-17", "`9-17` is not from when to when"),
        ("Mon 09:00", "`09:00` is not from when to when"),
        ("Mon 09:00-25:00", "`09:00-25:00` is not"),
        ("Mon 09:60-10:00", "`09:60-10:00` is not"),
        ("Mon 09:0-10:00", "`09:0-10:00` is not"),
        ("Mon 09:00-+9:00", "`09:00-+9:00` is not"),
        ("Mon 09:00-24:01", "is not from when to when"),
        ("Mon 09:00-09:00", "`09:00-09:00` ends when it begins; leave the times out"),
        ("24:00-06:00", "begins at the end of a day; write 00:00"),
        ("Mon Europe/Berlni", "there is no time zone `Europe/Berlni`; did you mean Europe/Berlin?"),
        ("Mon 09:00-17:00 Mars/Base", "there is no time zone `Mars/Base`; write it like Europe/Berlin"),
        ("Europe/Berlin Mon", "`Europe/Berlin` is neither"),
        ("Mon–Fri", "`Mon–Fri` is neither"),
        ("\u{0}", "is neither"),
    ] {
        let error = Span::parse(text).expect_err(text).to_string();
        assert!(error.contains(wrong) && error.contains("write it like Mon-Fri 09:00-17:00"), "{error}");
    }
}

#[test]
fn a_night_belongs_to_the_day_it_begins() {
    let night = Span::parse("22:00-06:00").expect("a span");
    let is_off = |date: Date| date == jiff::civil::date(2026, 12, 25);
    for (wall, inside) in [
        ("2026-12-24T23:00", true),
        ("2026-12-25T05:00", true),
        ("2026-12-25T23:00", false),
        ("2026-12-26T05:00", false),
        ("2026-12-26T23:00", true),
    ] {
        assert_eq!(night.covers(wall.parse().expect("a time"), is_off), inside, "{wall}");
    }
}

/// A zone in the spring, summer and autumn around two changes of its clocks: name, the
/// first offset in minutes, and from when there is another one.
type Zone = (&'static str, i64, &'static [(&'static str, i64)]);
const ZONES: &[Zone] = &[
    ("Europe/Berlin", 60, &[("2028-03-26T01:00:00Z", 120), ("2028-10-29T01:00:00Z", 60)]),
    ("America/New_York", -300, &[("2028-03-12T07:00:00Z", -240), ("2028-11-05T06:00:00Z", -300)]),
    // Half an hour, and summer in January.
    ("Australia/Lord_Howe", 660, &[("2028-04-01T15:00:00Z", 630), ("2028-09-30T15:30:00Z", 660)]),
    // Its clocks change at midnight: one day in autumn begins twice, one in spring at 01:00.
    ("America/Havana", -300, &[("2028-03-12T05:00:00Z", -240), ("2028-11-05T05:00:00Z", -300)]),
    ("Asia/Kolkata", 330, &[]),
];

/// The clock on the wall, by the table above and by adding minutes.
fn wall_clock(zone: &Zone, at: Timestamp) -> DateTime {
    let is_past = |change: &&(&str, i64)| change.0.parse::<Timestamp>().expect("a moment") <= at;
    let offset = zone.2.iter().rev().find(is_past).map_or(zone.1, |change| change.1);
    let utc = at.to_zoned(TimeZone::UTC).datetime();
    utc.checked_add(SignedDuration::from_mins(offset)).expect("far from the end of time")
}

/// Every minute of the wall clock that a span covers around a day, written out.
fn written_out(
    days: &BTreeSet<u8>,
    begin: u16,
    end: u16,
    off: Option<Date>,
    around: Date,
) -> BTreeSet<DateTime> {
    let mut minutes = BTreeSet::new();
    for distance in -3..=3 {
        let day = around.checked_add(SignedDuration::from_hours(24 * distance)).expect("a day");
        let number = day.weekday().to_monday_one_offset() as u8;
        if !days.contains(&number) || off == Some(day) {
            continue;
        }
        let length = if end > begin { end - begin } else { DAY - begin + end };
        let first = day.at(0, 0, 0, 0) + SignedDuration::from_mins(begin.into());
        minutes.extend((0..length).map(|minute| first + SignedDuration::from_mins(minute.into())));
    }
    minutes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn being_inside_agrees_with_a_calendar_written_out(
        zone in prop::sample::select(ZONES),
        change in 0..2usize,
        days in prop::collection::btree_set(1..=7u8, 1..=7),
        (begin, end) in (0..DAY, 1..=DAY).prop_filter("it ends when it begins", |(begin, end)| begin != end),
        off in prop::option::of(-1..2i64),
    ) {
        // Around a change of the clocks, or around a leap day.
        let middle = zone.2.get(change).map_or("2028-02-29T00:00:00Z", |(moment, _)| moment);
        let middle: Timestamp = middle.parse().expect("a moment");
        let today = wall_clock(&zone, middle).date();
        let off = off.map(|days| today + SignedDuration::from_hours(24 * days));
        let names: Vec<&str> = days.iter().map(|day| DAYS[*day as usize - 1]).collect();
        let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let text = format!("{} {}-{} {}", names.join(","), time(begin), time(end), zone.0);
        let span = Span::parse(&text).expect("a span");
        let expected = written_out(&days, begin, end, off, today);

        for minute in -40 * 60..40 * 60 {
            let at = middle + SignedDuration::from_mins(minute);
            let wall = wall_clock(&zone, at);
            let ours = at.to_zoned(span.zone().expect("the text names one").clone()).datetime();
            let inside = span.covers(ours, |date| off == Some(date));
            prop_assert_eq!(inside, expected.contains(&wall), "{} at {}", text, at);
        }
    }
}
