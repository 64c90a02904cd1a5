//! Who is on call: what is asked and changed in chat, what rules see, and what is told of gaps
//! and of calendars that cannot be read.

use crate::common::engine::World;
use jiff::SignedDuration;
use std::sync::Arc;
use watchbell::config::{Accounts, Handover, LayerSettings, Rotation, ScheduleSettings, ScheduleSource};
use watchbell::engine::Settings;
use watchbell::model::Input;
use watchbell::oncall::Schedule;
use watchbell::span::Span;

const RULES: &str = r#"
rule("news", #{ on: ["ScheduleGap", "Trouble"] }, |e| e.notify("ops"));
rule("call", #{ on: "StateChange" }, |e| e.notify("dba", #{ text: `calls ${oncall("dba")}` }));
"#;

fn schedule(name: &str, source: ScheduleSource) -> (String, Schedule) {
    schedule_with(name, source, false)
}

fn schedule_with(name: &str, source: ScheduleSource, gaps_are_meant: bool) -> (String, Schedule) {
    let (name, zone) = (name.to_owned(), jiff::tz::TimeZone::UTC);
    (name.clone(), Schedule::of(&ScheduleSettings { name, zone, source, gaps_are_meant }))
}

/// Alice and bob take turns by weeks; it is Sunday, and bob's.
fn weekly(until: Option<&str>) -> (String, Schedule) {
    schedule("dba", ScheduleSource::Layers(vec![turns(until)]))
}

fn turns(until: Option<&str>) -> LayerSettings {
    LayerSettings {
        persons: vec!["alice".to_owned(), "bob".to_owned()],
        rotate: Rotation::parse("1w").expect("a length"),
        handover: Handover::parse("mon 09:00").expect("a hand-over"),
        from: "2026-01-05".parse().expect("a day"),
        until: until.map(|day| day.parse().expect("a day")),
        during: None,
    }
}

fn world(change: impl FnOnce(&mut Settings)) -> World {
    let mut world = World::new(RULES);
    world.restart_with(change);
    world
}

fn on_call() -> World {
    world(|settings| settings.schedules.extend([weekly(None)]))
}

fn restart(world: &mut World) {
    world.restart_with(|settings| settings.schedules.extend([weekly(None)]));
}

/// What is said, and the answer without the name it begins with.
fn say(world: &mut World, nick: &str, line: &str) -> String {
    let answer = world.say(nick, line);
    answer.strip_prefix(&format!("{nick}: ")).unwrap_or(&answer).to_owned()
}

#[test]
fn a_forecast_goes_on_past_the_moment_at_which_gaps_are_looked_for() {
    let mut world = World::new(
        r#"rule("call", #{ on: "StateChange" }, |e| { e.notify("dba"); e.after("45m", "later", ()); });
           rule("later", #{ on: "Timer" }, |e| e.notify("ops"));"#,
    );
    world.restart_with(|settings| settings.schedules.extend([weekly(None)]));
    world.state("db1", "UP");
    world.wait("23h30m");
    let answer = world.say("bob", "!route db1 DOWN");
    assert!(answer.contains("45m later: ops would be told"), "{answer}");
}

#[test]
fn anybody_may_ask_who_is_on_call() {
    let mut world = on_call();
    for (line, answer) in [
        ("!oncall", "dba: bob until Mon 2026-11-23 09:00 UTC, then alice"),
        ("!oncall dba", "dba: bob until Mon 2026-11-23 09:00 UTC, then alice"),
        (
            "!oncall dba at fri 3:00",
            "dba at Fri 2026-11-27 03:00 UTC: alice until Mon 2026-11-30 09:00 UTC, then bob",
        ),
        (
            "!oncall at fri 3:00",
            "dba at Fri 2026-11-27 03:00 UTC: alice until Mon 2026-11-30 09:00 UTC, then bob",
        ),
        ("!oncall dbs", "there is no schedule `dbs`; did you mean `dba`?"),
        ("!oncall dba at 2030-01-01 9:00", "who is on call is known for a year"),
        ("!overrides", "nobody is on call out of turn"),
    ] {
        assert_eq!(say(&mut world, "stranger", line), answer, "{line}");
    }
    assert!(say(&mut world, "bob", "!oncall dba tomorrow").starts_with("write: oncall"));
    let mut none = World::new("");
    assert!(say(&mut none, "bob", "!oncall").contains("no `[schedule.NAME]`"));
}

#[test]
fn members_and_operators_change_who_is_on_call_and_nobody_else() {
    let mut world = world(|settings| {
        settings.schedules.extend([weekly(None)]);
        // A person who is in no schedule, and no operator.
        let mut carol = settings.persons["bob"].clone();
        (carol.name, carol.irc) = ("carol".to_owned(), Accounts::Everywhere("carol".to_owned()));
        settings.persons.insert("carol".to_owned(), carol);
    });
    let refused = say(&mut world, "carol", "!override dba carol for 2h");
    assert!(refused.starts_with("only members of dba and operators may do that"), "{refused}");
    let refused = world.utter("bob", None, false, "!override dba bob for 2h");
    assert!(refused.contains("the network does not vouch for your nick"), "{refused}");
    assert_eq!(say(&mut world, "carol", "!overrides"), "nobody is on call out of turn");
    // Bob has no role, but a turn.
    assert_eq!(
        say(&mut world, "bob", "!override dba carol until 18:00 I have a train to catch"),
        "o1 dba: carol from Sun 2026-11-22 12:00 UTC until Sun 2026-11-22 18:00 UTC, by bob@icinga: I have a train to catch"
    );
    assert_eq!(
        say(&mut world, "carol", "!oncall"),
        "dba: carol until Sun 2026-11-22 18:00 UTC, then bob (o1 by bob@icinga: I have a train to catch)"
    );
    let refused = say(&mut world, "carol", "!override cancel o1");
    assert!(refused.starts_with("only members of dba"), "{refused}");
    assert!(say(&mut world, "root", "!override cancel o1").starts_with("taken back: o1 dba: carol"));
    assert_eq!(
        say(&mut world, "root", "!override cancel o1"),
        "there is no override o1; `overrides` lists them"
    );
}

#[test]
fn overrides_outlive_a_restart_and_are_forgotten_when_they_are_over() {
    let mut world = on_call();
    let ahead = say(&mut world, "root", "!override dba root from fri 18:00 until mon 9:00");
    assert_eq!(
        ahead,
        "o1 dba: root from Fri 2026-11-27 18:00 UTC until Mon 2026-11-30 09:00 UTC, by root@icinga"
    );
    say(&mut world, "alice", "!override dba alice for 2h");
    restart(&mut world);
    assert_eq!(say(&mut world, "bob", "!overrides").lines().count(), 3);
    assert!(
        say(&mut world, "bob", "!oncall dba at sat 0:00")
            .starts_with("dba at Sat 2026-11-28 00:00 UTC: root until")
    );
    // The clock is set back by a day: overrides are times of the calendar, and stay.
    world.now -= SignedDuration::from_hours(24);
    assert!(say(&mut world, "bob", "!overrides").contains("o2 dba: alice from Sun 2026-11-22 12:00 UTC"));
    world.now += SignedDuration::from_hours(48);
    world.happens("db1", watchbell::model::Detail::ObjectCreated(created()));
    assert_eq!(world.held("override").len(), 1);
    world.now += SignedDuration::from_hours(24 * 8);
    world.happens("db1", watchbell::model::Detail::ObjectCreated(created()));
    assert_eq!(world.held("override").len(), 0);
    assert!(say(&mut world, "bob", "!override dba bob for 1h").starts_with("o3 "), "a number is given once");
}

fn created() -> watchbell::model::event::ObjectChange {
    watchbell::model::event::ObjectChange { object_type: "Host".to_owned(), object_name: "db1".to_owned() }
}

#[test]
fn what_cannot_be_meant_is_refused_in_words() {
    let mut world = on_call();
    for (line, words) in [
        ("!override dba", "write: override SCHEDULE PERSON"),
        ("!override dba bob", "say until when. write: override"),
        ("!override dba bob lunch", "say until when. write: override"),
        ("!override dba bbo for 2h", "there is no person `bbo`; did you mean `bob`?"),
        ("!override dab bob for 2h", "there is no schedule `dab`; did you mean `dba`?"),
        ("!override dba bob until 2020-01-01 9:00", "2020-01-01 9:00 is in the past"),
        ("!override dba bob from soon until mon 9:00", "`soon until` is not a time"),
        ("!override cancel bob", "`bob` is no number of an override"),
        ("!swap dba alice alice", "a turn is traded between two"),
        ("!swap dba alice root", "root has no turn by dba within two months to trade"),
        ("!swap dba alice bob fri or so", "write: swap"),
    ] {
        let answer = say(&mut world, "root", line);
        assert!(answer.starts_with(words), "{line}: {answer}");
    }
    assert_eq!(say(&mut world, "root", "!overrides"), "nobody is on call out of turn");
}

#[test]
fn two_turns_are_traded() {
    let mut world = on_call();
    assert_eq!(
        say(&mut world, "bob", "!swap dba alice bob fri"),
        "o1 dba: bob from Mon 2026-11-23 09:00 UTC until Mon 2026-11-30 09:00 UTC, by bob@icinga: traded for Mon 2026-11-30 09:00 UTC\n\
         o2 dba: alice from Mon 2026-11-30 09:00 UTC until Mon 2026-12-07 09:00 UTC, by bob@icinga: traded for Mon 2026-11-23 09:00 UTC"
    );
    assert!(
        say(&mut world, "bob", "!oncall").starts_with("dba: bob until Mon 2026-11-30 09:00 UTC, then alice")
    );
    // The same again takes it back, though alice has two turns on end meanwhile.
    let answer = say(&mut world, "bob", "!swap dba alice bob fri");
    assert!(answer.contains("o4 dba: bob from Mon 2026-11-30 09:00 UTC until Mon 2026-12-07"), "{answer}");
    assert!(
        say(&mut world, "bob", "!oncall").starts_with("dba: bob until Mon 2026-11-23 09:00 UTC, then alice")
    );
    // Without a day it is the next turn of whom is named first, here the one under way.
    let mut world = on_call();
    let answer = say(&mut world, "root", "!cover dba bob alice");
    assert!(
        answer.starts_with("o1 dba: alice from Sun 2026-11-22 12:00 UTC until Mon 2026-11-23 09:00 UTC"),
        "{answer}"
    );
    assert!(answer.contains("\no2 dba: bob from Mon 2026-11-23 09:00 UTC until"), "{answer}");
}

#[test]
fn rules_ask_who_is_on_call() {
    let mut world = on_call();
    world.state("db1", "DOWN");
    say(&mut world, "bob", "!override dba root for 1h");
    world.state("db2", "DOWN");
    world.expect(&[
        "dba: StateChange db1 DOWN \"calls [\"bob\"]\"",
        "dba: StateChange db2 DOWN \"calls [\"root\"]\"",
    ]);
    let mut none = World::new("rule(\"r\", #{}, |e| { oncall(\"dba\"); });");
    none.state("db1", "DOWN");
    assert!(none.told().iter().any(|told| told.contains("db1")), "a rule that fails silences nothing");
}

#[test]
fn a_gap_is_told_a_day_before_it_comes_and_once() {
    let mut world = world(|settings| settings.schedules.extend([weekly(Some("2026-11-24"))]));
    world.step(Input::Tick);
    assert_eq!(world.told(), Vec::<String>::new());
    world.wait("35h");
    assert_eq!(world.told(), Vec::<String>::new());
    world.wait("2h");
    assert_eq!(world.told().len(), 1, "a day before midnight of the 25th is midnight of the 24th");
    world.wait("5d");
    world.restart_with(|settings| settings.schedules.extend([weekly(Some("2026-11-24"))]));
    world.step(Input::Tick);
    world.now -= SignedDuration::from_hours(48);
    world.step(Input::Tick);
    world.wait("3d");
    assert_eq!(world.told(), Vec::<String>::new());
}

#[test]
fn a_gap_that_is_meant_is_not_told_and_turns_that_have_run_out_are() {
    let office = || LayerSettings {
        during: Some(Span::parse("Mon-Fri 09:00-17:00").expect("a span")),
        ..turns(Some("2026-12-24"))
    };
    let add = |settings: &mut Settings| {
        let source = ScheduleSource::Layers(vec![office()]);
        settings.schedules.extend([schedule_with("dba", source, true)]);
    };
    let mut world = world(add);
    world.step(Input::Tick);
    for _ in 0..32 {
        world.wait("1d");
        assert_eq!(world.told(), Vec::<String>::new(), "{}", world.now);
    }
    world.wait("1d");
    assert_eq!(world.told().len(), 1, "it is noon of the 25th, and nobody comes after the 24th");
    world.restart_with(add);
    world.wait("5d");
    assert_eq!(world.told(), Vec::<String>::new());
}

const CALENDAR: &str = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261101T000000Z\nDTEND:20270101T000000Z\nSUMMARY:alice\nEND:VEVENT\nEND:VCALENDAR\n";

fn read(text: &str) -> Input {
    Input::Calendar { schedule: "net".to_owned(), read: Ok(Arc::from(text)) }
}

#[test]
fn a_calendar_that_breaks_is_told_and_the_one_before_it_stays() {
    let net = || schedule("net", ScheduleSource::IcalFile("net.ics".into()));
    let mut world = world(|settings| settings.schedules.extend([net()]));
    assert!(say(&mut world, "bob", "!oncall net").starts_with("net: nobody"));
    world.step(read(CALENDAR));
    assert!(say(&mut world, "bob", "!oncall net").starts_with("net: alice until Fri 2027-01-01 00:00 UTC"));
    assert_eq!(world.told(), Vec::<String>::new());
    for _ in 0..2 {
        world.step(read("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n"));
    }
    world.step(Input::Calendar { schedule: "net".to_owned(), read: Err("no such file".to_owned()) });
    world.restart_with(|settings| settings.schedules.extend([net()]));
    assert!(say(&mut world, "bob", "!oncall net").starts_with("net: alice until"));
    world.step(read(CALENDAR));
    let told = world.told();
    assert_eq!(told.len(), 3, "broken, unreadable, well again: {told:?}");
    world.step(Input::Calendar { schedule: "gone".to_owned(), read: Ok(Arc::from("x")) });
    assert_eq!(world.told(), Vec::<String>::new());
    // Long after, its turns are worked out anew.
    world.now += SignedDuration::from_hours(24 * 35);
    assert!(say(&mut world, "bob", "!oncall net").starts_with("net: alice"));
}
