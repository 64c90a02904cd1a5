//! What rules say and probably do not mean is a warning, and only what is certain is one.

use crate::common::cli::{installation, put, watchbell};
use std::fs;
use std::path::Path;
use watchbell::engine::{RuleFile, Ruleset};
use watchbell::model::EventType;
use watchbell::model::scene::kinds::{Kind, kind, types_with};
use watchbell::model::scene::{Path as FieldPath, Value};
use watchbell::router::samples;

/// The warnings of rule files as `file:line:column: what`.
#[track_caller]
fn warnings(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<RuleFile> = files
        .iter()
        .map(|(name, text)| RuleFile { name: (*name).to_owned(), text: (*text).to_owned() })
        .collect();
    match Ruleset::compile(&files) {
        Ok(ruleset) => ruleset.warnings().iter().map(ToString::to_string).collect(),
        Err(faults) => panic!("these rules are not sound: {faults:#?}"),
    }
}

/// Matchers, and what is warned of.
#[track_caller]
fn expect_matchers(cases: &[(&str, &[&str])]) {
    let mut wrong = Vec::new();
    for (matcher, expected) in cases {
        let found = warnings(&[("a.rhai", &format!("rule(\"a\", #{{ {matcher} }}, |e| ());"))]);
        let said: Vec<&str> =
            found.iter().filter_map(|warning| warning.split_once(": ")).map(|(_, what)| what).collect();
        if said != *expected {
            wrong.push(format!("{matcher}: {said:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_condition_that_can_never_hold_is_a_warning() {
    expect_matchers(&[
        (r#"state: "Critical""#, &["`state` is never `Critical`; did you mean `CRITICAL`?"]),
        (r#"state: ["DOWN", "CRIT"]"#, &["`state` is never `CRIT`; did you mean `CRITICAL`?"]),
        (r#"state: not("UNKNWON")"#, &["`state` is never `UNKNWON`; did you mean `UNKNOWN`?"]),
        (r#"type: "StateChnage""#, &["`type` is never `StateChnage`; did you mean `StateChange`?"]),
        (r#""host.state": "CRITICAL""#, &["`host.state` is never `CRITICAL`"]),
        (r#"is_host: false, state: "DOWN""#, &["`state` is never `DOWN` where `is_host` is false"]),
        (r#"is_host: true, hard_state: "OK""#, &["`hard_state` is never `OK` where `is_host` is true"]),
        (r#"is_host: true, "service.name": "x""#, &["`service.name` is never there where `is_host` is true"]),
        (r#"hard: "yes""#, &["`hard` is true or false, never the text `yes`"]),
        ("hard: 1", &["`hard` is true or false, never `1`"]),
        (r#"attempt: "3""#, &["`attempt` is a number, never the text `3`"]),
        ("object: 3", &["`object` is a text, never `3`"]),
        ("state: []", &["`state` is never in a list that is empty"]),
        ("on: []", &["`on` names no type: no event is asked for"]),
        (
            r#"on: "StateChange", "downtime.fixed": true"#,
            &[
                "`downtime.fixed` is never there in StateChange; it is a field of DowntimeAdded, DowntimeRemoved, DowntimeStarted, DowntimeTriggered",
            ],
        ),
        (
            r#"on: ["Gap", "Flapping"], attempt: above(1)"#,
            &["`attempt` is never there in Flapping, Gap; it is a field of CheckResult, StateChange"],
        ),
    ]);
}

#[test]
fn what_may_hold_is_no_warning() {
    expect_matchers(&[
        (r#"state: glob("C*")"#, &[]),
        (r#"on: ["StateChange", "Flapping"], is_flapping: not(false)"#, &[]),
        (r#"on: "StateChange", "downtime.fixed": ()"#, &[]),
        (r#"is_host: true, "service.name": ()"#, &[]),
        (r#"is_host: [true, false], state: "DOWN""#, &[]),
        (r#""host.vars.state": "Critical", "host.vars.n": [1, "x", true]"#, &[]),
        ("attempt: [1, above(3)], since: below(5)", &[]),
        (r#""host.groups": "db", users: ["a"]"#, &[]),
    ]);
}

/// A rule with this name, matcher and action.
fn rule(name: &str, matcher: &str, action: &str) -> String {
    format!("rule(\"{name}\", #{{ {matcher} }}, |e| {action});\n")
}

#[test]
fn a_rule_behind_one_that_ends_all_it_asks_for_is_a_warning() {
    for (first, second) in [
        ("hard: false", "hard: false"),
        ("", "on: \"Gap\""),
        ("on: [\"Gap\", \"StateChange\"]", "on: \"Gap\", \"gap.open\": true"),
        ("state: [\"DOWN\", \"UP\"]", "state: \"UP\", hard: true"),
        ("output: re(\"x\")", "output: re(\"x\"), on: \"StateChange\""),
    ] {
        for action in ["e.drop(\"x\")", "{ e.notify(\"ops\"); e.stop(); }", "{ return e.drop(e.state); }"] {
            let files = [
                ("10-a.rhai", &*rule("first", first, action)),
                ("20-b.rhai", &*rule("second", second, "e.stop()")),
            ];
            assert_eq!(
                warnings(&files),
                ["20-b.rhai:1:1: rule `second` never runs: `first` in 10-a.rhai:1 ends all that it asks for"],
                "{first} / {second} / {action}"
            );
        }
    }
}

#[test]
fn a_rule_that_something_may_reach_is_no_warning() {
    for (first, action, second) in [
        ("hard: false", "e.drop(\"x\")", "hard: true"),
        ("hard: false, state: \"DOWN\"", "e.drop(\"x\")", "hard: false"),
        ("on: \"Gap\"", "e.stop()", "on: [\"Gap\", \"StateChange\"]"),
        ("on: \"Gap\"", "e.stop()", ""),
        ("hard: false", "if e.state == \"OK\" { e.drop(\"x\") }", "hard: false"),
        ("hard: false", "{ if e.told { return; } e.drop(\"x\") }", "hard: false"),
        ("hard: false", "{ e.notify(e.host.vars.who); e.stop() }", "hard: false"),
        ("hard: false", "e.notify(\"ops\")", "hard: false"),
        ("state: \"UP\"", "e.stop()", "state: [\"DOWN\", \"UP\"]"),
        ("hard: false", "{ let f = |x| x.drop(\"y\"); e.log(\"z\"); }", "hard: false"),
    ] {
        let text = rule("first", first, action) + &rule("second", second, "e.stop()");
        assert_eq!(warnings(&[("a.rhai", &text)]), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn nothing_that_is_shipped_or_shown_is_suspicious() {
    let shipped = watchbell::load::shipped_rules();
    let ruleset = Ruleset::compile(&shipped).unwrap_or_else(|faults| panic!("{faults:#?}"));
    assert_eq!(ruleset.warnings(), []);
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md")).expect("it is there");
    let examples: Vec<&str> =
        page.split("```rhai\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() > 5, "the page has examples");
    let module = |example: &&str| example.lines().next().is_some_and(|line| line.starts_with("// lib/"));
    let (modules, rules): (Vec<&str>, Vec<&str>) = examples.into_iter().partition(module);
    let named = modules.iter().filter_map(|text| Some((text.lines().next()?.strip_prefix("// ")?, *text)));
    let modules: Vec<(&str, &str)> = named.collect();
    for example in rules {
        let files = [&[("example.rhai", example)], &modules[..]].concat();
        assert_eq!(warnings(&files), Vec::<String>::new(), "{example}");
    }
}

#[test]
fn warnings_are_shown_by_check_which_is_content_all_the_same() {
    let folder = installation();
    put(
        folder.path(),
        "rules/10-all.rhai",
        "rule(\"all\", #{\n    state: \"Critical\",\n}, |e| e.notify(\"ops\"));\n",
    );
    let ended = watchbell(folder.path(), &["check"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.contains("watchbell.toml: sound; "), "{}", ended.out);
    insta::assert_snapshot!(ended.err, @r#"
    warning: `state` is never `Critical`; did you mean `CRITICAL`?
     --> rules/10-all.rhai:2:5
      |
    2 |     state: "Critical",
      |     ^
    "#);
}

/// What a value is, as far as conditions can tell.
fn fits(kind: Kind, value: &Value<'_>) -> bool {
    match value {
        Value::Missing => true,
        Value::Bool(_) => kind == Kind::Truth,
        Value::Int(_) | Value::Float(_) | Value::Time(_) => kind == Kind::Number,
        Value::Text(text) => match kind.texts() {
            Some(texts) => texts.contains(&&**text),
            None => kind == Kind::Text,
        },
        Value::List(_) => kind == Kind::Text,
        Value::Json(_) => false,
    }
}

#[test]
fn every_field_of_every_sample_is_what_is_known_of_it() {
    let mut untried: Vec<String> = FieldPath::names().filter(|name| kind(name).is_some()).collect();
    for sample in samples::all() {
        let event_type: EventType = sample.scene.event.event_type();
        for name in FieldPath::names() {
            let value = sample.scene.field(&name).expect("it is a field");
            if value == Value::Missing {
                continue;
            }
            untried.retain(|untried| *untried != name);
            assert!(
                kind(&name).is_none_or(|kind| fits(kind, &value)),
                "{name} of `{}`: {value:?}",
                sample.name
            );
            let types = types_with(&name);
            assert!(types.is_none_or(|types| types.contains(&event_type)), "{name} of `{}`", sample.name);
        }
    }
    // The samples know no state of a host beside its service's.
    assert_eq!(
        untried,
        ["host.state", "host.hard_state"],
        "no sample shows that these are what they are said to be"
    );
}
