//! What only a verb that panics can show: it is there in tests alone.

use super::*;
use crate::model::{State, StateReport, Verdict};

const RULES: &str = r#"
    rule("counts", #{}, |e| e.log(`${e.count("all", "1h")}`));
    rule("panics", #{}, |e| { let it = e; it.panic_on_purpose() });
    rule("decides", #{}, |e| e.drop("not for people"));
"#;

fn engine() -> Engine {
    let files = [RuleFile { name: "test.rhai".to_owned(), text: RULES.to_owned() }];
    let ruleset = Ruleset::compile(&files).unwrap_or_else(|faults| panic!("{faults:?}"));
    let settings = Settings {
        targets: BTreeSet::from(["ops".to_owned()]),
        default_target: "ops".to_owned(),
        mirror_mutes: false,
        zone: jiff::tz::TimeZone::UTC,
        ..Settings::of(&crate::config::builtin("".into(), "".into()))
    };
    Engine::new(World::new(true), settings, Arc::new(ruleset))
}

fn down(host: &str) -> Input {
    let source = Arc::from("lab");
    let report = StateReport {
        state: State::Down,
        hard: true,
        attempt: 1,
        previous: None,
        reachable: true,
        output: String::new(),
        performance_data: Vec::new(),
        exit_status: 2,
        check_source: String::new(),
        execution_end: None,
        downtime_depth: None,
        acknowledgement: None,
        restated: None,
    };
    Input::Event(Event {
        object: Some(ObjectKey::from_name(&source, host)),
        source,
        timestamp: Timestamp::UNIX_EPOCH,
        missed: false,
        withheld: None,
        detail: Detail::StateChange(report),
    })
}

#[test]
fn a_verb_that_panics_costs_its_own_call_and_nothing_else() {
    let mut engine = engine();
    for (host, counted) in [("a", "1"), ("b", "2")] {
        let outcome = engine.step(down(host), Timestamp::UNIX_EPOCH);
        assert_eq!(outcome.log, [counted], "the state is intact");
        let [told] = outcome.notifications.as_slice() else { panic!("{:?}", outcome.notifications) };
        assert_eq!(told.target, "ops");
        let note = told.note.as_deref().unwrap_or_default();
        assert!(note.contains("test.rhai:3:1: the rule made Watchbell panic"), "{note}");
        assert_eq!(outcome.decisions[0].steps.len(), 3, "the rules behind it still ran");
        assert_eq!(outcome.decisions[0].verdict, Verdict::Unmatched);
    }
    assert_eq!(engine.world().incidents().count(), 2);
}
