//! Which rules an event can be about, found without asking each of them.
//!
//! Owns: for one event type, a table from values of fields to rules. Promises: it names
//! every rule whose matcher holds, in the order of the rules, and perhaps others: whoever
//! asks checks each named one whole. Each rule stands under one condition, the one whose
//! values the fewest rules share; a rule without such a condition is always named.
//! Never: decides whether a matcher holds.

use super::parts::{glob_part, regex_parts};
use crate::engine::matcher::{Matcher, Test};
use crate::model::Scene;
use crate::model::scene::{Path, Value};
use aho_corasick::{AhoCorasick, PatternID};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

/// So few rules are asked one by one in less time than the table takes.
const ASKED_ONE_BY_ONE: usize = 24;

/// The rules of one event type, by what they are about. Rules are told by their place
/// in the ruleset.
pub(super) struct Index {
    /// Rules that every event may be about, as far as the table can tell; in order.
    always: Vec<usize>,
    fields: Vec<FieldIndex>,
}

/// Rules by the value of one field.
struct FieldIndex {
    path: Path,
    /// By the very text.
    texts: HashMap<String, Vec<usize>>,
    /// By another very value.
    values: HashMap<Exact, Vec<usize>>,
    /// By a part that the text must have; `None` where no rule asks for one.
    parts: Option<Parts>,
}

/// Rules by a part of a text: all parts are looked for at once.
struct Parts {
    finder: AhoCorasick,
    /// The rules of each part, in the finder's order.
    rules: Vec<Vec<usize>>,
}

/// A value that is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Exact {
    /// The bits of a number.
    Number(u64),
    Truth(bool),
    Missing,
}

/// What a field must have for a condition to hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Value(Exact),
    Text(String),
    Part(Vec<u8>),
}

impl Index {
    /// Sorts rules, given in order.
    pub(super) fn new<'a>(rules: impl ExactSizeIterator<Item = (usize, &'a Matcher)> + Clone) -> Index {
        if rules.len() <= ASKED_ONE_BY_ONE {
            return Index { always: rules.map(|(rule, _)| rule).collect(), fields: Vec::new() };
        }
        Index::sorted(rules)
    }

    fn sorted<'a>(rules: impl Iterator<Item = (usize, &'a Matcher)>) -> Index {
        let keyed: Vec<(usize, Vec<Condition<'a>>)> =
            rules.map(|(rule, matcher)| (rule, Condition::all(matcher))).collect();
        let mut shared: BTreeMap<(&str, &Key), usize> = BTreeMap::new();
        for condition in keyed.iter().flat_map(|(_, conditions)| conditions) {
            for key in &condition.keys {
                *shared.entry((&condition.field, key)).or_default() += 1;
            }
        }
        let sharers = |condition: &Condition<'_>| -> usize {
            condition.keys.iter().map(|key| shared[&(condition.field.as_str(), key)]).sum()
        };
        let mut always = Vec::new();
        let mut fields: BTreeMap<&str, (&Path, BTreeMap<&Key, Vec<usize>>)> = BTreeMap::new();
        for (rule, conditions) in &keyed {
            let Some(chosen) = conditions.iter().min_by_key(|condition| sharers(condition)) else {
                always.push(*rule);
                continue;
            };
            let (_, table) = fields.entry(&chosen.field).or_insert((chosen.path, BTreeMap::new()));
            for key in &chosen.keys {
                table.entry(key).or_default().push(*rule);
            }
        }
        let fields = fields.into_values().map(|(path, table)| FieldIndex::new(path, table)).collect();
        Index { always, fields }
    }

    /// The rules that may be about the event, in order.
    pub(super) fn candidates(&self, scene: &Scene) -> Cow<'_, [usize]> {
        if self.fields.is_empty() {
            return Cow::Borrowed(&self.always);
        }
        let mut found = self.always.clone();
        for field in &self.fields {
            field.find(&field.path.get(scene), &mut found);
        }
        found.sort_unstable();
        found.dedup();
        Cow::Owned(found)
    }
}

/// A condition of a rule that the table can hold.
struct Condition<'a> {
    path: &'a Path,
    /// The path as it is written.
    field: String,
    /// The field must have one of these.
    keys: Vec<Key>,
}

impl Condition<'_> {
    fn all(matcher: &Matcher) -> Vec<Condition<'_>> {
        let conditions = matcher.conditions().iter();
        conditions
            .filter_map(|(path, test)| Some(Condition { path, field: path.to_string(), keys: keys(test)? }))
            .collect()
    }
}

/// What a field must have one of for the test to hold; `None` where that cannot be listed.
fn keys(test: &Test) -> Option<Vec<Key>> {
    match test {
        Test::Bool(truth) => Some(vec![Key::Value(Exact::Truth(*truth))]),
        Test::Number(wanted) => Some(vec![Key::Value(number(*wanted))]),
        Test::Text(text) => Some(vec![Key::Text(text.clone())]),
        Test::Missing => Some(vec![Key::Value(Exact::Missing)]),
        Test::Any(tests) => {
            let all: Option<Vec<Vec<Key>>> = tests.iter().map(keys).collect();
            all.map(|keys| keys.concat())
        }
        Test::Glob(glob) => glob_part(&glob.pattern()).map(|part| vec![Key::Part(part)]),
        Test::Regex(regex) => Some(regex_parts(regex.as_str())?.into_iter().map(Key::Part).collect()),
        Test::Not(_) | Test::Above(_) | Test::Below(_) => None,
    }
}

/// Numbers that are equal have one key: 0 is added so that -0 becomes 0.
fn number(number: f64) -> Exact {
    Exact::Number((number + 0.0).to_bits())
}

impl FieldIndex {
    fn new(path: &Path, table: BTreeMap<&Key, Vec<usize>>) -> FieldIndex {
        let mut index =
            FieldIndex { path: path.clone(), texts: HashMap::new(), values: HashMap::new(), parts: None };
        let mut parts: Vec<&[u8]> = Vec::new();
        let mut part_rules = Vec::new();
        for (key, rules) in table {
            match key {
                Key::Text(text) => drop(index.texts.insert(text.clone(), rules)),
                Key::Value(value) => drop(index.values.insert(*value, rules)),
                Key::Part(part) => {
                    parts.push(part);
                    part_rules.push(rules);
                }
            }
        }
        if !parts.is_empty() {
            let finder = AhoCorasick::new(parts).expect("rule files are far from 2^31 letters long");
            index.parts = Some(Parts { finder, rules: part_rules });
        }
        index
    }

    fn find(&self, value: &Value<'_>, found: &mut Vec<usize>) {
        match value {
            Value::Missing => self.find_value(Exact::Missing, found),
            Value::Bool(truth) => self.find_value(Exact::Truth(*truth), found),
            Value::Int(whole) => self.find_value(number(*whole as f64), found),
            Value::Float(float) => self.find_value(number(*float), found),
            Value::Time(time) => self.find_value(number(time.as_second() as f64), found),
            Value::Text(text) => self.find_text(text, found),
            Value::List(items) => items.iter().for_each(|item| self.find_text(item, found)),
            Value::Json(json) => self.find_json(json, found),
        }
    }

    fn find_value(&self, value: Exact, found: &mut Vec<usize>) {
        found.extend(self.values.get(&value).into_iter().flatten());
    }

    fn find_text(&self, text: &str, found: &mut Vec<usize>) {
        found.extend(self.texts.get(text).into_iter().flatten());
        let Some(parts) = &self.parts else { return };
        // A long text may have one part many thousand times.
        let hits: HashSet<PatternID> =
            parts.finder.find_overlapping_iter(text).map(|hit| hit.pattern()).collect();
        found.extend(hits.iter().flat_map(|hit| &parts.rules[hit.as_usize()]));
    }

    fn find_json(&self, json: &serde_json::Value, found: &mut Vec<usize>) {
        match json {
            serde_json::Value::Bool(truth) => self.find_value(Exact::Truth(*truth), found),
            serde_json::Value::Number(n) => {
                if let Some(n) = n.as_f64() {
                    self.find_value(number(n), found);
                }
            }
            serde_json::Value::String(text) => self.find_text(text, found),
            serde_json::Value::Array(items) => items.iter().for_each(|item| self.find_json(item, found)),
            serde_json::Value::Null | serde_json::Value::Object(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
