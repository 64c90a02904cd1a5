//! Acknowledgements that get another end: Icinga takes the old one away for that, and people hear
//! of the new one alone; where none follows, they hear that the old one is gone.

use crate::common::engine::World;
use crate::common::happenings::{acknowledged, acknowledgement_ended};
use watchbell::model::{ActionKind, ActionResult, Detail, Input, State};

const RULES: &str = r#"
rule("acknowledgements", #{ on: ["AcknowledgementSet", "AcknowledgementCleared"] }, |e| e.notify("ops"));
rule("the rest", #{}, |e| e.drop("not of interest"));
"#;

const SET: &str = "ops: AcknowledgementSet db1 DOWN";
const CLEARED: &str = "ops: AcknowledgementCleared db1 DOWN";

/// A world in which alice has asked for another end of an acknowledgement.
fn extended() -> World {
    let mut world = World::new(RULES);
    world.state("db1", "DOWN");
    world.happens("db1", set());
    world.expect(&[SET]);
    extend(&mut world);
    world
}

fn extend(world: &mut World) {
    assert_eq!(world.say("alice", "!ack db1 for 2h"), "");
    let kind = &world.actions.last().expect("it is asked").kind;
    assert!(matches!(kind, ActionKind::ExtendAcknowledgement { .. }), "{kind:?}");
}

fn set() -> Detail {
    acknowledged(State::Down)
}

fn cleared() -> Detail {
    acknowledgement_ended(State::Down)
}

/// Icinga's answer to what was asked last.
fn answers(world: &mut World, outcome: Result<&str, &str>) {
    let action = world.actions.last().expect("it is asked").clone();
    let outcome = outcome.map(str::to_owned).map_err(str::to_owned);
    world.step(Input::ActionResult(ActionResult { action, outcome }));
}

/// From now on it is told as ever.
#[track_caller]
fn is_over(world: &mut World) {
    assert_eq!(world.held("extension"), []);
    world.happens("db1", cleared());
    world.expect(&[CLEARED]);
}

#[test]
fn people_hear_of_the_new_end_alone_whether_the_answer_comes_before_it_or_after() {
    let mut world = extended();
    world.happens("db1", cleared());
    world.expect_dropped("Icinga was asked for another end of the acknowledgement");
    world.happens("db1", set());
    world.expect(&[SET]);
    answers(&mut world, Ok("done"));
    is_over(&mut world);

    let mut world = extended();
    answers(&mut world, Ok("done"));
    world.happens("db1", cleared());
    world.expect_silence();
    world.happens("db1", set());
    world.expect(&[SET]);
    is_over(&mut world);
}

#[test]
fn where_icinga_refuses_the_new_one_people_hear_that_the_old_one_is_gone() {
    let mut world = extended();
    world.happens("db1", cleared());
    // A check says so as well, and before.
    let report =
        watchbell::model::StateReport { acknowledgement: Some(false), ..world.report("db1", "DOWN") };
    world.happens("db1", Detail::CheckResult(report));
    world.expect_silence();
    answers(&mut world, Err("no permission"));
    world.expect(&[CLEARED]);
    assert_eq!(world.held("extension"), []);

    let mut world = extended();
    answers(&mut world, Err("no permission"));
    world.expect_silence();
    is_over(&mut world);
}

#[test]
fn where_nothing_more_is_heard_people_hear_that_the_old_one_is_gone() {
    for answered in [false, true] {
        let mut world = extended();
        world.happens("db1", cleared());
        world.restart();
        if answered {
            answers(&mut world, Ok("done"));
        }
        world.wait(if answered { "50s" } else { "4m" });
        world.expect_silence();
        world.wait("2m");
        world.expect(&[CLEARED]);
        assert_eq!(world.held("extension"), []);
    }
    // Nor does it hold back anything later.
    let mut world = extended();
    answers(&mut world, Ok("done"));
    world.wait("2m");
    is_over(&mut world);
}

#[test]
fn what_was_asked_twice_is_over_when_both_are() {
    let mut world = extended();
    let first = world.actions.last().expect("it is asked").clone();
    extend(&mut world);
    world.happens("db1", cleared());
    world.happens("db1", set());
    world.expect(&[SET]);
    world.step(Input::ActionResult(ActionResult { action: first, outcome: Ok("done".to_owned()) }));
    world.happens("db1", cleared());
    world.expect_silence();
    answers(&mut world, Err("no permission"));
    world.expect(&[CLEARED]);
}

#[test]
fn a_problem_that_ends_meanwhile_ends_as_ever() {
    let mut world = extended();
    world.happens("db1", cleared());
    world.state("db1", "UP");
    answers(&mut world, Err("it is UP"));
    world.expect_silence();
    assert!(!world.engine.world().status(&crate::common::engine::key("db1")).acknowledged);
    world.state("db1", "DOWN");
    world.happens("db1", set());
    world.expect(&[SET]);
    is_over(&mut world);
}
