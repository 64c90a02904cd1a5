//! The rule language: what a matcher holds for, what verbs do, and what a rule that
//! fails costs.

use crate::common::engine::{World, compiled, compiled_files, key};
use crate::common::happenings::{acknowledged, comment, downtime};
use serde_json::json;
use watchbell::engine::{RuleFile, Ruleset};
use watchbell::model::event::{ObjectChange, StateReport};
use watchbell::model::{Detail, Event, EventType, Input, Object, State, Verdict};

const DB: &str = "db1!postgres";

/// Both objects with all that a configuration may hold, the service in a problem.
fn furnish(world: &mut World) {
    world.object("db1", |host| {
        host.display_name = "Database 1".to_owned();
        host.address = "192.0.2.1".to_owned();
        host.groups = std::sync::Arc::new(vec!["linux".to_owned(), "databases".to_owned()]);
        host.notes = "in rack 7".to_owned();
        let vars = json!({
            "role": "db", "cpus": 8, "load": 1.5, "virtual": true, "nothing": null,
            "teams": ["dba", "night"], "site": { "town": "Berlin", "floor": { "number": 3 } },
        });
        host.vars = std::sync::Arc::new(vars.as_object().expect("a map").clone());
    });
    world.object_with_vars(DB, json!({ "tier": "gold" }));
}

fn sample(report: &mut StateReport) {
    report.output = "CRITICAL - 17 connections\nsecond line".to_owned();
    report.exit_status = 2;
    report.attempt = 3;
    report.performance_data = vec!["connections=17".to_owned(), "free=3".to_owned()];
}

/// Whether a rule with this matcher runs for the service's problem.
fn runs_for_the_problem(matcher: &str) -> bool {
    let rules = format!(r#"rule("tried", {matcher}, |e| e.notify("dba"));"#);
    let mut world = World::new(&rules);
    furnish(&mut world);
    world.told();
    world.reported(DB, "CRITICAL", sample);
    let told = world.told();
    told == ["dba: StateChange db1!postgres CRITICAL"]
}

// Matchers.

#[test]
fn a_matcher_holds_for_what_it_says_and_nothing_else() {
    for (matcher, expected) in [
        ("#{}", true),
        // on
        (r#"#{ on: "StateChange" }"#, true),
        (r#"#{ on: ["Gap", "StateChange"] }"#, true),
        (r#"#{ on: "CheckResult" }"#, false),
        (r#"#{ on: [] }"#, false),
        // texts
        (r#"#{ object: "db1!postgres" }"#, true),
        (r#"#{ object: "DB1!postgres" }"#, false),
        (r#"#{ state: ["WARNING", "CRITICAL"] }"#, true),
        (r#"#{ state: ["WARNING", "UNKNOWN"] }"#, false),
        (r#"#{ "host.name": glob("db*") }"#, true),
        (r#"#{ "host.name": glob("db?") }"#, true),
        (r#"#{ "host.name": glob("d?") }"#, false),
        (r#"#{ output: re("^CRITICAL .* connections") }"#, true),
        (r#"#{ output: re("second line$") }"#, true),
        (r#"#{ output: re("^second") }"#, false),
        (r#"#{ "check_result.output": re("17") }"#, true),
        (r#"#{ "service.name": "postgres" }"#, true),
        (r#"#{ "host.display_name": "Database 1", "host.address": "192.0.2.1" }"#, true),
        (r#"#{ "host.notes": glob("*rack*") }"#, true),
        // truth values
        ("#{ hard: true }", true),
        ("#{ hard: false }", false),
        ("#{ is_host: false, is_problem: true, told: false, missed: false }", true),
        // numbers
        (r#"#{ "check_result.exit_status": 2 }"#, true),
        (r#"#{ "check_result.exit_status": 2.0 }"#, true),
        ("#{ attempt: above(2), downtime_depth: below(1) }", true),
        ("#{ attempt: above(3) }", false),
        ("#{ attempt: below(3.5) }", true),
        (r#"#{ state: above(1) }"#, false),
        // moments are seconds since 1970
        ("#{ timestamp: above(1_795_000_000), now: below(1_796_000_000) }", true),
        // lists hold if one item does
        (r#"#{ "host.groups": "databases" }"#, true),
        (r#"#{ "host.groups": glob("lin*") }"#, true),
        (r#"#{ "host.groups": "windows" }"#, false),
        (r#"#{ "host.groups": not("windows") }"#, true),
        (r#"#{ "check_result.performance_data": re("^free=") }"#, true),
        // custom variables
        (r#"#{ "host.vars.role": "db", "service.vars.tier": "gold" }"#, true),
        (r#"#{ "host.vars.cpus": 8, "host.vars.load": above(1), "host.vars.virtual": true }"#, true),
        (r#"#{ "host.vars.teams": "night" }"#, true),
        (r#"#{ "host.vars.site.town": "Berlin", "host.vars.site.floor.number": 3 }"#, true),
        (r#"#{ "host.vars.site": "Berlin" }"#, false),
        (r#"#{ "host.vars.role.deeper": () }"#, true),
        // not, and what is missing
        (r#"#{ state: not("OK") }"#, true),
        (r#"#{ state: not(["OK", "CRITICAL"]) }"#, false),
        (r#"#{ "host.vars.unknown": () }"#, true),
        (r#"#{ "host.vars.role": () }"#, false),
        (r#"#{ "host.vars.role": not(()) }"#, true),
        (r#"#{ "host.vars.unknown": not("x") }"#, true),
        (r#"#{ "host.vars.unknown": "x" }"#, false),
        (r#"#{ author: (), previous: (), "gap.length": () }"#, true),
        // a mixed list
        (r#"#{ state: ["OK", glob("CRIT*")] }"#, true),
        (r#"#{ incident: [(), 1] }"#, true),
        // all conditions must hold
        (r#"#{ hard: true, state: "OK" }"#, false),
    ] {
        assert_eq!(runs_for_the_problem(matcher), expected, "{matcher}");
    }
}

#[test]
fn a_rule_without_on_runs_for_every_type_that_comes() {
    let mut world = World::new(r#"rule("all", #{}, |e| e.notify("dba"));"#);
    assert_eq!(world.engine.ruleset().types().len(), EventType::ALL.len());
    world.state(DB, "CRITICAL");
    world.happens(DB, acknowledged(State::Critical));
    world.happens(DB, Detail::CommentAdded(comment("c", "hello")));
    world.expect(&[
        "dba: StateChange db1!postgres CRITICAL",
        "dba: AcknowledgementSet db1!postgres CRITICAL",
        "dba: CommentAdded db1!postgres CRITICAL",
    ]);
}

#[test]
fn only_the_types_that_some_rule_asks_for_are_subscribed_to() {
    let ruleset = compiled(
        r#"
        rule("one", #{ on: "Flapping" }, |e| ());
        rule("two", #{ on: ["Gap", "Flapping"] }, |e| ());
        "#,
    );
    assert_eq!(ruleset.types().into_iter().collect::<Vec<_>>(), [EventType::Flapping, EventType::Gap]);
}

// Fields.

/// What a rule's expression is, as text, for the service's problem.
fn value_of(expression: &str) -> String {
    let rules = format!(r#"rule("tried", #{{ on: "StateChange" }}, |e| e.log(`${{{expression}}}`));"#);
    let mut world = World::new(&rules);
    furnish(&mut world);
    world.reported(DB, "CRITICAL", sample);
    assert_eq!(world.log.len(), 1, "{expression}: {:?}", world.told());
    world.log.remove(0)
}

#[test]
fn a_rule_reads_fields_of_the_event_the_host_and_the_service() {
    for (expression, expected) in [
        ("e.object", "db1!postgres"),
        ("e.type", "StateChange"),
        ("e.state", "CRITICAL"),
        ("e.hard && e.is_problem && !e.is_host", "true"),
        ("e.attempt", "3"),
        ("e.check_result.exit_status", "2"),
        ("e.check_result.performance_data", r#"["connections=17", "free=3"]"#),
        ("e.host.name + ' ' + e.service.name", "db1 postgres"),
        ("e.host.display_name", "Database 1"),
        ("e.host.groups", r#"["linux", "databases"]"#),
        (r#""linux" in e.host.groups"#, "true"),
        ("e.host.vars.role", "db"),
        ("e.host.vars.cpus + 1", "9"),
        ("e.host.vars.load", "1.5"),
        ("e.host.vars.teams.len()", "2"),
        ("e.host.vars.site.floor.number", "3"),
        ("e.service.vars.tier", "gold"),
        (r#"e["host.address"]"#, "192.0.2.1"),
        (r#"e.host.vars["role"]"#, "db"),
        ("e.incident", "1"),
        // What an event has not is ().
        ("e.author == ()", "true"),
        ("e.gap.length == ()", "true"),
        ("e.downtime.name == ()", "true"),
        ("e.host.vars.unknown == ()", "true"),
        ("e.host.vars.nothing == ()", "true"),
        ("e.host.state == ()", "true"),
        ("e.since <= e.now && e.timestamp == e.now", "true"),
    ] {
        assert_eq!(value_of(expression), expected, "{expression}");
    }
}

#[test]
fn an_event_without_an_object_has_no_host() {
    let mut world = World::new(
        r#"rule("gone", #{ on: "ObjectDeleted" }, |e| e.log(`${e.host.name == ()} ${e.object_name}`));"#,
    );
    let change = ObjectChange { object_type: "Host".to_owned(), object_name: "db1".to_owned() };
    world.step(Input::Event(Event::ours(world.now, Detail::ObjectDeleted(change))));
    assert_eq!(world.log, ["true db1"]);
}

// The order of things.

#[test]
fn rules_run_in_the_order_of_files_and_lines_until_one_drops_or_stops() {
    for (last, log, reached) in [
        ("()", vec!["a1", "a2", "b1", "b2", "b3"], false),
        (r#"e.drop("enough")"#, vec!["a1", "a2", "b1", "b2"], true),
        ("e.stop()", vec!["a1", "a2", "b1", "b2"], true),
    ] {
        let first = r#"rule("a1", #{}, |e| e.log("a1")); rule("a2", #{}, |e| e.log("a2"));"#;
        let second = format!(
            r#"rule("b1", #{{}}, |e| e.log("b1")); rule("b2", #{{}}, |e| {{ e.log("b2"); {last}; }});
            rule("b3", #{{}}, |e| e.log("b3"));"#
        );
        let mut world = World::with(compiled_files(&[("10-a.rhai", first), ("20-b.rhai", &second)]));
        world.state(DB, "CRITICAL");
        assert_eq!(world.log, log, "{last}");
        assert_eq!(world.told().is_empty(), reached, "without a verdict the default target hears of it");
    }
}

#[test]
fn what_a_rule_asked_for_before_a_drop_is_still_done() {
    let mut world = World::new(
        r#"
        rule("tell", #{}, |e| e.notify("dba"));
        rule("drop", #{}, |e| e.drop("enough"));
        "#,
    );
    world.state(DB, "CRITICAL");
    world.expect(&["dba: StateChange db1!postgres CRITICAL"]);
    assert_eq!(world.decisions[0].verdict, Verdict::Told(vec!["dba".to_owned()]));
}

// Verbs.

#[test]
fn a_target_is_told_once_however_often_it_is_named() {
    let mut world = World::new(
        r#"
        rule("one", #{}, |e| { e.notify("default"); e.notify("ops"); e.notify("dba"); });
        rule("two", #{}, |e| e.notify("dba"));
        "#,
    );
    world.state(DB, "CRITICAL");
    world.expect(&["ops: StateChange db1!postgres CRITICAL", "dba: StateChange db1!postgres CRITICAL"]);
}

#[test]
fn a_rule_may_say_it_in_its_own_words() {
    let mut world =
        World::new(r#"rule("own words", #{}, |e| e.notify("dba", #{ text: `look at ${e.host.name}` }));"#);
    world.state(DB, "CRITICAL");
    world.expect(&["dba: StateChange db1!postgres CRITICAL \"look at db1\""]);
}

#[test]
fn those_told_of_a_problem_hear_its_end_and_nobody_else() {
    let mut world = World::new(
        r#"
        rule("problems", #{ on: "StateChange", is_problem: true }, |e| e.notify("dba"));
        rule("ends", #{ on: "StateChange", is_recovery: true }, |e| e.log(`${e.tell_those_told()}`));
        rule("nobody", #{ on: "CommentAdded" }, |e| { e.log(`${e.tell_those_told()}`); e.stop(); });
        "#,
    );
    world.state(DB, "CRITICAL");
    world.state(DB, "OK");
    world.expect(&["dba: StateChange db1!postgres CRITICAL", "dba: StateChange db1!postgres OK"]);
    world.happens("web", Detail::CommentAdded(comment("c", "hello")));
    world.expect_silence();
    assert_eq!(world.log, ["1", "0"]);
}

#[test]
fn what_is_dropped_for_a_while_is_judged_again_once() {
    let mut world = World::new(
        r#"
        rule("wait", #{ on: "StateChange", withheld: () }, |e| e.drop("let it settle", #{ again: "10m" }));
        rule("tell", #{ on: "StateChange" }, |e| e.notify("dba"));
        "#,
    );
    world.state(DB, "CRITICAL");
    world.wait("9m59s");
    world.expect_silence();
    world.wait("1s");
    world.expect(&["dba: StateChange db1!postgres CRITICAL (was: let it settle)"]);
    world.wait("1d");
    world.expect_silence();
}

#[test]
fn what_heals_before_it_is_judged_again_is_never_told() {
    let mut world = World::new(
        r#"
        rule("wait", #{ on: "StateChange", is_problem: true, withheld: () }, |e| e.drop("wait", #{ again: "10m" }));
        rule("tell", #{ on: "StateChange", is_problem: true }, |e| e.notify("dba"));
        rule("ends", #{ on: "StateChange", is_problem: false }, |e| {
            if e.tell_those_told() == 0 { e.drop("nobody was told") }
        });
        "#,
    );
    world.state(DB, "CRITICAL");
    world.state(DB, "OK");
    world.wait("1h");
    world.expect_silence();
}

#[test]
fn seen_and_count_look_back_as_far_as_they_are_asked_to() {
    let mut world = World::new(
        r#"
        rule("both", #{}, |e| e.log(`${e.seen(e.object, "10m")} ${e.count(e.host.name, "10m")}`));
        rule("another rule has its own", #{}, |e| e.log(`${e.seen(e.object, "10m")}`));
        "#,
    );
    world.state(DB, "CRITICAL");
    world.state("db1!disk", "CRITICAL");
    world.wait("9m");
    world.state(DB, "WARNING");
    world.wait("2m");
    world.state(DB, "CRITICAL");
    let log = ["false 1", "false", "false 2", "false", "true 3", "true", "false 2", "false"];
    assert_eq!(world.log, log);
}

#[test]
fn what_a_rule_has_counted_outlives_a_restart() {
    let mut world = World::new(
        r#"
        rule("all", #{}, |e| {
            let flaps = e.flapping(#{ window: "1h", changes: 2 });
            e.log(`${e.seen("k", "1h")} ${e.count("k", "1h")} ${flaps}`);
        });
        "#,
    );
    world.state(DB, "CRITICAL");
    world.restart();
    world.state(DB, "OK");
    assert_eq!(world.log, ["false 1 false", "true 2 true"]);
}

#[test]
fn a_service_judged_again_is_reachable_if_its_host_and_all_before_it_are_up() {
    for (down, reachable) in [("db1", "false"), ("router", "false"), ("other", "true")] {
        let mut world = World::new(
            r#"
            rule("wait", #{ object: "db1!postgres", withheld: () }, |e| e.drop("wait", #{ again: "1m" }));
            rule("again", #{ object: "db1!postgres" }, |e| e.log(`${e.reachable}`));
            "#,
        );
        world.host_behind("db1", &["router"]);
        world.state(down, "DOWN");
        world.state(DB, "CRITICAL");
        world.wait("1m");
        assert_eq!(world.log, [reachable], "{down}");
    }
}

#[test]
fn flapping_counts_changes_of_state_only() {
    let mut world =
        World::new(r#"rule("flaps", #{}, |e| e.log(`${e.flapping(#{ window: "15m", changes: 3 })}`));"#);
    for state in ["CRITICAL", "CRITICAL", "OK", "OK", "CRITICAL"] {
        world.state(DB, state);
    }
    assert_eq!(world.log, ["false", "false", "false", "false", "true"]);
    world.wait("15m");
    world.state(DB, "OK");
    assert_eq!(world.log.last().map(String::as_str), Some("false"));
}

#[test]
fn a_kept_value_lives_as_long_as_is_said_and_over_a_restart() {
    let mut world = World::new(
        r#"
        rule("first", #{ state: "CRITICAL" }, |e| e.set("who", #{ name: "alice", times: [1, 2] }, "1h"));
        rule("later", #{ state: "OK" }, |e| {
            let who = e.get("who");
            e.log(if who == () { "nobody" } else { `${who.name} ${who.times[1]}` });
        });
        "#,
    );
    world.state(DB, "CRITICAL");
    world.restart();
    world.wait("50m");
    world.state(DB, "OK");
    world.wait("10m");
    world.state(DB, "OK");
    assert_eq!(world.log, ["alice 2", "nobody"]);
}

#[test]
fn a_rule_may_ask_whether_and_by_whom_an_object_is_muted() {
    let mut world = World::new(r#"rule("asks", #{}, |e| e.log(`${e.muted()} ${e.muted_by()}`));"#);
    world.object("db1", |_| {});
    world.state(DB, "CRITICAL");
    world.say("alice", "!mute db1 1h known");
    world.state(DB, "WARNING");
    assert_eq!(world.log, ["false ", "true muted by alice@icinga: known"]);
}

#[test]
fn an_event_that_no_rule_decides_goes_to_the_default_target() {
    let mut world = World::new(r#"rule("looks only", #{ state: "DOWN" }, |e| ());"#);
    world.state(DB, "CRITICAL");
    world.state("db1", "DOWN");
    world.expect(&[
        "ops by default: StateChange db1!postgres CRITICAL",
        "ops by default: StateChange db1 DOWN",
    ]);
    assert_eq!(world.decisions[0].verdict, Verdict::Unmatched);
}

// Commands of rule files.

const COMMANDS: &str = r#"
    command("freeze", #{ role: "operator", help: "TEAM: hear nothing of a team for an hour" }, |c| {
        if c.args.is_empty() { return "write: freeze TEAM"; }
        mute(#{ "host.vars.team": c.args[0] }, "1h", "frozen", c.by)
    });
    command("thaw", #{ role: "operator" }, |c| unmute(parse_int(c.args[0]), c.by));
    command("echo", #{ help: "says it again" }, |c| { c.reply(c.text); c.reply(`${c.nick} in ${c.room}`); });
    command("hush", #{}, |c| ());
    command("broken", #{}, |c| throw "no " + c.args.len());
    rule("muted", #{ is_problem: true }, |e| if e.muted() { e.drop(e.muted_by()) } else { e.notify("dba") });
"#;

#[test]
fn a_command_of_a_rule_file_answers_and_mutes() {
    let mut world = World::new(COMMANDS);
    world.object_with_vars("db1", json!({ "team": "dba" }));
    assert_eq!(
        world.say("bob", "!freeze dba"),
        "bob: this needs the role `operator`: account bob, person bob, has no role"
    );
    assert_eq!(world.say("alice", "!freeze"), "alice: write: freeze TEAM");
    assert_eq!(
        world.say("alice", "!freeze dba"),
        "alice: m1: host.vars.team = dba muted until Sun 2026-11-22 13:00 UTC"
    );
    world.state(DB, "CRITICAL");
    world.expect_dropped("muted by alice@icinga: frozen");
    assert_eq!(
        world.say("alice", "!thaw 1"),
        "alice: m1: host.vars.team = dba: no longer muted, 1 event kept quiet"
    );
    world.expect(&[
        "ops by default: MuteEnding",
        "dba: StateChange db1!postgres CRITICAL (was: muted by alice@icinga: frozen)",
    ]);
    assert!(world.say("alice", "!thaw 1").starts_with("alice: the command failed: test.rhai:6:"));
}

#[test]
fn a_command_of_a_rule_file_may_say_several_lines_or_none() {
    let mut world = World::new(COMMANDS);
    assert_eq!(world.say("bob", "!echo a  b"), "a b\nbob in #ops");
    assert_eq!(world.say("bob", "!hush"), "bob: done");
    assert_eq!(world.say("bob", "!broken x"), "bob: the command failed: test.rhai:9:32: no 1");
}

#[test]
fn help_knows_the_commands_of_rule_files() {
    let mut world = World::new(COMMANDS);
    assert!(world.say("alice", "!help").contains(", broken, echo, freeze, hush, thaw;"));
    assert!(!world.say("bob", "!help").contains("freeze"), "he may not use it");
    assert_eq!(
        world.say("alice", "!help freeze"),
        "alice: !freeze - TEAM: hear nothing of a team for an hour (test.rhai); needs the role operator"
    );
}

// What is wrong in a rule file.

/// The faults of rule files as `file:line:column: what (help)`.
fn faults(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<RuleFile> = files
        .iter()
        .map(|(name, text)| RuleFile { name: (*name).to_owned(), text: (*text).to_owned() })
        .collect();
    match Ruleset::compile(&files) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_was_meant() {
    let mut wrong = Vec::new();
    for (text, expected) in [
        ("rule(\"a\", #{}, |e| e.notify(", "1:"),
        (r#"rule("a", #{}, |e| e.notfy("ops"));"#, "1:22: there is no verb `notfy`; did you mean `notify`?"),
        (r#"rule("a", #{}, |e| zzz());"#, "1:20: there is no verb `zzz`"),
        (
            r#"rule("a", #{ "host.adress": "x" }, |e| ());"#,
            "1:14: rule `a`: there is no field `host.adress`; did you mean `host.address`?",
        ),
        (
            r#"rule("a", #{ on: "StateChnage" }, |e| ());"#,
            "there is no event type `StateChnage`; did you mean `StateChange`?",
        ),
        (r#"rule("a", #{ on: ["Gap", "StateChnage"] }, |e| ());"#, "did you mean `StateChange`?"),
        (r#"rule("a", #{ on: 3 }, |e| ());"#, "`on` takes the name of an event type, or a list of names"),
        (r#"rule("a", #{ output: re("(") }, |e| ());"#, "`(` is not a regular expression"),
        (r#"rule("a", #{ output: #{} }, |e| ());"#, "a matcher takes texts, numbers"),
        (r#"rule("a", #{}, |e| e.log(colour));"#, "1:26: Undefined variable: colour"),
        (
            r#"rule("a", #{}, |e| ()); rule("a", #{}, |e| ());"#,
            "1:25: the rule `a` stands already in test.rhai:1 (give each rule a name of its own",
        ),
        (
            r#"command("c", #{}, |c| ()); command("c", #{}, |c| ());"#,
            "1:28: the command `c` stands already in test.rhai:1",
        ),
        (r#"command("ack", #{}, |c| ());"#, "the command `ack` is built in (choose another name)"),
        (
            r#"command("c", #{ rolle: "admin" }, |c| ());"#,
            "1:17: `command` knows no option `rolle`; did you mean `role`?",
        ),
        (
            r#"command("c", #{ role: "operater" }, |c| ());"#,
            "command `c`: there is no role `operater`; did you mean `operator`?",
        ),
        (r#"rule("a", |e| ());"#, "`rule` does not take 2 arguments (write rule(NAME, #{"),
        (r#"rule(1, #{}, |e| ());"#, "no such call: rule ("),
        (r#"rule("a", #{ output: glob(1) }, |e| ());"#, "no such call: glob ("),
        (r#"rule("a", #{}, |e| eval("1"));"#, "(a rule runs no text as code)"),
        (r#"rule("a", #{}, |e| sleep(1));"#, "`sleep` cannot be called in a rule: a rule never waits"),
        (r#"rule("a", #{}, |e| timestamp());"#, "`timestamp` cannot be called in a rule: use `e.now`"),
        ("throw \"by hand\";", "1:1: by hand"),
        ("loop {}", "Too many operations"),
        (r#"mute(#{}, "1h", "", "me");"#, "this can only be called inside a rule or command"),
    ] {
        let found = faults(&[("test.rhai", text)]);
        let is_right = |fault: &String| fault.starts_with("test.rhai:1:") && fault.contains(expected);
        if found.len() != 1 || !found.iter().all(is_right) {
            wrong.push(format!("{text}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn all_faults_of_all_files_are_found_at_once() {
    let first = "rule(\"a\", #{ on: \"Nothing\" }, |e| ());\nrule(\"b\", #{ stat: 1 }, |e| ());\n";
    let second = "rule(\"c\", #{}, |e| {\n    e.notfy(\"x\");\n    e.dorp(\"y\");\n});";
    let found = faults(&[("10-a.rhai", first), ("20-b.rhai", second), ("30-c.rhai", "let")]);
    let places: Vec<&str> = found.iter().filter_map(|fault| fault.split(": ").next()).collect();
    assert_eq!(
        places,
        ["10-a.rhai:1:14", "10-a.rhai:2:14", "20-b.rhai:2:7", "20-b.rhai:3:7", "30-c.rhai:1:4"]
    );
}

// What goes wrong while a rule runs.

#[test]
fn an_event_whose_rule_fails_is_told_with_the_error_and_the_other_rules_still_run() {
    let mut wrong = Vec::new();
    for (action, expected) in [
        (r#"throw "by hand""#, "test.rhai:2:58: by hand"),
        ("e.stat", "there is no field `stat`; did you mean `state`?"),
        ("e.host.adress", "there is no field `host.adress`; did you mean `host.address`?"),
        (r#"e["host.adress"]"#, "there is no field `host.adress`; did you mean `host.address`?"),
        ("e.downtime.vars", "there is no field `downtime.vars`"),
        ("loop {}", "look for a loop without an end"),
        ("let f = |f| f.call(f); f.call(f)", "Stack overflow"),
        (r#"let s = "x"; loop { s += s; }"#, "too large"),
        ("let a = []; a.pad(1_000_000, 0)", "too large"),
        ("let a = [1]; loop { a += a; }", "too large"),
        (r#"e.notify("nobody")"#, "there is no target `nobody`; watchbell.toml has: default, dba, ops"),
        (r#"e.notify("dba", #{ txt: "x" })"#, "notify knows no option `txt`; it knows: text, template"),
        ("e.notify(1)", "Function not found: notify (Event, i64)"),
        (r#"e.drop("x", #{ agian: "1h" })"#, "drop knows no option `agian`; it knows: again"),
        (r#"e.drop("x", #{ again: "soon" })"#, "`soon` is not a length of time"),
        (r#"e.seen("x", "0s")"#, "`0s` is not a length of time"),
        (r#"e.flapping(#{ changes: 0 })"#, "`changes` takes a whole number above 0"),
        (r#"e.flapping(#{ chnages: 1 })"#, "flapping knows no option `chnages`"),
        (r#"e.set("k", |x| x)"#, "set: this value cannot be kept"),
        (r#"let m = #{ nothing: 1 }; mute(m, "1h", "", "me")"#, "there is no field `nothing`"),
        (r#"unmute(9, "me")"#, "there is no mute m9"),
        ("1 / 0", "Division by zero"),
        ("e.parents().filter(|host| e.problem(host))", "keep the part before the dot in a `let`"),
        (r#"Fn("sleep").call(1)"#, "`sleep` cannot be called in a rule"),
        (r#"Fn("eval").call("1")"#, "eval"),
    ] {
        // What a variable of the rule's own holds is not checked when the rule is read.
        let rules = format!(
            "rule(\"before\", #{{}}, |e| e.log(\"before\"));\n\
             rule(\"fails\", #{{ on: \"StateChange\" }}, |it| {{ let e = it; {action}; }});\n\
             rule(\"after\", #{{}}, |e| e.notify(\"dba\"));"
        );
        let mut world = World::new(&rules);
        world.state(DB, "CRITICAL");
        let told = world.told();
        assert_eq!(told.len(), 2, "{action}: {told:?}");
        assert_eq!(told[0], "dba: StateChange db1!postgres CRITICAL", "{action}");
        let start = "ops: StateChange db1!postgres CRITICAL [a rule failed: test.rhai:2:";
        if !told[1].starts_with(start) || !told[1].contains(expected) {
            wrong.push(format!("{action}: {}", told[1]));
        }
        assert_eq!(world.engine.world().incidents().count(), 1, "{action}: the state is as it was");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_rule_that_fails_cannot_make_others_drop_the_event() {
    let mut world = World::new(
        r#"
        rule("fails", #{}, |e| throw "no");
        rule("drops", #{}, |e| e.drop("not for people"));
        "#,
    );
    world.state(DB, "CRITICAL");
    world.expect(&["ops: StateChange db1!postgres CRITICAL [a rule failed: test.rhai:2:32: no]"]);
}

/// How many of 30 problems reach the default target with these rules, one a second.
fn told_of_thirty(world: &mut World) -> usize {
    for number in 0..30 {
        world.state(&format!("host{number}"), "DOWN");
    }
    world.told().iter().filter(|line| line.starts_with("ops:")).count()
}

#[test]
fn a_failing_rule_cannot_flood_the_default_target() {
    for verdict in [r#"e.drop("not for people")"#, r#"e.notify("dba")"#, "e.stop()"] {
        // The error names the object: it is a different text each time.
        let rules =
            format!("rule(\"fails\", #{{}}, |e| throw e.object);\nrule(\"decides\", #{{}}, |e| {verdict});");
        let mut world = World::new(&rules);
        assert_eq!(told_of_thirty(&mut world), 10, "{verdict}");
        world.wait("10m");
        assert_eq!(told_of_thirty(&mut world), 10, "{verdict}: there is a new budget after ten minutes");
        let ruleset = world.engine.ruleset().clone();
        world.engine.set_ruleset(ruleset);
        assert_eq!(told_of_thirty(&mut world), 10, "{verdict}: and for a rule that was edited");
    }
}

#[test]
fn events_that_only_a_failing_rule_could_decide_are_all_told() {
    let mut world = World::new(r#"rule("fails", #{}, |e| throw e.object);"#);
    assert_eq!(told_of_thirty(&mut world), 30);
}

#[test]
fn a_rule_that_fails_leaves_no_half_of_its_state() {
    let mut world = World::new(
        r#"
        rule("fails", #{ state: "CRITICAL" }, |e| { e.set("k", 1); throw "late"; });
        rule("reads", #{ state: "OK" }, |e| { e.log(`${e.get("k")}`); e.stop(); });
        "#,
    );
    world.state(DB, "CRITICAL");
    world.state(DB, "OK");
    world.wait("1d");
    world.state(DB, "CRITICAL");
    assert_eq!(world.log, ["1"], "what it did before it failed stands, and everything goes on");
    assert_eq!(world.told().len(), 2);
}

#[test]
fn a_huge_output_is_cut_for_a_script_and_whole_for_a_matcher() {
    let mut world = World::new(
        r#"rule("huge", #{ output: re("needle$") }, |e| e.log(`${e.output.len()} ${e.output == e["output"]}`));"#,
    );
    world.reported(DB, "CRITICAL", |report| report.output = format!("{}needle", "ä".repeat(2_000_000)));
    assert_eq!(world.log, ["32768 true"]);
}

#[test]
fn a_removed_object_leaves_nothing_behind() {
    let mut world =
        World::new(r#"rule("wait", #{ on: "StateChange" }, |e| e.drop("wait", #{ again: "1h" }));"#);
    world.state(DB, "CRITICAL");
    world.happens(DB, Detail::DowntimeAdded(downtime("db1!postgres!d", world.now)));
    world.step(Input::ObjectsGone(vec![key(DB)]));
    world.wait("2h");
    world.expect_silence();
    let known = world.engine.world();
    assert_eq!((known.object_keys().count(), known.incidents().count(), known.next_wake()), (0, 0, None));
    assert_eq!(world.engine.world().object(&key(DB)), std::sync::Arc::new(Object::bare(key(DB))));
}

#[test]
fn rules_know_the_variables_of_an_object_right_after_a_restart() {
    let mut world = World::new(
        r#"rule("by team", #{ on: "StateChange" }, |e| e.notify("ops", #{ text: e.host.vars.team }));"#,
    );
    world.object_with_vars("db1", serde_json::json!({ "team": "storage" }));
    world.restart();
    world.state("db1", "DOWN");
    world.expect(&["ops: StateChange db1 DOWN \"storage\""]);
}
