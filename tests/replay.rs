//! `watchbell replay`, as a program.

use crate::common::cli::{Ended, fixture, watchbell, watchbell_fed};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use tempfile::{TempDir, tempdir};

fn folder() -> TempDir {
    tempdir().expect("a temporary folder")
}

fn replay(arguments: &[&str]) -> Ended {
    let all: Vec<&str> = ["replay"].iter().chain(arguments).copied().collect();
    watchbell(folder().path(), &all)
}

fn replay_fed(arguments: &[&str], input: &[u8]) -> Ended {
    let all: Vec<&str> = ["replay", "-"].iter().chain(arguments).copied().collect();
    watchbell_fed(folder().path(), &all, input)
}

/// Deliveries, as `--format json` prints them.
fn deliveries(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// The summary without its last line, which says how fast it was.
fn summary(err: &str) -> String {
    let (rest, last) = err.trim_end().rsplit_once('\n').expect("several lines");
    assert!(last.contains(" events/s ("), "{last}");
    rest.to_owned()
}

fn state_change(host: &str, state: u8, second: u32, output: &str) -> String {
    let at = 1_795_000_000 + u64::from(second);
    let vars = |state: u8| json!({ "attempt": 1, "reachable": true, "state": state, "state_type": 1 });
    json!({
        "type": "StateChange", "timestamp": at, "host": host, "state": state, "state_type": 1,
        "check_result": {
            "execution_end": at, "exit_status": state * 2, "output": output, "state": state * 2,
            "vars_before": vars(1 - state), "vars_after": vars(state),
        },
    })
    .to_string()
}

// What it prints.

#[test]
fn a_recording_is_shown_as_people_would_be_told() {
    let objects = ["lifecycle-objects-hosts.json.gz", "lifecycle-objects-services.json.gz"].map(fixture);
    let ended =
        replay(&[&fixture("lifecycle.jsonl"), "--objects", &objects[0], &objects[1], "--speed", "max"]);
    insta::assert_snapshot!("lifecycle_as_lines", ended.out);
    insta::assert_snapshot!("lifecycle_summary", summary(&ended.err));
    assert_eq!(ended.code, Some(0));
}

#[test]
fn each_delivery_is_one_object_of_json_with_the_rule_that_wanted_it() {
    let out = replay(&[&fixture("lifecycle.jsonl"), "--format", "json"]).fine();
    let all = deliveries(&out);
    assert_eq!(all.len(), 20);
    let keys: BTreeSet<&str> =
        ["at", "event", "incident", "object", "rule", "sink", "target", "text", "to"].into();
    for delivery in &all {
        let object = delivery.as_object().expect("an object");
        assert_eq!(object.keys().map(String::as_str).collect::<BTreeSet<_>>(), keys);
        let rule = delivery["rule"].as_str().expect("a text");
        let (file, rest) = rule.split_once(".rhai:").expect(rule);
        let (line, name) = rest.split_once(' ').expect(rule);
        assert!(file.starts_with("50-route") && line.parse::<u32>().is_ok() && !name.is_empty(), "{rule}");
    }
    insta::assert_snapshot!("lifecycle_first_delivery", serde_json::to_string_pretty(&all[0]).expect("JSON"));
}

#[test]
fn in_a_storm_every_problem_that_was_told_has_its_recovery() {
    let ended = replay(&[&fixture("storm.jsonl.gz"), "--format", "json"]);
    insta::assert_snapshot!("storm_summary", summary(&ended.err));
    let mut open: BTreeMap<String, String> = BTreeMap::new();
    let (mut problems, mut recoveries) = (0, 0);
    for delivery in deliveries(&ended.fine()).iter().filter(|delivery| delivery["event"] == "StateChange") {
        let (object, text) = (delivery["object"].to_string(), delivery["text"].to_string());
        if text.contains(" again") {
            recoveries += 1;
            assert!(open.remove(&object).is_some(), "nobody was told that this was broken: {text}");
        } else {
            problems += 1;
            open.insert(object, text);
        }
    }
    assert!(problems > 100 && recoveries > 100, "{problems} problems, {recoveries} recoveries");
    assert!(open.is_empty(), "{open:#?}");
}

#[test]
fn rules_of_ones_own_are_tried_without_naming_their_targets_anywhere() {
    let rules = folder();
    let text =
        r#"rule("mine", #{ on: "StateChange", hard: true }, |e| e.notify("dba", #{ text: e.state }));"#;
    std::fs::write(rules.path().join("10-mine.rhai"), text).expect("written");
    let rules = rules.path().display().to_string();
    let templates = format!("{}/templates", env!("CARGO_MANIFEST_DIR"));
    let line = state_change("db1", 1, 0, "no answer");
    let json =
        replay_fed(&["--rules", &rules, "--templates", &templates, "--format", "json"], line.as_bytes());
    let delivery = &deliveries(&json.fine())[0];
    assert_eq!((&delivery["target"], &delivery["text"]), (&json!("dba"), &json!("DOWN")));
    assert_eq!(delivery["rule"], "10-mine.rhai:1 mine");
    let text = replay_fed(&["--rules", &rules, "--templates", &templates], line.as_bytes()).fine();
    assert!(text.starts_with("[dba] ") && text.ends_with(" DOWN\n"), "{text}");
}

#[test]
fn rules_alone_are_enough_the_templates_are_the_shipped_ones() {
    let rules = folder();
    std::fs::write(rules.path().join("a.rhai"), r#"rule("all", #{}, |e| e.notify("x"));"#).expect("written");
    let rules = rules.path().display().to_string();
    let out = replay_fed(&["--rules", &rules], state_change("db1", 1, 0, "no answer").as_bytes()).fine();
    assert!(out.contains("db1 is DOWN: no answer"), "{out}");
}

#[test]
fn a_problem_that_waits_is_judged_again_by_the_clock_of_the_recording() {
    let lines = [
        state_change("parent", 1, 0, "down"),
        state_change("child", 1, 1, "down").replace("\"reachable\":true", "\"reachable\":false"),
        state_change("parent", 0, 2, "up"),
        state_change("other", 1, 600, "down"),
    ];
    let out = replay_fed(&[], lines.join("\n").as_bytes()).fine();
    let shown: Vec<&str> =
        out.lines().filter_map(|line| line.split_once(' ')).map(|(_, text)| text).collect();
    assert!(shown[2].contains("child is DOWN (kept back: a parent is down)"), "{shown:?}");
    assert_eq!(shown.len(), 4);
}

// What it reads.

#[test]
fn standard_input_a_plain_file_and_a_zipped_one_say_the_same() {
    let plain = std::fs::read(fixture("lifecycle.jsonl")).expect("the fixture is there");
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut zipped, &plain).expect("memory can be written");
    let zipped = zipped.finish().expect("memory can be written");
    let expected = replay(&[&fixture("lifecycle.jsonl")]).fine();
    assert_eq!(replay_fed(&[], &plain).fine(), expected);
    assert_eq!(replay_fed(&[], &zipped).fine(), expected);
}

#[test]
fn bad_lines_are_named_by_their_numbers_and_the_rest_is_told() {
    let lines = [
        state_change("a", 1, 0, "down"),
        "not json".to_owned(),
        String::new(),
        r#"{"type":"Strange"}"#.to_owned(),
        state_change("b", 1, 1, "down"),
        state_change("c", 1, 2, "down")[..40].to_owned(),
    ];
    let ended = replay_fed(&[], lines.join("\n").as_bytes());
    assert_eq!(ended.out.lines().count(), 2);
    for number in [2, 4, 6] {
        assert!(ended.err.contains(&format!("-:{number}: skipped: ")), "{}", ended.err);
    }
    assert!(ended.err.contains("3 lines could not be read and were skipped"), "{}", ended.err);
    assert_eq!(ended.code, Some(0));
}

#[test]
fn both_masters_of_a_zone_one_after_the_other_tell_each_state_once() {
    let read = |name: &str| std::fs::read_to_string(fixture(name)).expect("the fixture is there");
    let (first, second) = (read("ha-master1.jsonl"), read("ha-master2.jsonl"));
    let told = |input: &str| -> Vec<Value> {
        let out = replay_fed(&["--format", "json"], input.as_bytes()).fine();
        deliveries(&out).into_iter().filter(|delivery| delivery["event"] == "StateChange").collect()
    };
    let alone = told(&first);
    let both = told(&format!("{first}{second}"));
    assert!(alone.len() > 10);
    assert_eq!(both[..alone.len()], alone);
    // The second recording goes on for some seconds more.
    let later = &both[alone.len()..];
    let end = |told: &[Value]| told.last().map(|delivery| delivery["at"].to_string());
    assert!(later.iter().all(|delivery| Some(delivery["at"].to_string()) > end(&alone)), "{later:#?}");
    assert!(later.len() < 3, "{later:#?}");
}

#[test]
fn hostile_output_is_inert() {
    let hostile =
        "\u{1b}[31mred\u{1b}]0;title\u{7}\r\nsecond\u{0}line \u{202e}back <b>bold</b> {{ 7*7 }} ${e}";
    let out = replay_fed(&[], state_change("db1", 1, 0, hostile).as_bytes()).fine();
    assert_eq!(out.lines().count(), 1, "{out:?}");
    assert!(!out.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'), "{out:?}");
    assert!(out.contains("{{ 7*7 }} ${e}") || !out.contains("49"), "{out:?}");
    let name = state_change("h\u{1b}[2J\u{9b}31m", 1, 0, "x");
    let out = replay_fed(&[], name.as_bytes()).fine();
    assert!(!out.trim_end().contains(char::is_control), "{out:?}");
}

#[test]
fn moments_at_the_edge_of_time_are_played_like_any_other() {
    let lines = [-377_705_023_201_i64, 0, 253_402_207_200].map(|at| {
        let line = state_change("db1", u8::from(at != 0), 0, "x");
        line.replace("1795000000", &at.to_string())
    });
    let ended = replay_fed(&[], lines.join("\n").as_bytes());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
}

// What it refuses, and what it leaves alone.

#[test]
fn rules_that_are_broken_are_shown_with_a_caret() {
    let rules = folder();
    let text = "rule(\"mine\", #{ on: \"StateChange\" }, |e| {\n    e.notfy(\"ops\");\n});\n";
    std::fs::write(rules.path().join("10-mine.rhai"), text).expect("written");
    let path = rules.path().display().to_string();
    let err = replay(&[&fixture("lifecycle.jsonl"), "--rules", &path]).refused();
    insta::assert_snapshot!("broken_rules", err.replace(&path, "rules"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    for arguments in [&["nothing.jsonl"][..], &["-", "--objects", "nothing.json"]] {
        let err = replay(arguments).refused();
        assert!(err.starts_with("error: ") && err.contains("nothing.json"), "{err}");
    }
}

#[test]
fn an_empty_folder_that_cannot_be_written_is_enough() {
    let folder = folder();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o555)).expect("it is ours");
    let ended = watchbell(folder.path(), &["replay", &fixture("lifecycle.jsonl")]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(std::fs::read_dir(folder.path()).expect("it can be read").count(), 0);
}

#[test]
fn a_configuration_gives_rules_templates_and_targets_and_its_database_is_not_touched() {
    let folder = folder();
    for (name, text) in [
        ("rules/a.rhai", r#"rule("all", #{ on: "StateChange" }, |e| e.notify("default"));"#),
        ("templates/default/StateChange.text", "{{ object }}!"),
        (
            "watchbell.toml",
            "rules = \"rules\"\ntemplates = \"templates\"\n[store]\npath = \"w.db\"\n[sink.console.out]\n\
             [target.ops]\nsink = \"out\"\n[defaults]\ntarget = \"ops\"\nzone = \"UTC\"\n",
        ),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("in the folder")).expect("it can be made");
        std::fs::write(path, text).expect("written");
    }
    let mut recording = String::new();
    GzDecoder::new(std::fs::File::open(fixture("storm.jsonl.gz")).expect("the fixture is there"))
        .take(100_000)
        .read_to_string(&mut recording)
        .expect("it is text");
    let arguments = ["--config", "watchbell.toml", "replay", "-", "--format", "json"];
    let out = watchbell_fed(folder.path(), &arguments, recording.as_bytes()).fine();
    let first = &deliveries(&out)[0];
    assert_eq!((&first["target"], &first["sink"]), (&json!("ops"), &json!("out")));
    assert!(first["text"].as_str().is_some_and(|text| text.ends_with('!')), "{first}");
    assert!(!folder.path().join("w.db").exists());
}
