//! Bounds: what rules fill never grows beyond its limit, and what had to go is said.

use crate::common::engine::{World, key};
use crate::common::happenings::{downtime, in_effect};
use std::collections::BTreeMap;
use std::time::Duration;
use watchbell::engine::bounds;
use watchbell::engine::mute::Mute;
use watchbell::engine::windows::{self, Kept};
use watchbell::model::Detail;

const QUIET: &str = r#"rule("rest", #{}, |e| e.drop("rest"));"#;
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_rule_with_too_many_windows_loses_its_own_that_was_unused_longest() {
    let mut world = World::new(QUIET);
    let now = world.now;
    let kept = world.engine.world_mut();
    let of = |rule: &str, number: usize| windows::key(rule, "seen", &number.to_string());
    kept.window(&of("quiet", 0)).count(&of("quiet", 0), HOUR, now);
    for number in 0..=bounds::WINDOWS_OF_RULE {
        let key = of("busy", number);
        kept.window(&key).count(&key, HOUR, now);
        // Its first window stays in use.
        kept.window(&of("busy", 0)).count(&of("busy", 0), HOUR, now);
    }
    assert_eq!(kept.remembered().0, bounds::WINDOWS_OF_RULE + 1);
    assert_eq!(kept.forgotten().windows, 1);
    let counted =
        |kept: &mut watchbell::engine::World, key: String| kept.window(&key).counted(&key, HOUR, now);
    assert!(counted(kept, of("busy", 0)) > 0, "it was in use");
    assert!(counted(kept, of("busy", bounds::WINDOWS_OF_RULE)) > 0, "it is the newest");
    assert!(counted(kept, of("quiet", 0)) > 0, "it belongs to another rule");
    assert_eq!(counted(kept, of("busy", 1)), 0);
}

#[test]
fn the_limits_hold_over_a_restart_and_what_went_is_forgotten_in_the_store_as_well() {
    let rules = r#"rule("many", #{ on: "StateChange" }, |e| { e.seen(e.object, "1d"); e.drop("seen"); });"#;
    let mut world = World::new(rules);
    for number in 0..bounds::WINDOWS_OF_RULE {
        let key = windows::key("many", "seen", &format!("x{number}"));
        let now = world.now;
        world.engine.world_mut().window(&key).seen(&key, HOUR * 24, now);
    }
    world.state("db1", "DOWN");
    world.restart();
    world.state("db2", "DOWN");
    world.state("db1", "UP");
    world.restart();
    assert_eq!(world.engine.world().remembered().0, bounds::WINDOWS_OF_RULE);
}

#[test]
fn values_are_bounded_and_the_newest_stay() {
    let mut world = World::new(QUIET);
    let (now, until) = (world.now, world.now + HOUR);
    let kept = world.engine.world_mut();
    let value = |by: &str| Kept { value: 1.into(), until, by: by.to_owned() };
    kept.keep("quiet", value("quiet"));
    for number in 0..bounds::VALUES + 9 {
        kept.keep(&format!("busy {number}"), value("busy"));
    }
    assert_eq!((kept.remembered().1, kept.forgotten().values), (bounds::VALUES, 10));
    assert!(kept.kept("quiet", now).is_some(), "another rule keeps it");
    assert!(kept.kept("busy 9", now).is_none());
    assert!(kept.kept(&format!("busy {}", bounds::VALUES + 8), now).is_some());
    let status = world.say("bob", "!i2status");
    assert!(status.ends_with("for want of room: 10 values forgotten"), "{status}");
    world.wait("2m");
    world.state("db1", "DOWN");
    assert_eq!(world.log, ["for want of room: 10 values forgotten"]);
}

#[test]
fn a_value_that_is_too_large_is_an_error_of_its_rule() {
    let rules = r#"rule("large", #{ on: "StateChange" }, |e| {
        let text = "x";
        while text.len() < 70000 { text += text; }
        e.set("k", text);
    });"#;
    let mut world = World::new(rules);
    world.state("db1", "DOWN");
    let told = world.told().concat();
    let cut_off = told.contains("at most 65536 are kept") || told.contains("Length of string too large");
    assert!(cut_off, "{told}");
    let rules = r#"rule("list", #{ on: "StateChange" }, |e| {
        let list = [];
        for n in 0..900 { list.push("0123456789012345678901234567890123456789012345678901234567890123456789012345"); }
        e.set("k", list);
    });"#;
    let mut world = World::new(rules);
    world.state("db1", "DOWN");
    let told = world.told().concat();
    assert!(told.contains("at most 65536 are kept"), "{told}");
    assert_eq!(world.engine.world().remembered().1, 0);
}

#[test]
fn more_mutes_than_anybody_could_read_are_refused() {
    let mut world = World::new(QUIET);
    world.object("db1", |_| {});
    let mut mute = Mute::new(BTreeMap::new(), "all".to_owned(), "alice", "", world.now);
    mute.until = Some(world.now + HOUR);
    for _ in 0..bounds::MUTES {
        world.engine.world_mut().add_mute(mute.clone()).expect("there is room");
    }
    let answer = world.say("alice", "!mute db1 1h");
    assert!(answer.contains("there are 10000 mutes already"), "{answer}");
    assert_eq!(world.engine.world().mutes().count(), bounds::MUTES);
}

#[test]
fn of_very_many_incidents_that_ended_the_newest_are_known_and_those_that_stand_all_of_them() {
    let mut world = World::new(QUIET);
    let (begun, end) = (world.now, world.now + HOUR);
    let kept = world.engine.world_mut();
    let open = |kept: &mut watchbell::engine::World, name: &str| {
        kept.open_incident(&key(name), begun);
        kept.incident_of(&key(name)).expect("it is open").id
    };
    let (stands, owed) = (open(kept, "stands"), open(kept, "owed"));
    kept.close_incident(&key("owed"), begun);
    let mut ended = Vec::new();
    for number in 0..bounds::ENDED_INCIDENTS + 10 {
        ended.push(open(kept, "flaps"));
        kept.close_incident(&key("flaps"), begun + Duration::from_millis(number as u64));
        kept.part_incident(&key("flaps"));
    }
    kept.forget_over(end);
    assert_eq!(kept.incidents().count(), bounds::ENDED_INCIDENTS + 2);
    assert_eq!(kept.forgotten().incidents, 10);
    for (id, is_known) in [(stands, true), (owed, true), (ended[9], false), (ended[10], true)] {
        assert_eq!(kept.incident(id).is_some(), is_known, "{id:?}");
    }
}

#[test]
fn who_was_told_is_forgotten_after_a_month_unless_it_lasts() {
    let mut world = World::shipped();
    let effect = in_effect(&downtime("db1!d", world.now), world.now);
    world.happens("db1", Detail::DowntimeAdded(effect.clone()));
    let now = world.now;
    world.engine.world_mut().note_told_of("flapping lab db9", "ops", now);
    world.restart();
    world.wait("31d");
    world.state("db2", "UP");
    let kept = world.engine.world();
    assert!(kept.told_of("flapping lab db9").is_none());
    assert!(kept.told_of("downtime db1!d").is_some(), "it may end yet");
    world.told();
    world.happens("db1", Detail::DowntimeRemoved(effect));
    world.expect(&["ops: DowntimeRemoved db1"]);
}

#[test]
fn what_rules_remember_is_shown() {
    let rules = r#"rule("all", #{ on: "StateChange" }, |e| {
        e.seen("k", "1h");
        e.set("v", 1);
        e.group("g", #{});
        e.notify("ops");
    });"#;
    let mut world = World::new(rules);
    world.state("db1", "DOWN");
    let answer = world.say("bob", "!rules");
    // On a busy machine a line about a slow rule may follow.
    let shown = answer.lines().any(|line| line == "they remember 1 window and 1 value, and gather 1 message");
    assert!(shown, "{answer}");
}
