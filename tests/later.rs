//! What rules wait for, and what of it outlives a restart, an edit of the rules and
//! another Watchbell.

use crate::common::engine::{World, compiled, key};
use crate::common::happenings::acknowledged;
use watchbell::engine;
use watchbell::model::{Input, State, Verdict};

const DB: &str = "db1!postgres";

/// Tells who should look after a problem that lasts, with what the rules knew then.
const ESCALATE: &str = r#"
    rule("escalate", #{ on: "StateChange" }, |e| {
        if e.is_problem { e.after("10m", "late", #{ team: "db", list: [1, (), #{ a: 2.5 }] }); } else { e.cancel("late"); }
        e.drop("not yet");
    });
    rule("late", #{ on: "Timer", "timer.name": "late", "timer.data.team": "db" }, |e| {
        e.notify("dba", #{ text: `${e.timer.rule}: ${e.timer.data.list}` });
    });
"#;

const LATE: &str = r#"dba: Timer db1!postgres CRITICAL "escalate: [1, (), #{"a": 2.5}]""#;

// Timers.

#[test]
fn a_timer_is_judged_once_when_its_time_has_come() {
    let mut world = World::new(ESCALATE);
    world.state(DB, "CRITICAL");
    world.wait("9m");
    world.expect_silence();
    world.wait("1m");
    world.expect(&[LATE]);
    world.wait("1d");
    world.expect_silence();
}

#[test]
fn a_timer_that_is_set_again_moves() {
    let mut world = World::new(ESCALATE);
    world.state(DB, "CRITICAL");
    world.wait("9m");
    world.state(DB, "CRITICAL");
    world.wait("9m");
    world.expect_silence();
    world.wait("1m");
    world.expect(&[LATE]);
}

#[test]
fn a_timer_that_is_cancelled_never_comes() {
    let mut world = World::new(ESCALATE);
    world.state(DB, "CRITICAL");
    world.state(DB, "OK");
    world.wait("1d");
    world.expect_silence();
    assert!(world.held("timer").is_empty(), "{:?}", world.held("timer"));
}

#[test]
fn a_timer_that_is_cancelled_at_the_moment_it_is_due_does_not_come() {
    let mut world = World::new(ESCALATE);
    world.state(DB, "CRITICAL");
    world.now += std::time::Duration::from_secs(3600);
    world.restart();
    world.state(DB, "OK");
    world.wait("1h");
    world.expect_silence();
    let rules = r#"
        rule("sets", #{ on: ["StateChange", "Timer"] }, |e| {
            if e.type == "Timer" { e.cancel("a"); e.cancel("b"); e.notify("ops"); } else { e.after("1m", "a"); e.after("1m", "b"); e.drop("set"); }
        });
    "#;
    let mut world = World::new(rules);
    world.state(DB, "CRITICAL");
    world.wait("1h");
    world.expect(&["ops: Timer db1!postgres CRITICAL"]);
}

#[test]
fn cancel_reaches_the_timers_of_its_own_rule_and_object_only_and_says_whether_there_was_one() {
    let mut world = World::new(
        r#"
        rule("sets", #{ on: "StateChange", is_problem: true }, |e| { e.after("1h", "t"); e.drop("set"); });
        rule("another", #{ on: "StateChange", is_problem: false }, |e| e.log(`another: ${e.cancel("t")}`));
        rule("rings", #{ on: "Timer" }, |e| e.notify("ops"));
        "#,
    );
    world.state(DB, "CRITICAL");
    world.state("db2!http", "CRITICAL");
    world.state(DB, "OK");
    world.told();
    assert_eq!(world.log, ["another: false"]);
    world.wait("1h");
    world.expect(&["ops: Timer db1!postgres OK", "ops: Timer db2!http CRITICAL"]);
    let own = r#"rule("own", #{ on: "StateChange" }, |e| {
        if e.is_problem { e.after("1h", "t"); } else { e.log(`${e.cancel("t")} ${e.cancel("t")}`); }
    });"#;
    let mut world = World::new(own);
    world.state(DB, "CRITICAL");
    world.state(DB, "OK");
    assert_eq!(world.log, ["true false"]);
}

#[test]
fn a_timer_outlives_a_restart_and_what_came_due_meanwhile_comes_once() {
    let mut world = World::new(ESCALATE);
    world.state(DB, "CRITICAL");
    world.restart();
    world.wait("9m");
    world.expect_silence();
    world.now += std::time::Duration::from_secs(3600);
    world.restart();
    world.step(Input::Tick);
    world.expect(&[LATE]);
    world.restart();
    world.wait("1d");
    world.expect_silence();
}

#[test]
fn a_timer_that_no_rule_answers_reaches_nobody() {
    for listener in [
        "",
        r#"rule("other", #{ on: "Timer", "timer.name": "other" }, |e| e.notify("ops"));"#,
        r#"rule("mute", #{ on: "Timer" }, |e| ());"#,
    ] {
        let rules = r#"rule("sets", #{ on: "StateChange" }, |e| { e.after("1m", "t"); e.drop("set"); });"#;
        let mut world = World::new(&format!("{rules} {listener}"));
        world.state(DB, "CRITICAL");
        world.wait("1h");
        world.expect_silence();
        assert!(world.decisions.iter().all(|decision| decision.verdict != Verdict::Unmatched), "{listener}");
    }
}

#[test]
fn a_rule_that_fails_on_a_timer_is_told_as_any() {
    let mut world = World::new(
        r#"
        rule("sets", #{ on: "StateChange" }, |e| { e.after("1m", "t"); e.drop("set"); });
        rule("fails", #{ on: "Timer" }, |e| throw "no");
        "#,
    );
    world.state(DB, "CRITICAL");
    world.wait("1m");
    let told = world.told().join("\n");
    assert!(told.starts_with("ops: Timer db1!postgres CRITICAL [a rule failed:"), "{told}");
}

#[test]
fn timers_go_with_their_object() {
    let mut world = World::new(ESCALATE);
    world.state(DB, "CRITICAL");
    world.state("db2!http", "CRITICAL");
    world.step(Input::ObjectsGone(vec![key(DB)]));
    assert_eq!(world.held("timer").len(), 1);
    world.wait("1h");
    let told = world.told();
    assert!(told.len() == 1 && told[0].contains("db2!http"), "{told:?}");
}

#[test]
fn a_timer_may_be_about_no_object() {
    let mut world = World::new(
        r#"
        rule("news", #{ on: "RulesetChanged" }, |e| { e.after("1m", "t", 7); e.drop("later"); });
        rule("rings", #{ on: "Timer", object: (), "timer.data": 7 }, |e| e.notify("ops"));
        "#,
    );
    let changed = watchbell::model::event::RulesetChanged {
        accepted: true,
        hash: String::new(),
        rules: 1,
        error: String::new(),
        warnings: 0,
    };
    world.step(Input::RulesetChanged(changed));
    world.restart();
    world.wait("1m");
    world.expect(&["ops: Timer"]);
}

#[test]
fn a_timer_that_cannot_be_set_is_an_error_of_the_rule() {
    for (call, words) in [
        (r#"e.after("1m", "")"#, "a timer's name has 1 to 256 bytes"),
        (r#"e.after("1m", "t", e)"#, "cannot carry this"),
        (r#"e.after("soon", "t")"#, "not a length of time"),
        (r#"{ let x = "x"; x.pad(20000, 'x'); e.after("1m", "t", x) }"#, "at most 16384 bytes"),
    ] {
        let mut world =
            World::new(&format!(r#"rule("sets", #{{ on: "StateChange" }}, |it| {{ let e = it; {call} }});"#));
        world.state(DB, "CRITICAL");
        let told = world.told().join("\n");
        assert!(told.contains("a rule failed") && told.contains(words), "{call}: {told}");
        assert!(world.held("timer").is_empty(), "{call}");
    }
}

#[test]
fn thousands_of_timers_of_one_moment_all_come() {
    let mut world = World::new(
        r#"
        rule("sets", #{ on: "StateChange" }, |e| {
            let round = e.count("rounds", "1h");
            for n in 0..100 { e.after(`${100 - round}s`, `t${round} ${n}`); }
            e.drop("set");
        });
        rule("rings", #{ on: "Timer" }, |e| e.notify("ops"));
        "#,
    );
    for round in 0..25 {
        world.state(DB, if round % 2 == 0 { "CRITICAL" } else { "OK" });
    }
    world.wait("74s");
    assert_eq!(world.told(), Vec::<String>::new());
    world.wait("1s");
    assert_eq!(world.told().len(), 2500);
    assert!(world.held("timer").is_empty());
}

#[test]
fn a_timer_leaves_what_is_known_of_its_icinga_and_of_the_problem_alone() {
    let mut world = World::new(ESCALATE);
    world.state(DB, "CRITICAL");
    world.happens(DB, acknowledged(State::Critical));
    let before = world.engine.world().source("lab");
    world.told();
    world.wait("10m");
    world.expect(&[LATE]);
    assert_eq!(world.engine.world().source("lab"), before, "it is no sign of life");
    assert_eq!(
        world.engine.world().status(&key(DB)).withheld.as_deref(),
        Some("not yet"),
        "it is still owed"
    );
}

// What a rule has belongs to its name.

/// Everything that a rule can have under way. `name` is what it is called, `remark` is an
/// edit of its action.
fn busy(name: &str, remark: &str) -> String {
    format!(
        r#"
        rule("{name}", #{{ on: "StateChange", hard: true, is_problem: true }}, |e| {{
            {remark}
            e.log(`${{e.count("n", "1h")}} ${{e.seen("s", "1h")}} ${{e.flapping(#{{ window: "1h", changes: 2 }})}}`);
            if e.get("first") == () {{ e.set("first", "{name}"); }}
            e.after("10m", "t");
            e.hold("5m");
            e.notify("dba");
        }});
        rule("rings", #{{ on: "Timer" }}, |e| e.notify("ops", #{{ text: e.timer.rule }}));
        rule("rest", #{{}}, |e| e.drop("rest"));
        "#
    )
}

const HELD: &str = "dba: StateChange db1!postgres CRITICAL (was: held 5m: does it heal?)";

/// Two problems, the second one held, with a timer under way.
fn busy_world() -> World {
    let mut world = World::new(&busy("one", ""));
    world.state(DB, "CRITICAL");
    world.state(DB, "OK");
    world.state(DB, "CRITICAL");
    assert_eq!(world.log, ["1 false false", "2 true true"]);
    world.expect_silence();
    world
}

#[test]
fn an_edited_rule_keeps_its_windows_its_timers_and_what_it_holds() {
    let mut world = busy_world();
    world.wait("4m");
    world.engine.set_ruleset(compiled(&busy("one", "let edited = 1;")));
    world.restart();
    world.wait("59s");
    world.expect_silence();
    world.wait("1s");
    world.expect(&[HELD]);
    assert_eq!(world.log.last().map(String::as_str), Some("3 true true"), "it counts on");
    world.wait("10m");
    world.expect(&["ops: Timer db1!postgres CRITICAL \"one\""]);
}

#[test]
fn a_renamed_rule_starts_afresh() {
    let mut world = busy_world();
    world.wait("4m");
    world.engine.set_ruleset(compiled(&busy("two", "")));
    world.state(DB, "CRITICAL");
    assert_eq!(world.log.last().map(String::as_str), Some("1 false false"), "its windows are empty");
    world.wait("4m59s");
    world.expect_silence();
    world.wait("1s");
    world.expect(&[HELD]);
    world.wait("1h");
    world.expect(&["ops: Timer db1!postgres CRITICAL \"one\"", "ops: Timer db1!postgres CRITICAL \"two\""]);
}

#[test]
fn a_rule_that_is_taken_back_finds_its_own_again() {
    let mut world = busy_world();
    world.engine.set_ruleset(compiled(&busy("two", "")));
    world.state(DB, "CRITICAL");
    world.wait("3m");
    world.engine.set_ruleset(compiled(&busy("one", "")));
    world.restart();
    world.state(DB, "CRITICAL");
    assert_eq!(world.log.last().map(String::as_str), Some("3 true true"), "it counts on");
    world.wait("1m57s");
    world.expect_silence();
    world.wait("1s");
    world.expect(&[HELD]);
    world.wait("1h");
    world.expect(&["ops: Timer db1!postgres CRITICAL \"two\"", "ops: Timer db1!postgres CRITICAL \"one\""]);
}

#[test]
fn a_rule_that_was_away_for_a_while_still_has_its_clock() {
    let mut world = busy_world();
    world.engine.set_ruleset(compiled(r#"rule("rest", #{}, |e| e.drop("rest"));"#));
    world.wait("2m");
    world.restart();
    world.engine.set_ruleset(compiled(&busy("one", "")));
    world.wait("2m59s");
    world.expect_silence();
    world.wait("1s");
    world.expect(&[HELD]);
}

// State of another Watchbell.

#[test]
fn what_a_newer_watchbell_has_written_is_kept_and_not_read() {
    let mut world =
        World::new(r#"rule("once", #{ on: "StateChange" }, |e| if !e.seen("k", "1h") { e.notify("dba") });"#);
    let unread = [("window", "a"), ("kept", "b"), ("timer", "c"), ("pager", "d"), ("next", "timer")];
    for (kind, key) in unread {
        world.holds(kind, key, r#"{"of": "tomorrow"}"#);
    }
    world.restart();
    let counted: Vec<(&str, usize)> =
        world.engine.world().unread().iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(counted, [("kept", 1), ("next", 1), ("pager", 1), ("timer", 1), ("window", 1)]);
    world.state(DB, "CRITICAL");
    world.expect(&["dba: StateChange db1!postgres CRITICAL"]);
    world.wait("30d");
    for (kind, key) in unread {
        assert!(world.held(kind).contains(&(key, r#"{"of": "tomorrow"}"#)), "{kind}: {:?}", world.held(kind));
    }
}

#[test]
fn state_that_tells_who_heard_of_what_must_be_readable() {
    for (kind, key) in [("record", "lab\u{1f}db1"), ("incident", "1"), ("mute", "1"), ("next", "incident")] {
        let entry = (kind.to_owned(), key.to_owned(), r#"{"of": "tomorrow"}"#.to_owned());
        let error = engine::World::restore(vec![entry]).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains(&format!("the kept {kind} `{key}`"))), "{kind}");
    }
}
