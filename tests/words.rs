//! Words of the rule language: what a rule remembers of what it saw.

use crate::common::engine::World;

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
