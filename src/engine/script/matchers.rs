//! Matchers as scripts write them: maps of fields and patterns.

use super::{Answer, error};
use crate::engine::matcher::Pattern;
use rhai::{Dynamic, Engine, Map};
use std::collections::BTreeMap;

pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Pattern>("Pattern");
    engine.register_fn("glob", |glob: &str| Pattern::Glob(glob.to_owned()));
    engine.register_fn("re", |regex: &str| Pattern::Regex(regex.to_owned()));
    engine.register_fn("above", |bound: i64| Pattern::Above(bound as f64));
    engine.register_fn("above", Pattern::Above);
    engine.register_fn("below", |bound: i64| Pattern::Below(bound as f64));
    engine.register_fn("below", Pattern::Below);
    engine.register_fn("not", |inner: Dynamic| -> Answer<Pattern> {
        Ok(Pattern::Not(Box::new(pattern(inner).map_err(error)?)))
    });
}

/// Makes a pattern of what stands in a matcher.
pub(in crate::engine) fn pattern(value: Dynamic) -> Result<Pattern, String> {
    if value.is::<Pattern>() {
        return Ok(value.cast::<Pattern>());
    }
    if value.is_unit() {
        return Ok(Pattern::Missing);
    }
    if let Ok(number) = value.as_int() {
        return Ok(Pattern::Equal(number.into()));
    }
    if let Ok(number) = value.as_float() {
        return Ok(Pattern::Equal(number.into()));
    }
    if let Ok(truth) = value.as_bool() {
        return Ok(Pattern::Equal(truth.into()));
    }
    if value.is_string() {
        return Ok(Pattern::Equal(value.into_string().unwrap_or_default().into()));
    }
    if value.is_array() {
        let items = value.into_array().unwrap_or_default();
        return Ok(Pattern::Any(items.into_iter().map(pattern).collect::<Result<_, _>>()?));
    }
    Err(format!(
        "a matcher takes texts, numbers, truth values, lists of them, and glob, re, not, above, below; not a {}",
        value.type_name()
    ))
}

/// Makes the conditions of a matcher from a map.
pub(super) fn conditions(map: Map) -> Result<BTreeMap<String, Pattern>, String> {
    map.into_iter().map(|(key, value)| Ok((key.to_string(), pattern(value)?))).collect()
}
