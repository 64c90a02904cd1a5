//! What people are owed: a problem that was kept back is told when it outlives what
//! hid it, once, and never when it is over.

use crate::common::engine::{self, World, key};
use crate::common::happenings::{acknowledged, downtime, flapping, in_effect};
use crate::common::icinga_truth::Truth;
use std::time::Duration;
use watchbell::engine::RuleFile;
use watchbell::model::event::RulesetChanged;
use watchbell::model::{Detail, Input, State};

const DB: &str = "db1!postgres";

fn fine() -> Truth {
    Truth::new().state("db1", State::Up).state(DB, State::Ok)
}

/// The shipped rules, and one that tells the database team of every problem.
fn with_dba() -> World {
    let mut files = watchbell::load::shipped_rules();
    files.push(RuleFile {
        name: "45-dba.rhai".to_owned(),
        text: r#"rule("dba", #{ on: "StateChange", is_problem: true }, |e| e.notify("dba"));"#.to_owned(),
    });
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let files: Vec<(&str, &str)> = files.iter().map(|file| (&*file.name, &*file.text)).collect();
    World::with(engine::compiled_files(&files))
}

#[test]
fn a_problem_that_was_over_before_its_time_came_is_not_told_after_a_restart() {
    let mut world = World::shipped();
    world.looks(fine().read(world.now));
    world.state("db1", "DOWN");
    world.state(DB, "CRITICAL");
    world.state("db1", "UP");
    world.told();
    world.now += Duration::from_secs(600);
    world.restart();
    world.looks(fine().read(world.now));
    world.expect(&["ops: Gap (missed)"]);
    world.wait("1h");
    world.expect(&[]);
}

#[test]
fn a_recovery_that_comes_before_the_tick_leaves_nothing_owed() {
    let mut world = World::shipped();
    world.state("db1", "DOWN");
    world.state(DB, "CRITICAL");
    world.state("db1", "UP");
    world.told();
    world.now += Duration::from_secs(125);
    world.state(DB, "OK");
    world.expect(&[]);
}

#[test]
fn what_a_deleted_rule_hid_is_told_when_the_new_rules_are_in_force() {
    let all = r#"rule("all", #{}, |e| e.notify("dba"));"#;
    let mut world =
        World::new(&format!(r#"rule("hush", #{{ on: "StateChange" }}, |e| e.drop("hush")); {all}"#));
    world.state(DB, "CRITICAL");
    world.expect_dropped("hush");
    world.engine.set_ruleset(engine::compiled(all));
    world.step(Input::RulesetChanged(RulesetChanged {
        accepted: true,
        hash: String::new(),
        rules: 1,
        error: String::new(),
        warnings: 0,
    }));
    world.expect(&["dba: RulesetChanged", "dba: StateChange db1!postgres CRITICAL (was: hush)"]);
}

#[test]
fn our_own_flap_count_says_nothing_of_what_is_muted_or_in_downtime() {
    let mut world = World::shipped();
    world.object(DB, |_| {});
    world.say("alice", "!mute db1!postgres 8h");
    let effect = in_effect(&downtime("db2!http!d", world.now), world.now);
    world.happens("db2!http", Detail::DowntimeStarted(effect));
    world.told();
    for object in [DB, "db2!http"] {
        for _ in 0..4 {
            world.state(object, "CRITICAL");
            world.state(object, "OK");
        }
    }
    world.expect(&[]);
}

#[test]
fn our_own_flap_count_leaves_the_routing_of_the_change_it_tells_alone() {
    let mut world = with_dba();
    world.state(DB, "CRITICAL");
    world.state(DB, "OK");
    world.state(DB, "CRITICAL");
    world.told();
    world.state(DB, "OK");
    let quiet = "db1!postgres changes all the time (OK now): quiet until it has been the same for 30 minutes";
    world.expect(&[
        &format!("ops: StateChange db1!postgres OK {quiet:?}"),
        "dba: StateChange db1!postgres OK",
    ]);
}

#[test]
fn an_acknowledgement_seen_by_reading_is_not_told_again_by_its_buffered_event() {
    let mut world = World::shipped();
    world.looks(fine().read(world.now));
    world.state(DB, "CRITICAL");
    world.told();
    let buffered = world.event(DB, acknowledged(State::Critical));
    let truth = fine().state(DB, State::Critical).with(DB, |found| found.acknowledged = true);
    world.looks(truth.read(world.now));
    world.step(Input::Event(buffered));
    world.expect(&["ops: Gap (missed)", "ops: AcknowledgementSet db1!postgres CRITICAL (missed)"]);
}

#[test]
fn who_heard_of_an_acknowledgement_hears_the_end_of_the_problem() {
    let mut world = World::shipped();
    world.looks(fine().state(DB, State::Critical).read(world.now));
    world.happens(DB, acknowledged(State::Critical));
    world.state(DB, "OK");
    world.expect(&[
        "ops: Gap (missed)",
        "ops: AcknowledgementSet db1!postgres CRITICAL",
        "ops: StateChange db1!postgres OK",
    ]);
}

#[test]
fn a_problem_that_was_in_downtime_at_the_first_look_is_told_when_it_outlives_that() {
    let mut world = World::shipped();
    let effect = in_effect(&downtime("db1!postgres!d", world.now), world.now);
    let truth = fine().state(DB, State::Critical).downtime(DB, effect.clone());
    let truth = truth.with(DB, |found| found.downtime_depth = 1);
    world.looks(truth.read(world.now));
    world.expect(&["ops: Gap (missed)"]);
    world.happens(DB, Detail::DowntimeRemoved(effect));
    world.expect(&["ops: StateChange db1!postgres CRITICAL (was: there at the first look)"]);
}

#[test]
fn a_service_in_its_first_soft_state_ever_is_no_problem_at_the_first_look() {
    let mut world = World::shipped();
    let truth = fine().state(DB, State::Warning).with(DB, |found| {
        found.hard = false;
        found.last_hard_state = Some(State::Unknown);
        found.since = None;
    });
    world.looks(truth.read(world.now));
    world.told();
    assert_eq!(world.say("alice", "!problems"), "alice: no problems");
}

#[test]
fn a_downtime_whose_start_was_never_seen_does_not_hide_after_its_end() {
    let mut world = World::shipped();
    world.looks(fine().read(world.now));
    let mut planned = downtime("db1!postgres!d", world.now);
    planned.start_time = world.now + Duration::from_secs(60);
    world.happens(DB, Detail::DowntimeAdded(planned));
    world.told();
    world.reported(DB, "CRITICAL", |report| report.downtime_depth = Some(1));
    world.expect_dropped("in downtime");
    world.looks(fine().state(DB, State::Critical).read(world.now));
    let told = world.told().join("\n");
    assert!(told.contains("StateChange db1!postgres CRITICAL"), "{told}");
}

#[test]
fn a_mute_does_not_keep_the_end_of_flapping_from_those_who_heard_of_its_begin() {
    let mut world = World::shipped();
    world.object(DB, |_| {});
    world.happens(DB, flapping(true, State::Ok));
    world.told();
    world.say("alice", "!mute db1!postgres 1h");
    world.happens(DB, flapping(false, State::Ok));
    world.expect(&["ops: Flapping db1!postgres OK"]);
}

#[test]
fn a_problem_under_flapping_is_told_with_the_end_of_flapping() {
    let mut world = World::shipped();
    world.object(DB, |_| {});
    world.happens(DB, flapping(true, State::Critical));
    world.state(DB, "CRITICAL");
    world.expect(&["ops: Flapping db1!postgres CRITICAL"]);
    world.happens(DB, flapping(false, State::Critical));
    world.expect(&["ops: Flapping db1!postgres CRITICAL"]);
    world.state(DB, "OK");
    world.expect(&["ops: StateChange db1!postgres OK"]);
}

#[test]
fn who_was_told_of_a_deleted_object_is_forgotten() {
    let mut world = World::shipped();
    let effect = in_effect(&downtime("db1!postgres!d", world.now), world.now);
    world.happens(DB, Detail::DowntimeAdded(effect));
    assert!(world.engine.world().told_of("downtime db1!postgres!d").is_some());
    world.step(Input::ObjectsGone(vec![key(DB)]));
    assert!(world.engine.world().told_of("downtime db1!postgres!d").is_none());
}
