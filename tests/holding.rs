//! Problems that a rule keeps waiting: they are told when they last, and not at all when
//! they heal.

use crate::common::engine::{World, key};
use crate::common::happenings::{acknowledged, acknowledgement_ended, flapping};
use watchbell::model::{ActionKind, Detail, State};

const DB: &str = "db1!postgres";
const TOLD: &str = "ops: StateChange db1!postgres CRITICAL (was: held 2m: does it heal?)";

/// Holds what is no recovery, and tells those who heard of the problem of its end.
const HOLD: &str = r#"
    rule("acknowledged", #{ on: "StateChange", acknowledged: true }, |e| e.drop("acknowledged"));
    rule("waits", #{ on: "StateChange", hard: true }, |e| {
        e.hold("2m");
        if e.tell_those_told() == 0 && e.is_problem { e.notify("ops"); }
    });
    rule("rest", #{}, |e| e.drop("rest"));
"#;

fn held() -> World {
    let mut world = World::new(HOLD);
    world.state(DB, "CRITICAL");
    world.expect_dropped("held 2m: does it heal?");
    world
}

/// The objects that Icinga was asked to check.
fn checked(world: &World) -> Vec<&str> {
    let checks = world.actions.iter().filter(|action| action.kind == ActionKind::RescheduleCheck);
    checks.map(|action| action.object.name()).collect()
}

#[test]
fn what_lasts_is_told_when_the_time_is_up_and_so_is_its_end() {
    let mut world = held();
    world.wait("119s");
    world.expect_silence();
    world.wait("1s");
    world.expect(&[TOLD]);
    world.state(DB, "WARNING");
    world.expect(&["ops: StateChange db1!postgres WARNING"]);
    world.state(DB, "OK");
    world.expect(&["ops: StateChange db1!postgres OK"]);
}

#[test]
fn what_heals_in_time_is_never_heard_of() {
    let mut world = held();
    world.wait("119s");
    world.state(DB, "OK");
    world.wait("1h");
    world.expect_silence();
    assert!(world.engine.world().incident_of(&key(DB)).is_none());
    world.state(DB, "CRITICAL");
    world.wait("119s");
    world.expect_silence();
    world.wait("1s");
    world.expect(&[TOLD]);
}

#[test]
fn a_worse_state_keeps_the_clock() {
    let mut world = World::new(HOLD);
    world.state(DB, "WARNING");
    world.wait("1m");
    world.state(DB, "CRITICAL");
    world.wait("58s");
    world.expect_silence();
    world.wait("1s");
    world.expect(&[TOLD]);
}

#[test]
fn what_hides_the_problem_meanwhile_neither_shortens_nor_restarts_the_time() {
    let mut world = held();
    world.wait("30s");
    world.happens(DB, acknowledged(State::Critical));
    world.state(DB, "CRITICAL");
    world.expect_dropped("acknowledged");
    world.wait("30s");
    world.happens(DB, acknowledgement_ended(State::Critical));
    world.wait("56s");
    world.expect_silence();
    world.wait("1s");
    world.expect(&[TOLD]);
}

#[test]
fn a_restart_changes_nothing() {
    let mut world = held();
    world.wait("1m");
    world.restart();
    world.wait("59s");
    world.expect_silence();
    world.restart();
    world.wait("1s");
    world.expect(&[TOLD]);
    world.restart();
    world.wait("1h");
    world.expect_silence();
}

#[test]
fn the_host_of_a_service_is_checked_once_for_each_hold_and_a_host_not_at_all() {
    let mut world = held();
    assert_eq!(checked(&world), ["db1"]);
    assert_eq!(world.actions[0].author, "watchbell");
    world.state(DB, "WARNING");
    world.wait("1h");
    assert_eq!(checked(&world), ["db1"]);
    world.state("db2", "DOWN");
    world.wait("1h");
    assert_eq!(checked(&world), ["db1"]);
}

#[test]
fn a_host_is_checked_once_for_all_its_services_that_break_together() {
    let mut world = World::new(HOLD);
    for number in 0..20 {
        world.state(&format!("db1!service{number}"), "CRITICAL");
    }
    world.state("db2!http", "CRITICAL");
    assert_eq!(checked(&world), ["db1", "db2"]);
    world.wait("30s");
    world.state("db1!late", "CRITICAL");
    assert_eq!(checked(&world), ["db1", "db2", "db1"]);
}

#[test]
fn a_service_waits_on_while_its_host_may_be_going_down_but_not_for_ever() {
    let mut world = held();
    world.soft("db1", "DOWN");
    world.wait("4m28s");
    world.expect_silence();
    world.wait("1s");
    world.expect(&[TOLD]);
}

#[test]
fn a_service_is_told_as_soon_as_its_host_is_known_to_be_well() {
    let mut world = held();
    world.soft("db1", "DOWN");
    world.wait("2m5s");
    world.state("db1", "UP");
    world.wait("30s");
    world.expect(&[TOLD]);
}

#[test]
fn with_the_shipped_rules_a_service_on_a_host_that_goes_down_stays_silent() {
    let mut files = watchbell::load::shipped_rules();
    let text = r#"rule("hold", #{ on: "StateChange" }, |e| e.hold("1m"));"#.to_owned();
    files.push(watchbell::engine::RuleFile { name: "45-hold.rhai".to_owned(), text });
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let files: Vec<(&str, &str)> = files.iter().map(|file| (&*file.name, &*file.text)).collect();
    let mut world = World::with(crate::common::engine::compiled_files(&files));
    world.state(DB, "CRITICAL");
    world.wait("50s");
    world.soft("db1", "DOWN");
    world.wait("40s");
    world.state("db1", "DOWN");
    world.wait("1h");
    world.expect(&["ops: StateChange db1 DOWN (was: held 1m: does it heal?)"]);
}

#[test]
fn nothing_but_a_hard_problem_is_held() {
    let rules = r#"rule("waits", #{}, |e| { e.hold("2m"); e.notify("dba"); });"#;
    let mut world = World::new(rules);
    world.soft(DB, "CRITICAL");
    world.state(DB, "OK");
    world.happens(DB, flapping(true, State::Critical));
    world.happens(DB, Detail::CheckResult(world.report(DB, "CRITICAL")));
    assert_eq!(world.told().len(), 4);
    world.state(DB, "CRITICAL");
    world.expect_silence();
}

#[test]
fn what_somebody_has_heard_of_is_not_held() {
    let mut world = World::new(
        r#"
        rule("ops", #{ on: "StateChange" }, |e| e.notify("ops"));
        rule("dba", #{ on: "StateChange" }, |e| { e.hold("2m"); e.notify("dba"); });
        "#,
    );
    world.state(DB, "CRITICAL");
    world.expect(&["ops: StateChange db1!postgres CRITICAL", "dba: StateChange db1!postgres CRITICAL"]);
}

#[test]
fn no_script_catches_the_end_of_its_action() {
    for action in [
        r#"|e| { try { e.hold("2m"); } catch { e.notify("dba"); } e.notify("dba"); }"#,
        r#"|e| { quiet(e); e.notify("dba"); }"#,
        r#"|e| { [1, 2].for_each(|| e.hold("2m")); e.notify("dba"); }"#,
    ] {
        let function = r#"fn quiet(e) { e.hold("2m"); }"#;
        let mut world =
            World::new(&format!(r#"{function} rule("waits", #{{ on: "StateChange" }}, {action});"#));
        world.state(DB, "CRITICAL");
        world.expect_dropped("held 2m: does it heal?");
        world.wait("2m");
        world.expect(&["dba: StateChange db1!postgres CRITICAL (was: held 2m: does it heal?)"]);
    }
}

// States from before what is in front came back.

const SETTLED: &str = "ops: StateChange db1!postgres CRITICAL (was: what is in front of it is just back)";

const SETTLE: &str = r#"
    rule("hosts", #{ is_host: true }, |e| e.drop("hosts"));
    rule("host down", #{ on: "StateChange", "host.is_problem": true }, |e| e.drop("host", #{ again: "10s" }));
    rule("parent down", #{ on: "StateChange", reachable: false }, |e| e.drop("parent", #{ again: "10s" }));
    rule("settles", #{ on: "StateChange" }, |e| {
        e.settle("2m");
        if e.tell_those_told() == 0 && e.is_problem { e.notify("ops"); }
    });
    rule("rest", #{}, |e| e.drop("rest"));
"#;

/// The host is back after 30 s, and the state of its service is from before that.
fn host_is_back() -> World {
    let mut world = World::new(SETTLE);
    world.state("db1", "DOWN");
    world.state(DB, "CRITICAL");
    world.wait("30s");
    world.state("db1", "UP");
    world
}

#[test]
fn a_state_from_before_its_host_came_back_is_told_when_the_host_has_been_up_for_long_enough() {
    let mut world = host_is_back();
    assert!(checked(&world).is_empty());
    world.wait("119s");
    world.expect_silence();
    assert_eq!(checked(&world), [DB], "it is checked once");
    world.wait("1s");
    world.expect(&[SETTLED]);
    world.state(DB, "OK");
    world.expect(&["ops: StateChange db1!postgres OK"]);
}

#[test]
fn a_state_that_was_over_with_the_return_of_its_host_is_never_heard_of() {
    let mut world = host_is_back();
    world.wait("20s");
    world.state(DB, "OK");
    world.wait("1h");
    world.expect_silence();
}

#[test]
fn a_check_that_finds_it_again_is_enough() {
    let mut world = host_is_back();
    world.wait("20s");
    world.happens(DB, Detail::CheckResult(world.report(DB, "CRITICAL")));
    world.wait("30s");
    world.expect(&[SETTLED]);
}

#[test]
fn a_problem_that_is_found_after_the_return_is_told_at_once() {
    let mut world = World::new(SETTLE);
    world.state("db1", "DOWN");
    world.state("db1", "UP");
    world.state(DB, "CRITICAL");
    world.expect(&["ops: StateChange db1!postgres CRITICAL"]);
    assert!(checked(&world).is_empty());
}

#[test]
fn a_check_that_ended_before_the_return_and_comes_after_it_waits() {
    let mut world = World::new(SETTLE);
    world.state("db1", "DOWN");
    let before = world.now;
    world.state("db1", "UP");
    world.reported(DB, "CRITICAL", |report| report.execution_end = Some(before));
    world.expect_silence();
    world.wait("2m");
    world.expect(&[SETTLED]);
}

#[test]
fn where_nothing_came_back_lately_nothing_waits() {
    for history in [&[][..], &["UP"], &["DOWN", "UP"]] {
        let mut world = World::new(SETTLE);
        history.iter().for_each(|state| world.state("db1", state));
        let before = world.now - std::time::Duration::from_secs(60);
        world.wait("2m");
        world.reported(DB, "CRITICAL", |report| report.execution_end = Some(before));
        world.expect(&["ops: StateChange db1!postgres CRITICAL"]);
    }
}

#[test]
fn the_return_of_any_host_in_front_counts_and_the_last_one_decides() {
    let mut world = World::new(SETTLE);
    world.host_behind("router", &["uplink"]);
    world.host_behind("db1", &["router"]);
    world.state("uplink", "DOWN");
    world.state("router", "DOWN");
    world.reported(DB, "CRITICAL", |report| report.reachable = false);
    world.state("router", "UP");
    world.wait("90s");
    world.state("uplink", "UP");
    world.wait("119s");
    world.expect_silence();
    world.wait("1s");
    world.expect(&[SETTLED]);
}

#[test]
fn a_restart_while_things_settle_changes_nothing() {
    let mut world = host_is_back();
    world.wait("1m");
    world.restart();
    world.wait("59s");
    world.expect_silence();
    world.wait("1s");
    world.expect(&[SETTLED]);
    assert_eq!(checked(&world), [DB]);
}

#[test]
fn a_host_whose_clock_is_ahead_does_not_make_its_services_wait_for_it() {
    let mut world = World::new(SETTLE);
    world.state("db1", "DOWN");
    world.state(DB, "CRITICAL");
    let ahead = world.now + std::time::Duration::from_secs(3600);
    world.reported("db1", "UP", |report| report.execution_end = Some(ahead));
    world.wait("2m");
    world.expect(&[SETTLED]);
}

#[test]
fn two_rules_hold_one_behind_the_other() {
    let mut world = World::new(
        r#"
        rule("one", #{ on: "StateChange" }, |e| e.hold("2m"));
        rule("two", #{ on: "StateChange" }, |e| { e.hold("1m"); e.notify("ops"); });
        "#,
    );
    world.state(DB, "CRITICAL");
    world.wait("2m59s");
    world.expect_silence();
    world.wait("1s");
    world.expect(&["ops: StateChange db1!postgres CRITICAL (was: held 1m: does it heal?)"]);
}
