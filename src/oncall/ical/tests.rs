//! Calendars: what is understood, what is refused with its line, and the law that what is
//! written reads back.

use super::*;
use crate::config::{Handover, LayerSettings, Rotation, ScheduleSettings, ScheduleSource};
use crate::oncall::{Schedule, Turn};
use crate::span::zone;
use proptest::prelude::*;

fn people() -> People {
    People::known(&[("alice", "alice@example.org"), ("bob", "bob@example.org"), ("carol", "")])
}

fn calendar(events: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}END:VCALENDAR\r\n", events.replace('\n', "\r\n"))
}

fn read(text: &str, around: &str) -> Result<Schedule, IcalError> {
    let zone = zone("Europe/Berlin").expect("a zone");
    let around = around.parse().expect("a moment");
    let calendar = Calendar::read(text, &zone, &people(), around)?;
    let settings = ScheduleSettings {
        name: "dba".to_owned(),
        zone,
        source: ScheduleSource::IcalFile("dba.ics".into()),
        gaps_are_meant: false,
    };
    let mut schedule = Schedule::of(&settings);
    schedule.put_calendar(calendar);
    Ok(schedule)
}

/// The turns that somebody has, as `2026-01-05 09:00+01 alice`, with the end of each.
fn turns(events: &str, from: &str, to: &str) -> Vec<String> {
    let from: Timestamp = from.parse().expect("a moment");
    let schedule = read(&calendar(events), &from.to_string()).unwrap_or_else(|error| panic!("{error}"));
    let shown = |at: Timestamp| at.to_zoned(schedule.zone().clone()).strftime("%F %H:%M%:::z").to_string();
    let turns = schedule.turns(from, to.parse().expect("a moment"), &[]);
    let held = turns.iter().filter(|turn| !turn.persons.is_empty());
    held.map(|turn| format!("{} - {} {}", shown(turn.from), shown(turn.to), turn.persons.join(","))).collect()
}

#[test]
fn an_event_is_a_turn_of_whom_it_names() {
    let who = |lines: &str| {
        let event =
            format!("BEGIN:VEVENT\nDTSTART:20260105T080000Z\nDTEND:20260105T090000Z\n{lines}\nEND:VEVENT\n");
        let turns = turns(&event, "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z");
        turns.first().map_or(String::new(), |turn| turn.rsplit(' ').next().unwrap_or_default().to_owned())
    };
    for (lines, expected) in [
        ("SUMMARY:Alice is on call", "alice"),
        ("SUMMARY:on call: bob.", "bob"),
        ("SUMMARY:alice\\, bob", "alice,bob"),
        ("SUMMARY:alicebob", ""),
        ("SUMMARY:alice@example.org", "alice"),
        ("ATTENDEE;CN=\"B: O; B\":mailto:Bob@example.org\nSUMMARY:alice", "bob"),
        ("ATTENDEE;PARTSTAT=DECLINED:mailto:bob@example.org\nSUMMARY:alice", "alice"),
        ("ATTENDEE:mailto:stranger@example.org\nSUMMARY:night\nORGANIZER:MAILTO:bob@example.org", "bob"),
        ("ORGANIZER:mailto:bob@example.org\nSUMMARY:carol", "carol"),
        ("SUMMARY:al\n ice", "alice"),
        ("SUMMARY:nobody known", ""),
        ("SUMMARY:alice\nSTATUS:CANCELLED", ""),
    ] {
        assert_eq!(who(lines), expected, "{lines}");
    }
}

#[test]
fn rules_exceptions_and_moved_events_are_understood_over_a_change_of_the_clocks() {
    let weekly = "\
BEGIN:VEVENT
UID:1
DTSTART;TZID=Europe/Berlin:20261005T090000
DTEND;TZID=Europe/Berlin:20261012T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
EXDATE;TZID=Europe/Berlin:20261116T090000
SUMMARY:alice
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTART;TZID=Europe/Berlin:20261012T090000
DURATION:P1W
RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=20261115T000000Z
SUMMARY:bob
END:VEVENT
BEGIN:VEVENT
UID:2
RECURRENCE-ID;TZID=Europe/Berlin:20261109T090000
DTSTART;TZID=Europe/Berlin:20261109T120000
DTEND;TZID=Europe/Berlin:20261110T120000
SUMMARY:carol
END:VEVENT
";
    assert_eq!(
        turns(weekly, "2026-10-05T00:00:00Z", "2026-12-01T00:00:00Z"),
        [
            "2026-10-05 09:00+02 - 2026-10-12 09:00+02 alice",
            "2026-10-12 09:00+02 - 2026-10-19 09:00+02 bob",
            "2026-10-19 09:00+02 - 2026-10-26 09:00+01 alice",
            "2026-10-26 09:00+01 - 2026-11-02 09:00+01 bob",
            "2026-11-02 09:00+01 - 2026-11-09 09:00+01 alice",
            "2026-11-09 12:00+01 - 2026-11-10 12:00+01 carol",
            "2026-11-30 09:00+01 - 2026-12-01 01:00+01 alice",
        ]
    );
}

#[test]
fn days_floating_times_and_dates_beside_the_rule_are_understood() {
    let days = "\
BEGIN:VEVENT
DTSTART;VALUE=DATE:20261024
DTEND;VALUE=DATE:20261026
SUMMARY:alice
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20261101
RDATE;VALUE=DATE:20261103,20261105
SUMMARY:bob
END:VEVENT
BEGIN:VEVENT
DTSTART:20261110T090000
DTEND:20261110T170000
RRULE:FREQ=MONTHLY;BYDAY=2TU;COUNT=2
SUMMARY:carol
END:VEVENT
";
    assert_eq!(
        turns(days, "2026-10-20T00:00:00Z", "2027-01-01T00:00:00Z"),
        [
            "2026-10-24 00:00+02 - 2026-10-26 00:00+01 alice",
            "2026-11-01 00:00+01 - 2026-11-02 00:00+01 bob",
            "2026-11-03 00:00+01 - 2026-11-04 00:00+01 bob",
            "2026-11-05 00:00+01 - 2026-11-06 00:00+01 bob",
            "2026-11-10 09:00+01 - 2026-11-10 17:00+01 carol",
            "2026-12-08 09:00+01 - 2026-12-08 17:00+01 carol",
        ]
    );
}

/// As Outlook writes it: a name that no list has, and what it means.
const OUTLOOK: &str = "\
BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
";

#[test]
fn zones_are_those_of_the_list_or_what_the_calendar_says() {
    let daily = |zone: &str| {
        format!(
            "BEGIN:VEVENT\nDTSTART;TZID={zone}:20261024T090000\nDTEND;TZID={zone}:20261024T100000\n\
             RRULE:FREQ=DAILY;COUNT=2\nSUMMARY:alice\nEND:VEVENT\n"
        )
    };
    let of = |events: &str| turns(events, "2026-10-23T00:00:00Z", "2026-10-27T00:00:00Z");
    let expected = [
        "2026-10-24 09:00+02 - 2026-10-24 10:00+02 alice",
        "2026-10-25 09:00+01 - 2026-10-25 10:00+01 alice",
    ];
    assert_eq!(of(&daily("Europe/Berlin")), expected);
    assert_eq!(of(&daily("/freeassociation.sourceforge.net/Europe/Berlin")), expected);
    assert_eq!(of(&(OUTLOOK.to_owned() + &daily("W. Europe Standard Time"))), expected);
    let fixed = "BEGIN:VTIMEZONE\nTZID:Ours\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0530\n\
                 TZOFFSETTO:+0530\nEND:STANDARD\nEND:VTIMEZONE\n";
    assert_eq!(
        of(&(fixed.to_owned() + &daily("Ours"))),
        [
            "2026-10-24 05:30+02 - 2026-10-24 06:30+02 alice",
            "2026-10-25 04:30+01 - 2026-10-25 05:30+01 alice"
        ]
    );
}

#[test]
fn a_calendar_that_is_broken_is_refused_with_its_line() {
    let event = |lines: &str| calendar(&format!("BEGIN:VEVENT\n{lines}\nEND:VEVENT\n"));
    for (text, expected) in [
        (String::new(), "line 1: is no calendar: it does not begin with BEGIN:VCALENDAR"),
        ("<html>\n<p>log in</p>".to_owned(), "line 1: is no property: it has no `:`"),
        ("X:1\n".to_owned(), "line 1: is no calendar"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\n".to_owned(), "line 1: BEGIN of VCALENDAR has no END"),
        ("BEGIN:VCALENDAR\nEND:VEVENT\n".to_owned(), "line 2: END of `VEVENT` has no BEGIN"),
        ("BEGIN:VEVENT\n".to_owned(), "line 1: BEGIN is of `VEVENT`, outside of a VCALENDAR"),
        (event("SUMMARY:alice"), "line 3: a VEVENT has no DTSTART"),
        (event("DTSTART:tomorrow"), "line 4: DTSTART has `tomorrow`, which is no time"),
        (event("DTSTART:20260230T090000"), "line 4: DTSTART has `20260230T090000`"),
        (event("DTSTART;TZID=Mars/Base:20260105T090000"), "line 4: DTSTART names the zone `Mars/Base`"),
        (event("DTSTART:20260105T090000\nDTEND:20260104T090000"), "line 5: DTEND is before the DTSTART"),
        (event("DTSTART:20260105T090000\nDURATION:long"), "line 5: DURATION is no length"),
        (event("DTSTART:20260105T090000\nRRULE:FREQ=SOMETIMES"), "line 5: RRULE cannot be understood"),
        (event("DTSTART:20260105T090000\nRRULE:FREQ=SECONDLY"), "line 5: RRULE repeats more often"),
        (
            event("DTSTART:20260105T090000\nRRULE:FREQ=DAILY;UNTIL=x"),
            "line 5: RRULE has `x`, which is no time",
        ),
        (
            event("DTSTART:20260105T090000\nRDATE;VALUE=PERIOD:20260105T090000Z/PT1H"),
            "line 5: RDATE with VALUE=PERIOD is not understood",
        ),
        (
            event("DTSTART:20260105T090000\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260105T090000"),
            "line 5: RECURRENCE-ID with RANGE is not understood",
        ),
        (event("DTSTART;TZID=\"Europe/Berlin:20260105T090000"), "line 4: has a parameter whose end"),
        (event("DTSTART;TZID:20260105T090000"), "line 4: has a parameter without a `=`"),
        (
            calendar(
                "BEGIN:VTIMEZONE\nTZID:Ours\nBEGIN:STANDARD\nTZOFFSETTO:east\nEND:STANDARD\nEND:VTIMEZONE\n",
            ),
            "line 6: TZOFFSETTO is no offset",
        ),
        ("BEGIN:VCALENDAR\n".repeat(9), "line 9: BEGIN lies too deep"),
    ] {
        let error = read(&text, "2026-01-05T00:00:00Z").expect_err(&text).to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn a_calendar_that_would_take_too_much_is_refused() {
    let hourly = "BEGIN:VEVENT\nDTSTART:19000101T000000Z\nDTEND:19000101T003000Z\nRRULE:FREQ=HOURLY\nSUMMARY:alice\nEND:VEVENT\n";
    let error = read(&calendar(hourly), "2026-01-05T00:00:00Z").expect_err("it is much").to_string();
    assert!(error.contains("repeat more than"), "{error}");
    let many = hourly.replace("1900", "2026");
    let error = read(&calendar(&many.repeat(3)), "2026-07-05T00:00:00Z").expect_err("it is much").to_string();
    assert!(error.contains("more than 20000 events"), "{error}");
}

#[test]
fn events_that_name_nobody_are_told() {
    let events = "BEGIN:VEVENT\nDTSTART:20260105T080000Z\nSUMMARY:Malice\nEND:VEVENT\n";
    let zone = zone("UTC").expect("a zone");
    let read =
        Calendar::read(&calendar(events), &zone, &people(), Timestamp::UNIX_EPOCH).expect("it is right");
    assert_eq!(read.nameless().into_iter().collect::<Vec<_>>(), ["Malice"]);
}

#[test]
fn what_is_written_is_folded_and_has_the_same_uid_each_time() {
    let at = |text: &str| text.parse::<Timestamp>().expect("a moment");
    let turn = Turn {
        from: at("2026-01-05T08:00:00Z"),
        to: at("2026-01-12T08:00:00Z"),
        persons: vec!["ä".repeat(60)],
    };
    let text = write("dba", std::slice::from_ref(&turn), at("2026-01-01T00:00:00Z"));
    assert!(text.lines().all(|line| line.len() <= 75), "{text}");
    let uid = |text: &str| text.lines().find(|line| line.starts_with("UID")).map(str::to_owned);
    assert!(uid(&text).is_some_and(|uid| uid.starts_with("UID:dba-20260105T080000Z-")));
    assert_eq!(uid(&text), uid(&write("dba", &[turn], at("2026-02-01T00:00:00Z"))));
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let persons = prop::collection::vec(prop::sample::select(&["alice", "bob", "carol"][..]), 1..4);
    let rotate = prop::sample::select(&["5h", "12h", "1d", "1w"][..]);
    let handover = prop::sample::select(&["02:30", "09:00", "mon 00:00"][..]);
    let span = prop::option::of(prop::sample::select(&["Mon-Fri 09:00-17:00", "22:00-02:30"][..]));
    let layer =
        (persons, rotate, handover, span).prop_map(|(persons, rotate, handover, span)| LayerSettings {
            persons: persons.iter().map(|person| (*person).to_owned()).collect(),
            rotate: Rotation::parse(rotate).expect("a length"),
            handover: Handover::parse(handover).expect("a hand-over"),
            from: "2026-10-20".parse().expect("a day"),
            until: None,
            during: span.map(|span| crate::span::Span::parse(span).expect("a span")),
        });
    let zones = prop::sample::select(&["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"][..]);
    (zones, prop::collection::vec(layer, 1..3)).prop_map(|(name, layers)| {
        Schedule::of(&ScheduleSettings {
            name: "dba".to_owned(),
            zone: zone(name).expect("a zone"),
            source: ScheduleSource::Layers(layers),
            gaps_are_meant: false,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_reads_back_as_the_same_turns(schedule in any_schedule(), days in 1..40i64, hours in 0..500i64) {
        let from = "2026-10-18T00:00:00Z".parse::<Timestamp>().expect("a moment") + SignedDuration::from_hours(hours);
        let to = from + SignedDuration::from_hours(24 * days);
        let turns = schedule.turns(from, to, &[]);
        let text = write("dba", &turns, from);
        let back = read(&text, &from.to_string());
        let back = back.map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(back.turns(from, to, &[]), turns, "{}", text);
    }

    #[test]
    fn no_text_makes_it_panic(text in "(BEGIN:VCALENDAR\n)?(BEGIN:VEVENT\n)?(DTSTART[:;=A-Z0-9]{0,20}\n)?(RRULE:[A-Z=;0-9,+-]{0,40}\n)?\\PC{0,60}(\nEND:VEVENT\nEND:VCALENDAR)?") {
        let _ = read(&text, "2026-01-05T00:00:00Z");
    }
}
