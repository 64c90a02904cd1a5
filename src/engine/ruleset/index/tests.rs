//! What the index names is what a scan of all rules finds.

use super::*;
use crate::engine::matcher::Pattern;
use crate::model::{Detail, Event, Object, ObjectKey, State, StateReport, Status, Timestamp};
use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_compose, prop_oneof, proptest};
use std::sync::Arc;

/// Letters so few that texts and patterns meet often.
const TEXT: &str = "[ab-]{0,4}";

fn fields() -> impl Strategy<Value = String> {
    let names = vec![
        "host.name",
        "host.groups",
        "host.vars.a",
        "host.vars.b.c",
        "service.name",
        "output",
        "hard",
        "attempt",
        "timestamp",
        "previous",
        "check_result.performance_data",
    ];
    prop::sample::select(names).prop_map(str::to_owned)
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        (-1..3_i64).prop_map(serde_json::Value::from),
        prop::sample::select(vec![0.0, -0.0, 1.0, 1.5]).prop_map(serde_json::Value::from),
        TEXT.prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(serde_json::Value::from),
            inner.prop_map(|inner| serde_json::json!({ "c": inner })),
        ]
    })
}

fn patterns() -> impl Strategy<Value = Pattern> {
    let regexes = vec!["a", "^ab", "b$", "a|b-", "(?i)AB", "a.b", "[ab]+", "(ab)?", "(a|b)-", "a{2}", "^$"];
    let leaf = prop_oneof![
        json().prop_map(Pattern::Equal),
        "[ab*?-]{0,4}".prop_map(Pattern::Glob),
        prop::sample::select(regexes).prop_map(|regex| Pattern::Regex(regex.to_owned())),
        (-1..3_i32).prop_map(|bound| Pattern::Above(bound.into())),
        (-1..3_i32).prop_map(|bound| Pattern::Below(bound.into())),
        Just(Pattern::Missing),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Pattern::Any),
            inner.prop_map(|inner| Pattern::Not(Box::new(inner))),
        ]
    })
}

fn conditions() -> impl Strategy<Value = Vec<BTreeMap<String, Pattern>>> {
    prop::collection::vec(prop::collection::btree_map(fields(), patterns(), 0..4), 0..60)
}

prop_compose! {
    fn scenes()(
        host in TEXT,
        service in prop::option::of(TEXT),
        groups in prop::collection::vec(TEXT, 0..3),
        a in prop::option::of(json()),
        b in prop::option::of(json()),
        output in "[abAB-]{0,5}",
        hard in any::<bool>(),
        attempt in 0..3_u32,
        seconds in -1..3_i64,
        previous in prop::sample::select(vec![None, Some((State::Ok, true))]),
    ) -> Scene {
        let source = Arc::from("lab");
        let key = ObjectKey::new(&source, &host, service.as_deref());
        let vars = [("a", a), ("b", b)].into_iter();
        let vars = Arc::new(vars.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect());
        let report = StateReport {
            state: State::Critical,
            hard,
            attempt,
            previous,
            reachable: true,
            output,
            performance_data: groups.clone(),
            exit_status: 2,
            check_source: String::new(),
            execution_end: None,
            downtime_depth: None,
            acknowledgement: None,
            restated: None,
        };
        let now = Timestamp::from_second(seconds).expect("a moment");
        Scene {
            event: Event {
                source,
                timestamp: now,
                object: Some(key.clone()),
                missed: false,
                withheld: None,
                detail: Detail::StateChange(report),
            },
            now,
            host: Some(Arc::new(Object { groups: Arc::new(groups), vars, ..Object::bare(key.host_key()) })),
            service: service.is_some().then(|| Arc::new(Object::bare(key))),
            status: Arc::new(Status::default()),
            host_status: Arc::new(Status::default()),
            incident: None,
        }
    }
}

fn numbered(matchers: &[Matcher]) -> Vec<(usize, &Matcher)> {
    matchers.iter().enumerate().collect()
}

proptest! {
    #[test]
    fn the_index_gives_just_the_rules_of_a_scan_in_their_order(rules in conditions(), scene in scenes()) {
        let compile = |conditions| Matcher::compile(conditions).expect("sound conditions");
        let matchers: Vec<Matcher> = rules.iter().map(compile).collect();
        let scanned: Vec<usize> =
            (0..matchers.len()).filter(|rule| matchers[*rule].holds(&scene)).collect();
        for index in [Index::new(numbered(&matchers).into_iter()), Index::sorted(numbered(&matchers).into_iter())] {
            let mut found = index.candidates(&scene).into_owned();
            found.retain(|rule| matchers[*rule].holds(&scene));
            prop_assert_eq!(&found, &scanned);
        }
    }
}

fn compiled(conditions: &[(&str, Pattern)]) -> Matcher {
    let conditions = conditions.iter().map(|(field, pattern)| ((*field).to_owned(), pattern.clone()));
    Matcher::compile(&conditions.collect()).expect("sound conditions")
}

#[test]
fn a_rule_stands_under_the_value_that_the_fewest_share() {
    let host = |number: usize| Pattern::Equal(format!("h{number}").into());
    let matchers: Vec<Matcher> = (0..40)
        .map(|number| compiled(&[("hard", Pattern::Equal(true.into())), ("host.name", host(number))]))
        .collect();
    let index = Index::new(numbered(&matchers).into_iter());
    assert!(index.always.is_empty());
    let [field] = index.fields.as_slice() else { panic!("all stand under the host's name") };
    assert_eq!(field.path.to_string(), "host.name");
    assert_eq!(field.texts["h7"], [7]);
}

#[test]
fn what_no_value_sorts_is_always_named() {
    let not = Pattern::Not(Box::new(Pattern::Equal("x".into())));
    let mut matchers = vec![
        compiled(&[]),
        compiled(&[("host.name", not)]),
        compiled(&[("output", Pattern::Glob("*".into()))]),
    ];
    matchers.extend((0..40).map(|_| compiled(&[("hard", Pattern::Equal(true.into()))])));
    let index = Index::new(numbered(&matchers).into_iter());
    assert_eq!(index.always, [0, 1, 2]);
}
