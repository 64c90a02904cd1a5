//! Check results that are no news: cut off by an end of Icinga, from hours ago, from the future.

use crate::common::engine::{World, key};
use crate::common::icinga_truth::Truth;
use std::time::Duration;
use watchbell::model::{Detail, Event, Input, State, Verdict};

const DB: &str = "db1!postgres";
const CUT_OFF: &str = "<Terminated by signal 15 (Terminated).>";

fn telling() -> World {
    let mut world = World::new(r#"rule("all", #{}, |e| e.notify("dba"));"#);
    world.looks(fine().read(world.now));
    world.told();
    world
}

fn fine() -> Truth {
    Truth::new().state("db1", State::Up).state(DB, State::Ok)
}

#[test]
fn a_check_that_icinga_ended_is_noted_and_told_to_nobody() {
    let mut world = telling();
    world.reported(DB, "UNKNOWN", |report| (report.exit_status, report.output) = (128, CUT_OFF.to_owned()));
    world.expect_silence();
    let verdict = world.decisions.last().map(|decision| decision.verdict.clone());
    assert!(matches!(&verdict, Some(Verdict::Dropped(why)) if why.contains("cut off")), "{verdict:?}");
    let report = world.report(DB, "UNKNOWN");
    let result = watchbell::model::StateReport { exit_status: 128, output: CUT_OFF.to_owned(), ..report };
    world.happens(DB, Detail::CheckResult(result));
    world.expect_silence();
    assert_eq!(world.engine.world().status(&key(DB)).state, Some(State::Ok));
}

#[test]
fn a_problem_outlives_a_check_that_icinga_ended() {
    let mut world = telling();
    world.state(DB, "CRITICAL");
    world.told();
    world.reported(DB, "UNKNOWN", |report| (report.exit_status, report.output) = (128, CUT_OFF.to_owned()));
    world.expect_silence();
    world.state(DB, "OK");
    world.expect(&["dba: StateChange db1!postgres OK"]);
}

#[test]
fn a_check_that_icinga_ended_is_nothing_after_a_gap_either() {
    let mut world = telling();
    let truth = fine().state(DB, State::Unknown).with(DB, |found| {
        (found.exit_status, found.output) = (128, CUT_OFF.to_owned());
    });
    world.looks(truth.read(world.now));
    world.expect(&["dba: Gap (missed)"]);
}

#[test]
fn beside_a_check_that_icinga_ended_the_other_levels_are_compared_after_a_gap() {
    let critical = || fine().state(DB, State::Critical);
    let acknowledged = || critical().with(DB, |found| found.acknowledged = true);
    let cut_off = |truth: Truth| {
        truth.state(DB, State::Unknown).with(DB, |found| {
            (found.exit_status, found.output) = (128, CUT_OFF.to_owned());
        })
    };
    let flaps = |truth: Truth| truth.with(DB, |found| found.flapping = true);
    for (before, after, expected) in [
        // A state that changes ends an acknowledgement in Icinga, also where the check says nothing.
        (acknowledged(), critical(), Some("AcknowledgementCleared db1!postgres CRITICAL")),
        (critical(), acknowledged(), Some("AcknowledgementSet db1!postgres CRITICAL")),
        (critical(), flaps(critical()), Some("Flapping db1!postgres CRITICAL")),
        (fine(), flaps(fine()), Some("Flapping db1!postgres OK")),
        (fine(), acknowledged(), None),
    ] {
        let mut world = telling();
        world.looks(before.read(world.now));
        world.told();
        world.looks(cut_off(after).read(world.now));
        let told: Vec<String> = world.told().into_iter().filter(|line| line.ends_with("(missed)")).collect();
        let expected = expected.map(|expected| format!("dba: {expected} (missed)"));
        let wanted: Vec<String> = std::iter::once("dba: Gap (missed)".to_owned()).chain(expected).collect();
        assert_eq!(told, wanted);
    }
}

#[test]
fn a_result_from_hours_ago_is_told_as_missed_and_an_older_one_than_known_not_at_all() {
    let mut world = telling();
    let hours_ago = world.now - Duration::from_secs(3 * 3600);
    world.reported("db1", "DOWN", |report| report.execution_end = Some(hours_ago));
    world.expect(&["dba: StateChange db1 DOWN (missed)"]);
    world.state(DB, "CRITICAL");
    world.expect(&["dba: StateChange db1!postgres CRITICAL"]);
    world.reported(DB, "OK", |report| report.execution_end = Some(hours_ago));
    world.expect_silence();
}

#[test]
fn a_result_from_the_end_of_the_century_freezes_nothing_with_either_master() {
    let mut world = telling();
    let far = "2100-01-01T00:00:00Z".parse().expect("a moment");
    for _ in 0..2 {
        // The second time it is the other master's.
        world.reported(DB, "CRITICAL", |report| report.execution_end = Some(far));
    }
    world.expect(&["dba: StateChange db1!postgres CRITICAL"]);
    let beside = fine().with(DB, |found| found.execution_end = Some(world.now));
    world.looks(beside.read_beside(&[], world.now));
    world.expect(&["dba: StateChange db1!postgres OK (missed)"]);
    world.state(DB, "CRITICAL");
    world.expect(&["dba: StateChange db1!postgres CRITICAL"]);
}

#[test]
fn an_icinga_that_answers_five_seconds_late_makes_nothing_late() {
    let mut world = telling();
    let report = world.report(DB, "CRITICAL");
    let event = world.event(DB, Detail::StateChange(report));
    world.wait("5s");
    world.step(Input::Event(Event { timestamp: world.now, ..event }));
    world.expect(&["dba: StateChange db1!postgres CRITICAL"]);
}
