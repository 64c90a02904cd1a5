//! Both masters of one zone, read at the same time: each event counts once, and one of them
//! is enough.

use crate::common::engine::{SOURCE, World, key};
use crate::common::fake_icinga::FakeIcinga;
use crate::common::happenings::{comment, downtime, in_effect};
use crate::common::icinga::Icinga;
use crate::common::icinga_pair::IcingaPair;
use crate::common::icinga_truth::Truth;
use crate::common::reader::Reader;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::tempdir;
use watchbell::config::IcingaSettings;
use watchbell::model::{Detail, Event, EventType, Input, Snapshot, State, Timestamp};
use watchbell::source::icinga::{Twins, decode};

const DB: &str = "db1!postgres";
const FIRST: &str = include_str!("fixtures/ha-master1.jsonl");
const SECOND: &str = include_str!("fixtures/ha-master2.jsonl");

// What one master tells beside another.

/// A world that has read this truth a minute ago, and whose one rule tells everything.
fn knowing(truth: &Truth) -> World {
    let mut world = World::new(r#"rule("all", #{}, |e| e.notify("dba"));"#);
    world.looks(truth.read(world.now));
    world.told();
    world.wait("1m");
    world
}

fn fine() -> Truth {
    Truth::new().state("db1", State::Up).state(DB, State::Ok)
}

#[test]
fn a_master_that_is_read_beside_another_makes_no_gap() {
    let mut world = knowing(&fine());
    world.looks(fine().read_beside(&[], world.now));
    world.expect_silence();
    world.looks(fine().state(DB, State::Critical).read_beside(&[], world.now));
    world.expect(&["dba: StateChange db1!postgres CRITICAL (missed)"]);
}

#[test]
fn the_check_that_ended_last_stands_whichever_master_tells_it() {
    let mut world = knowing(&fine());
    world.state(DB, "CRITICAL");
    world.told();
    let end = world.now;
    for (ended, told) in [
        (end - Duration::from_secs(3600), &[][..]),
        (end + Duration::from_secs(1), &["dba: StateChange db1!postgres OK (missed)"][..]),
    ] {
        let truth = fine().with(DB, |found| found.execution_end = Some(ended));
        world.looks(truth.read_beside(&[], world.now));
        world.expect(told);
    }
}

#[test]
fn a_master_that_was_killed_and_forgot_is_not_believed_against_its_peer() {
    let mut world = knowing(&fine());
    let forgotten = fine().with(DB, |found| found.execution_end = Some(world.now));
    world.state(DB, "CRITICAL");
    world.told();
    world.wait("20s");
    let started = Some(world.now);
    for _ in 0..2 {
        world.looks(Snapshot { started, ..forgotten.read_beside(&[], world.now) });
    }
    world.expect_silence();
    world.state(DB, "OK");
    world.expect(&["dba: StateChange db1!postgres OK"]);
}

#[test]
fn what_one_master_told_while_the_other_was_read_stands() {
    let mut world = knowing(&fine());
    let window = in_effect(&downtime("db1!postgres!d", world.now), world.now);
    world.happens(DB, Detail::DowntimeTriggered(window));
    world.happens(DB, Detail::CommentAdded(comment("db1!postgres!c", "hello")));
    world.told();
    world.looks(fine().read_beside(&[DB], world.now));
    world.looks(Truth::new().state("db1", State::Up).read_beside(&[DB], world.now));
    world.expect_silence();
    assert_eq!(world.engine.world().downtimes().len(), 1);
    world.looks(fine().read_beside(&[], world.now));
    world.expect(&[
        "dba: DowntimeRemoved db1!postgres OK (missed)",
        "dba: CommentRemoved db1!postgres OK (missed)",
    ]);
}

// The recorded streams of two masters, in any interleaving.

fn events(lines: &str) -> Vec<Event> {
    let source = Arc::from(SOURCE);
    lines.lines().map(|line| decode(&source, line.as_bytes()).expect("a recorded line")).collect()
}

/// What is told of each object, in order, where these events come from these masters.
fn told(stream: Vec<(usize, Event)>) -> BTreeMap<String, Vec<String>> {
    let mut world = World::new(
        r#"
        rule("count", #{ on: "CheckResult" }, |e| e.log(`${e.count("checks", "1h")}`));
        rule("all", #{}, |e| e.notify("dba"));
    "#,
    );
    let (mut twins, clock) = (Twins::new(2, Instant::now()), Instant::now());
    world.now = stream.iter().map(|(_, event)| event.timestamp).max().expect("there are events");
    for (master, event) in stream {
        if twins.is_first(master, &event, clock) {
            world.step(Input::Event(event));
        }
    }
    let mut by_object: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in world.told().into_iter().chain(std::mem::take(&mut world.log)) {
        let object = line.split(' ').nth(2).unwrap_or("counted").to_owned();
        by_object.entry(object).or_default().push(line);
    }
    by_object
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn two_masters_in_any_interleaving_tell_what_one_tells(turns in proptest::collection::vec(0..2usize, 0..200)) {
        let mut streams = [events(FIRST).into_iter(), events(SECOND).into_iter()];
        let mut merged: Vec<(usize, Event)> =
            turns.iter().filter_map(|master| Some((*master, streams[*master].next()?))).collect();
        for (master, rest) in streams.into_iter().enumerate() {
            merged.extend(rest.map(|event| (master, event)));
        }
        let alone = events(SECOND).into_iter().map(|event| (1, event)).collect();
        prop_assert_eq!(told(merged), told(alone));
    }
}

// Two masters that are fakes, for the order of lines that no real pair can be made to keep.

#[tokio::test]
async fn what_happens_twice_at_each_of_two_masters_is_handed_over_twice() {
    let dir = tempdir().expect("a temporary folder");
    let mut fake = FakeIcinga::start(dir.path(), "r2.13.6-1").await;
    let mut settings = fake.settings();
    settings.urls = vec![settings.urls[0].clone(); 2];
    let mut reader = Reader::start(&settings);
    let (mut first, mut second) = (fake.stream().await, fake.stream().await);
    let snapshots = [reader.snapshot().await, reader.snapshot().await];
    assert_eq!(snapshots.map(|snapshot| snapshot.beside.is_some()), [false, true]);
    let custom = r#"{"type":"Notification","timestamp":1,"host":"host0","notification_type":"CUSTOM","author":"bob","text":"hi","users":["a"]}"#;
    for _ in 0..2 {
        first.line(custom).await;
        second.line(custom).await;
    }
    let end = |host: &str| {
        format!(r#"{{"type":"Flapping","timestamp":1,"host":"{host}","state":0,"is_flapping":true}}"#)
    };
    first.line(&end("first")).await;
    second.line(&end("second")).await;
    let mut custom = 0;
    let mut ends = 0;
    while ends < 2 {
        let event =
            reader.next("an event", |input| if let Input::Event(event) = input { Some(event) } else { None });
        match event.await.event_type() {
            EventType::Notification => custom += 1,
            _ => ends += 1,
        }
    }
    assert_eq!(custom, 2);
}

// Two real masters.

#[tokio::test]
async fn masters_at_one_address_are_each_known_by_the_name_in_their_certificate() {
    let dir = tempdir().expect("a temporary folder");
    let mut pair = IcingaPair::start(dir.path(), 2).await;
    let right = pair.settings();
    let mut reader = Reader::start(&right);
    reader.snapshot().await;
    assert!(reader.snapshot().await.beside.is_some(), "both are read");

    let one_for_all = vec![right.server_names[0].clone()];
    let mut reader = Reader::start(&IcingaSettings { server_names: one_for_all, ..right.clone() });
    reader.snapshot().await;
    pair.masters[0].kill();
    reader.error(&["for m2, not for `m1`", "set `server_name = \"m2\"`", "one name for each"]).await;
}

#[tokio::test]
async fn a_master_may_be_killed_and_reloaded_while_the_other_is_read() {
    let dir = tempdir().expect("a temporary folder");
    let mut pair = IcingaPair::start(dir.path(), 4).await;
    let mut reader = Reader::start(&pair.settings());
    assert!(reader.snapshot().await.beside.is_none(), "the first look");
    assert!(reader.snapshot().await.beside.is_some());

    for exit_status in [1, 0, 1] {
        pair.masters[0].check_result("host1", exit_status, "as wanted").await;
        pair.agrees("host2", 0, &format!("after {exit_status} at {}", Timestamp::now())).await;
    }
    pair.masters[0].kill();
    pair.masters[1].check_result("host3", 1, "the marker").await;
    let inputs = reader.until(EventType::StateChange, "host3").await;
    let changes: Vec<_> = inputs
        .iter()
        .filter_map(|input| if let Input::Event(event) = input { Some(event) } else { None })
        .filter(|event| event.event_type() == EventType::StateChange && event.object == Some(key("host1")))
        .map(|event| event.report().map(|report| (report.state, report.hard)))
        .collect();
    let expected = [(State::Down, true), (State::Up, true), (State::Down, false)].map(Some);
    assert_eq!(changes, expected, "each once, though both masters told it");
    let other = inputs.iter().find(|input| !matches!(input, Input::Event(_) | Input::Objects(_)));
    assert_eq!(other, None, "nothing is said of the master that is gone");

    pair.masters[0].restart().await;
    let back = reader.snapshot().await;
    assert!(back.beside.is_some() && back.broken.is_none(), "{:?}", back.broken);
    pair.masters[1].reload();
    let reloaded = reader.snapshot().await;
    assert!(reloaded.beside.is_some() && reloaded.broken.is_none(), "{:?}", reloaded.broken);

    pair.masters.iter_mut().for_each(Icinga::kill);
    let [first, second] = &mut pair.masters;
    tokio::join!(first.restart(), second.restart());
    let after = reader.snapshot().await;
    assert!(after.broken.is_some() && after.beside.is_none(), "a gap: both were away");
    assert!(reader.snapshot().await.beside.is_some(), "and it is one");
}

#[tokio::test]
async fn while_one_master_stays_dead_all_comes_by_the_other_and_its_break_is_a_gap() {
    let dir = tempdir().expect("a temporary folder");
    let mut pair = IcingaPair::start(dir.path(), 3).await;
    let mut reader = Reader::start(&pair.settings());
    reader.snapshot().await;
    reader.snapshot().await;
    pair.masters[1].kill();

    pair.masters[0].check_result("host1", 1, "told by the one that lives").await;
    reader.event(EventType::StateChange, "host1").await;
    pair.masters[0].kill();
    pair.masters[0].restart().await;
    let back = reader.snapshot().await;
    assert!(back.broken.is_some() && back.beside.is_none(), "none was read meanwhile");
    pair.masters[0].check_result("host2", 1, "told after the break").await;
    reader.event(EventType::StateChange, "host2").await;
}
