//! Hours and holidays: what `during` and `holiday` say, when, and what is refused.

use crate::common::engine::{World, compiled, compiled_files};
use watchbell::engine::{RuleFile, Ruleset};
use watchbell::model::Timestamp;

/// What rules write to the log when a state comes at this moment.
fn logged_at(world: &mut World, moment: &str) -> Vec<String> {
    let moment: Timestamp = moment.parse().expect("a moment");
    world.now = moment - std::time::Duration::from_secs(1);
    world.state("db1", "DOWN");
    std::mem::take(&mut world.log)
}

#[test]
fn a_rule_knows_the_hour_of_the_event_in_its_zone() {
    let mut world = World::new(
        r#"rule("hours", #{}, |e| {
            e.log(`${during("Sun 09:00-17:00")} ${during("Sun 09:00-17:00 Asia/Tokyo")}`);
        });"#,
    );
    // The harness's own zone is UTC; 2026-11-22 is a Sunday.
    assert_eq!(logged_at(&mut world, "2026-11-22T00:00:00Z"), ["false true"]);
    assert_eq!(logged_at(&mut world, "2026-11-22T08:59:59Z"), ["false false"]);
    assert_eq!(logged_at(&mut world, "2026-11-22T09:00:00Z"), ["true false"]);
    assert_eq!(logged_at(&mut world, "2026-11-23T12:00:00Z"), ["false false"]);
}

const HOLIDAYS: &str = r#"
    rule("office", #{}, |e| {
        e.log(`${during("Mon-Fri 09:00-17:00", "de")} ${holiday("de")} ${holiday("de", "Asia/Tokyo")}`);
    });
    command("office", #{}, |c| `${during("00:00-24:00", "de")} ${holiday("de")}`);
"#;

#[test]
fn a_holiday_is_no_working_day() {
    // Declared in a file that comes later.
    let calendar = r#"holidays("de", ["12-25", "2026-12-24"]);"#;
    let mut world =
        World::with(compiled_files(&[("10-rules.rhai", HOLIDAYS), ("20-holidays.rhai", calendar)]));
    assert_eq!(logged_at(&mut world, "2026-12-23T12:00:00Z"), ["true false false"]);
    assert_eq!(logged_at(&mut world, "2026-12-23T15:00:00Z"), ["true false true"]);
    assert_eq!(logged_at(&mut world, "2026-12-24T12:00:00Z"), ["false true true"]);
    assert_eq!(world.say("alice", "!office"), "alice: false true");
    assert_eq!(logged_at(&mut world, "2029-12-24T12:00:00Z"), ["true false false"]);
    assert_eq!(logged_at(&mut world, "2029-12-25T12:00:00Z"), ["false true true"]);
    assert_eq!(logged_at(&mut world, "2029-12-25T15:00:00Z"), ["false true false"]);
}

#[test]
fn changed_rules_bring_their_own_holidays() {
    let rules = r#"rule("today", #{}, |e| e.log(`${holiday("own")}`));"#;
    let mut world = World::new(&format!(r#"{rules} holidays("own", ["11-22"]);"#));
    assert_eq!(logged_at(&mut world, "2026-11-22T12:00:00Z"), ["true"]);
    world.engine.set_ruleset(compiled(&format!(r#"{rules} holidays("own", ["11-23"]);"#)));
    assert_eq!(logged_at(&mut world, "2026-11-22T12:00:10Z"), ["false"]);
}

#[test]
fn what_a_script_works_out_fails_when_it_runs_and_says_why() {
    for (call, expected) in [
        (r#"during("Mon" + "x")"#, "`Monx` is no span of the week: `Monx` is neither a day"),
        (
            r#"during("Mon", "n" + "l")"#,
            "there are no holidays `nl`; declare them: holidays(\"nl\", [\"12-25\"])",
        ),
        (r#"holiday("d" + "d")"#, "there are no holidays `dd`; did you mean `de`?"),
        (
            r#"holiday("de", "Mars" + "/Base")"#,
            "there is no time zone `Mars/Base`; write it like Europe/Berlin",
        ),
    ] {
        let mut world =
            World::new(&format!(r#"holidays("de", []); rule("fails", #{{}}, |e| {{ {call}; }});"#));
        world.state("db1", "DOWN");
        let told = world.told();
        assert!(told[0].contains(expected), "{call}: {told:?}");
    }
}

#[test]
fn what_can_be_seen_to_be_wrong_is_told_when_the_file_is_read() {
    let mut wrong = Vec::new();
    for (text, expected) in [
        (
            r#"rule("a", #{}, |e| during("Mno"));"#,
            "1:27: `Mno` is no span of the week: `Mno` is neither a day",
        ),
        (
            r#"rule("a", #{}, |e| during("Mon-Fri 09:00-17:00 Europe/Berln"));"#,
            "there is no time zone `Europe/Berln`; did you mean Europe/Berlin?",
        ),
        (r#"fn f() { if during("Mon 9-17") { 1 } }"#, "1:20: `Mon 9-17` is no span of the week"),
        (
            r#"rule("a", #{}, |e| during("Mon", "ed")); holidays("de", []);"#,
            "1:34: there are no holidays `ed`",
        ),
        (
            r#"rule("a", #{}, |e| holiday("dee")); holidays("de", []);"#,
            "1:28: there are no holidays `dee`; did you mean `de`?",
        ),
        (
            r#"holidays("de", []); command("a", #{}, |c| holiday("de", "Berlin"));"#,
            "1:57: there is no time zone `Berlin`; did you mean Europe/Berlin?",
        ),
        (
            r#"holidays("de", ["12-25", "25.12."]);"#,
            "1:1: holidays `de`: `25.12.` is no day of the calendar; write it like",
        ),
        (
            r#"holidays("de", [1225]);"#,
            "1:1: holidays `de`: a day is a text like 2026-12-25 or 12-25, not a i64",
        ),
        (
            r#"holidays("de", []); holidays("de", []);"#,
            "1:21: the holidays `de` stand already in test.rhai:1 (give each",
        ),
        (r#"during("Mon");"#, "this can only be called inside a rule or command"),
    ] {
        let file = RuleFile { name: "test.rhai".to_owned(), text: text.to_owned() };
        let faults = Ruleset::compile(&[file]).err().unwrap_or_default();
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        if faults.len() != 1 || !faults[0].contains(expected) {
            wrong.push(format!("{text}: {faults:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
