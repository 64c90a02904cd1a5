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
