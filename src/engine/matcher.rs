//! Matchers: which events a rule or a mute is about.
//!
//! Owns: the patterns a script may write, and how they are compared. A matcher is
//! data, judged natively, so that rules which do not match cost next to nothing.
//! Never: runs a script.

mod unmet;
mod written;

pub use unmet::Unmet;
pub use written::conditions_of;

use crate::diagnostic::did_you_mean;
use crate::model::scene::{Path, Value};
use crate::model::{EventType, Scene};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a field is compared with, as written. Kept with mutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// This very text, number or truth value.
    Equal(serde_json::Value),
    /// One of these.
    Any(Vec<Pattern>),
    /// A wildcard pattern: `*` is any run of characters, `?` any one.
    Glob(String),
    /// A regular expression, found anywhere in the text.
    Regex(String),
    /// Not this.
    Not(Box<Pattern>),
    /// A number above this.
    Above(f64),
    /// A number below this.
    Below(f64),
    /// The event has no such field.
    Missing,
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Equal(serde_json::Value::String(text)) => write!(f, "{text}"),
            Pattern::Equal(value) => write!(f, "{value}"),
            Pattern::Any(patterns) => {
                let mut written: Vec<String> = patterns.iter().map(Pattern::to_string).collect();
                // A number and the text of it read alike.
                written.dedup();
                write!(f, "{}", written.join(" or "))
            }
            Pattern::Glob(glob) => write!(f, "{glob}"),
            Pattern::Regex(regex) => write!(f, "/{regex}/"),
            Pattern::Not(pattern) => write!(f, "not {pattern}"),
            Pattern::Above(bound) => write!(f, "above {bound}"),
            Pattern::Below(bound) => write!(f, "below {bound}"),
            Pattern::Missing => write!(f, "missing"),
        }
    }
}

/// Why a matcher cannot work.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MatcherError {
    /// There is no such field.
    #[error("there is no field `{path}`{}", hint(suggestion))]
    UnknownField {
        /// As written.
        path: String,
        /// A field with a similar name.
        suggestion: Option<String>,
    },
    /// There is no such event type.
    #[error("there is no event type `{name}`{}", hint(suggestion))]
    UnknownType {
        /// As written.
        name: String,
        /// A type with a similar name.
        suggestion: Option<String>,
    },
    /// No rule is ever asked about this type.
    #[error("`{0}` is told, never judged: no rule runs for it; match the events it is made of")]
    NeverJudged(EventType),
    /// `on` is something else than an event type or a list of them.
    #[error("`on` takes the name of an event type, or a list of names")]
    BadOn,
    /// A regular expression is not one.
    #[error("`{regex}` is not a regular expression: {reason}")]
    BadRegex {
        /// As written.
        regex: String,
        /// What the regex library said.
        reason: String,
    },
}

fn hint(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

/// The name most like this one, if one is alike enough to be meant.
pub fn nearest(name: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    let candidates: Vec<String> = candidates.collect();
    did_you_mean(name, candidates.iter().map(String::as_str))
}

/// A compiled set of conditions; all must hold.
#[derive(Clone)]
pub struct Matcher {
    /// The types named by `on`; `None` means all.
    types: Option<BTreeSet<EventType>>,
    conditions: Vec<(Path, Test)>,
    /// As written, to be explained.
    written: BTreeMap<String, Pattern>,
}

/// One compiled pattern.
#[derive(Clone)]
pub(super) enum Test {
    Bool(bool),
    Number(f64),
    Text(String),
    Any(Vec<Test>),
    Glob(wildmatch::WildMatch),
    Regex(regex::Regex),
    Not(Box<Test>),
    Above(f64),
    Below(f64),
    Missing,
}

impl Matcher {
    /// Compiles conditions written as field path and pattern. The key `on` names
    /// event types; all other keys are fields of the event.
    pub fn compile(conditions: &BTreeMap<String, Pattern>) -> Result<Matcher, MatcherError> {
        let mut matcher = Matcher { types: None, conditions: Vec::new(), written: conditions.clone() };
        for (path, pattern) in conditions {
            if path == "on" {
                matcher.types = Some(types(pattern)?);
                continue;
            }
            let field = Path::parse(path).ok_or_else(|| MatcherError::UnknownField {
                path: path.clone(),
                suggestion: nearest(path, Path::names()),
            })?;
            matcher.conditions.push((field, test(pattern)?));
        }
        matcher.conditions.sort_by_key(|(_, test)| test.cost());
        Ok(matcher)
    }

    /// The event types it can hold for; `None` means all.
    pub fn types(&self) -> Option<&BTreeSet<EventType>> {
        self.types.as_ref()
    }

    /// Whether it can hold for this type at all.
    pub fn takes(&self, event_type: EventType) -> bool {
        self.types.as_ref().is_none_or(|types| types.contains(&event_type))
    }

    /// The fields and what each must be, for the index of a ruleset.
    pub(super) fn conditions(&self) -> &[(Path, Test)] {
        &self.conditions
    }

    /// Whether all conditions hold. The type is the caller's matter.
    pub fn holds(&self, scene: &Scene) -> bool {
        self.conditions.iter().all(|(path, test)| test.holds(&path.get(scene)))
    }
}

fn types(pattern: &Pattern) -> Result<BTreeSet<EventType>, MatcherError> {
    match pattern {
        Pattern::Equal(serde_json::Value::String(name)) => {
            let event_type = EventType::from_name(name).ok_or_else(|| MatcherError::UnknownType {
                name: name.clone(),
                suggestion: nearest(name, EventType::ALL.iter().map(|known| known.name().to_owned())),
            })?;
            if !event_type.is_judged() {
                return Err(MatcherError::NeverJudged(event_type));
            }
            Ok(BTreeSet::from([event_type]))
        }
        Pattern::Any(patterns) => patterns.iter().map(types).try_fold(BTreeSet::new(), |mut all, found| {
            all.extend(found?);
            Ok(all)
        }),
        _ => Err(MatcherError::BadOn),
    }
}

fn test(pattern: &Pattern) -> Result<Test, MatcherError> {
    Ok(match pattern {
        Pattern::Equal(serde_json::Value::Bool(truth)) => Test::Bool(*truth),
        Pattern::Equal(serde_json::Value::Number(number)) => {
            Test::Number(number.as_f64().unwrap_or(f64::NAN))
        }
        Pattern::Equal(serde_json::Value::String(text)) => Test::Text(text.clone()),
        Pattern::Equal(other) => Test::Text(other.to_string()),
        Pattern::Any(patterns) => Test::Any(patterns.iter().map(test).collect::<Result<_, _>>()?),
        Pattern::Glob(glob) => Test::Glob(wildmatch::WildMatch::new(glob)),
        Pattern::Regex(regex) => {
            Test::Regex(regex::RegexBuilder::new(regex).size_limit(1 << 20).build().map_err(|error| {
                MatcherError::BadRegex { regex: regex.clone(), reason: error.to_string() }
            })?)
        }
        Pattern::Not(inner) => Test::Not(Box::new(test(inner)?)),
        Pattern::Above(bound) => Test::Above(*bound),
        Pattern::Below(bound) => Test::Below(*bound),
        Pattern::Missing => Test::Missing,
    })
}

impl Test {
    /// Cheap tests first: most events fail the first one.
    fn cost(&self) -> u8 {
        match self {
            Test::Bool(_) | Test::Number(_) | Test::Above(_) | Test::Below(_) | Test::Missing => 0,
            Test::Text(_) => 1,
            Test::Any(_) => 2,
            Test::Not(inner) => inner.cost(),
            Test::Glob(_) => 3,
            Test::Regex(_) => 4,
        }
    }

    fn holds(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Test::Not(inner), _) => !inner.holds(value),
            (Test::Any(tests), _) => tests.iter().any(|test| test.holds(value)),
            (Test::Missing, _) => matches!(value, Value::Missing),
            (_, Value::List(items)) => items.iter().any(|item| self.holds_text(item)),
            (_, Value::Json(json)) => self.holds_json(json),
            (_, Value::Text(text)) => self.holds_text(text),
            (Test::Bool(wanted), Value::Bool(truth)) => wanted == truth,
            (_, Value::Int(number)) => self.holds_number(*number as f64),
            (_, Value::Float(number)) => self.holds_number(*number),
            (_, Value::Time(time)) => self.holds_number(time.as_second() as f64),
            _ => false,
        }
    }

    fn holds_text(&self, text: &str) -> bool {
        match self {
            Test::Text(wanted) => wanted == text,
            Test::Glob(glob) => glob.matches(text),
            Test::Regex(regex) => regex.is_match(text),
            _ => false,
        }
    }

    fn holds_number(&self, number: f64) -> bool {
        match self {
            Test::Number(wanted) => *wanted == number,
            Test::Above(bound) => number > *bound,
            Test::Below(bound) => number < *bound,
            _ => false,
        }
    }

    fn holds_json(&self, json: &serde_json::Value) -> bool {
        match json {
            serde_json::Value::Null => false,
            serde_json::Value::Bool(truth) => matches!(self, Test::Bool(wanted) if wanted == truth),
            serde_json::Value::Number(number) => number.as_f64().is_some_and(|n| self.holds_number(n)),
            serde_json::Value::String(text) => self.holds_text(text),
            serde_json::Value::Array(items) => items.iter().any(|item| self.holds_json(item)),
            serde_json::Value::Object(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn text(text: &str) -> Value<'_> {
        Value::Text(Cow::Borrowed(text))
    }

    #[test]
    fn each_pattern_holds_for_what_it_names_and_nothing_else() {
        let equal = |value: serde_json::Value| Pattern::Equal(value);
        let cases: Vec<(Pattern, Value<'_>, bool)> = vec![
            (equal("db1".into()), text("db1"), true),
            (equal("db1".into()), text("DB1"), false),
            (equal(3.into()), Value::Int(3), true),
            (equal(3.into()), Value::Float(3.0), true),
            (equal(true.into()), Value::Bool(true), true),
            (equal(true.into()), Value::Bool(false), false),
            (equal("db".into()), Value::List(vec!["web".into(), "db".into()]), true),
            (Pattern::Any(vec![equal("a".into()), equal("b".into())]), text("b"), true),
            (Pattern::Glob("san*".into()), text("san-42"), true),
            (Pattern::Glob("san*".into()), text("nas"), false),
            (Pattern::Regex("^WARNING .* latency".into()), text("WARNING - latency"), true),
            (Pattern::Not(Box::new(equal("x".into()))), text("y"), true),
            (Pattern::Not(Box::new(equal("x".into()))), Value::Missing, true),
            (Pattern::Above(5.0), Value::Int(5), false),
            (Pattern::Above(5.0), Value::Float(5.1), true),
            (Pattern::Below(5.0), Value::Int(4), true),
            (Pattern::Missing, Value::Missing, true),
            (Pattern::Missing, text(""), false),
            (equal("x".into()), Value::Missing, false),
        ];
        for (pattern, value, wanted) in cases {
            let held = test(&pattern).expect("a sound pattern").holds(&value);
            assert_eq!(held, wanted, "{pattern} against {value:?}");
        }
    }

    #[test]
    fn custom_variables_match_by_what_they_hold() {
        let list: serde_json::Value = serde_json::json!(["blue", 7]);
        let blue = test(&Pattern::Equal("blue".into())).expect("sound");
        let seven = test(&Pattern::Equal(7.into())).expect("sound");
        assert!(blue.holds(&Value::Json(&list)));
        assert!(seven.holds(&Value::Json(&list)));
        assert!(!blue.holds(&Value::Json(&serde_json::Value::Null)));
    }

    fn fault(path: &str, pattern: Pattern) -> String {
        match Matcher::compile(&BTreeMap::from([(path.to_owned(), pattern)])) {
            Ok(_) => panic!("{path} was taken"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn unknown_fields_and_types_are_named_with_what_was_meant() {
        assert_eq!(
            fault("host.adress", Pattern::Missing),
            "there is no field `host.adress`; did you mean `host.address`?"
        );
        assert_eq!(
            fault("on", Pattern::Equal("StateChnage".into())),
            "there is no event type `StateChnage`; did you mean `StateChange`?"
        );
        assert!(fault("on", Pattern::Equal("Digest".into())).starts_with("`Digest` is told, never judged"));
        assert!(fault("output", Pattern::Regex("(".into())).contains("not a regular expression"));
    }
}
