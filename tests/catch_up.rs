//! After a gap: what Icinga says now, compared with what was known.

use crate::common::engine::{World, key};
use crate::common::happenings::{
    acknowledged, acknowledgement_ended, comment, downtime, flapping, in_effect,
};
use crate::common::icinga_truth::Truth;
use proptest::prelude::*;
use watchbell::model::event::{Comment, Downtime};
use watchbell::model::{Broken, Detail, Event, Input, Snapshot, State};

const DB: &str = "db1!postgres";

/// A world whose one rule tells everything.
fn telling() -> World {
    World::new(r#"rule("all", #{}, |e| e.notify("dba"));"#)
}

fn fine() -> Truth {
    Truth::new().state("db1", State::Up).state(DB, State::Ok)
}

/// A world that has read this truth before, a minute ago.
fn knowing(mut world: World, truth: &Truth) -> World {
    world.looks(truth.read(world.now));
    world.told();
    world.wait("1m");
    world
}

/// What is told when this truth is read after a gap of ten minutes.
fn told_after_gap(world: &mut World, truth: &Truth) -> Vec<String> {
    let broken = world.now;
    world.wait("10m");
    world.looks(truth.read_after_break(broken, world.now));
    let mut told = world.told();
    assert_eq!(told.remove(0), "dba: Gap (missed)", "{told:?}");
    told
}

// The first look.

#[test]
fn the_first_look_tells_nothing_but_that_it_looked() {
    let now = World::shipped().now;
    let window = in_effect(&downtime("db1!d", now), now);
    let truth = Truth::new()
        .state("db1", State::Down)
        .state(DB, State::Critical)
        .with(DB, |found| (found.acknowledged, found.flapping) = (true, true))
        .downtime("db1", window)
        .comment(DB, comment("db1!postgres!c", "hello"));
    let mut world = World::shipped();
    world.looks(truth.read(world.now));
    world.expect(&["ops: Gap (missed)"]);
    assert_eq!(world.engine.world().incidents().count(), 2, "the problems have numbers all the same");
    assert!(world.say("bob", "!problems").starts_with("2 problems, 0 not handled:"));
}

#[test]
fn the_end_of_a_problem_from_before_the_first_look_has_nobody_to_hear_it() {
    let mut world = knowing(World::shipped(), &fine().state(DB, State::Critical));
    world.state(DB, "OK");
    world.expect_dropped("nobody was told of the problem");
}

#[test]
fn a_gap_says_how_long_it_was_and_what_it_hid() {
    let rules = r#"
        rule("gap", #{ on: "Gap" }, |e| {
            e.log(`${e.gap.length} ${e.gap.made_up} ${e.gap.problems} ${e.gap.reason}`);
            e.stop();
        });
        rule("rest", #{}, |e| e.notify("dba"));
    "#;
    let mut world = World::new(rules);
    world.looks(fine().read(world.now));
    let broken = world.now;
    world.wait("90s");
    world.looks(fine().state(DB, State::Critical).read_after_break(broken, world.now));
    assert_eq!(world.log, [" 0 0 ", "90.0 1 1 connection reset"]);
}

#[test]
fn a_short_gap_that_hid_nothing_is_silent_and_a_long_one_is_told() {
    for (length, told) in [("59s", None), ("60s", Some("ops: Gap (missed)"))] {
        let mut world = knowing(World::shipped(), &fine());
        let broken = world.now;
        world.wait(length);
        world.looks(fine().read_after_break(broken, world.now));
        assert_eq!(world.told(), Vec::from_iter(told), "{length}");
    }
}

#[test]
fn a_short_gap_that_hid_something_is_told_before_it() {
    let mut world = knowing(World::shipped(), &fine());
    world.wait("5s");
    let truth = fine().state(DB, State::Critical);
    world.looks(truth.read_after_break(world.now, world.now));
    world.expect(&["ops: Gap (missed)", "ops: StateChange db1!postgres CRITICAL (missed)"]);
}

#[test]
fn an_icinga_out_of_reach_is_told_and_said_with_what_may_be_old() {
    let mut world = knowing(World::shipped(), &fine());
    let broken = Broken { reason: "connection refused".to_owned(), at: world.now };
    world.wait("2m");
    world.step(Input::OutOfReach { source: key(DB).source().clone(), broken });
    world.expect(&["ops: Gap (missed)"]);
    let answer = world.say("alice", "!problems");
    assert!(answer.starts_with("Icinga lab has been out of reach for 2m"), "{answer}");
    assert!(answer.contains(": connection refused\nno problems"), "{answer}");
    world.looks(fine().read_after_break(world.now, world.now));
    world.told();
    assert_eq!(world.say("alice", "!problems"), "alice: no problems");
}

// Differences.

#[test]
fn what_has_not_changed_makes_no_events() {
    let now = telling().now;
    let truth = fine()
        .state(DB, State::Warning)
        .with(DB, |found| found.acknowledged = true)
        .downtime("db1", in_effect(&downtime("db1!d", now), now))
        .comment(DB, comment("db1!postgres!c", "hello"))
        .with("new", |_| {});
    let mut world = knowing(telling(), &truth);
    assert!(told_after_gap(&mut world, &truth).is_empty());
}

#[test]
fn each_level_that_differs_makes_one_event() {
    let up = |truth: Truth| truth.state("db1", State::Up);
    let broken = || up(Truth::new()).state(DB, State::Critical);
    let acked = |truth: Truth| truth.with(DB, |found| found.acknowledged = true);
    let flaps = |truth: Truth| truth.with(DB, |found| found.flapping = true);
    for (before, after, expected) in [
        (fine(), broken(), "StateChange db1!postgres CRITICAL"),
        (broken(), fine(), "StateChange db1!postgres OK"),
        (broken(), fine().state(DB, State::Warning), "StateChange db1!postgres WARNING"),
        (broken(), acked(broken()), "AcknowledgementSet db1!postgres CRITICAL"),
        (fine(), flaps(fine()), "Flapping db1!postgres OK"),
        (flaps(broken()), broken(), "Flapping db1!postgres CRITICAL"),
    ] {
        let mut world = knowing(telling(), &before);
        let told = told_after_gap(&mut world, &after);
        assert_eq!(told, [format!("dba: {expected} (missed)")]);
        assert!(told_after_gap(&mut world, &after).is_empty(), "{expected}: once");
    }
}

#[test]
fn an_acknowledgement_that_ended_in_a_gap_uncovers_its_problem() {
    let broken = || Truth::new().state("db1", State::Up).state(DB, State::Critical);
    let mut world = knowing(telling(), &broken().with(DB, |found| found.acknowledged = true));
    assert_eq!(
        told_after_gap(&mut world, &broken()),
        [
            "dba: AcknowledgementCleared db1!postgres CRITICAL (missed)",
            "dba: StateChange db1!postgres CRITICAL (was: there at the first look)",
        ]
    );
    assert!(told_after_gap(&mut world, &broken()).is_empty(), "once");
}

#[test]
fn soft_states_and_new_objects_that_are_well_make_no_events() {
    let mut world = knowing(telling(), &fine());
    let truth = fine()
        .with(DB, |found| (found.state, found.hard) = (Some(State::Critical), false))
        .state("web", State::Up)
        .with("not checked yet", |_| {});
    assert!(told_after_gap(&mut world, &truth).is_empty());
    let broken = truth.state("web", State::Down).state("new and broken", State::Down);
    assert_eq!(
        told_after_gap(&mut world, &broken),
        ["dba: StateChange new and broken DOWN (missed)", "dba: StateChange web DOWN (missed)"]
    );
}

#[test]
fn what_was_missed_is_told_in_an_order_that_reads_well() {
    let now = telling().now;
    let begun = in_effect(&downtime("db1!begun", now), now);
    let gone = in_effect(&downtime("web!gone", now), now);
    let before = fine()
        .state("web", State::Up)
        .state("old", State::Up)
        .downtime("web", gone)
        .comment(DB, comment("db1!postgres!gone", "done"));
    let after = fine()
        .state("db1", State::Down)
        .state(DB, State::Critical)
        .state("web", State::Down)
        .with(DB, |found| found.acknowledged = true)
        .downtime("db1", begun)
        .comment(DB, comment("db1!postgres!new", "on it"));
    let mut world = knowing(telling(), &before);
    assert_eq!(
        told_after_gap(&mut world, &after),
        [
            // A downtime that began stands before the problems it covers ...
            "dba: DowntimeAdded db1 UP (missed)",
            "dba: DowntimeTriggered db1 UP (missed)",
            // ... hosts before their services ...
            "dba: StateChange db1 DOWN (missed)",
            "dba: StateChange web DOWN (missed)",
            "dba: StateChange db1!postgres CRITICAL (missed)",
            "dba: AcknowledgementSet db1!postgres CRITICAL (missed)",
            // ... and what ended behind them.
            "dba: DowntimeRemoved web DOWN (missed)",
            "dba: CommentAdded db1!postgres CRITICAL (missed)",
            "dba: CommentRemoved db1!postgres CRITICAL (missed)",
            "dba: ObjectDeleted (missed)",
        ]
    );
}

#[test]
fn the_acknowledgement_is_told_with_the_words_of_its_comment() {
    let mut world = knowing(
        World::new(r#"rule("ack", #{ on: "AcknowledgementSet" }, |e| e.log(`${e.author}: ${e.comment}`));"#),
        &fine().state(DB, State::Critical),
    );
    let by_icinga = Comment { entry_type: 4, ..comment("db1!postgres!ack", "on it") };
    let truth = fine()
        .state(DB, State::Critical)
        .with(DB, |found| found.acknowledged = true)
        .comment(DB, by_icinga)
        .comment(DB, comment("db1!postgres!other", "never mind"));
    world.looks(truth.read(world.now));
    assert_eq!(world.log, ["bob: on it"]);
}

#[test]
fn a_problem_that_was_missed_is_told_with_the_time_it_began() {
    let mut world = knowing(
        World::new(r#"rule("s", #{ on: "StateChange" }, |e| e.log(`${e.now - e.since}`));"#),
        &fine(),
    );
    world.wait("10m");
    let began = world.now - std::time::Duration::from_secs(300);
    let truth = fine().state(DB, State::Critical).with(DB, |found| found.since = Some(began));
    world.looks(truth.read(world.now));
    assert_eq!(world.log, ["300"]);
}

// With the shipped rules.

#[test]
fn after_a_gap_a_host_that_is_down_still_speaks_for_its_services() {
    let mut world = knowing(World::shipped(), &fine());
    let truth = fine().state("db1", State::Down).state(DB, State::Critical);
    world.looks(truth.read(world.now));
    world.expect(&["ops: Gap (missed)", "ops: StateChange db1 DOWN (missed)"]);
}

#[test]
fn who_heard_the_problem_hears_of_a_recovery_that_was_missed() {
    let mut world = knowing(World::shipped(), &fine());
    world.state(DB, "CRITICAL");
    world.told();
    world.restart();
    world.wait("5m");
    world.looks(fine().read(world.now));
    world.expect(&["ops: Gap (missed)", "ops: StateChange db1!postgres OK (missed)"]);
}

#[test]
fn a_problem_whose_downtime_ended_in_the_gap_is_told() {
    for readable in [true, false] {
        let mut world = knowing(World::shipped(), &fine());
        let window = in_effect(&downtime("db1!postgres!d", world.now), world.now);
        let mut during = fine().downtime(DB, window);
        let mut after = fine().state(DB, State::Critical);
        if !readable {
            (during, after) = (during.unreadable(), after.unreadable());
        }
        world.looks(during.read(world.now));
        world.state(DB, "CRITICAL");
        world.told();
        world.looks(after.read(world.now));
        let told = world.told();
        assert_eq!(
            told.last().map(String::as_str),
            Some("ops: StateChange db1!postgres CRITICAL (was: in downtime)"),
            "readable: {readable}, {told:?}"
        );
    }
}

#[test]
fn a_rule_that_has_a_problem_wait_is_not_overruled_by_a_gap() {
    let rules = r#"
        rule("wait", #{ on: "StateChange", withheld: () }, |e| e.drop("settle", #{ again: "10m" }));
        rule("tell", #{ on: "StateChange" }, |e| e.notify("dba"));
        rule("rest", #{}, |e| e.drop("not asked for"));
    "#;
    let mut world = knowing(World::new(rules), &fine());
    world.state(DB, "CRITICAL");
    world.wait("5m");
    world.looks(fine().state(DB, State::Critical).read(world.now));
    world.expect_silence();
    world.wait("5m");
    world.expect(&["dba: StateChange db1!postgres CRITICAL (was: settle)"]);
}

// What must not be made up.

#[test]
fn an_object_that_was_deleted_has_not_recovered() {
    let mut world = knowing(World::shipped(), &fine());
    world.state(DB, "CRITICAL");
    let window = in_effect(&downtime("db1!postgres!d", world.now), world.now);
    world.happens(DB, Detail::DowntimeTriggered(window));
    world.happens(DB, Detail::CommentAdded(comment("db1!postgres!c", "hello")));
    world.told();
    let without = Truth::new().state("db1", State::Up);
    world.looks(without.read(world.now));
    world.expect(&["ops: Gap (missed)"]);
    world.looks(without.read(world.now));
    world.expect_silence();
    assert_eq!(world.engine.world().incidents().count(), 0);
    assert!(world.engine.world().downtimes().is_empty() && world.engine.world().comments().is_empty());
}

#[test]
fn an_object_that_is_missing_once_has_neither_recovered_nor_gone() {
    let mut world = knowing(World::shipped(), &fine());
    world.state(DB, "CRITICAL");
    let window = in_effect(&downtime("db1!postgres!d", world.now), world.now);
    world.happens(DB, Detail::DowntimeTriggered(window));
    world.told();
    let without = Truth::new().state("db1", State::Up);
    let once = Snapshot { settled: false, ..without.read(world.now) };
    world.looks(once);
    world.expect_silence();
    assert_eq!(world.engine.world().incidents().count(), 1);
    assert_eq!(world.engine.world().downtimes().len(), 1);
    world.looks(without.read_beside(&[], world.now));
    assert_eq!(world.engine.world().incidents().count(), 0, "missing twice, it is gone");
    world.expect_silence();
}

#[test]
fn an_object_that_was_made_again_begins_anew_and_one_that_was_renamed_is_another() {
    let mut world = knowing(World::shipped(), &fine());
    world.state(DB, "CRITICAL");
    world.told();
    let renamed = Truth::new().state("db1", State::Up).state("db1!postgresql", State::Critical);
    world.looks(renamed.read(world.now));
    world.expect(&["ops: Gap (missed)", "ops: StateChange db1!postgresql CRITICAL (missed)"]);
    world.looks(fine().read_beside(&[], world.now));
    world.expect_silence();
    world.state(DB, "CRITICAL");
    world.expect(&["ops: StateChange db1!postgres CRITICAL"]);
}

// An Icinga that was killed comes back with states of before.

/// What is told by an Icinga that broke when a problem had just been told, and that forgot it;
/// and what is told when the next check finds the problem again. It runs since then, in seconds
/// after the check.
fn told_by_a_forgetful_icinga(running_since: i64) -> (Vec<String>, Vec<String>) {
    let mut world = knowing(telling(), &fine());
    let forgotten = fine().with(DB, |found| found.execution_end = Some(world.now));
    world.wait("4m");
    world.state(DB, "CRITICAL");
    world.told();
    let broken = world.now;
    let started = broken + jiff::SignedDuration::from_secs(running_since);
    world.wait("1m");
    for _ in 0..2 {
        world.looks(forgotten.read_after_start(broken, started, world.now));
    }
    let mut told = world.told();
    told.retain(|line| !line.contains("Gap"));
    world.state(DB, "CRITICAL");
    (told, world.told())
}

#[test]
fn an_icinga_that_forgot_a_problem_is_believed_once_and_tells_it_again() {
    let (told, next) = told_by_a_forgetful_icinga(20);
    assert_eq!(told, ["dba: StateChange db1!postgres OK (missed)"]);
    assert_eq!(next, ["dba: StateChange db1!postgres CRITICAL"]);
}

#[test]
fn an_older_result_of_an_icinga_that_ran_all_the_time_is_not_believed() {
    let (told, _) = told_by_a_forgetful_icinga(-3600);
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn an_icinga_that_forgot_a_recovery_tells_the_problem_again() {
    let mut world = knowing(telling(), &fine());
    world.state(DB, "CRITICAL");
    let forgotten = fine().state(DB, State::Critical).with(DB, |found| found.execution_end = Some(world.now));
    world.state(DB, "OK");
    world.told();
    let broken = world.now;
    world.wait("30s");
    world.looks(forgotten.read_after_start(broken, world.now, world.now));
    world.expect(&["dba: Gap (missed)", "dba: StateChange db1!postgres CRITICAL (missed)"]);
    world.state(DB, "OK");
    world.expect(&["dba: StateChange db1!postgres OK"]);
}

#[test]
fn without_permission_for_comments_and_downtimes_nothing_is_made_up_of_them() {
    let now = telling().now;
    let before = fine()
        .downtime("db1", in_effect(&downtime("db1!d", now), now))
        .comment(DB, comment("db1!postgres!c", "hello"));
    let mut world = knowing(telling(), &before);
    assert!(told_after_gap(&mut world, &before.unreadable()).is_empty());
}

#[test]
fn downtimes_and_comments_of_objects_we_may_not_see_are_nothing() {
    let mut world = knowing(telling(), &fine());
    let mut truth = fine().comment("hidden", comment("hidden!c", "hello"));
    let window = in_effect(&downtime("hidden!d", world.now), world.now);
    truth.downtimes = Some(vec![(crate::common::engine::key("hidden"), window)]);
    for _ in 0..2 {
        assert!(told_after_gap(&mut world, &truth).is_empty());
    }
}

// The same thing twice, and in the wrong order.

#[test]
fn the_other_masters_report_of_the_same_thing_is_dropped() {
    let mut world = telling();
    world.state(DB, "CRITICAL");
    let report = world.report(DB, "CRITICAL");
    let twice = Event {
        timestamp: world.now + std::time::Duration::from_millis(40),
        ..world.event(DB, Detail::StateChange(report))
    };
    world.step(Input::Event(twice));
    let window = downtime("db1!postgres!d", world.now);
    for detail in [
        Detail::DowntimeAdded(window.clone()),
        Detail::DowntimeAdded(window.clone()),
        Detail::DowntimeStarted(in_effect(&window, world.now)),
        Detail::DowntimeTriggered(in_effect(&window, world.now)),
        Detail::CommentAdded(comment("db1!postgres!c", "hello")),
        Detail::CommentAdded(comment("db1!postgres!c", "hello")),
        flapping(true, State::Critical),
        flapping(false, State::Critical),
        flapping(false, State::Critical),
        acknowledged(State::Critical),
        acknowledgement_ended(State::Critical),
        acknowledgement_ended(State::Critical),
    ] {
        world.happens(DB, detail);
    }
    let told: Vec<String> = world.told().iter().map(|line| line.replace("dba: ", "")).collect();
    assert_eq!(
        told,
        [
            "StateChange db1!postgres CRITICAL",
            "DowntimeAdded db1!postgres CRITICAL",
            "DowntimeStarted db1!postgres CRITICAL",
            "CommentAdded db1!postgres CRITICAL",
            "Flapping db1!postgres CRITICAL",
            "Flapping db1!postgres CRITICAL",
            "AcknowledgementSet db1!postgres CRITICAL",
            "AcknowledgementCleared db1!postgres CRITICAL",
        ]
    );
}

#[test]
fn a_state_from_before_what_is_known_is_dropped() {
    let mut world = telling();
    let late = world.report(DB, "CRITICAL");
    world.wait("1m");
    world.state(DB, "WARNING");
    world.told();
    world.happens(DB, Detail::StateChange(late));
    world.expect_silence();
    assert_eq!(world.engine.world().status(&crate::common::engine::key(DB)).state, Some(State::Warning));
}

#[test]
fn one_report_from_the_future_does_not_make_all_that_follows_stale() {
    let mut world = telling();
    world.reported(DB, "WARNING", |report| {
        report.execution_end = "2100-01-01T00:00:00Z".parse().ok();
    });
    world.state(DB, "CRITICAL");
    world.expect(&["dba: StateChange db1!postgres WARNING", "dba: StateChange db1!postgres CRITICAL"]);
}

#[test]
fn moments_at_the_end_of_time_stop_nothing() {
    for end in [jiff::Timestamp::MAX, jiff::Timestamp::MIN] {
        let mut world = World::shipped();
        for state in ["DOWN", "UP", "DOWN"] {
            world.reported("db1", state, |report| report.execution_end = Some(end));
        }
        let window = Downtime { start_time: end, end_time: end, ..downtime("db1!d", world.now) };
        world.happens("db1", Detail::DowntimeTriggered(in_effect(&window, end)));
        world.wait("2d");
        world.now = end.min(jiff::Timestamp::MAX - jiff::SignedDuration::from_secs(9));
        world.say("alice", "!mute db1 52w x");
        world.state("web", "DOWN");
        world.step(Input::Tick);
    }
}

// Laws.

fn any_state(host: bool) -> impl Strategy<Value = State> {
    let states =
        if host { vec![State::Up, State::Down] } else { vec![State::Ok, State::Warning, State::Critical] };
    proptest::sample::select(states)
}

const NAMES: [&str; 4] = ["h1", "h2", "h1!s", "h2!s"];

/// One object as Icinga may have it, with or without a downtime and a comment.
#[derive(Debug, Clone)]
struct Found {
    there: bool,
    state: Option<State>,
    hard: bool,
    acknowledged: bool,
    flapping: bool,
    downtime: u8,
    comment: bool,
}

fn any_found(name: &'static str) -> impl Strategy<Value = Found> {
    let state = proptest::option::weighted(0.9, any_state(!name.contains('!')));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (proptest::bool::weighted(0.8), state, flags, 0_u8..3, any::<bool>()).prop_map(
        |(there, state, (hard, acknowledged, flapping), downtime, comment)| Found {
            there,
            state,
            hard,
            acknowledged,
            flapping,
            downtime,
            comment,
        },
    )
}

fn any_truth() -> impl Strategy<Value = Truth> {
    let found = NAMES.map(any_found);
    (found, proptest::bool::weighted(0.8)).prop_map(|(found, readable)| {
        let mut truth = Truth::new();
        for (name, found) in NAMES.iter().zip(found) {
            truth = add(truth, name, &found);
        }
        if readable { truth } else { truth.unreadable() }
    })
}

fn add(mut truth: Truth, name: &str, wanted: &Found) -> Truth {
    let now = World::shipped().now;
    if wanted.there {
        truth.change(name, |found| {
            found.state = wanted.state;
            found.hard = wanted.hard;
            found.last_hard_state = wanted.state;
            found.acknowledged = wanted.acknowledged;
            found.flapping = wanted.flapping;
        });
    }
    let window = downtime(&format!("{name}!d"), now);
    let hidden = !wanted.there;
    match wanted.downtime {
        1 if !hidden => truth = truth.downtime(name, window),
        2 if !hidden => truth = truth.downtime(name, in_effect(&window, now)),
        _ => {}
    }
    if wanted.comment {
        truth = truth.comment(name, comment(&format!("{name}!c"), "hello"));
    }
    truth
}

/// Something that may happen.
#[derive(Debug, Clone)]
enum Step {
    State(usize, State, bool, bool),
    Happens(usize, u8),
    Wait(&'static str),
    Say(&'static str),
    Look(Box<Truth>),
}

fn any_step() -> impl Strategy<Value = Step> {
    let object = 0..NAMES.len();
    let waits = proptest::sample::select(vec!["10s", "2m", "31m", "5h"]);
    let lines = proptest::sample::select(vec![
        "!mute h1 1h flaky",
        "!mute h2* 10m",
        "!mute h1!s 30m",
        "!unmute m1",
        "!unmute m2",
        "!ack h1!s looking",
        "!problems",
        "!mutes",
    ]);
    prop_oneof![
        6 => (object.clone(), any_state(false), proptest::bool::weighted(0.8), proptest::bool::weighted(0.8))
            .prop_map(|(object, state, hard, reachable)| Step::State(object, state, hard, reachable)),
        4 => (object, 0_u8..10).prop_map(|(object, what)| Step::Happens(object, what)),
        3 => waits.prop_map(Step::Wait),
        2 => lines.prop_map(Step::Say),
        1 => any_truth().prop_map(|truth| Step::Look(Box::new(truth))),
    ]
}

fn state_of(name: &str, state: State) -> State {
    match (name.contains('!'), state.is_problem()) {
        (true, _) => state,
        (false, true) => State::Down,
        (false, false) => State::Up,
    }
}

fn detail(world: &World, name: &str, what: u8) -> Detail {
    let state = world.engine.world().status(&crate::common::engine::key(name)).state.unwrap_or(State::Ok);
    let window = downtime(&format!("{name}!d"), world.now);
    match what {
        0 => acknowledged(state),
        1 => acknowledgement_ended(state),
        2 => flapping(true, state),
        3 => flapping(false, state),
        4 => Detail::DowntimeAdded(window),
        5 => Detail::DowntimeStarted(in_effect(&window, world.now)),
        6 => Detail::DowntimeTriggered(window),
        7 => Detail::DowntimeRemoved(in_effect(&window, world.now)),
        8 => Detail::CommentAdded(comment(&format!("{name}!c"), "hello")),
        _ => Detail::CommentRemoved(comment(&format!("{name}!c"), "hello")),
    }
}

/// Does a step; what people heard, what was asked and what was decided.
fn perform(world: &mut World, step: &Step) -> String {
    let mut said = String::new();
    match step {
        Step::State(object, state, hard, reachable) => {
            let name = NAMES[*object];
            world.reported(name, state_of(name, *state).name(), |report| {
                (report.hard, report.reachable) = (*hard, *reachable);
            });
        }
        Step::Happens(object, what) => {
            let name = NAMES[*object];
            let detail = detail(world, name, *what);
            world.happens(name, detail);
        }
        Step::Wait(length) => world.wait(length),
        Step::Say(line) => said = world.say("alice", line),
        Step::Look(truth) => world.looks(truth.read(world.now)),
    }
    let decisions = std::mem::take(&mut world.decisions);
    let actions = std::mem::take(&mut world.actions);
    format!("{said}\n{:#?}\n{decisions:#?}\n{actions:#?}\n{:?}", world.told(), world.engine.next_wake())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_truth_that_was_read_makes_no_events_when_it_is_read_again(first in any_truth(), second in any_truth()) {
        let mut world = knowing(telling(), &first);
        told_after_gap(&mut world, &second);
        prop_assert_eq!(told_after_gap(&mut world, &second), Vec::<String>::new());
    }

    #[test]
    fn an_engine_that_starts_again_decides_the_same(
        steps in proptest::collection::vec(any_step(), 1..40),
        at in any::<proptest::sample::Index>(),
    ) {
        let (mut runs_on, mut restarts) = (World::shipped(), World::shipped());
        let restart_at = at.index(steps.len());
        for (number, step) in steps.iter().enumerate() {
            if number == restart_at {
                restarts.restart();
            }
            let (expected, found) = (perform(&mut runs_on, step), perform(&mut restarts, step));
            prop_assert_eq!(expected, found, "after a restart before step {}, step {}", restart_at, number);
        }
    }
}
