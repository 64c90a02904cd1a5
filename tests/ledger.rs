//! The ledger: who was told what of which object. Who heard a problem hears its end, and
//! nobody hears twice what is so already; also with a restart at any point.

use crate::common::engine::{self, World};
use crate::common::happenings::{acknowledged, acknowledgement_ended, downtime, flapping, in_effect};
use proptest::prelude::*;
use std::collections::BTreeMap;
use watchbell::engine::RuleFile;
use watchbell::model::{Detail, State};

const DB: &str = "db1!postgres";

/// The shipped rules with one more file.
fn shipped_with(name: &str, text: &str) -> World {
    let mut files = watchbell::load::shipped_rules();
    files.push(RuleFile { name: name.to_owned(), text: text.to_owned() });
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let files: Vec<(&str, &str)> = files.iter().map(|file| (&*file.name, &*file.text)).collect();
    World::with(engine::compiled_files(&files))
}

/// The shipped rules, and the database team hears of what is critical.
fn with_dba() -> World {
    shipped_with(
        "45-dba.rhai",
        r#"rule("dba", #{ on: "StateChange", state: "CRITICAL" }, |e| e.notify("dba"));"#,
    )
}

/// The shipped rules, and the database team hears of every change, whatever hides it from
/// the others.
fn with_dba_first() -> World {
    shipped_with(
        "05-dba.rhai",
        r#"rule("dba", #{ on: "StateChange", hard: true, is_problem: true }, |e| e.notify("dba"));"#,
    )
}

fn begin_downtime(world: &mut World) -> Detail {
    let effect = in_effect(&downtime("db1!postgres!d", world.now), world.now);
    world.happens(DB, Detail::DowntimeStarted(effect.clone()));
    world.told();
    Detail::DowntimeRemoved(effect)
}

/// Each story is told without a restart, and with one before each of its steps.
fn with_restarts(story: impl Fn(&mut dyn FnMut(&mut World))) {
    story(&mut |_| {});
    for at in 0..6 {
        let mut step = 0;
        story(&mut |world| {
            if step == at {
                world.restart();
            }
            step += 1;
        });
    }
}

#[test]
fn a_recovery_goes_to_those_who_heard_the_problem_and_to_nobody_else() {
    with_restarts(|pause| {
        let mut world = with_dba();
        world.state(DB, "WARNING");
        pause(&mut world);
        world.state("db2!http", "CRITICAL");
        world.told();
        pause(&mut world);
        world.state(DB, "OK");
        world.expect(&["ops: StateChange db1!postgres OK"]);
        pause(&mut world);
        world.state("db2!http", "OK");
        world.expect(&["dba: StateChange db2!http OK", "ops: StateChange db2!http OK"]);
        pause(&mut world);
        // More changes in a short time would be called flapping.
        world.wait("5m");
        world.state(DB, "CRITICAL");
        world.told();
        pause(&mut world);
        world.state(DB, "OK");
        world.expect(&["dba: StateChange db1!postgres OK", "ops: StateChange db1!postgres OK"]);
    });
}

#[test]
fn a_problem_told_to_one_as_a_warning_and_to_another_as_critical_is_ended_at_both() {
    let rules = r#"
        rule("warnings", #{ on: "StateChange", state: "WARNING" }, |e| e.notify("ops"));
        rule("criticals", #{ on: "StateChange", state: "CRITICAL" }, |e| e.notify("dba"));
        rule("ends", #{ on: "StateChange", is_recovery: true }, |e| { e.tell_those_told(); });"#;
    with_restarts(|pause| {
        let mut world = World::new(rules);
        world.state(DB, "WARNING");
        pause(&mut world);
        world.state(DB, "CRITICAL");
        world.expect(&["ops: StateChange db1!postgres WARNING", "dba: StateChange db1!postgres CRITICAL"]);
        pause(&mut world);
        world.state(DB, "OK");
        world.expect(&["dba: StateChange db1!postgres OK", "ops: StateChange db1!postgres OK"]);
    });
}

#[test]
fn a_soft_recovery_tells_nothing() {
    with_restarts(|pause| {
        let mut world = with_dba();
        world.soft(DB, "CRITICAL");
        pause(&mut world);
        world.soft(DB, "OK");
        world.state(DB, "OK");
        world.expect_silence();
    });
}

/// What covers a problem: how it begins, and how it ends in a state.
type Cover = (&'static str, fn(&mut World) -> Vec<Detail>, fn(State, &Detail) -> Option<Detail>);

const COVERS: [Cover; 4] = [
    ("downtime", |world| vec![begin_downtime(world)], |_, end| Some(end.clone())),
    (
        "acknowledgement",
        |world| {
            world.happens(DB, acknowledged(State::Critical));
            vec![acknowledgement_ended(State::Critical)]
        },
        |state, _| Some(acknowledgement_ended(state)),
    ),
    (
        "flapping",
        |world| {
            world.happens(DB, flapping(true, State::Critical));
            vec![flapping(false, State::Critical)]
        },
        |state, _| Some(flapping(false, state)),
    ),
    (
        "mute",
        |world| {
            world.object(DB, |_| {});
            world.say("alice", "!mute db1!postgres 1h");
            vec![acknowledgement_ended(State::Ok)]
        },
        |_, _| None,
    ),
];

/// The messages that say how the object is: its changes, and the end of its flapping.
fn states(told: Vec<String>) -> Vec<String> {
    let says = |line: &String| line.contains(": StateChange") || line.contains(": Flapping");
    told.into_iter().filter(says).collect()
}

#[test]
fn the_end_of_what_covers_a_problem_tells_the_final_state_if_it_is_another_one() {
    for (name, begins, ends) in COVERS {
        for (during, differs) in [("CRITICAL", false), ("WARNING", true)] {
            with_restarts(|pause| {
                let mut world = with_dba();
                world.state(DB, "CRITICAL");
                pause(&mut world);
                let end = begins(&mut world).remove(0);
                world.told();
                pause(&mut world);
                world.state(DB, "UNKNOWN");
                world.state(DB, during);
                assert_eq!(states(world.told()), Vec::<String>::new(), "{name}");
                pause(&mut world);
                let state = State::from_name(during).expect("a state");
                match ends(state, &end) {
                    Some(end) => world.happens(DB, end),
                    None => world.wait("1h"),
                }
                let told = states(world.told());
                let calm = format!("ops: Flapping db1!postgres {during}");
                match (name, differs) {
                    ("flapping", _) => assert_eq!(told, [calm]),
                    (_, true) => {
                        assert!(told.len() == 1 && told[0].contains("db1!postgres WARNING"), "{told:?}")
                    }
                    (_, false) => assert_eq!(told, Vec::<String>::new(), "{name}"),
                }
                pause(&mut world);
                world.state(DB, "OK");
                world.expect(&["dba: StateChange db1!postgres OK", "ops: StateChange db1!postgres OK"]);
            });
        }
    }
}

#[test]
fn who_hears_that_it_is_calm_and_well_is_not_told_so_twice() {
    with_restarts(|pause| {
        let mut world = with_dba();
        world.state(DB, "CRITICAL");
        world.happens(DB, flapping(true, State::Critical));
        world.state(DB, "OK");
        world.told();
        pause(&mut world);
        world.happens(DB, flapping(false, State::Ok));
        world.expect(&["ops: Flapping db1!postgres OK", "dba: StateChange db1!postgres OK (was: flapping)"]);
        pause(&mut world);
        world.state(DB, "WARNING");
        world.state(DB, "OK");
        world.expect(&["ops: StateChange db1!postgres WARNING", "ops: StateChange db1!postgres OK"]);
    });
}

#[test]
fn what_one_target_heard_in_a_downtime_is_owed_to_the_others_after_it() {
    with_restarts(|pause| {
        let mut world = with_dba_first();
        let end = begin_downtime(&mut world);
        world.state(DB, "CRITICAL");
        world.expect(&["dba: StateChange db1!postgres CRITICAL"]);
        pause(&mut world);
        world.happens(DB, end.clone());
        world.expect(&["ops: StateChange db1!postgres CRITICAL (was: in downtime)"]);
        pause(&mut world);
        world.state(DB, "OK");
        world.expect(&["dba: StateChange db1!postgres OK", "ops: StateChange db1!postgres OK"]);
    });
}

#[test]
fn what_ended_in_a_downtime_is_owed_to_nobody_who_did_not_hear_it() {
    with_restarts(|pause| {
        let mut world = with_dba_first();
        let end = begin_downtime(&mut world);
        world.state(DB, "CRITICAL");
        world.told();
        pause(&mut world);
        world.state(DB, "OK");
        world.expect(&["dba: StateChange db1!postgres OK"]);
        pause(&mut world);
        world.happens(DB, end.clone());
        world.expect_dropped("nobody was told of this downtime");
    });
}

#[test]
fn a_recovery_that_one_target_hears_while_it_flaps_is_owed_to_the_others() {
    let rules = r#"rule("dba", #{ on: "StateChange", hard: true }, |e| e.notify("dba"));"#;
    with_restarts(|pause| {
        let mut world = shipped_with("05-dba.rhai", rules);
        world.state(DB, "CRITICAL");
        world.happens(DB, flapping(true, State::Critical));
        world.told();
        pause(&mut world);
        world.state(DB, "OK");
        world.expect(&["dba: StateChange db1!postgres OK"]);
        pause(&mut world);
        world.happens(DB, flapping(false, State::Ok));
        world.expect(&["ops: Flapping db1!postgres OK"]);
    });
}

#[test]
fn a_rule_that_tells_one_target_and_drops_means_nobody_else() {
    let rules = r#"
        rule("dba alone", #{ on: "StateChange", is_problem: true }, |e| { e.notify("dba"); e.drop("dba alone"); });"#;
    with_restarts(|pause| {
        let mut world = shipped_with("45-dba.rhai", rules);
        world.object(DB, |_| {});
        world.state(DB, "CRITICAL");
        world.expect(&["dba: StateChange db1!postgres CRITICAL"]);
        pause(&mut world);
        let end = begin_downtime(&mut world);
        world.happens(DB, end);
        world.expect_silence();
        pause(&mut world);
        world.now += std::time::Duration::from_secs(1);
        world.state(DB, "CRITICAL");
        world.expect_silence();
        world.state(DB, "OK");
        world.expect(&["dba: StateChange db1!postgres OK"]);
    });
}

#[derive(Debug, Clone, Copy)]
enum Step {
    State(&'static str),
    Ack,
    Unack,
    Downtime(bool),
    Flapping(bool),
    Mute,
    Wait,
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => proptest::sample::select(vec!["OK", "WARNING", "CRITICAL"]).prop_map(Step::State),
        1 => Just(Step::Ack),
        1 => Just(Step::Unack),
        1 => any::<bool>().prop_map(Step::Downtime),
        1 => any::<bool>().prop_map(Step::Flapping),
        1 => Just(Step::Mute),
        1 => Just(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

fn perform(world: &mut World, step: Step) {
    let state = world.engine.world().status(&engine::key(DB)).state.unwrap_or(State::Ok);
    let effect = in_effect(&downtime("db1!postgres!d", world.now), world.now);
    match step {
        Step::State(state) => world.state(DB, state),
        Step::Ack if state.is_problem() => world.happens(DB, acknowledged(state)),
        Step::Ack => {}
        Step::Unack => world.happens(DB, acknowledgement_ended(state)),
        Step::Downtime(true) => world.happens(DB, Detail::DowntimeStarted(effect)),
        Step::Downtime(false) => world.happens(DB, Detail::DowntimeRemoved(effect)),
        Step::Flapping(begins) => world.happens(DB, flapping(begins, state)),
        Step::Mute => drop(world.say("alice", "!mute db1!postgres 10m")),
        Step::Wait => world.wait("11m"),
        Step::Restart => world.restart(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// When all that covers it is gone, the last that each target heard is how it is, and
    /// no target hears of an end whose problem it did not hear of.
    #[test]
    fn in_the_end_everybody_knows_how_it_is(steps in proptest::collection::vec(any_step(), 1..25)) {
        let mut world = with_dba_first();
        world.object(DB, |_| {});
        let mut last: BTreeMap<String, String> = BTreeMap::new();
        let ends = [Step::Unack, Step::Downtime(false), Step::Flapping(false), Step::Wait, Step::Wait, Step::Wait, Step::Wait];
        for step in steps.into_iter().chain(ends) {
            perform(&mut world, step);
            for line in world.told() {
                let words: Vec<&str> = line.split_whitespace().collect();
                let [target, "StateChange" | "Flapping" | "AcknowledgementSet", _, state, ..] = words[..] else { continue };
                let before = last.insert(target.to_owned(), state.to_owned());
                if words[1] == "StateChange" && state == "OK" && !line.contains("changes all the time") {
                    prop_assert!(before.is_some_and(|before| before != "OK"), "{}: {}", target, line);
                }
            }
        }
        let now = world.engine.world().status(&engine::key(DB)).hard_state.unwrap_or(State::Ok);
        for target in ["ops:", "dba:"] {
            let heard = last.get(target).map_or("OK", String::as_str);
            prop_assert_eq!(heard, now.name(), "{}", target);
        }
    }
}
