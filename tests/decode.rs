//! Lines of Icinga's event stream, decoded: recorded, hostile and broken ones.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use watchbell::model::event::{Detail, StateReport};
use watchbell::model::{Event, EventType, State};
use watchbell::source::icinga::{DecodeError, decode};
use watchbell::source::replay::{Replay, Speed};

fn decoded(line: &str) -> Result<Event, DecodeError> {
    decode(&Arc::from("lab"), line.as_bytes())
}

fn report(line: &str) -> StateReport {
    let event = decoded(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    event.report().expect("a state report").clone()
}

fn recorded(name: &str) -> Vec<Event> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let replay = Replay::new(&path, "lab", Speed::Max);
    let events = replay.events().expect("the fixture is there");
    events.map(|event| event.unwrap_or_else(|bad| panic!("{name}: {bad}"))).collect()
}

fn counted(events: &[Event]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for event in events {
        *counts.entry(event.event_type().name()).or_default() += 1;
    }
    counts
}

#[test]
fn every_line_of_the_recordings_is_understood() {
    let lifecycle: &[(&str, usize)] = &[
        ("CheckResult", 123),
        ("StateChange", 49),
        ("Notification", 24),
        ("Flapping", 2),
        ("AcknowledgementSet", 1),
        ("AcknowledgementCleared", 1),
        ("CommentAdded", 2),
        ("CommentRemoved", 2),
        ("DowntimeAdded", 8),
        ("DowntimeRemoved", 9),
        ("DowntimeStarted", 2),
        ("DowntimeTriggered", 9),
        ("ObjectCreated", 22),
        ("ObjectModified", 1),
        ("ObjectDeleted", 23),
    ];
    let storm: &[(&str, usize)] = &[("CheckResult", 17_875), ("StateChange", 16_500), ("Notification", 500)];
    for (name, counts) in [("lifecycle.jsonl", lifecycle), ("storm.jsonl.gz", storm)] {
        assert_eq!(counted(&recorded(name)), counts.iter().copied().collect(), "{name}");
    }
}

#[test]
fn both_masters_of_a_zone_tell_the_same_results() {
    let ends = |name| -> Vec<_> {
        let events = recorded(name).into_iter();
        let end = |event: Event| Some((event.object.clone()?, event.report()?.execution_end?));
        events.filter(|event| event.event_type() == EventType::StateChange).filter_map(end).collect()
    };
    let (first, second) = (ends("ha-master1.jsonl"), ends("ha-master2.jsonl"));
    assert!(!first.is_empty() && first.iter().all(|end| second.contains(end)));
}

#[test]
fn the_recorded_acknowledgement_downtime_and_flapping_say_what_they_said() {
    let events = recorded("lifecycle.jsonl");
    let of = |event_type| events.iter().find(|event| event.event_type() == event_type).expect("recorded");
    let acknowledged = of(EventType::AcknowledgementSet);
    assert_eq!(acknowledged.object.as_ref().map(|object| object.name()), Some("host1!svc0"));
    let Detail::AcknowledgementSet(set) = &acknowledged.detail else { panic!("{acknowledged:?}") };
    assert_eq!((&*set.author, &*set.comment, set.state), ("alice", "looking into it", State::Critical));
    assert!(set.hard && set.notify && !set.sticky && !set.persistent && set.expiry.is_some());

    let added = of(EventType::DowntimeAdded);
    assert_eq!(added.object.as_ref().map(|object| object.name()), Some("host3"));
    let downtime = added.downtime().expect("a downtime");
    assert_eq!((&*downtime.author, &*downtime.comment), ("dbadmin", "DB Tablespace Maintenance"));
    assert_eq!((downtime.trigger_time, downtime.remove_time), (None, None));
    assert_eq!(downtime.length_seconds().round(), 175_005.0);

    let Detail::Flapping(flapping) = &of(EventType::Flapping).detail else { panic!("not flapping") };
    assert!(flapping.is_flapping && flapping.current > flapping.threshold_high);

    let comment = of(EventType::CommentAdded).comment().expect("a comment");
    assert_eq!((&*comment.text, comment.entry_type), ("looking into it", 4));
}

#[test]
fn hosts_and_services_have_their_own_scales() {
    let line = |top: i64, inner: i64, before: i64, service: &str| {
        format!(
            r#"{{"type":"StateChange","timestamp":1,"host":"h"{service},"state":{top},"state_type":1,"check_result":{{"state":{inner},"vars_before":{{"state":{before},"state_type":0}}}}}}"#
        )
    };
    let service = r#","service":"s""#;
    let cases = [
        (line(1, 2, 1, ""), State::Down, State::Up),
        (line(0, 1, 3, ""), State::Up, State::Down),
        (line(1, 1, 2, service), State::Warning, State::Critical),
        (line(7, 7, -1, service), State::Unknown, State::Unknown),
        (line(7, 7, 0, ""), State::Down, State::Up),
    ];
    for (line, state, before) in cases {
        let report = report(&line);
        assert_eq!((report.state, report.previous), (state, Some((before, false))), "{line}");
    }
    let host_result = r#"{"type":"CheckResult","timestamp":1,"host":"h","check_result":{"state":2,"vars_after":{"state":2,"state_type":0,"attempt":2,"reachable":false}}}"#;
    let report = report(host_result);
    assert_eq!((report.state, report.hard, report.attempt), (State::Down, false, 2));
    assert!(!report.reachable);
}

#[test]
fn numbers_and_truth_may_be_written_in_either_way() {
    let line = |one: &str, yes: &str| {
        format!(
            r#"{{"type":"StateChange","timestamp":{one},"host":"h","service":"s","state":{one},"state_type":{one},"acknowledgement":{yes},"downtime_depth":{one},"check_result":{{"exit_status":{one},"vars_after":{{"attempt":{one},"reachable":{yes}}}}}}}"#
        )
    };
    let written = [line("1", "true"), line("1.0", "1"), line("1e0", "1.0")];
    let first = report(&written[0]);
    assert_eq!((first.state, first.hard, first.attempt, first.exit_status), (State::Warning, true, 1, 1));
    assert_eq!((first.downtime_depth, first.acknowledgement), (Some(1), Some(true)));
    for line in &written {
        assert_eq!(report(line), first, "{line}");
    }
}

#[test]
fn what_icinga_may_leave_out_has_a_default() {
    let bare = report(
        r#"{"type":"StateChange","timestamp":1,"host":"h","service":null,"state":1,"state_type":1,"check_result":null,"new_in_3.0":[{}]}"#,
    );
    assert_eq!((bare.state, bare.hard, bare.attempt), (State::Down, true, 1));
    assert!(bare.reachable && bare.output.is_empty() && bare.previous.is_none());
    assert_eq!((bare.downtime_depth, bare.acknowledgement, bare.execution_end), (None, None, None));

    let nulls = report(
        r#"{"type":"CheckResult","timestamp":1,"host":"h","check_result":{"state":0,"output":null,"performance_data":null,"exit_status":null,"execution_end":0,"vars_before":null,"vars_after":{"state_type":1}}}"#,
    );
    assert!(nulls.performance_data.is_empty() && nulls.previous.is_none());

    let event = decoded(
        r#"{"type":"Notification","timestamp":1,"host":"h","notification_type":"CUSTOM","check_result":null}"#,
    );
    let Ok(Event { detail: Detail::Notification(told), .. }) = event else { panic!("{event:?}") };
    assert_eq!((told.state, told.users.len()), (None, 0));
}

#[test]
fn performance_data_may_be_texts_or_objects() {
    let line = r#"{"type":"StateChange","timestamp":1,"host":"h","state":0,"state_type":1,"check_result":{"performance_data":["rta=0.5ms;100;500;0",{"type":"PerfdataValue","label":"load","value":1.5,"unit":"","counter":false,"warn":5,"crit":null,"min":0,"max":null},{"odd":1}]}}"#;
    assert_eq!(report(line).performance_data, ["rta=0.5ms;100;500;0", "load=1.5;5;;0", r#"{"odd":1}"#]);
}

#[test]
fn strange_text_is_repaired_and_kept() {
    let line = |output: &[u8]| {
        let begin = br#"{"type":"StateChange","timestamp":1,"host":"h","state":1,"state_type":1,"check_result":{"output":""#;
        [begin, output, br#""}}"#].concat()
    };
    let cases: [(&[u8], &str); 5] = [
        (b"bad \xff\xfe utf-8", "bad \u{fffd}\u{fffd} utf-8"),
        (br"lone \ud83d surrogate", "lone \u{fffd} surrogate"),
        (br"pair \ud83d\ude00, then \ude00", "pair \u{1f600}, then \u{fffd}"),
        (br"\u0000\r\nQUIT\u0003", "\0\r\nQUIT\u{3}"),
        ("\u{202e}\u{feff}é".as_bytes(), "\u{202e}\u{feff}é"),
    ];
    for (output, expected) in cases {
        let event = decode(&Arc::from("lab"), &line(output)).expect("it is repaired");
        assert_eq!(event.report().map(|report| &*report.output), Some(expected));
    }
    let with_mark = [b"\xef\xbb\xbf".as_slice(), &line(b"x")].concat();
    assert!(decode(&Arc::from("lab"), &with_mark).is_ok(), "a byte order mark is passed over");
}

#[test]
fn names_are_taken_as_they_are() {
    let long = "x".repeat(100_000);
    for (host, service, name) in [
        ("a b\"c", "d/../%s", "a b\"c!d/../%s"),
        ("{{h}}", "", "{{h}}"),
        ("日本", "😀!x", "日本!😀!x"),
        ("${h}", " \r\n", "${h}! \r\n"),
        (&*long, "", &*long),
    ] {
        let line = serde_json::json!({"type": "AcknowledgementCleared", "timestamp": 1, "host": host, "service": service, "state": 0, "state_type": 1});
        let event = decoded(&line.to_string()).expect("it is decoded");
        assert_eq!(event.object.map(|object| object.name().to_owned()).as_deref(), Some(name));
    }
}

#[test]
fn what_is_wrong_with_a_line_is_said_with_type_field_and_place() {
    let cases = [
        ("", "not one JSON object: EOF while parsing"),
        ("null", "not one JSON object"),
        ("not json", "not one JSON object: expected ident at line 1 column 2 (byte 2)"),
        (r#"{"type":"StateChange","#, "not one JSON object: EOF"),
        (r#"{"type":"StateChange"}{"type":"StateChange"}"#, "not one JSON object: trailing characters"),
        (r#"{"timestamp":1}"#, "?: field `type` is missing"),
        (r#"{"type":"Gap","timestamp":1}"#, "unknown event type `Gap`"),
        (r#"{"type":"a\r\nQUIT","timestamp":1}"#, r"unknown event type `a\r\nQUIT`"),
        (r#"{"type":"StateChange","host":"h"}"#, "StateChange: field `timestamp` is missing"),
        (r#"{"type":"StateChange","timestamp":1}"#, "StateChange: field `host` is missing"),
        (r#"{"type":"StateChange","timestamp":1,"host":""}"#, "StateChange: field `host` is missing"),
        (r#"{"type":"StateChange","timestamp":1,"host":"h"}"#, "StateChange: field `state` is missing"),
        (r#"{"type":"StateChange","timestamp":1e300,"host":"h"}"#, "`timestamp` is no moment"),
        (
            r#"{"type":"StateChange","timestamp":1e999,"host":"h"}"#,
            "StateChange: field `timestamp`: number out of range",
        ),
        (
            r#"{"type":"StateChange","timestamp":1,"host":5}"#,
            "StateChange: field `host`: invalid type: integer `5`",
        ),
        (
            r#"{"type":"StateChange","timestamp":1,"host":"h","state":"CRITICAL"}"#,
            "StateChange: field `state`: invalid type: string",
        ),
        (
            r#"{"type":"CheckResult","host":"h","check_result":{"output":"x","vars_after":{"attempt":[]}}}"#,
            "CheckResult: field `check_result.vars_after.attempt`: invalid type: sequence",
        ),
        (
            r#"{"type":"CheckResult","timestamp":1,"host":"h"}"#,
            "CheckResult: field `check_result` is missing",
        ),
        (
            r#"{"type":"CommentAdded","timestamp":1,"comment":{"__name":"x"}}"#,
            "CommentAdded: field `comment.host_name` is missing",
        ),
        (
            r#"{"type":"CommentAdded","timestamp":1,"comment":"x"}"#,
            "CommentAdded: field `comment`: invalid type",
        ),
        (
            r#"{"type":"DowntimeAdded","timestamp":1,"downtime":{"__name":"x","host_name":"h","start_time":"now"}}"#,
            "DowntimeAdded: field `downtime.start_time`: invalid type: string",
        ),
        (r#"{"type":"StateChange","host":"a","host":"b"}"#, "duplicate field `host`"),
    ];
    for (line, expected) in cases {
        let error = decoded(line).expect_err(line).to_string();
        assert!(error.contains(expected), "{line}\n  {error}\n  {expected}");
    }
}

#[test]
fn depth_and_size_are_no_danger() {
    let deep = "[".repeat(100_000);
    for field in ["check_result", "comment", "downtime", "type", "new"] {
        let line = format!(r#"{{"type":"CommentAdded","timestamp":1,"{field}":{deep}}}"#);
        assert!(decoded(&line).is_err());
        let closed = "]".repeat(100_000);
        let line = format!(r#"{{"type":"CommentAdded","timestamp":1,"{field}":{deep}{closed}}}"#);
        assert!(decoded(&line).is_err());
    }
    let long = "x".repeat(1_000_000);
    let line = format!(r#"{{"type":"{long}","timestamp":1}}"#);
    assert!(decoded(&line).expect_err("no such type").to_string().len() < 300);
    let line = format!(r#"{{"type":"StateChange","timestamp":1,"host":"h","state":"{long}"}}"#);
    assert!(decoded(&line).expect_err("no such state").to_string().len() < 500);
}

fn a_recorded_line() -> impl Strategy<Value = Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lifecycle.jsonl");
    let text = std::fs::read(path).expect("the fixture is there");
    let lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    proptest::sample::select(lines)
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&Arc::from("lab"), &bytes);
    }

    #[test]
    fn no_damage_to_a_line_makes_it_panic(
        mut line in a_recorded_line(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), prop_oneof![any::<u8>(), Just(b'"'), Just(b'\\'), Just(b'{'), Just(b'u')]), 1..6),
        cut in any::<proptest::sample::Index>(),
    ) {
        prop_assume!(!line.is_empty());
        for (at, byte) in damage {
            let at = at.index(line.len());
            line[at] = byte;
        }
        let _ = decode(&Arc::from("lab"), &line);
        line.truncate(cut.index(line.len()));
        let _ = decode(&Arc::from("lab"), &line);
    }
}
