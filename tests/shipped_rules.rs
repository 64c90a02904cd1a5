//! What people hear with the rules that are shipped.

use crate::common::engine::{World, key};
use crate::common::happenings::{
    acknowledged, acknowledgement_ended, comment, downtime, flapping, in_effect,
};
use watchbell::model::event::{Downtime, RulesetChanged};
use watchbell::model::{Attempt, AttemptResult, Brief, Delivery, Detail, Input, Message, State};

const DB: &str = "db1!postgres";

/// A world where the database is in a hard problem, and people were told.
fn broken() -> World {
    let mut world = World::shipped();
    world.state(DB, "CRITICAL");
    world.expect(&["ops: StateChange db1!postgres CRITICAL"]);
    world
}

// Problems and their ends.

#[test]
fn a_hard_problem_and_its_end_are_told() {
    let mut world = broken();
    world.state(DB, "OK");
    world.expect(&["ops: StateChange db1!postgres OK"]);
    assert!(world.engine.world().incident_of(&key(DB)).is_none());
}

#[test]
fn a_problem_that_gets_worse_or_easier_is_told_each_time() {
    let mut world = World::shipped();
    for state in ["WARNING", "CRITICAL", "UNKNOWN", "WARNING"] {
        world.state(DB, state);
        world.expect(&[&format!("ops: StateChange db1!postgres {state}")]);
    }
    assert_eq!(world.engine.world().incidents().count(), 1, "it is one problem all along");
}

#[test]
fn a_problem_that_is_found_again_is_told_once() {
    let mut world = broken();
    world.wait("1h");
    world.state(DB, "CRITICAL");
    world.expect_dropped("told already");
}

#[test]
fn soft_states_are_silent_and_so_is_their_end() {
    let mut world = World::shipped();
    world.soft(DB, "CRITICAL");
    world.expect_dropped("soft: Icinga is still trying");
    world.soft(DB, "OK");
    world.expect_dropped("soft: Icinga is still trying");
    world.state(DB, "OK");
    world.expect_dropped("it healed before it was a hard problem");
}

#[test]
fn a_check_that_was_cut_off_says_nothing_and_one_that_crashed_is_told_at_once() {
    for (output, told) in [
        ("<Terminated by signal 9 (Killed).>", None),
        ("<Terminated by signal 15 (Terminated).>", None),
        ("<Terminated by signal 6 (Aborted).>", Some("ops: StateChange db1!postgres UNKNOWN")),
        ("<Terminated by signal 11 (Segmentation fault).>", Some("ops: StateChange db1!postgres UNKNOWN")),
    ] {
        let mut world = World::shipped();
        world.reported(DB, "UNKNOWN", |report| {
            report.output = output.to_owned();
            report.exit_status = 128;
        });
        match told {
            Some(told) => world.expect(&[told]),
            None => world.expect_dropped("the check was cut off: Icinga or its node was going down"),
        }
    }
}

// Behind what is down.

#[test]
fn a_host_that_is_down_speaks_for_its_services() {
    let mut world = World::shipped();
    world.state("db1", "DOWN");
    world.expect(&["ops: StateChange db1 DOWN"]);
    world.state(DB, "CRITICAL");
    world.expect_dropped("its host is down");
    world.wait("1h");
    world.expect_silence();
    world.state("db1", "UP");
    world.state(DB, "OK");
    world.expect(&["ops: StateChange db1 UP"]);
}

#[test]
fn a_service_that_is_still_broken_when_its_host_is_back_is_told_then() {
    let mut world = World::shipped();
    world.state("db1", "DOWN");
    world.state(DB, "CRITICAL");
    world.state("db1", "UP");
    world.expect(&["ops: StateChange db1 DOWN", "ops: StateChange db1 UP"]);
    world.wait("2m");
    world.expect(&["ops: StateChange db1!postgres CRITICAL (was: what is in front of it is just back)"]);
    world.state(DB, "OK");
    world.expect(&["ops: StateChange db1!postgres OK"]);
}

#[test]
fn a_host_behind_a_parent_that_is_down_waits() {
    let mut world = World::shipped();
    world.host_behind("db1", &["router"]);
    world.state("router", "DOWN");
    world.reported("db1", "DOWN", |report| report.reachable = false);
    world.expect(&["ops: StateChange router DOWN"]);
    world.wait("30m");
    world.expect_silence();
    world.state("router", "UP");
    world.state("db1", "UP");
    world.wait("30m");
    world.expect(&["ops: StateChange router UP"]);
}

/// Without check results nobody says that a parent is up again: it is found out from
/// what is known of the parents.
#[test]
fn a_host_that_is_down_for_itself_is_told_when_its_parents_are_back() {
    let mut world = World::shipped();
    world.host_behind("router", &["uplink"]);
    world.host_behind("db1", &["switch", "router"]);
    world.state("uplink", "DOWN");
    world.reported("db1", "DOWN", |report| report.reachable = false);
    world.wait("10m");
    world.expect(&["ops: StateChange uplink DOWN"]);
    world.state("uplink", "UP");
    world.wait("2m");
    world.expect(&[
        "ops: StateChange uplink UP",
        "ops: StateChange db1 DOWN (was: what is in front of it is just back)",
    ]);
}

#[test]
fn hosts_that_are_parents_of_each_other_do_not_hang_it() {
    let mut world = World::shipped();
    world.host_behind("a", &["b"]);
    world.host_behind("b", &["a"]);
    world.reported("a", "DOWN", |report| report.reachable = false);
    world.wait("10m");
    world.expect(&["ops: StateChange a DOWN (was: a parent is down)"]);
}

#[test]
fn a_parent_of_which_nothing_is_known_hides_nothing() {
    let mut world = World::shipped();
    world.host_behind("db1", &["nobody-checks-it"]);
    world.reported(DB, "CRITICAL", |report| report.reachable = false);
    world.expect_dropped("a parent is down");
    world.wait("2m");
    world.expect(&["ops: StateChange db1!postgres CRITICAL (was: a parent is down)"]);
}

/// It was reachable when it broke, and that report is old when the downtime ends.
#[test]
fn a_problem_that_outlives_a_downtime_behind_a_parent_that_is_down_by_then_waits_on() {
    let mut world = World::shipped();
    world.host_behind("db1", &["router"]);
    let window = in_downtime(&mut world, "db1");
    world.state("db1", "DOWN");
    world.state("router", "DOWN");
    world.expect(&["ops: StateChange router DOWN"]);
    world.happens("db1", Detail::DowntimeRemoved(window));
    world.expect(&["ops: DowntimeRemoved db1 DOWN"]);
    world.state("router", "UP");
    world.wait("2m");
    world.expect(&[
        "ops: StateChange router UP",
        "ops: StateChange db1 DOWN (was: what is in front of it is just back)",
    ]);
}

// Downtimes.

/// Schedules a fixed downtime that is in effect at once, and takes what is told of it.
fn in_downtime(world: &mut World, object: &str) -> Downtime {
    let window = downtime(&format!("{object}!window"), world.now);
    world.happens(object, Detail::DowntimeAdded(window.clone()));
    let window = in_effect(&window, world.now);
    world.happens(object, Detail::DowntimeStarted(window.clone()));
    world.happens(object, Detail::DowntimeTriggered(window.clone()));
    let told = world.told();
    assert_eq!(told.len(), 1, "it is told once, when it is scheduled: {told:?}");
    assert!(told[0].starts_with(&format!("ops: DowntimeAdded {object}")), "{told:?}");
    window
}

#[test]
fn a_problem_that_begins_and_ends_in_a_downtime_is_silent() {
    let mut world = World::shipped();
    let window = in_downtime(&mut world, DB);
    world.state(DB, "CRITICAL");
    world.expect_dropped("in downtime");
    world.state(DB, "OK");
    world.expect_dropped("nobody was told of the problem");
    world.happens(DB, Detail::DowntimeRemoved(window));
    world.expect(&["ops: DowntimeRemoved db1!postgres OK"]);
}

#[test]
fn a_problem_that_outlives_its_downtime_is_told() {
    let mut world = World::shipped();
    let window = in_downtime(&mut world, DB);
    world.state(DB, "CRITICAL");
    world.happens(DB, Detail::DowntimeRemoved(window));
    world.expect(&[
        "ops: DowntimeRemoved db1!postgres CRITICAL",
        "ops: StateChange db1!postgres CRITICAL (was: in downtime)",
    ]);
}

#[test]
fn a_problem_told_before_the_downtime_is_not_told_again_after_it() {
    let mut world = broken();
    let window = in_downtime(&mut world, DB);
    world.happens(DB, Detail::DowntimeRemoved(window));
    world.expect(&["ops: DowntimeRemoved db1!postgres CRITICAL"]);
}

#[test]
fn a_problem_stays_quiet_until_the_last_of_two_downtimes_ends() {
    let mut world = World::shipped();
    let first = in_downtime(&mut world, DB);
    let second = in_effect(&downtime("db1!postgres!second", world.now), world.now);
    world.happens(DB, Detail::DowntimeAdded(second.clone()));
    world.happens(DB, Detail::DowntimeTriggered(second.clone()));
    world.state(DB, "CRITICAL");
    world.happens(DB, Detail::DowntimeRemoved(first));
    world.told();
    world.happens(DB, Detail::DowntimeRemoved(second));
    world.expect(&[
        "ops: DowntimeRemoved db1!postgres CRITICAL",
        "ops: StateChange db1!postgres CRITICAL (was: in downtime)",
    ]);
}

#[test]
fn a_downtime_with_all_services_is_told_once() {
    let mut world = World::shipped();
    let window = in_downtime(&mut world, "db1");
    let part =
        Downtime { name: "db1!postgres!part".to_owned(), parent: window.name.clone(), ..window.clone() };
    world.happens(DB, Detail::DowntimeAdded(part.clone()));
    world.expect_dropped("part of another downtime");
    world.happens(DB, Detail::DowntimeTriggered(part.clone()));
    world.expect_dropped("part of another downtime");
    world.state(DB, "CRITICAL");
    world.expect_dropped("in downtime");
    world.happens(DB, Detail::DowntimeRemoved(part));
    world.expect(&["ops: StateChange db1!postgres CRITICAL (was: in downtime)"]);
}

#[test]
fn a_downtime_scheduled_ahead_is_told_when_it_begins_and_when_it_ends() {
    let mut world = World::shipped();
    let mut window = downtime("db1!later", world.now);
    window.start_time += std::time::Duration::from_secs(3600);
    world.happens("db1", Detail::DowntimeAdded(window.clone()));
    world.expect(&["ops: DowntimeAdded db1"]);
    world.wait("1h");
    window.trigger_time = Some(world.now);
    world.happens("db1", Detail::DowntimeStarted(window.clone()));
    world.happens("db1", Detail::DowntimeTriggered(window.clone()));
    world.expect(&["ops: DowntimeStarted db1"]);
    world.happens("db1", Detail::DowntimeRemoved(window));
    world.expect(&["ops: DowntimeRemoved db1"]);
}

#[test]
fn a_flexible_downtime_is_told_when_its_first_problem_begins_it() {
    let mut world = World::shipped();
    let window = Downtime { fixed: false, duration_seconds: 600.0, ..downtime("db1!flexible", world.now) };
    world.happens("db1", Detail::DowntimeAdded(window.clone()));
    world.expect(&["ops: DowntimeAdded db1"]);
    world.happens("db1", Detail::DowntimeTriggered(window.clone()));
    world.expect_dropped("it begins with the first problem");
    let begun = in_effect(&window, world.now);
    world.happens("db1", Detail::DowntimeTriggered(begun));
    world.expect(&["ops: DowntimeTriggered db1"]);
    world.state("db1", "DOWN");
    world.expect_dropped("in downtime");
}

#[test]
fn a_downtime_that_nobody_heard_of_ends_in_silence() {
    let mut world = World::shipped();
    let window = downtime("db1!unheard", world.now);
    world.happens("db1", Detail::DowntimeRemoved(window));
    world.expect_dropped("nobody was told of this downtime");
}

// Acknowledgements.

#[test]
fn an_acknowledgement_is_told_to_those_who_heard_the_problem() {
    let mut world = broken();
    world.happens(DB, acknowledged(State::Critical));
    world.expect(&["ops: AcknowledgementSet db1!postgres CRITICAL"]);
    world.happens(DB, acknowledgement_ended(State::Critical));
    world.expect(&["ops: AcknowledgementCleared db1!postgres CRITICAL"]);
}

#[test]
fn a_problem_that_is_acknowledged_already_is_not_told_until_that_ends() {
    let mut world = World::shipped();
    world.soft(DB, "CRITICAL");
    world.happens(DB, acknowledged(State::Critical));
    world.expect(&["ops: AcknowledgementSet db1!postgres CRITICAL"]);
    world.state(DB, "CRITICAL");
    world.expect_dropped("acknowledged");
    world.happens(DB, acknowledgement_ended(State::Critical));
    world.expect(&["ops: StateChange db1!postgres CRITICAL (was: acknowledged)"]);
}

/// Icinga removes an acknowledgement that is not sticky as the state changes, and
/// says so before it tells the new state.
#[test]
fn a_new_state_ends_the_acknowledgement_without_an_extra_line() {
    let mut world = broken();
    world.happens(DB, acknowledged(State::Critical));
    world.told();
    world.happens(DB, acknowledgement_ended(State::Warning));
    world.expect_dropped("a new state ended it");
    world.state(DB, "WARNING");
    world.expect(&["ops: StateChange db1!postgres WARNING"]);
}

#[test]
fn a_recovery_ends_the_acknowledgement_without_an_extra_line() {
    let mut world = broken();
    world.happens(DB, acknowledged(State::Critical));
    world.told();
    world.happens(DB, acknowledgement_ended(State::Ok));
    world.expect_dropped("a new state ended it");
    world.state(DB, "OK");
    world.expect(&["ops: StateChange db1!postgres OK"]);
}

#[test]
fn a_sticky_acknowledgement_hides_other_problem_states_and_not_the_recovery() {
    let mut world = broken();
    world.happens(DB, acknowledged(State::Critical));
    world.told();
    world.state(DB, "WARNING");
    world.expect_dropped("acknowledged");
    world.state(DB, "OK");
    world.expect(&["ops: StateChange db1!postgres OK"]);
}

// Flapping.

#[test]
fn flapping_is_told_and_then_only_the_final_state() {
    let mut world = broken();
    world.happens(DB, flapping(true, State::Critical));
    world.expect(&["ops: Flapping db1!postgres CRITICAL"]);
    for state in ["OK", "WARNING", "OK", "CRITICAL", "OK"] {
        world.state(DB, state);
        world.expect_silence();
    }
    world.happens(DB, flapping(false, State::Ok));
    world.expect(&["ops: Flapping db1!postgres OK"]);
}

#[test]
fn what_is_still_broken_when_it_is_calm_is_told_with_its_new_state() {
    let mut world = broken();
    world.happens(DB, flapping(true, State::Critical));
    world.state(DB, "OK");
    world.state(DB, "UNKNOWN");
    world.told();
    world.happens(DB, flapping(false, State::Unknown));
    world.expect(&["ops: Flapping db1!postgres UNKNOWN"]);
    world.state(DB, "OK");
    world.expect(&["ops: StateChange db1!postgres OK"]);
}

#[test]
fn a_problem_that_began_while_it_flapped_has_its_end_told_too() {
    let mut world = World::shipped();
    world.happens(DB, flapping(true, State::Ok));
    world.expect(&["ops: Flapping db1!postgres OK"]);
    world.state(DB, "CRITICAL");
    world.expect_dropped("flapping");
    world.happens(DB, flapping(false, State::Critical));
    world.expect(&["ops: Flapping db1!postgres CRITICAL"]);
    world.state(DB, "OK");
    world.expect(&["ops: StateChange db1!postgres OK"]);
}

#[test]
fn the_end_of_flapping_that_nobody_heard_of_is_silent() {
    let mut world = World::shipped();
    world.object("db1", |_| {});
    world.say("alice", "!mute db1 10m reboots");
    world.happens(DB, flapping(true, State::Ok));
    world.expect_dropped("muted by alice@icinga: reboots");
    world.wait("10m");
    world.expect(&["ops: MuteEnding"]);
    world.happens(DB, flapping(false, State::Ok));
    world.expect_dropped("nobody was told that it was flapping");
}

/// Six hard changes within half an hour.
fn changing(world: &mut World) {
    for state in ["CRITICAL", "OK", "CRITICAL", "OK", "CRITICAL"] {
        world.wait("2m");
        world.state(DB, state);
        world.expect(&[&format!("ops: StateChange db1!postgres {state}")]);
    }
}

const ALL_THE_TIME: &str = "ops: StateChange db1!postgres OK \"db1!postgres changes all the time (OK now): quiet until it has been the same for 30 minutes\"";

#[test]
fn what_changes_six_times_in_half_an_hour_is_told_once_and_then_quiet() {
    let mut world = World::shipped();
    changing(&mut world);
    world.state(DB, "OK");
    world.expect(&[ALL_THE_TIME]);
    for state in ["CRITICAL", "OK", "WARNING", "OK"] {
        world.wait("1m");
        world.state(DB, state);
        world.expect_silence();
    }
    world.wait("2h");
    world.expect_silence();
}

#[test]
fn what_is_calm_in_another_state_than_told_is_told_half_an_hour_later() {
    let mut world = World::shipped();
    changing(&mut world);
    world.state(DB, "OK");
    world.expect(&[ALL_THE_TIME]);
    world.wait("1m");
    world.state(DB, "CRITICAL");
    world.wait("29m");
    world.expect_silence();
    world.wait("1m");
    world.expect(&["ops: StateChange db1!postgres CRITICAL (was: flapping by our own count)"]);
}

#[test]
fn five_changes_in_half_an_hour_are_no_flapping() {
    let mut world = World::shipped();
    changing(&mut world);
    world.wait("30m");
    world.state(DB, "OK");
    world.expect(&["ops: StateChange db1!postgres OK"]);
}

// Mutes.

#[test]
fn the_end_of_what_was_told_before_the_mute_is_told() {
    let mut world = broken();
    world.say("alice", "!mute db1!postgres 1h flaky");
    world.state(DB, "WARNING");
    world.expect_dropped("muted by alice@icinga: flaky");
    world.state(DB, "OK");
    world.expect(&["ops: StateChange db1!postgres OK"]);
}

#[test]
fn a_problem_that_is_still_there_when_the_mute_ends_is_told_then() {
    let mut world = World::shipped();
    world.object("db1", |_| {});
    world.say("alice", "!mute db1 1h flaky");
    world.state(DB, "CRITICAL");
    world.expect_dropped("muted by alice@icinga: flaky");
    world.wait("1h");
    world.expect(&[
        "ops: MuteEnding",
        "ops: StateChange db1!postgres CRITICAL (was: muted by alice@icinga: flaky)",
    ]);
}

#[test]
fn a_problem_that_came_and_went_under_a_mute_is_never_told() {
    let mut world = World::shipped();
    world.object("db1", |_| {});
    world.say("alice", "!mute db1 1h flaky");
    world.state(DB, "CRITICAL");
    world.state(DB, "OK");
    world.wait("2h");
    world.expect(&["ops: MuteEnding"]);
}

#[test]
fn unmuting_by_hand_tells_at_once_what_is_owed() {
    let mut world = World::shipped();
    world.object("db1", |_| {});
    world.say("alice", "!mute db1 1h flaky");
    world.state("db1", "DOWN");
    world.say("alice", "!unmute m1");
    world.expect(&["ops: StateChange db1 DOWN (was: muted by alice@icinga: flaky)"]);
}

// The rest.

#[test]
fn comments_are_told_when_a_person_wrote_them() {
    let mut world = World::shipped();
    world.happens(DB, Detail::CommentAdded(comment("db1!postgres!c1", "see the ticket")));
    world.expect(&["ops: CommentAdded db1!postgres"]);
    let mut by_icinga = comment("db1!postgres!c2", "acknowledged");
    by_icinga.entry_type = 4;
    world.happens(DB, Detail::CommentAdded(by_icinga));
    world.expect_dropped("told with what it belongs to");
}

#[test]
fn a_delivery_that_was_given_up_is_told_and_its_own_failure_is_not() {
    let mut world = World::shipped();
    let attempt = |event: &str| Attempt {
        delivery: Delivery {
            id: 1,
            key: "k".to_owned(),
            at: world_moment(),
            sink: "mail".to_owned(),
            target: "dba".to_owned(),
            recipient: "dba@example.org".to_owned(),
            event: event.to_owned(),
            object: DB.to_owned(),
            incident: None,
            rule: String::new(),
            message: Message { text: "it burns".to_owned(), ..Message::default() },
            brief: Brief::default(),
            attempts: 3,
            revived: None,
        },
        at: world_moment(),
        result: AttemptResult::Dead("550 no such user".to_owned()),
    };
    world.step(Input::GivenUp(attempt("StateChange")));
    world.expect(&["ops: DeliveryFailed"]);
    world.step(Input::GivenUp(attempt("DeliveryFailed")));
    world.expect_silence();
}

fn world_moment() -> watchbell::model::Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("a moment")
}

#[test]
fn news_of_the_rules_themselves_are_told() {
    let mut world = World::shipped();
    for accepted in [true, false] {
        let changed =
            RulesetChanged { accepted, hash: "cafe".to_owned(), rules: 3, error: String::new(), warnings: 0 };
        world.step(Input::RulesetChanged(changed));
        world.expect(&["ops: RulesetChanged"]);
    }
}

#[test]
fn an_event_of_a_type_that_no_rule_asks_for_reaches_nobody() {
    let mut world = World::shipped();
    let report = world.report(DB, "CRITICAL");
    world.happens(DB, Detail::CheckResult(report));
    world.expect_silence();
}
