//! Conditions as people write them, wherever they do: `FIELD=VALUE & ...`.
//!
//! Never: says what a condition is about; whoever takes them does.

use super::{Matcher, Pattern};
use std::collections::BTreeMap;

impl Pattern {
    /// A value as people write it: a wildcard, or a text that may be a number or a truth value.
    pub fn written(value: &str) -> Pattern {
        if value.contains(['*', '?']) {
            return Pattern::Glob(value.to_owned());
        }
        let text = Pattern::Equal(value.into());
        match serde_json::from_str(value) {
            Ok(json @ (serde_json::Value::Bool(_) | serde_json::Value::Number(_))) => {
                Pattern::Any(vec![text, Pattern::Equal(json)])
            }
            _ => text,
        }
    }
}

/// Reads `FIELD=VALUE` or `FIELD!=VALUE`, several words of them or joined by `&`; a value may be
/// a wildcard pattern, or several with commas. `Err` holds what to answer.
pub fn conditions_of<'a>(
    words: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<String, Pattern>, String> {
    let mut conditions = BTreeMap::new();
    for word in words.into_iter().flat_map(|word| word.split('&')) {
        let wrong =
            || format!("`{word}` is no condition; write it like host.vars.team=shop or state!=WARNING");
        let (field, value) = word.split_once('=').ok_or_else(wrong)?;
        let (field, is_not) = field.strip_suffix('!').map_or((field, false), |field| (field, true));
        let pattern = either(value).filter(|_| !field.is_empty()).ok_or_else(wrong)?;
        let pattern = if is_not { Pattern::Not(Box::new(pattern)) } else { pattern };
        if conditions.insert(field.to_owned(), pattern).is_some() {
            return Err(format!("`{field}` is asked for twice; write {field}=ONE,OTHER for either"));
        }
    }
    Matcher::compile(&conditions).map_err(|error| error.to_string())?;
    Ok(conditions)
}

fn either(value: &str) -> Option<Pattern> {
    let mut patterns: Vec<Pattern> =
        value.split(',').filter(|value| !value.is_empty()).map(Pattern::written).collect();
    if patterns.len() > 1 { Some(Pattern::Any(patterns)) } else { patterns.pop() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_as_people_write_them() {
        let text = |text: &str| Pattern::Equal(text.into());
        let number = Pattern::Any(vec![text("7"), Pattern::Equal(7.into())]);
        for (written, wanted) in [
            ("host.vars.team=shop", vec![("host.vars.team", text("shop"))]),
            (
                "host.name=db* state!=DOWN",
                vec![
                    ("host.name", Pattern::Glob("db*".to_owned())),
                    ("state", Pattern::Not(Box::new(text("DOWN")))),
                ],
            ),
            ("host.vars.rack=7", vec![("host.vars.rack", number)]),
            (
                "host.name=a,b&service.name=disk",
                vec![("host.name", Pattern::Any(vec![text("a"), text("b")])), ("service.name", text("disk"))],
            ),
        ] {
            let wanted = wanted.into_iter().map(|(field, pattern)| (field.to_owned(), pattern)).collect();
            assert_eq!(conditions_of(written.split(' ')), Ok(wanted), "{written}");
        }
        for (written, says) in [
            ("host.adress=x", "did you mean `host.address`?"),
            ("host.name=", "is no condition"),
            ("=x", "is no condition"),
            ("host.name=,", "is no condition"),
            ("host.name=a x", "`x` is no condition"),
            ("host.name=a host.name=b", "asked for twice"),
        ] {
            let answer = conditions_of(written.split(' ')).expect_err(written);
            assert!(answer.contains(says), "{written}: {answer}");
        }
    }
}
