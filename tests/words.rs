//! Words of the rule language: what a rule remembers of what it saw, and what it may
//! ask of other objects.

use crate::common::engine::{World, key};
use watchbell::model::Input;
use watchbell::model::event::RulesetChanged;

const DB: &str = "db1!postgres";

#[test]
fn a_rate_is_times_a_minute_over_the_window() {
    let mut world = World::new(r#"rule("rate", #{}, |e| e.log(`${e.rate(e.object, "2m")}`));"#);
    for _ in 0..4 {
        world.state(DB, "CRITICAL");
    }
    world.wait("3m");
    world.state(DB, "OK");
    assert_eq!(world.log, ["0.5", "1.0", "1.5", "2.0", "0.5"]);
}

#[test]
fn a_value_has_changed_the_first_time_and_when_it_differs_from_the_last() {
    let mut world = World::new(
        r#"
        rule("one", #{}, |e| e.log(`${e.changed(e.object, e.state)}`));
        rule("another has its own", #{ state: "OK" }, |e| e.log(`other ${e.changed(e.object, e.state)}`));
        "#,
    );
    for state in ["CRITICAL", "CRITICAL", "WARNING", "CRITICAL", "OK"] {
        world.state(DB, state);
    }
    world.restart();
    world.state(DB, "OK");
    assert_eq!(world.log, ["true", "false", "true", "true", "true", "other true", "false", "other false"]);
}

#[test]
fn any_value_can_be_compared_but_a_function() {
    let mut world = World::new(
        r#"
        rule("values", #{ state: "OK" }, |e| {
            let values = [(), 1, 1.5, "1", true, [1, "x"], #{ a: [()] }];
            let seen = values.map(|value| e.changed("k", value));
            let again = values.map(|value| { e.changed("j", value); e.changed("j", value) });
            e.log(`${seen} ${again}`);
        });
        rule("function", #{ state: "CRITICAL" }, |e| { e.changed("k", |x| x); });
        "#,
    );
    world.state(DB, "OK");
    assert_eq!(world.log, [format!("{:?} {:?}", [true; 7], [false; 7])]);
    world.told();
    world.state(DB, "CRITICAL");
    let told = world.told();
    assert!(told[0].contains("changed: this value cannot be kept"), "{told:?}");
}

#[test]
fn a_value_is_stable_once_it_has_been_the_same_for_the_time() {
    let mut world = World::new(r#"rule("stable", #{}, |e| e.log(`${e.stable("k", e.state, "10m")}`));"#);
    world.state(DB, "CRITICAL");
    world.wait("9m58s");
    world.state(DB, "CRITICAL");
    world.restart();
    world.state(DB, "CRITICAL");
    world.state(DB, "OK");
    world.wait("1h");
    world.state(DB, "OK");
    assert_eq!(world.log, ["false", "false", "true", "false", "true"]);
}

#[test]
fn what_a_rule_saw_is_forgotten_seven_days_after_it_looked_last() {
    let mut world =
        World::new(r#"rule("both", #{}, |e| e.log(`${e.changed("c", 1)} ${e.stable("s", 1, "6d")}`));"#);
    for pause in ["6d", "6d", "8d"] {
        world.state(DB, "CRITICAL");
        world.wait(pause);
    }
    world.state(DB, "CRITICAL");
    assert_eq!(world.log, ["true false", "false true", "false true", "true false"]);
}

#[test]
fn a_rule_may_ask_whether_another_object_is_in_a_problem() {
    let mut world = World::new(
        r#"rule("asks", #{ object: "db1!postgres" }, |e| e.log(`${e.problem("db1")} ${e.problem("san!disk")}`));"#,
    );
    world.state("db1", "DOWN");
    world.soft("san!disk", "CRITICAL");
    world.state(DB, "CRITICAL");
    world.state("db1", "UP");
    world.state("san!disk", "WARNING");
    world.state(DB, "OK");
    assert_eq!(world.log, ["true false", "false true"]);
}

#[test]
fn a_problem_of_a_name_that_nobody_knows_is_none_and_the_audit_says_so() {
    let mut world = World::new(r#"rule("asks", #{}, |e| e.log(`${e.problem("bd1")}`));"#);
    world.state("db1", "DOWN");
    assert_eq!(world.log, ["false"]);
    let did = &world.decisions[0].steps[0].did;
    assert_eq!(did, &["problem bd1: no state of it is known"]);
}

#[test]
fn parents_are_all_hosts_in_front_near_ones_first() {
    let mut world = World::new(r#"rule("asks", #{}, |e| e.log(`${e.parents()}`));"#);
    world.host_behind("db1", &["switch2", "switch1"]);
    world.host_behind("switch1", &["router"]);
    world.host_behind("switch2", &["router", "db1"]);
    world.object(DB, |service| service.parents = vec![key("san")]);
    world.host_behind("san", &["switch1"]);
    for object in [DB, "db1", "router", "unknown!service"] {
        world.state(object, if object.contains('!') { "CRITICAL" } else { "DOWN" });
    }
    let expected = [
        r#"["db1", "san", "switch1", "switch2", "router"]"#,
        r#"["switch1", "switch2", "router"]"#,
        "[]",
        r#"["unknown"]"#,
    ];
    assert_eq!(world.log, expected);
}

#[test]
fn a_rule_reads_the_incident() {
    let mut world = World::new(
        r#"rule("asks", #{}, |e| {
            let incident = e.incident();
            e.log(if incident == () { "none" } else {
                `${incident.number} ${incident.object} ${incident.opened == e.now} ${incident.closed} ${incident.told}`
            });
            if e.hard { e.notify("dba"); }
        });"#,
    );
    world.soft(DB, "CRITICAL");
    world.state(DB, "CRITICAL");
    world.state(DB, "WARNING");
    world.state(DB, "OK");
    let closed = world.now.as_second();
    let expected = [
        "none".to_owned(),
        "1 db1!postgres true  []".to_owned(),
        r#"1 db1!postgres false  ["dba"]"#.to_owned(),
        format!(r#"1 db1!postgres false {closed} ["dba"]"#),
    ];
    assert_eq!(world.log, expected);
}

#[test]
fn an_event_without_an_object_has_no_parents_and_no_incident() {
    let mut world = World::new(
        r#"rule("asks", #{ on: "RulesetChanged" }, |e| e.log(`${e.parents()} ${e.incident() == ()} ${e.problem("db1")}`));"#,
    );
    world.state("db1", "DOWN");
    let changed =
        RulesetChanged { accepted: true, hash: String::new(), rules: 1, error: String::new(), warnings: 0 };
    world.step(Input::RulesetChanged(changed));
    assert_eq!(world.log, ["[] true false"]);
}
