//! Values on their way between the model and a script.

use crate::model::scene::Value;
use rhai::{Array, Dynamic, Map};

/// Texts longer than this are cut before a script sees them, in bytes: a plugin may
/// write a million. Matchers and templates see the whole.
const TEXT_CAP: usize = 65_536;

pub(super) fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_CAP);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Turns a field's value into what a script works with; missing is `()`.
pub(super) fn dynamic(value: Value<'_>) -> Dynamic {
    match value {
        Value::Missing => Dynamic::UNIT,
        Value::Bool(truth) => truth.into(),
        Value::Int(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Text(text) => cut(&text).into(),
        Value::Time(time) => time.as_second().into(),
        Value::List(items) => {
            items.iter().map(|item| Dynamic::from(cut(item).to_owned())).collect::<Array>().into()
        }
        Value::Json(json) => json_to_dynamic(json),
    }
}

pub(super) fn json_to_dynamic(json: &serde_json::Value) -> Dynamic {
    match json {
        serde_json::Value::Null => Dynamic::UNIT,
        serde_json::Value::Bool(truth) => (*truth).into(),
        // Icinga may write a whole number as `1.0`; a script shall see 1.
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(float)) if float.fract() == 0.0 && float.abs() < 9e15 => (float as i64).into(),
            (None, Some(float)) => float.into(),
            (None, None) => Dynamic::UNIT,
        },
        serde_json::Value::String(text) => cut(text).into(),
        serde_json::Value::Array(items) => items.iter().map(json_to_dynamic).collect::<Array>().into(),
        serde_json::Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.as_str().into(), json_to_dynamic(value)))
            .collect::<Map>()
            .into(),
    }
}
