//! What is wrong in rules is said when they are read: all of it, with its place and what was meant.

use std::collections::{BTreeMap, BTreeSet};
use watchbell::engine::{Names, RuleFile, Ruleset};

/// Two targets, and templates of their own.
fn names() -> Names {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    Names {
        targets: Some(set(&["ops", "dba-mail"])),
        policies: Some(set(&["dba"])),
        templates: Some(BTreeMap::from([
            ("default".to_owned(), set(&["short"])),
            ("ops".to_owned(), set(&["short"])),
            ("dba-mail".to_owned(), set(&["short", "letter"])),
        ])),
        roles: Some(set(&["dba"])),
    }
}

fn rule_files(files: &[(&str, &str)]) -> Vec<RuleFile> {
    files.iter().map(|(name, text)| RuleFile { name: (*name).to_owned(), text: (*text).to_owned() }).collect()
}

/// The faults of rule files as `file:line:column: what (help)`.
fn faults(files: &[(&str, &str)]) -> Vec<String> {
    match Ruleset::compile_for(&rule_files(files), &names()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

/// An action with its faults as `column: what`; columns are those of the action.
#[track_caller]
fn expect_action(cases: &[(&str, &[&str])]) {
    let before = r#"rule("a", #{}, |e| "#;
    let mut wrong = Vec::new();
    for (action, expected) in cases {
        let found = faults(&[("a.rhai", &format!("{before}{action});"))]);
        let shown: Vec<String> = found
            .iter()
            .map(|fault| {
                let (column, what) =
                    fault.strip_prefix("a.rhai:1:").and_then(|rest| rest.split_once(": ")).expect("a place");
                format!("{}: {what}", column.parse::<usize>().expect("a column") - before.len())
            })
            .collect();
        if shown != *expected {
            wrong.push(format!("{action}\n    found {shown:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_field_that_is_none_is_a_fault_wherever_the_event_is() {
    let no_stat = "there is no field `stat`; did you mean `state`?";
    let at = |column: usize| format!("{column}: {no_stat}");
    expect_action(&[
        ("e.stat", &[&at(3)]),
        ("{ if e.stat == 1 { e.stop(); } }", &[&at(8)]),
        ("e.log(`is ${e.stat} now`)", &[&at(15)]),
        ("{ [1].filter(|n| n == 1 && e.stat == n) }", &[&at(30)]),
        ("{ [1].map(|n| [2].map(|m| e.stat)) }", &[&at(29)]),
        (r#"e["stat"]"#, &[&at(3)]),
        ("e.host.adress", &["8: there is no field `host.adress`; did you mean `host.address`?"]),
        (r#"e["host.adress"]"#, &["3: there is no field `host.adress`; did you mean `host.address`?"]),
        (r#"e.host["adress"]"#, &["8: there is no field `host.adress`; did you mean `host.address`?"]),
        ("e.downtime.fixd", &["12: there is no field `downtime.fixd`; did you mean `downtime.fixed`?"]),
        (
            "e.stat + e.host.adress",
            &[&at(3), "17: there is no field `host.adress`; did you mean `host.address`?"],
        ),
        ("e.gap.vars", &["7: there is no field `gap.vars`"]),
    ]);
}

#[test]
fn what_may_be_right_is_no_fault() {
    expect_action(&[
        ("e.host.vars.any.thing", &[]),
        ("{ let v = e.service.vars; v.thing }", &[]),
        (r#"e.host.vars["any thing"]"#, &[]),
        (r#"e["st" + "at"]"#, &[]),
        ("e.check_result.output.len() + e.state.len()", &[]),
        ("{ let e = #{ stat: 1 }; e.stat }", &[]),
        ("{ for e in [#{ stat: 1 }] { e.log(e.stat); } }", &[]),
        ("{ [#{ stat: 1 }].map(|e| e.stat) }", &[]),
        ("e.notify(e.host.vars.target)", &[]),
        (r#"e.drop("x", #{ again: e.host.vars.again })"#, &[]),
        ("e.notify(`${e.host.vars.team}-mail`)", &[]),
        ("e.to_string()", &[]),
    ]);
}

#[test]
fn the_event_is_followed_into_functions_it_is_handed_to_whatever_it_is_called() {
    let text = "fn tells(who, about) {\n    who.drop(about.stat);\n    deeper(about)\n}\n\
                fn deeper(event) { event.host.adress }\n\
                rule(\"a\", #{}, |happening| { tells(\"x\", happening); happening.typ });\n\
                rule(\"b\", #{}, Fn(\"named\"));\nfn named(it) { it.atempt }\n";
    assert_eq!(
        faults(&[("a.rhai", text)]),
        [
            "a.rhai:2:20: there is no field `stat`; did you mean `state`?",
            "a.rhai:5:31: there is no field `host.adress`; did you mean `host.address`?",
            "a.rhai:6:63: there is no field `typ`; did you mean `type`?",
            "a.rhai:8:19: there is no field `atempt`; did you mean `attempt`?",
        ]
    );
}

#[test]
fn verbs_are_called_as_the_reference_says() {
    expect_action(&[
        (
            "e.drop()",
            &[
                "3: `drop` does not take 0 arguments (write e.drop(REASON) or e.drop(REASON, #{ again: TIME }))",
            ],
        ),
        (r#"e.seen("x")"#, &["3: `seen` does not take 1 argument (write e.seen(KEY, TIME))"]),
        (
            r#"mute(#{}, "1h")"#,
            &["1: `mute` does not take 2 arguments (write mute(#{ MATCHER }, LASTS, REASON, OWNER))"],
        ),
        (r#"e.reply("x")"#, &["3: an event has no verb `reply`"]),
        ("e.notfy(\"ops\")", &["3: there is no verb `notfy`; did you mean `notify`?"]),
    ]);
    let command = r#"command("c", #{}, |c| { c.nik; c.notify("x"); c["room"]; c.reply(); });"#;
    assert_eq!(
        faults(&[("a.rhai", command)]),
        [
            "a.rhai:1:27: a command has no field `nik`; did you mean `nick`? (it has: by, nick, room, args, text)",
            "a.rhai:1:34: a command has no verb `notify`",
            "a.rhai:1:60: `reply` does not take 0 arguments (write c.reply(TEXT))",
        ]
    );
}

#[test]
fn what_is_written_out_in_a_call_is_checked() {
    expect_action(&[
        (
            r#"e.notify("opps")"#,
            &[
                "10: there is no target `opps`; did you mean `ops`? (watchbell.toml has: default, dba-mail, ops; a new one is `[target.NAME]` there, and a restart)",
            ],
        ),
        (r#"e.notify("default")"#, &[]),
        (
            r#"e.notify("ops", #{ tekst: "y" })"#,
            &["20: `notify` knows no option `tekst` (it knows: template, text)"],
        ),
        (
            r#"e.notify("opps", #{ tekst: "y", txt: e.state })"#,
            &[
                "10: there is no target `opps`; did you mean `ops`? (watchbell.toml has: default, dba-mail, ops; a new one is `[target.NAME]` there, and a restart)",
                "21: `notify` knows no option `tekst` (it knows: template, text)",
                "33: `notify` knows no option `txt`; did you mean `text`? (it knows: template, text)",
            ],
        ),
        (
            r#"e.seen(e.object, "10 minuts")"#,
            &["18: `10 minuts` is not a length of time; write it like 90s, 15m, 2h, 1h30m or 7d"],
        ),
        (
            r#"e.drop("x", #{ again: "soon" })"#,
            &["23: `soon` is not a length of time; write it like 90s, 15m, 2h, 1h30m or 7d"],
        ),
        (
            r#"mute(#{ "host.nme": "x" }, "1h", "", "me")"#,
            &["9: there is no field `host.nme`; did you mean `host.name`?"],
        ),
    ]);
}

#[test]
fn templates_are_checked_for_the_sink_of_the_target() {
    expect_action(&[
        (r#"e.notify("ops", #{ template: "short" })"#, &[]),
        (r#"e.notify("dba-mail", #{ template: "letter" })"#, &[]),
        (r#"e.notify(e.host.vars.who, #{ template: "letter" })"#, &[]),
        (
            r#"e.notify("ops", #{ template: "shrot" })"#,
            &["30: there is no template `shrot` for the target `ops`; did you mean `short`? \
               (a template of your own is a file such as `default/short.text`)"],
        ),
        (
            r#"e.notify("ops", #{ template: "letter" })"#,
            &["30: there is no template `letter` for the target `ops` \
               (it lies in a folder that only other sinks look into; put it into `default` for all)"],
        ),
        (
            r#"e.notify(e.host.vars.who, #{ template: "lettr" })"#,
            &["40: there is no template `lettr`; did you mean `letter`? \
               (a template of your own is a file such as `default/short.text`)"],
        ),
    ]);
}

#[test]
fn all_faults_of_a_matcher_are_told_each_at_its_key() {
    let text = "rule(\"a\", #{\n    on: [\"Gapp\", \"StateChange\", \"Flaping\"],\n    stat: 1,\n    output: re(\"(\"),\n    \
                \"host.nme\": \"x\",\n    hard: true,\n    object: #{},\n}, |e| e.stat);\n";
    let places: Vec<String> = faults(&[("a.rhai", text)])
        .iter()
        .map(|fault| {
            fault.split(['(', ';']).next().unwrap_or_default().lines().next().unwrap_or_default().to_owned()
        })
        .collect();
    assert_eq!(
        places,
        [
            "a.rhai:2:5: rule `a`: there is no event type `Gapp`",
            "a.rhai:2:5: rule `a`: there is no event type `Flaping`",
            "a.rhai:3:5: rule `a`: there is no field `stat`",
            "a.rhai:4:5: rule `a`: `",
            "a.rhai:5:5: rule `a`: there is no field `host.nme`",
            "a.rhai:7:5: rule `a`: a matcher takes texts, numbers, truth values, lists of them, and glob, re, not, above, below",
            "a.rhai:8:10: there is no field `stat`",
        ]
    );
}

#[test]
fn one_fault_hides_no_other_in_any_file() {
    let first = "rule(\"a\", #{ stat: 1 }, |e| e.nofify(\"x\"));\nrule(\"b\", #{ output: glob(1) }, |e| ());\n\
                 throw \"by hand\";\nrule(\"a\", #{ typ: 1 }, |e| ());\nrule(\"c\", #{}, |e| colour + shape);\n";
    let second = "rule(\"c\", #{}, |e| {\n";
    let third = "rule(\"a\", #{}, |e| ());\nlet x = 1;\nrule(\"a\", #{ stat: x }, |e| e.stat);\nrule(\"d\", #{ stat: 1 }, |e| ());\n";
    let found = faults(&[("10-a.rhai", first), ("20-b.rhai", second), ("30-c.rhai", third)]);
    let places: Vec<&str> = found.iter().filter_map(|fault| fault.split(": ").next()).collect();
    assert_eq!(
        places,
        [
            "10-a.rhai:1:14",
            "10-a.rhai:1:31",
            "10-a.rhai:2:22",
            "10-a.rhai:3:1",
            "10-a.rhai:4:14",
            "10-a.rhai:5:20",
            "10-a.rhai:5:29",
            "20-b.rhai:2:1",
            "30-c.rhai:3:1",
            "30-c.rhai:3:31",
            "30-c.rhai:4:14"
        ],
        "{found:#?}"
    );
}
