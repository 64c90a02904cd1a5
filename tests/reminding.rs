//! Reminders of problems that last: growing intervals, once each, and only while people
//! want to hear of it.

use crate::common::engine::{World, compiled_files, key};
use crate::common::happenings::{acknowledged, acknowledgement_ended, downtime, flapping, in_effect};
use watchbell::engine::RuleFile;
use watchbell::model::{Detail, Input, State};

const DB: &str = "db1!postgres";
const REMINDED: &str = "ops: Reminder db1!postgres CRITICAL";

/// Tells every problem, and its end to those who heard of it; says which reminder it is.
fn rules(remind: &str) -> String {
    format!(
        r#"
        rule("tells", #{{ on: "StateChange", hard: true }}, |it| {{
            let e = it;
            if e.is_problem {{ e.notify("ops"); {remind} }} else {{ e.tell_those_told(); }}
        }});
        rule("reminds", #{{ on: "Reminder" }}, |e| e.notify("ops", #{{ text: `${{e.reminder.rule}} ${{e.reminder.number}}` }}));
        rule("rest", #{{}}, |e| e.drop("rest"));
        "#
    )
}

/// A problem that was told.
fn broken(remind: &str) -> World {
    let mut world = World::new(&rules(remind));
    world.state(DB, "CRITICAL");
    world.expect(&["ops: StateChange db1!postgres CRITICAL"]);
    world
}

/// After how many minutes from now the reminders of the next days come.
fn minutes_of_reminders(world: &mut World, days: i64) -> Vec<i64> {
    let mut minutes = Vec::new();
    for minute in 1..=days * 24 * 60 {
        world.wait("1m");
        minutes.extend(world.told().iter().map(|_| minute));
    }
    minutes
}

#[test]
fn intervals_grow_up_to_the_longest() {
    for (remind, expected) in [
        (r#"e.remind("2h");"#, vec![120, 360, 840, 1320, 1800, 2280, 2760]),
        (r#"e.remind("2h", #{ factor: 1 });"#, (1..=24).map(|n| n * 120).collect()),
        (r#"e.remind("10m", #{ factor: 3, longest: "20h" });"#, vec![10, 40, 130, 400, 1210, 2410]),
        (r#"e.remind("8h", #{ factor: 1.5, longest: "1d" });"#, vec![480, 1200, 2280]),
        (r#"e.remind("1d");"#, vec![1440, 2880]),
        ("", vec![]),
    ] {
        let mut world = broken(remind);
        assert_eq!(minutes_of_reminders(&mut world, 2), expected, "{remind}");
    }
}

#[test]
fn reminders_are_counted_and_name_their_rule_and_end_with_the_problem() {
    let mut world = broken(r#"e.remind("1h");"#);
    world.wait("3h");
    world.expect(&[&format!("{REMINDED} \"tells 1\""), &format!("{REMINDED} \"tells 2\"")]);
    world.state(DB, "OK");
    world.expect(&["ops: StateChange db1!postgres OK"]);
    world.wait("30d");
    world.expect_silence();
    assert_eq!(world.engine.next_wake(), None);
    world.state(DB, "CRITICAL");
    world.told();
    world.wait("1h");
    world.expect(&[&format!("{REMINDED} \"tells 1\"")]);
}

#[test]
fn the_first_call_of_an_incident_counts() {
    let mut world = broken(r#"e.remind("1h", #{ factor: 1 }); e.remind("1m");"#);
    world.wait("30m");
    world.state(DB, "WARNING");
    world.expect(&["ops: StateChange db1!postgres WARNING"]);
    world.wait("29m");
    world.expect_silence();
    world.wait("1m");
    world.expect(&["ops: Reminder db1!postgres WARNING \"tells 1\""]);
}

#[test]
fn a_restart_neither_loses_nor_repeats_a_reminder_and_what_was_missed_is_one() {
    let mut world = broken(r#"e.remind("1h", #{ factor: 1 });"#);
    world.wait("59m");
    world.restart();
    world.wait("1m");
    world.expect(&[&format!("{REMINDED} \"tells 1\"")]);
    world.restart();
    world.wait("59m");
    world.expect_silence();
    world.now += std::time::Duration::from_secs(10 * 3600);
    world.restart();
    world.step(Input::Tick);
    world.step(Input::Tick);
    world.expect(&[&format!("{REMINDED} \"tells 2\"")]);
    world.wait("1h");
    world.expect(&[&format!("{REMINDED} \"tells 3\"")]);
}

#[test]
fn a_problem_that_ends_just_before_its_reminder_would_come_is_over() {
    let mut world = broken(r#"e.remind("1h"); e.after("1h", "t");"#);
    world.now += std::time::Duration::from_secs(7200);
    world.restart();
    world.state(DB, "OK");
    world.expect(&["ops: StateChange db1!postgres OK"]);
}

#[test]
fn nothing_is_reminded_of_where_there_is_no_problem() {
    let mut world = World::new(r#"rule("reminds", #{}, |e| { e.remind("1m"); e.drop("seen"); });"#);
    world.soft(DB, "CRITICAL");
    world.state(DB, "OK");
    world.happens(DB, flapping(true, State::Ok));
    assert_eq!(world.engine.next_wake(), None);
}

#[test]
fn reminders_end_with_their_object() {
    let mut world = broken(r#"e.remind("1h");"#);
    world.step(Input::ObjectsGone(vec![key(DB)]));
    assert_eq!(world.engine.next_wake(), None);
    world.wait("10d");
    world.expect_silence();
}

#[test]
fn a_reminder_that_cannot_be_is_an_error_of_the_rule() {
    for (call, words) in [
        (r#"e.remind("1h", #{ factor: 0 });"#, "`factor` takes a number from 1 to 100"),
        (r#"e.remind("1h", #{ factor: "2" });"#, "`factor` takes a number from 1 to 100"),
        (r#"e.remind("1h", #{ longest: "1m" });"#, "`longest` is shorter"),
        (r#"e.remind("1h", #{ limit: "1m" });"#, "knows no option `limit`"),
        (r#"e.remind("often");"#, "not a length of time"),
    ] {
        let mut world = World::new(&rules(call));
        world.state(DB, "CRITICAL");
        let told = world.told().join("\n");
        assert!(told.contains("a rule failed") && told.contains(words), "{call}: {told}");
    }
}

#[test]
fn who_hears_of_a_problem_by_a_reminder_hears_its_end() {
    for (event, set) in [("Reminder", r#"e.remind("1h");"#), ("Timer", r#"e.after("1h", "t");"#)] {
        let mut world = World::new(&format!(
            r#"
            rule("tells", #{{ on: "StateChange" }}, |e| {{
                if e.is_problem {{ {set} e.drop("later") }} else if e.tell_those_told() == 0 {{ e.drop("nobody") }}
            }});
            rule("boss", #{{ on: "{event}" }}, |e| e.notify("dba"));
            "#
        ));
        world.state(DB, "CRITICAL");
        world.wait("1h");
        world.expect(&[&format!("dba: {event} db1!postgres CRITICAL")]);
        world.state(DB, "OK");
        world.expect(&["dba: StateChange db1!postgres OK"]);
    }
}

#[test]
fn a_reminder_leaves_what_is_owed_to_others_owed() {
    let mut world = World::new(
        r#"
        rule("warnings", #{ on: "StateChange", state: "WARNING" }, |e| { e.notify("ops"); e.remind("1m"); });
        rule("dba", #{ on: "StateChange", state: "CRITICAL" }, |e| { e.hold("2m"); e.notify("dba"); });
        rule("reminds", #{ on: "Reminder" }, |e| { e.tell_those_told(); });
        "#,
    );
    world.state(DB, "WARNING");
    world.wait("30s");
    world.state(DB, "CRITICAL");
    world.expect(&["ops: StateChange db1!postgres WARNING"]);
    world.wait("2m");
    world.expect(&[REMINDED, "dba: StateChange db1!postgres CRITICAL (was: held 2m: does it heal?)"]);
}

#[test]
fn a_reminder_that_no_rule_answers_is_heard_of() {
    let mut world =
        World::new(r#"rule("tells", #{ on: "StateChange" }, |e| { e.notify("dba"); e.remind("1h"); });"#);
    world.state(DB, "CRITICAL");
    world.wait("1h");
    world.expect(&[
        "dba: StateChange db1!postgres CRITICAL",
        "ops by default: Reminder db1!postgres CRITICAL",
    ]);
}

// With the shipped rules.

/// The shipped rules, and one that wants reminders.
fn shipped() -> World {
    let mut files = watchbell::load::shipped_rules();
    let text =
        r#"rule("reminders", #{ on: "StateChange", is_problem: true }, |e| e.remind("1h", #{ factor: 1 }));"#;
    files.push(RuleFile { name: "45-remind.rhai".to_owned(), text: text.to_owned() });
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let files: Vec<(&str, &str)> = files.iter().map(|file| (&*file.name, &*file.text)).collect();
    World::with(compiled_files(&files))
}

fn shipped_and_broken() -> World {
    let mut world = shipped();
    world.object(DB, |_| {});
    world.state(DB, "CRITICAL");
    world.expect(&["ops: StateChange db1!postgres CRITICAL"]);
    world
}

#[test]
fn the_shipped_rules_remind_those_who_heard_of_the_problem() {
    let mut world = shipped_and_broken();
    world.wait("2h");
    world.expect(&[REMINDED, REMINDED]);
}

#[test]
fn an_acknowledged_problem_is_counted_on_and_heard_again_when_nobody_looks_after_it() {
    let mut world = shipped_and_broken();
    world.happens(DB, acknowledged(State::Critical));
    world.told();
    world.wait("2h");
    world.expect_dropped("acknowledged");
    world.happens(DB, acknowledgement_ended(State::Critical));
    world.told();
    world.wait("1h");
    world.expect(&[REMINDED]);
    let last = world.decisions.last().map(|decision| decision.summary.clone());
    assert_eq!(last.as_deref(), Some("number 3 of the rule `reminders`"));
}

#[test]
fn the_shipped_rules_do_not_remind_of_what_is_in_good_hands_or_behind_what_is_down() {
    let mut world = shipped_and_broken();
    let effect = in_effect(&downtime("db1!postgres!d", world.now), world.now);
    world.happens(DB, Detail::DowntimeStarted(effect));
    world.told();
    world.wait("1h");
    world.expect_dropped("in downtime");
    let mut world = shipped_and_broken();
    world.happens(DB, flapping(true, State::Critical));
    world.told();
    world.wait("1h");
    world.expect_dropped("flapping");
    let mut world = shipped_and_broken();
    world.say("alice", "!mute db1!postgres 2h later");
    world.wait("1h");
    world.expect_dropped("muted by alice@icinga: later");
    let mut world = shipped_and_broken();
    world.state("db1", "DOWN");
    world.told();
    world.wait("59m59s");
    world.expect_dropped("its host is down");
}

#[test]
fn a_problem_behind_a_parent_is_reminded_of_when_the_parent_is_back() {
    let mut world = shipped();
    world.host_behind("db1", &["router"]);
    world.state("db1", "DOWN");
    world.state("router", "DOWN");
    world.told();
    world.wait("1h");
    world.expect(&["ops: Reminder router DOWN"]);
    let parent = world.decisions.iter().rfind(|decision| decision.object == "db1");
    assert_eq!(
        parent.map(|decision| decision.verdict.clone()),
        Some(watchbell::model::Verdict::Dropped("a parent is down".to_owned()))
    );
    world.state("router", "UP");
    world.told();
    world.wait("1h");
    world.expect(&["ops: Reminder db1 DOWN"]);
}
