//! Tests that stand in rule files: what they can say, and what is said of those that fail.

use crate::common::cli::{CONFIG, Ended, fixture, installation, put, watchbell};
use crate::common::engine::compiled_files;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use watchbell::config::{self, Config};
use watchbell::load::Set;
use watchbell::model::{Decision, Facts, RuleRef, Step, Timestamp, Verdict};
use watchbell::router::Templates;
use watchbell::store::sqlite::SqliteStore;
use watchbell::store::{Batch, Store};
use watchbell::trial::{self, Report, Targets};

/// The rules that most tests here are about.
const RULES: &str = r#"
rule("gold databases", #{ on: "StateChange", hard: true, is_problem: true, "host.vars.role": "db" }, |e| e.notify("dba"));
rule("not at once", #{ on: "StateChange", hard: true, state: "WARNING", withheld: () }, |e| e.drop("wait a little", #{ again: "15m" }));
rule("problems", #{ on: "StateChange", hard: true, is_problem: true }, |e| e.notify("ops"));
rule("recoveries", #{ on: "StateChange", is_recovery: true }, |e| { e.tell_those_told(); });
rule("the rest", #{}, |e| e.drop("not for people"));
"#;

/// What comes of tests of these rules; any target may be named.
#[track_caller]
fn report(rules: &str, tests: &str) -> Report {
    let rules = compiled_files(&[("rules.rhai", rules), ("own.test.rhai", tests)]);
    let templates = Arc::new(Templates::built_in().expect("the shipped templates are sound"));
    let set = Set { rules, templates, hash: String::new() };
    let config = Config { zone: jiff::tz::TimeZone::UTC, ..config::builtin("rules".into(), "".into()) };
    trial::run(&set, &Arc::new(config), Targets::Any, |_| true).expect("there is a thread")
}

/// The body of the one test passes.
#[track_caller]
fn passes(body: &str) {
    let failures = report(RULES, &one(body)).failures();
    assert!(failures.is_empty(), "{}", watchbell::diagnostic::render(&failures, false));
}

/// Why the body of the one test fails: `line:column: message`.
#[track_caller]
fn fails(body: &str) -> String {
    let failures = report(RULES, &one(body)).failures();
    let [failure] = failures.as_slice() else { panic!("it passes: {body}") };
    failure.to_string().replace("rules/own.test.rhai:", "").replace("the test `one` failed: ", "")
}

fn one(body: &str) -> String {
    // What is written out is found when the file is read.
    format!("test(\"one\", |it| {{ let t = it;\n{body}\n}});\n")
}

#[test]
fn a_test_sees_who_hears_what_and_when() {
    passes(
        r#"
        t.object("db1!postgres", #{ "host.vars.role": "db" });
        t.state("db1!postgres", "CRITICAL", #{ output: "no space left" });
        t.expect("dba", "no space left");
        t.expect("ops", "db1!postgres is CRITICAL");
        t.expect_incident("db1!postgres");
        t.expect_silence();
        t.state("db1!postgres", "OK");
        t.expect("dba");
        t.expect_silence("dba");
        t.expect("ops", "again after 1s");
        t.expect_no_incident("db1!postgres");
        t.state("web1!http", "WARNING");
        t.expect_dropped("wait");
        t.wait("14m");
        t.expect_silence();
        t.wait("1m");
        t.expect("ops", "kept back: wait a little");
        "#,
    );
}

#[test]
fn an_expectation_that_is_not_met_says_where_it_stands_and_what_was_heard() {
    let down = "t.state(\"db1\", \"DOWN\");";
    for (body, expected) in [
        (
            format!("{down} t.expect(\"dba\", \"db1\");"),
            "2:27: dba did not hear \"db1\"; heard was: ops: #1 db1 is DOWN: DOWN - made up by a test",
        ),
        (
            format!("{down} t.expect(\"ops\"); t.expect(\"ops\");"),
            "2:44: ops did not hear anything; nobody heard anything",
        ),
        (
            "t.soft(\"db1\", \"DOWN\"); t.expect(\"ops\");".to_owned(),
            "2:26: ops did not hear anything; nobody heard anything; last dropped: not for people",
        ),
        (
            format!("{down} t.expect_silence();"),
            "2:27: somebody heard something: ops: #1 db1 is DOWN: DOWN - made up by a test",
        ),
        (
            format!("{down} t.expect_dropped(\"mute\");"),
            "2:27: nothing was dropped for \"mute\"; nothing was dropped; heard was: ops: #1 db1 is DOWN: DOWN - made up by a test",
        ),
        (
            "t.say(\"alice\", \"!ping\"); t.expect_reply(\"pang\");".to_owned(),
            "2:28: no answer holds \"pang\"; answered was: alice: pong",
        ),
        (
            "t.expect_action(\"ack\", \"db1\");".to_owned(),
            "2:3: Icinga was not asked to ack db1; it was asked nothing",
        ),
        ("t.expect_incident(\"db1\");".to_owned(), "2:3: db1 has no open incident"),
        (format!("{down} t.expect_no_incident(\"db1\");"), "2:27: db1 has the open incident #1"),
    ] {
        assert_eq!(fails(&body), expected, "{body}");
    }
}

#[test]
fn what_a_test_says_wrong_is_told_with_what_was_meant() {
    for (body, expected) in [
        (
            r#"t.object("db1", #{ "host.adress": "::1" });"#,
            "2:3: `host.adress`: an object has no such field; did you mean `address`?",
        ),
        (
            r#"t.object("db1", #{ "service.groups": [] });"#,
            "2:3: `service.groups`: db1 is a host; a service is written HOST!SERVICE",
        ),
        (r#"t.object("db1", #{ groups: 1 });"#, "2:3: `groups`: takes a list of texts"),
        (r#"t.state("db1", "DWN");"#, "2:3: db1: `DWN` is no state of a host; did you mean `DOWN`?"),
        (
            r#"t.state("db1!x", "DOWN");"#,
            "2:3: db1!x: `DOWN` is no state of a service; it is OK, WARNING, UNKNOWN, CRITICAL",
        ),
        (
            r#"t.state("db1", "UP", #{ outptu: "x" });"#,
            "2:3: state knows no option `outptu`; it knows: output, attempt, reachable, exit_status, performance_data",
        ),
        (
            r#"t.wait("soon");"#,
            "2:3: `soon` is not a length of time; write it like 90s, 15m, 2h, 1h30m or 7d",
        ),
        (
            r#"t.at("tomorrow");"#,
            "2:3: `tomorrow` is no moment; write it like 2026-12-24 22:00, or 2026-12-24 22:00 Europe/Berlin",
        ),
        (
            r#"t.at("2026-12-24 22:00 Europe/Berln");"#,
            "2:3: there is no time zone `Europe/Berln`; did you mean Europe/Berlin?",
        ),
        (r#"t.person("bob", ["boss"]);"#, "2:3: there is no role `boss`; there are: operator, admin"),
        (
            r#"t.expect_action("akc", "db1");"#,
            "2:3: nothing that Icinga does is called `akc`; did you mean `ack`?",
        ),
        (r#"t.end_downtime("db1");"#, "2:3: db1 has no downtime that could end"),
        (r#"t.event("{}");"#, "2:3: this is no event of Icinga: ?: field `type` is missing"),
    ] {
        assert_eq!(fails(body), expected, "{body}");
    }
}

#[test]
fn the_clock_is_moved_by_hand_and_only_forwards() {
    passes(
        r#"
        t.at("2026-12-24 22:00 Europe/Berlin");
        t.at("2020-01-01 00:00");
        t.state("db1", "DOWN");
        "#,
    );
    let moved = fails(
        "t.at(\"2026-12-24 22:00 Europe/Berlin\"); t.state(\"db1\", \"DOWN\"); t.at(\"2026-12-24 20:59\");",
    );
    assert_eq!(moved, "2:67: the clock goes forwards only: it is 2026-12-24 21:00:01 UTC already");
    passes(
        r#"
        t.state("db1!x", "WARNING");
        t.at("2026-06-01 12:15:01");
        t.expect("ops", "kept back");
        "#,
    );
}

#[test]
fn a_recorded_line_is_read_as_icinga_wrote_it_and_moves_the_clock() {
    let recording = std::fs::read_to_string(fixture("lifecycle.jsonl")).expect("the recording is there");
    let line = recording
        .lines()
        .find(|line| line.contains("Packet loss") && line.contains("\"state_type\":1,\"timestamp\""))
        .expect("host2 goes down");
    passes(&format!("t.event(`{line}`); t.expect(\"ops\", \"Packet loss = 100%\");"));
    let after = fails(&format!("t.event(`{line}`); t.at(\"2026-01-01 00:00\");"));
    assert!(after.contains("it is 2026-11-22"), "{after}");
}

#[test]
fn what_is_asked_in_chat_is_done_by_the_icinga_of_the_test() {
    let acknowledged = r#"
        t.state("db1", "DOWN");
        t.whisper("alice", "ack db1 for 1h looking");
        t.expect_action("ack", "db1");
        t.expect_reply("db1 is acknowledged");
        t.whisper("alice", "host db1");
        t.expect_reply("acknowledged");
        t.whisper("alice", "ack db1 again");
        t.expect_reply("db1 is acknowledged already");
        t.wait("1h");
        t.whisper("alice", "ack db1 again");
        t.expect_action("ack", "db1");
        t.say("alice", "!comment db1 hello");
        t.expect_action("comment", "db1");
    "#;
    passes(acknowledged);
    passes(
        r#"t.person("bob", []); t.state("db1", "DOWN"); t.say("bob", "!ack db1 x"); t.expect_reply("bob: this needs the role `operator`");"#,
    );
}

#[test]
fn a_rule_that_fails_ends_the_test_with_its_error() {
    let rules = "rule(\"fails\", #{ on: \"StateChange\" }, |e| {\n    throw \"out of ideas\";\n});";
    let failures = report(rules, &one("t.state(\"db1\", \"DOWN\");")).failures();
    assert_eq!(
        failures[0].to_string(),
        "rules/own.test.rhai:2:3: the test `one` failed: the rule `fails` failed: rules.rhai:2:5: out of ideas"
    );
}

#[test]
fn a_test_without_an_end_is_a_failure() {
    let endless = fails("loop { }");
    assert!(endless.contains("Too many operations"), "{endless}");
    let again = "rule(\"again\", #{}, |e| e.drop(\"again\", #{ again: \"1s\" }));";
    let failures = report(again, &one("t.state(\"db1\", \"DOWN\"); t.wait(\"3000d\");")).failures();
    assert!(failures[0].message.contains("the test takes too long"), "{failures:?}");
}

#[test]
fn each_test_begins_in_an_empty_world() {
    let tests = "test(\"a\", |t| { t.say(\"alice\", \"!mute * 1h\"); t.state(\"db1\", \"DOWN\"); t.expect(\"ops\", \"#1\"); });\n\
                 test(\"b\", |t| { t.state(\"db1\", \"DOWN\"); t.expect(\"ops\", \"#1\"); t.say(\"alice\", \"!mutes\"); t.expect_reply(\"nothing\"); });\n";
    let report = report(RULES, tests);
    let failures: Vec<_> = report.results.iter().filter_map(|result| result.failure.as_ref()).collect();
    assert!(failures.is_empty(), "{failures:?}");
    let touched: Vec<&str> = report.touched.iter().map(|rule| &*rule.name).collect();
    assert_eq!(touched, ["problems", "the rest"]);
}

#[test]
fn one_set_is_tested_by_two_threads_at_once() {
    let rules = compiled_files(&[
        ("a.rhai", RULES),
        (
            "a.test.rhai",
            &one("for n in 0..50 { t.state(`h${n}`, \"DOWN\"); t.expect(\"ops\", `h${n} is`); }"),
        ),
    ]);
    let templates = Arc::new(Templates::built_in().expect("the shipped templates are sound"));
    let set = Set { rules, templates, hash: String::new() };
    let config = Arc::new(config::builtin("rules".into(), "".into()));
    std::thread::scope(|scope| {
        let run = || trial::run(&set, &config, Targets::Any, |_| true).expect("there is a thread").failures();
        let threads = [scope.spawn(run), scope.spawn(run)];
        for thread in threads {
            let failures = thread.join().expect("it does not panic");
            assert!(failures.is_empty(), "{failures:?}");
        }
    });
}

#[test]
fn the_shipped_tests_pass_and_touch_every_shipped_rule() {
    let set = Set::shipped().expect("what is shipped is sound");
    let config = Arc::new(config::builtin("rules".into(), "".into()));
    let report = trial::run(&set, &config, Targets::Configured, |_| true).expect("there is a thread");
    let untouched: Vec<String> = set
        .rules
        .rules()
        .iter()
        .filter(|rule| !report.touched.contains(&rule.at))
        .map(|rule| rule.at.to_string())
        .collect();
    assert_eq!(untouched, Vec::<String>::new());
    let failures = report.failures();
    assert!(failures.is_empty(), "{}", watchbell::diagnostic::render(&failures, false));
}

#[test]
fn a_test_sends_webhooks_and_reminds_of_what_lasts() {
    let rules = r#"
    rule("deploys", #{ on: "Webhook", "webhook.name": "deploys", "webhook.body.to.0": () }, |e| {
        e.notify("ops", #{ text: `deployed ${e.webhook.body.app} ${e.webhook.body.to.len()}` });
        e.stop();
    });
    rule("the rest of them", #{ on: "Webhook" }, |e| e.notify("dba", #{ text: `${e.webhook.name}: ${e.webhook.body}` }));
    rule("problems", #{ on: "StateChange", hard: true, is_problem: true }, |e| e.notify("ops"));
    rule("reminders", #{ on: "Reminder", reachable: true }, |e| e.notify("dba", #{ text: `${e.object} again, ${e.reminder.number}` }));
    rule("recoveries", #{ on: "StateChange", is_recovery: true }, |e| { e.tell_those_told(); });
    rule("the rest", #{}, |e| e.drop("not for people"));
    "#;
    let body = r#"
        t.webhook("deploys", #{ app: "shop", to: ["a", "b"] });
        t.expect("ops", "deployed shop 2");
        t.webhook("other", "a text");
        t.expect("dba", "other: a text");
        t.state("db1", "DOWN");
        t.expect("ops", "db1");
        t.reminder("db1");
        t.expect("dba", "db1 again, 1");
        t.reminder("db1");
        t.expect("dba", "db1 again, 2");
        t.state("db1", "UP");
        t.expect("dba", "db1");
        t.expect("ops", "db1");
        t.state("db1", "DOWN");
        t.expect("ops", "db1");
        t.reminder("db1");
        t.expect("dba", "db1 again, 1");
        t.expect_silence();
    "#;
    let failures = report(rules, &one(body)).failures();
    assert!(failures.is_empty(), "{}", watchbell::diagnostic::render(&failures, false));
    for (body, expected) in [
        ("t.reminder(\"db1\");", "2:3: db1 has no open incident that anybody could be reminded of"),
        (
            "t.state(\"db1\", \"DOWN\"); t.state(\"db1\", \"UP\"); t.reminder(\"db1\");",
            "2:49: db1 has no open incident that anybody could be reminded of",
        ),
    ] {
        assert_eq!(fails(body), expected, "{body}");
    }
}

#[test]
fn a_constant_of_a_file_stays_what_it_is_whatever_an_action_does_with_it() {
    for action in ["N.push(1)", "N[0] = 2", "N = []", "N += 1"] {
        let rules = format!("const N = [1];\nrule(\"r\", #{{}}, |e| {{ {action}; }});");
        let failures = report(&rules, &one("t.state(\"db1\", \"DOWN\");")).failures();
        let [failure] = failures.as_slice() else { panic!("{action}: is taken") };
        assert!(failure.to_string().contains("constant"), "{action}: {failure}");
    }
}

// As a program.

/// An installation with these tests beside its one rule.
fn with_tests(tests: &str) -> TempDir {
    let folder = installation();
    put(folder.path(), "rules/own.test.rhai", tests);
    folder
}

const MIXED: &str = r#"test("a host that is down is told", |t| {
    t.state("db1", "DOWN");
    t.expect("ops", "db1 is DOWN");
});

test("nobody hears of services", |t| {
    t.state("db1!postgres", "CRITICAL");
    t.expect_silence();
});
"#;

/// Both streams and the exit code.
fn all(ended: Ended) -> String {
    format!("{}--- stderr\n{}--- exit {:?}\n", ended.out, ended.err, ended.code)
}

fn run(folder: &Path, arguments: &[&str]) -> String {
    all(watchbell(folder, arguments))
}

#[test]
fn each_test_is_said_with_its_end_and_failures_with_their_place() {
    let folder = with_tests(MIXED);
    insta::assert_snapshot!("failing_test", run(folder.path(), &["test"]));
    insta::assert_snapshot!("failing_check", run(folder.path(), &["check"]));
}

#[test]
fn failing_tests_are_told_beside_the_faults_of_the_configuration() {
    let folder = with_tests(MIXED);
    put(folder.path(), "watchbell.toml", &CONFIG.replace("zone = \"UTC\"", "zone = \"Europe/Berln\""));
    let err = watchbell(folder.path(), &["check"]).refused();
    assert!(
        err.contains("Europe/Berln") && err.contains("the test `nobody hears of services` failed"),
        "{err}"
    );
}

#[test]
fn tests_are_chosen_by_parts_of_their_names() {
    let folder = with_tests(MIXED);
    insta::assert_snapshot!("chosen", run(folder.path(), &["test", "HOST that"]));
    insta::assert_snapshot!("none_chosen", run(folder.path(), &["test", "servces"]));
}

#[test]
fn a_bare_folder_of_rules_is_tested_with_any_target() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    put(
        folder.path(),
        "r/10.rhai",
        "rule(\"all\", #{ on: \"StateChange\" }, |e| e.notify(\"anybody\"));\n\
         test(\"anybody hears it\", |t| {\n    t.state(\"db1\", \"DOWN\");\n    t.expect(\"anybody\", \"db1 is DOWN\");\n});\n",
    );
    insta::assert_snapshot!("bare_folder", run(folder.path(), &["test", "--rules", "r"]));
}

#[test]
fn rules_that_stand_for_themselves_beside_a_configuration_are_told_of() {
    let folder = with_tests("test(\"nothing\", |t| t.expect_silence());\n");
    let hint = "without --config watchbell.toml these rules may name any target, and times are UTC";
    assert!(run(folder.path(), &["test", "--rules", "rules"]).contains(hint));
    assert!(!run(folder.path(), &["test", "--rules", "rules", "-c", "watchbell.toml"]).contains(hint));
}

#[test]
fn a_target_that_the_configuration_lacks_is_an_error() {
    let folder = with_tests("test(\"typo\", |t| {\n    t.expect(\"opps\");\n});\n");
    insta::assert_snapshot!("unknown_target", run(folder.path(), &["test"]));
}

#[test]
fn faults_of_tests_are_found_before_they_run() {
    let folder = with_tests(
        "test(\"\", |t| ());\ntest(\"twice\", |t| ());\ntest(\"twice\", |t| t.exspect(\"ops\"));\n\
         rule(\"own\", #{}, |e| ());\ncommand(\"own\", #{}, |c| ());\n",
    );
    insta::assert_snapshot!("faults", run(folder.path(), &["check"]));
}

#[test]
fn verbs_at_the_wrong_place_are_told_where_they_belong() {
    let folder = with_tests(
        "test(\"a rule's verb\", |t| t.notify(\"ops\"));\ntest(\"a mute\", |t| mute(#{}, \"1h\", \"\", \"\"));\n\
         test(\"a rule\", |t| rule(\"inner\", #{}, |e| ()));\ntest(\"a test's verb\", |t| t.state(\"db1\", \"DOWN\"));\n",
    );
    put(folder.path(), "rules/10-all.rhai", "rule(\"all\", #{}, |e| e.wait(\"1h\"));\n");
    insta::assert_snapshot!("wrong_place", run(folder.path(), &["test"]));
}

#[test]
fn messages_are_rendered_by_the_templates_of_the_set() {
    let folder = with_tests(
        "test(\"own words\", |t| {\n    t.state(\"db1\", \"DOWN\");\n    t.expect(\"ops\", \"down, down, down\");\n});\n",
    );
    assert_eq!(watchbell(folder.path(), &["test"]).code, Some(1));
    put(folder.path(), "templates/default/StateChange.text", "{{ object }} is down, down, down\n");
    assert_eq!(watchbell(folder.path(), &["test"]).code, Some(0));
}

#[test]
fn a_target_with_two_addresses_hears_a_thing_once() {
    let folder = with_tests(
        "test(\"once\", |t| {\n    t.state(\"db1\", \"DOWN\");\n    t.expect(\"hooks\", \"db1\");\n    t.expect_silence();\n});\n",
    );
    put(
        folder.path(),
        "rules/10-all.rhai",
        "rule(\"all\", #{ on: \"StateChange\" }, |e| e.notify(\"hooks\"));\n",
    );
    let irc = "[sink.irc.net]\nserver = \"127.0.0.1:1\"\ntls = false\nnick = \"w\"\n\n[target.hooks]\nsink = \"net\"\nto = [\"#a\", \"#b\"]\n";
    put(folder.path(), "watchbell.toml", &format!("{CONFIG}\n{irc}"));
    watchbell(folder.path(), &["test"]).fine();
}

#[test]
fn a_person_of_the_configuration_has_their_roles_until_a_test_declares_others() {
    let folder = with_tests(
        "test(\"configured\", |t| {\n    t.say(\"al\", \"!mute * 1h\");\n    t.expect_reply(\"needs the role\");\n});\n\
         test(\"declared\", |t| {\n    t.person(\"alice\", [\"operator\"]);\n    t.say(\"alice\", \"!mute * 1h\");\n    t.expect_reply(\"muted until\");\n});\n",
    );
    let person = "[person.al]\nirc = \"alice\"\nroles = []\n";
    let config = CONFIG.replace("[defaults]", "[defaults]\nprefix = \".\"");
    put(folder.path(), "watchbell.toml", &format!("{config}\n{person}"));
    watchbell(folder.path(), &["test"]).fine();
}

#[test]
fn rules_without_tests_are_sound_all_the_same() {
    let folder = installation();
    assert_eq!(watchbell(folder.path(), &["test"]).fine(), "0 tests, 0 failed; 0 of 1 rule touched\n");
    assert!(watchbell(folder.path(), &["test", "x"]).refused().contains("these rules have no tests"));
}

#[test]
fn coverage_names_the_rules_that_no_test_touched() {
    let folder =
        with_tests("test(\"down\", |t| {\n    t.state(\"db1\", \"DOWN\");\n    t.expect(\"ops\");\n});\n");
    put(
        folder.path(),
        "rules/20-more.rhai",
        "rule(\"comments\", #{ on: \"CommentAdded\" }, |e| e.notify(\"ops\"));\n",
    );
    let out = watchbell(folder.path(), &["check", "--coverage"]).fine();
    let (_, coverage) = out.split_once('\n').expect("two parts");
    assert_eq!(coverage, "coverage: 1 of 2 rules touched by no test:\n  rules/20-more.rhai:1 comments\n");
}

#[test]
fn coverage_says_whether_an_event_of_late_touched_the_rule() {
    let folder = installation();
    let rules =
        "rule(\"of late\", #{}, |e| ());\nrule(\"long ago\", #{}, |e| ());\nrule(\"never\", #{}, |e| ());\n";
    put(folder.path(), "rules/10-all.rhai", rules);
    let store = SqliteStore::open(&folder.path().join("watchbell.db")).expect("it opens");
    let judged = |name: &str, days: i64| Decision {
        at: Timestamp::now() - jiff::SignedDuration::from_hours(24 * days),
        event: "StateChange".to_owned(),
        object: "db1".to_owned(),
        incident: None,
        summary: String::new(),
        verdict: Verdict::Unmatched,
        // It may have stood in another line then.
        steps: vec![Step {
            rule: RuleRef { file: "10-all.rhai".into(), line: 9, name: name.into() },
            did: Vec::new(),
        }],
        facts: Facts::default(),
        ruleset: String::new(),
    };
    let decisions = vec![judged("of late", 6), judged("long ago", 8)];
    store.commit(&Batch { decisions, ..Batch::default() }).expect("it is kept");
    let out = watchbell(folder.path(), &["check", "--coverage"]).fine();
    let (_, coverage) = out.split_once('\n').expect("two parts");
    assert_eq!(
        coverage,
        "coverage: 3 of 3 rules touched by no test:\n  rules/10-all.rhai:1 of late (events of the last 7 days did)\n  \
         rules/10-all.rhai:2 long ago (nor by any event of the last 7 days)\n  \
         rules/10-all.rhai:3 never (nor by any event of the last 7 days)\n"
    );
}
