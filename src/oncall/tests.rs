//! Who is on call: by examples, by the nights in which clocks change, and by laws.

use super::*;
use crate::config::{Handover, LayerSettings, Rotation};
use crate::span::{Span, zone};
use jiff::SignedDuration;
use proptest::prelude::*;

fn layer(persons: &[&str], rotate: &str, handover: &str, from: &str) -> LayerSettings {
    LayerSettings {
        persons: persons.iter().map(|person| (*person).to_owned()).collect(),
        rotate: Rotation::parse(rotate).expect("a length of a turn"),
        handover: Handover::parse(handover).expect("a hand-over"),
        from: from.parse().expect("a day"),
        until: None,
        during: None,
    }
}

fn during(layer: LayerSettings, span: &str) -> LayerSettings {
    LayerSettings { during: Some(Span::parse(span).expect("a span")), ..layer }
}

fn schedule(zone_name: &str, layers: Vec<LayerSettings>) -> Schedule {
    Schedule::of(&ScheduleSettings {
        name: "dba".to_owned(),
        zone: zone(zone_name).expect("a zone"),
        source: ScheduleSource::Layers(layers),
        gaps_are_meant: false,
    })
}

/// A moment by the clocks of the schedule's zone.
fn wall(schedule: &Schedule, text: &str) -> Timestamp {
    let wall: jiff::civil::DateTime = text.parse().expect("a time of the wall clock");
    wall.to_zoned(schedule.zone().clone()).expect("far from the end of time").timestamp()
}

/// The turns as `2026-01-05 09:00+01 alice`; nobody is `-`.
fn shown(schedule: &Schedule, from: &str, to: &str, overrides: &[Override]) -> Vec<String> {
    let turns = schedule.turns(wall(schedule, from), wall(schedule, to), overrides);
    let line = |turn: &Turn| {
        let from = turn.from.to_zoned(schedule.zone().clone()).strftime("%F %H:%M%:::z");
        format!("{from} {}", if turn.persons.is_empty() { "-".to_owned() } else { turn.persons.join(",") })
    };
    turns.iter().map(line).collect()
}

#[test]
fn persons_take_turns_and_hand_over_at_their_time() {
    let weekly = schedule("Europe/Berlin", vec![layer(&["alice", "bob"], "1w", "mon 09:00", "2026-01-01")]);
    assert_eq!(
        shown(&weekly, "2026-01-01T00:00", "2026-01-24T00:00", &[]),
        [
            "2026-01-01 00:00+01 -",
            "2026-01-05 09:00+01 alice",
            "2026-01-12 09:00+01 bob",
            "2026-01-19 09:00+01 alice"
        ]
    );
    let years_later = wall(&weekly, "2046-01-01T12:00");
    assert_eq!(weekly.on_call(years_later, &[]).len(), 1);
}

#[test]
fn a_later_layer_stands_above_an_earlier_one_while_it_names_somebody() {
    let nights = layer(&["carol"], "1d", "00:00", "2026-01-01");
    let days = during(layer(&["alice", "bob"], "1d", "09:00", "2026-01-01"), "Mon-Fri 09:00-17:00");
    let both = schedule("Europe/Berlin", vec![nights, days]);
    // The 2nd of January 2026 is a Friday.
    assert_eq!(
        shown(&both, "2026-01-02T00:00", "2026-01-05T18:00", &[]),
        [
            "2026-01-02 00:00+01 carol",
            "2026-01-02 09:00+01 bob",
            "2026-01-02 17:00+01 carol",
            "2026-01-05 09:00+01 alice",
            "2026-01-05 17:00+01 carol",
        ]
    );
}

#[test]
fn a_layer_ends_with_its_last_day_and_then_nobody_is_on_call() {
    let last = "2026-01-31".parse().expect("a day");
    let january = LayerSettings { until: Some(last), ..layer(&["alice"], "1w", "mon 09:00", "2026-01-05") };
    let january = schedule("Europe/Berlin", vec![january]);
    let (from, to) = (wall(&january, "2026-01-30T00:00"), wall(&january, "2026-02-03T00:00"));
    let gaps = january.gaps(from, to, &[]);
    assert_eq!(gaps, [Turn { from: wall(&january, "2026-02-01T00:00"), to, persons: Vec::new() }]);
}

#[test]
fn the_newest_override_counts_and_others_are_left_alone() {
    let weekly = schedule("Europe/Berlin", vec![layer(&["alice", "bob"], "1w", "mon 09:00", "2026-01-05")]);
    let over = |id, schedule: &str, person: &str, from, until| Override {
        id,
        schedule: schedule.to_owned(),
        person: person.to_owned(),
        from: wall(&weekly, from),
        until: wall(&weekly, until),
        owner: "alice".to_owned(),
        reason: String::new(),
    };
    let overrides = [
        over(2, "dba", "dave", "2026-01-06T18:00", "2026-01-06T20:00"),
        over(1, "dba", "carol", "2026-01-06T17:00", "2026-01-06T19:00"),
        over(3, "web", "eve", "2026-01-06T17:00", "2026-01-06T19:00"),
    ];
    assert_eq!(
        shown(&weekly, "2026-01-06T00:00", "2026-01-07T00:00", &overrides),
        [
            "2026-01-06 00:00+01 alice",
            "2026-01-06 17:00+01 carol",
            "2026-01-06 18:00+01 dave",
            "2026-01-06 20:00+01 alice",
        ]
    );
}

/// Each night in which clocks change: hand-over stays at its time on the wall; where that
/// is skipped it comes as much later, where it comes twice the first counts. Hours pass.
#[test]
fn hand_overs_in_the_nights_in_which_clocks_change() {
    for (zone, rotate, handover, from, to, expected) in [
        (
            "Europe/Berlin",
            "1d",
            "09:00",
            "2026-10-24T09:00",
            "2026-10-26T10:00",
            ["2026-10-24 09:00+02 alice", "2026-10-25 09:00+01 bob", "2026-10-26 09:00+01 alice"],
        ),
        (
            "Europe/Berlin",
            "1d",
            "02:30",
            "2026-10-24T02:30",
            "2026-10-26T03:00",
            ["2026-10-24 02:30+02 alice", "2026-10-25 02:30+02 bob", "2026-10-26 02:30+01 alice"],
        ),
        (
            "Europe/Berlin",
            "1d",
            "02:30",
            "2027-03-27T02:30",
            "2027-03-29T03:00",
            ["2027-03-27 02:30+01 alice", "2027-03-28 03:30+02 bob", "2027-03-29 02:30+02 alice"],
        ),
        (
            "Europe/Berlin",
            "24h",
            "09:00",
            "2026-10-24T09:00",
            "2026-10-26T09:00",
            ["2026-10-24 09:00+02 alice", "2026-10-25 08:00+01 bob", "2026-10-26 08:00+01 alice"],
        ),
        (
            "America/New_York",
            "1d",
            "02:30",
            "2026-03-07T02:30",
            "2026-03-09T03:00",
            ["2026-03-07 02:30-05 alice", "2026-03-08 03:30-04 bob", "2026-03-09 02:30-04 alice"],
        ),
        (
            "America/New_York",
            "1d",
            "01:30",
            "2026-10-31T01:30",
            "2026-11-02T03:00",
            ["2026-10-31 01:30-04 alice", "2026-11-01 01:30-04 bob", "2026-11-02 01:30-05 alice"],
        ),
        // Half an hour.
        (
            "Australia/Lord_Howe",
            "1d",
            "02:15",
            "2026-10-03T02:15",
            "2026-10-05T03:00",
            ["2026-10-03 02:15+10:30 alice", "2026-10-04 02:45+11 bob", "2026-10-05 02:15+11 alice"],
        ),
        (
            "Australia/Lord_Howe",
            "1d",
            "01:45",
            "2027-04-03T01:45",
            "2027-04-05T03:00",
            ["2027-04-03 01:45+11 alice", "2027-04-04 01:45+11 bob", "2027-04-05 01:45+10:30 alice"],
        ),
    ] {
        let date = &from[..10];
        let schedule = schedule(zone, vec![layer(&["alice", "bob"], rotate, handover, date)]);
        assert_eq!(shown(&schedule, from, to, &[]), expected, "{zone} {rotate} {handover}");
    }
}

/// Samoa had no 30th of December 2011.
#[test]
fn a_day_that_is_left_out_has_no_turn() {
    let daily =
        schedule("Pacific/Apia", vec![layer(&["alice", "bob", "carol"], "1d", "09:00", "2011-12-29")]);
    assert_eq!(
        shown(&daily, "2011-12-29T09:00", "2012-01-01T10:00", &[]),
        ["2011-12-29 09:00-10 alice", "2011-12-31 09:00+14 carol", "2012-01-01 09:00+14 alice"]
    );
}

#[test]
fn the_end_of_time_is_no_trouble() {
    let weekly = schedule("Europe/Berlin", vec![layer(&["alice", "bob"], "999w", "mon 09:00", "2026-01-05")]);
    let turns = weekly.turns(Timestamp::MIN, Timestamp::MAX, &[]);
    assert_eq!(turns.first().map(|turn| turn.from), Some(Timestamp::MIN));
    assert_eq!(turns.last().map(|turn| turn.to), Some(Timestamp::MAX));
    assert_eq!(weekly.on_call(Timestamp::MIN, &[]), Vec::<String>::new());
    assert_eq!(weekly.on_call(Timestamp::MAX, &[]).len(), 1);
}

const ZONES: &[&str] =
    &["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Asia/Kolkata", "UTC"];

/// Nights in which the clocks of some of them change, and others.
const AROUND: &[&str] = &[
    "2026-03-08T07:00:00Z",
    "2026-10-03T15:30:00Z",
    "2026-10-25T01:00:00Z",
    "2027-03-28T01:00:00Z",
    "2028-02-29T00:00:00Z",
];

fn any_layer() -> impl Strategy<Value = LayerSettings> {
    let persons = prop::collection::vec(prop::sample::select(&["alice", "bob", "carol", "dave"][..]), 1..4);
    let rotate = prop::sample::select(&["1h", "5h", "12h", "24h", "1d", "2d", "1w"][..]);
    let day = prop::sample::select(&["", "mon ", "sun "][..]);
    let time = prop::sample::select(&["00:00", "01:30", "02:00", "02:15", "02:30", "09:00", "23:59"][..]);
    let from = prop::sample::select(&["2026-03-06", "2026-10-01", "2027-03-20", "2020-01-01"][..]);
    let until = prop::option::of(prop::sample::select(&["2026-10-25", "2027-03-28"][..]));
    let spans =
        ["Mon-Fri 09:00-17:00", "22:00-06:00", "02:00-03:00", "Sun", "00:00-24:00", "01:45-02:15 UTC"];
    let span = prop::option::of(prop::sample::select(spans.to_vec()));
    (persons, rotate, day, time, from, until, span).prop_map(
        |(persons, rotate, day, time, from, until, span)| LayerSettings {
            until: until.map(|day| day.parse().expect("a day")),
            during: span.map(|span| Span::parse(span).expect("a span")),
            ..layer(&persons, rotate, &format!("{day}{time}"), from)
        },
    )
}

fn any_override(middle: Timestamp) -> impl Strategy<Value = Override> {
    let schedule = prop::sample::select(&["dba", "web"][..]);
    (0..9u64, schedule, -3000..3000i64, 1..900i64).prop_map(move |(id, schedule, from, length)| {
        let from = middle + SignedDuration::from_mins(from);
        Override {
            id,
            schedule: schedule.to_owned(),
            person: "eve".to_owned(),
            from,
            until: from + SignedDuration::from_mins(length),
            owner: "alice".to_owned(),
            reason: String::new(),
        }
    })
}

fn any_case() -> impl Strategy<Value = (Schedule, Timestamp, Vec<Override>)> {
    let layers = prop::collection::vec(any_layer(), 1..4);
    (prop::sample::select(ZONES), layers, prop::sample::select(AROUND)).prop_flat_map(
        |(zone, layers, middle)| {
            let middle: Timestamp = middle.parse().expect("a moment");
            let overrides = prop::collection::vec(any_override(middle), 0..4);
            (Just(schedule(zone, layers)), Just(middle), overrides)
        },
    )
}

/// The overrides, and above them what trades two turns.
fn with_trade(schedule: &Schedule, overrides: &[Override], turns: [&Turn; 2]) -> Vec<Override> {
    let traded = trade(schedule.name(), turns, "alice", |_| String::new()).expect("each is one person's");
    let next = overrides.iter().map(|one| one.id + 1).max().unwrap_or_default();
    let numbered = traded.into_iter().zip(next..).map(|(one, id)| Override { id, ..one });
    overrides.iter().cloned().chain(numbered).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn turns_tile_a_span_and_whoever_has_one_is_on_call_all_the_time(
        (schedule, middle, overrides) in any_case(),
        before in 1..4000i64,
        after in 1..4000i64,
    ) {
        let (from, to) = (middle - SignedDuration::from_mins(before), middle + SignedDuration::from_mins(after));
        let turns = schedule.turns(from, to, &overrides);
        prop_assert_eq!(turns.first().map(|turn| turn.from), Some(from));
        prop_assert_eq!(turns.last().map(|turn| turn.to), Some(to));
        for pair in turns.windows(2) {
            prop_assert_eq!(pair[0].to, pair[1].from);
            prop_assert!(pair[0].persons != pair[1].persons, "they are one turn: {:?}", pair);
        }
        prop_assert!(turns.iter().all(|turn| turn.from < turn.to));
        for turn in &turns {
            let mut at = turn.from;
            while at < turn.to {
                prop_assert_eq!(&schedule.on_call(at, &overrides), &turn.persons, "at {}", at);
                at += SignedDuration::from_mins(1);
            }
            let last = turn.to - SignedDuration::from_nanos(1);
            prop_assert_eq!(&schedule.on_call(last, &overrides), &turn.persons, "at {}", last);
        }
    }

    #[test]
    fn a_trade_moves_two_turns_and_nothing_else_and_made_twice_it_moves_nothing(
        (schedule, middle, overrides) in any_case(),
        places in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        minutes in prop::collection::vec(0..12_000i64, 1..50),
    ) {
        let from = middle - SignedDuration::from_hours(100);
        let to = middle + SignedDuration::from_hours(100);
        let mut turns = schedule.turns_apart(from, to, &overrides);
        turns.retain(|turn| !turn.persons.is_empty());
        prop_assume!(turns.len() > 1);
        let first = turns.swap_remove(places.0.index(turns.len()));
        let second = turns.swap_remove(places.1.index(turns.len()));
        let traded = with_trade(&schedule, &overrides, [&first, &second]);
        let again = schedule.turns_apart(from, to, &traded);
        let now_of = |turn: &Turn| again.iter().find(|one| one.from == turn.from).expect("it begins then");
        let back = with_trade(&schedule, &traded, [now_of(&first), now_of(&second)]);
        let nearly = SignedDuration::from_nanos(1);
        let edges = [first.from, first.to, second.from, second.to].into_iter().flat_map(|at| [at - nearly, at]);
        let sampled = minutes.iter().map(|minutes| from + SignedDuration::from_mins(*minutes));
        for at in edges.chain(sampled) {
            let before = schedule.on_call(at, &overrides);
            let expected = match at {
                at if (first.from..first.to).contains(&at) => &second.persons,
                at if (second.from..second.to).contains(&at) => &first.persons,
                _ => &before,
            };
            prop_assert_eq!(&schedule.on_call(at, &traded), expected, "at {}", at);
            prop_assert_eq!(before.len(), expected.len());
            prop_assert_eq!(schedule.on_call(at, &back), before, "traded back, at {}", at);
        }
    }

    #[test]
    fn a_hand_over_of_days_is_at_its_time_on_the_wall(
        zone_name in prop::sample::select(ZONES),
        days in 1..15u16,
        minutes in 0..24 * 60u16,
        number in 0..400i64,
    ) {
        let time = format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let daily = schedule(zone_name, vec![layer(&["alice", "bob"], &format!("{days}d"), &time, "2026-01-01")]);
        let date: jiff::civil::Date = "2026-01-01".parse().expect("a day");
        let wall = date + SignedDuration::from_hours(24 * number * i64::from(days));
        let wall = wall.to_datetime(crate::span::time(&time).expect("a time"));
        let at = wall.to_zoned(daily.zone().clone()).expect("near").timestamp();
        let expected = ["alice", "bob"][(number % 2) as usize];
        prop_assert_eq!(daily.on_call(at, &[]), [expected]);
        let before = at - SignedDuration::from_nanos(1);
        let expected: &[&str] = match number {
            0 => &[],
            number => &[["alice", "bob"][((number + 1) % 2) as usize]],
        };
        prop_assert_eq!(daily.on_call(before, &[]), expected);
    }
}
