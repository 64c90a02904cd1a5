//! Why a matcher does not hold: its conditions one by one, in words.
//!
//! Never: on the way of an event; this is for people who ask afterwards.

use super::{Matcher, Pattern, test, types};
use crate::model::Scene;
use crate::model::scene::{Path, Value};

/// A condition of a matcher that an event does not meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// The field, or `on`.
    pub field: String,
    /// What the rule wants there, as a pattern is shown.
    pub wanted: String,
    /// What the event has there.
    pub found: String,
}

impl Matcher {
    /// The conditions that do not hold, the type of the event among them, in the order of
    /// their names.
    pub fn unmet(&self, scene: &Scene) -> Vec<Unmet> {
        let failed = self.written.iter().filter_map(|(field, pattern)| {
            let found = if field == "on" { on(pattern, scene)? } else { condition(field, pattern, scene)? };
            Some(Unmet { field: field.clone(), wanted: pattern.to_string(), found })
        });
        failed.collect()
    }
}

/// The type of the event, if it is none of those wanted.
fn on(pattern: &Pattern, scene: &Scene) -> Option<String> {
    let event_type = scene.event.event_type();
    let held = types(pattern).is_ok_and(|types| types.contains(&event_type));
    (!held).then(|| event_type.name().to_owned())
}

/// What the field holds, if that is not what is wanted.
fn condition(field: &str, pattern: &Pattern, scene: &Scene) -> Option<String> {
    let value = Path::parse(field)?.get(scene);
    let held = test(pattern).is_ok_and(|test| test.holds(&value));
    (!held).then(|| in_words(&value))
}

fn in_words(value: &Value<'_>) -> String {
    match value {
        Value::Missing => "missing".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Text(text) if text.is_empty() => "empty".to_owned(),
        Value::Text(text) => text.to_string(),
        Value::Time(time) => time.to_string(),
        Value::List(items) if items.is_empty() => "empty".to_owned(),
        Value::List(items) => items.join(", "),
        Value::Json(serde_json::Value::String(text)) => text.clone(),
        Value::Json(json) => json.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Detail, Event, Scene, Timestamp};
    use std::collections::BTreeMap;

    fn gap() -> Scene {
        let gap = crate::model::event::Gap {
            since: None,
            until: Timestamp::UNIX_EPOCH,
            reason: String::new(),
            open: false,
            made_up: 3,
            problems: 0,
        };
        Scene {
            event: Event::ours(Timestamp::UNIX_EPOCH, Detail::Gap(gap)),
            now: Timestamp::UNIX_EPOCH,
            host: None,
            service: None,
            status: Default::default(),
            host_status: Default::default(),
            incident: None,
        }
    }

    #[test]
    fn each_condition_that_fails_is_told_with_both_sides() {
        let conditions = BTreeMap::from([
            ("gap.made_up".to_owned(), Pattern::Above(5.0)),
            ("host.name".to_owned(), Pattern::Glob("db*".to_owned())),
            ("missed".to_owned(), Pattern::Equal(false.into())),
            ("on".to_owned(), Pattern::Equal("StateChange".into())),
        ]);
        let matcher = Matcher::compile(&conditions).expect("it is sound");
        let unmet: Vec<String> = matcher
            .unmet(&gap())
            .into_iter()
            .map(|unmet| format!("{}: {} is not {}", unmet.field, unmet.found, unmet.wanted))
            .collect();
        assert_eq!(
            unmet,
            ["gap.made_up: 3 is not above 5", "host.name: missing is not db*", "on: Gap is not StateChange"]
        );
    }
}
