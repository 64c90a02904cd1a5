//! What a rule says and probably does not mean: conditions that can never hold, and
//! rules that nothing reaches.
//!
//! Promises: what is suspected is provable; what only looks odd is not. Never:
//! refuses a rule.

use super::fault::{Finding, meant};
use super::syntax::{Call, Step, functions, steps, variable_of};
use crate::engine::matcher::Pattern;
use crate::model::scene::kinds::{Kind, kind, types_with};
use crate::model::{EventType, RuleRef};
use rhai::{AST, ASTNode, Expr, Position, Stmt};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The conditions of a rule by field, as written.
pub(super) type Conditions = BTreeMap<String, Pattern>;

/// What can never hold, with the key that says it.
pub(super) fn of_conditions(
    conditions: &Conditions,
    types: Option<&BTreeSet<EventType>>,
) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if types.is_some_and(BTreeSet::is_empty) {
        found.push(("on".to_owned(), "`on` names no type: no event is asked for".to_owned()));
    }
    let is_host = match conditions.get("is_host") {
        Some(Pattern::Equal(Value::Bool(is_host))) => Some(*is_host),
        _ => None,
    };
    for (path, pattern) in conditions.iter().filter(|(path, _)| *path != "on") {
        let field = Field { path, types, is_host };
        found.extend(field.suspicions(pattern).into_iter().map(|message| (path.clone(), message)));
    }
    found
}

struct Field<'a> {
    path: &'a str,
    types: Option<&'a BTreeSet<EventType>>,
    is_host: Option<bool>,
}

impl Field<'_> {
    fn suspicions(&self, pattern: &Pattern) -> Vec<String> {
        let path = self.path;
        match pattern {
            Pattern::Missing => Vec::new(),
            Pattern::Not(inner) => self.suspicions(inner),
            Pattern::Any(items) if items.is_empty() => {
                vec![format!("`{path}` is never in a list that is empty")]
            }
            Pattern::Any(items) => items.iter().flat_map(|item| self.suspicions(item)).collect(),
            value => self.absent().or_else(|| self.unfit(value)).into_iter().collect(),
        }
    }

    /// Why the event never has the field.
    fn absent(&self) -> Option<String> {
        if self.is_host == Some(true) && self.path.starts_with("service.") {
            return Some(format!("`{}` is never there where `is_host` is true", self.path));
        }
        let (types, having) = (self.types?, types_with(self.path)?);
        if types.is_empty() || having.iter().any(|event_type| types.contains(event_type)) {
            return None;
        }
        let list = |types: &mut dyn Iterator<Item = &EventType>| {
            types.map(|event_type| event_type.name()).collect::<Vec<_>>().join(", ")
        };
        let (asked, having) = (list(&mut types.iter()), list(&mut having.iter()));
        Some(format!("`{}` is never there in {asked}; it is a field of {having}", self.path))
    }

    /// Why the field never has this value.
    fn unfit(&self, value: &Pattern) -> Option<String> {
        let kind = self.kind()?;
        let path = self.path;
        let fits = match (kind, value) {
            (Kind::Truth, Pattern::Equal(Value::Bool(_))) => true,
            (Kind::Truth, _) => return Some(format!("`{path}` is true or false, never {}", said(value))),
            (Kind::Number, Pattern::Equal(Value::Number(_)) | Pattern::Above(_) | Pattern::Below(_)) => true,
            (Kind::Number, _) => return Some(format!("`{path}` is a number, never {}", said(value))),
            (_, Pattern::Glob(_) | Pattern::Regex(_)) => true,
            (_, Pattern::Equal(Value::String(text))) => {
                kind.texts().is_none_or(|texts| texts.contains(&text.as_str()))
            }
            _ => return Some(format!("`{path}` is a text, never {}", said(value))),
        };
        let texts = kind.texts().filter(|_| !fits)?;
        let written = value.to_string();
        let meant = match texts.iter().find(|text| text.eq_ignore_ascii_case(&written)) {
            Some(text) => format!("; did you mean `{text}`?"),
            None => meant(&written, texts.iter().copied()),
        };
        Some(format!("`{path}` is never `{written}`{}{meant}", self.because()))
    }

    /// The kind of the field, as far as `is_host` narrows it.
    fn kind(&self) -> Option<Kind> {
        match (kind(self.path)?, self.is_host) {
            (Kind::State, Some(true)) => Some(Kind::HostState),
            (Kind::State, Some(false)) => Some(Kind::ServiceState),
            (kind, _) => Some(kind),
        }
    }

    fn because(&self) -> String {
        match (kind(self.path), self.is_host) {
            (Some(Kind::State), Some(is_host)) => format!(" where `is_host` is {is_host}"),
            _ => String::new(),
        }
    }
}

fn said(value: &Pattern) -> String {
    match value {
        Pattern::Equal(Value::String(text)) => format!("the text `{text}`"),
        value => format!("`{value}`"),
    }
}

/// A rule as far as it matters for those behind it.
pub(super) struct Passed {
    /// Where it stands.
    pub(super) at: RuleRef,
    /// Where its call stands.
    pub(super) position: Position,
    /// The types it asks for; `None` means all.
    pub(super) types: Option<BTreeSet<EventType>>,
    /// When it runs.
    pub(super) conditions: Conditions,
    /// Whether no rule behind it sees what it has matched.
    pub(super) ends: bool,
}

/// The rules that can never run, for what stands before them takes all their events.
pub(super) fn unreachable(rules: &[Passed]) -> Vec<(RuleRef, Finding)> {
    let mut found = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let Some(first) = rules[..index].iter().find(|before| before.ends && takes_all(before, rule)) else {
            continue;
        };
        let (name, by) = (&rule.at.name, &first.at);
        let message = format!(
            "rule `{name}` never runs: `{}` in {}:{} ends all that it asks for",
            by.name, by.file, by.line
        );
        let help = "put it before that rule, or narrow that rule's matcher".to_owned();
        found.push((rule.at.clone(), Finding { help, ..Finding::new(rule.position, message) }));
    }
    found
}

/// Whether each event that the second rule asks for is one that the first asks for.
fn takes_all(first: &Passed, second: &Passed) -> bool {
    let has_types = match (&first.types, &second.types) {
        (None, _) => true,
        (Some(first), Some(second)) => first.is_superset(second),
        (Some(_), None) => false,
    };
    let follows = |(path, general): (&String, &Pattern)| {
        path == "on" || second.conditions.get(path).is_some_and(|special| implies(special, general))
    };
    has_types && first.conditions.iter().all(follows)
}

/// Whether what holds for the one holds for the other.
fn implies(special: &Pattern, general: &Pattern) -> bool {
    match (special, general) {
        _ if special == general => true,
        (Pattern::Any(items), _) if !items.is_empty() => items.iter().all(|item| implies(item, general)),
        (_, Pattern::Any(items)) => items.iter().any(|item| implies(special, item)),
        _ => false,
    }
}

/// The functions that end the judging whatever the event is: calls on the event, one
/// behind the other, of which one is `drop` or `stop`.
pub(super) fn endings(ast: &AST) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (name, function) in functions(ast) {
        let Some(event) = function.parameters.last() else { continue };
        let (mut plain, mut ends) = (true, false);
        function.each_node(&mut |node, depth| {
            if depth != 1 || ends || !plain {
                return;
            }
            let called = match node {
                ASTNode::Stmt(Stmt::Expr(expression)) => called_on(expression, event),
                ASTNode::Stmt(Stmt::Return(Some(expression), flags, _)) if flags.is_empty() => {
                    called_on(expression, event)
                }
                _ => None,
            };
            ends = called.is_some_and(|call| ["drop", "stop"].contains(&call.name()));
            // What is called with values that are written out does not fail.
            plain = called.is_some_and(|call| call.arguments().iter().all(Expr::is_constant));
        });
        if ends {
            names.insert(name);
        }
    }
    names
}

/// The call on this variable that an expression is.
fn called_on<'a>(expression: &'a Expr, variable: &str) -> Option<Call<'a>> {
    let Expr::Dot(binary, ..) = expression else { return None };
    match steps(expression).as_slice() {
        [Step::Call(call)] if variable_of(&binary.lhs) == Some(variable) => Some(*call),
        _ => None,
    }
}
