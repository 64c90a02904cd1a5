//! The forms of verbs, read from the reference: how many arguments, and what each
//! of them is. So a verb is checked at load by what its reference says of it.
//!
//! Never: knows a verb by name.

use crate::engine::script::reference::{
    COMMAND_VERBS, DECLARATIONS, EVENT_VERBS, FUNCTIONS, ICINGA_VERBS, PATTERNS, ScriptVerb, TEST_VERBS,
};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What a verb is called on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum On {
    /// `e.notify(...)`.
    Event,
    /// `c.reply(...)`.
    Command,
    /// `e.icinga.ack(...)`.
    Icinga,
    /// `t.state(...)`.
    Test,
    /// `mute(...)`.
    Nothing,
}

/// What an argument or the value of an option is, by the word that stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Argument {
    /// `TARGET`: the name of a target.
    Target,
    /// `POLICY`: the name of an escalation.
    Policy,
    /// `TIME`: a length of time.
    Time,
    /// `LASTS`: how long a mute lasts.
    Lasts,
    /// `TEMPLATE`: the name of a template.
    Template,
    /// `#{ MATCHER }`: fields and patterns.
    Matcher,
    /// `#{ text: TEXT }`: options by name.
    Options(BTreeMap<String, Argument>),
    /// Anything else.
    Other,
}

/// One way to write a verb.
#[derive(Debug)]
pub(super) struct Form {
    /// As the reference shows it.
    pub(super) written: &'static str,
    /// Its arguments, in order.
    pub(super) arguments: Vec<Argument>,
}

static FORMS: LazyLock<BTreeMap<On, BTreeMap<&str, Vec<Form>>>> = LazyLock::new(|| {
    let mut forms: BTreeMap<On, BTreeMap<&str, Vec<Form>>> = BTreeMap::new();
    let tables = [DECLARATIONS, PATTERNS, EVENT_VERBS, ICINGA_VERBS, FUNCTIONS, COMMAND_VERBS, TEST_VERBS];
    for verb in tables.into_iter().flatten() {
        forms.entry(called_on(verb)).or_default().entry(verb.name).or_default().extend(form(verb));
    }
    forms
});

/// The forms of a verb; empty if the reference has none.
pub(super) fn forms(on: On, name: &str) -> &'static [Form] {
    FORMS.get(&on).and_then(|forms| forms.get(name)).map_or(&[], Vec::as_slice)
}

/// The names of the verbs that are called on this.
pub(super) fn names(on: On) -> impl Iterator<Item = &'static str> {
    FORMS.get(&on).into_iter().flat_map(|forms| forms.keys().copied())
}

/// The options that some form with so many arguments has at this place; `None` where
/// one of them takes something else there.
pub(super) fn options(forms: &[&'static Form], place: usize) -> Option<BTreeMap<String, Argument>> {
    let mut all = BTreeMap::new();
    for form in forms {
        match &form.arguments[place] {
            Argument::Options(options) => all.extend(options.clone()),
            _ => return None,
        }
    }
    Some(all)
}

/// The names of options, as people read them.
pub(super) fn listed(options: &BTreeMap<String, Argument>) -> String {
    options.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn called_on(verb: &ScriptVerb) -> On {
    match verb.form.split_once('.') {
        Some(("e", rest)) if rest.starts_with("icinga.") => On::Icinga,
        Some(("e", _)) => On::Event,
        Some(("t", _)) => On::Test,
        Some(("c", _)) => On::Command,
        _ => On::Nothing,
    }
}

fn form(verb: &ScriptVerb) -> Option<Form> {
    let inside = verb.form.split_once('(')?.1.strip_suffix(')')?;
    Some(Form { written: verb.form, arguments: parts(inside).into_iter().map(argument).collect() })
}

fn argument(written: &str) -> Argument {
    let map = written.strip_prefix("#{").and_then(|rest| rest.strip_suffix('}')).map(str::trim);
    match (map, written) {
        (Some("MATCHER"), _) => Argument::Matcher,
        (Some("FIELDS" | "STATES"), _) => Argument::Other,
        (Some(options), _) => Argument::Options(parts(options).into_iter().map(option).collect()),
        (None, "TARGET") => Argument::Target,
        (None, "POLICY") => Argument::Policy,
        (None, "TIME") => Argument::Time,
        (None, "LASTS") => Argument::Lasts,
        (None, "TEMPLATE") => Argument::Template,
        (None, _) => Argument::Other,
    }
}

fn option(written: &str) -> (String, Argument) {
    let (name, value) = written.split_once(':').unwrap_or((written, ""));
    (name.trim().to_owned(), argument(value.trim()))
}

/// What stands between the commas that are inside of no bracket and no text.
fn parts(list: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0, false);
    for (at, character) in list.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(list[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_its_arguments() {
        let again = BTreeMap::from([("again".to_owned(), Argument::Time)]);
        for (on, name, expected) in [
            (On::Event, "stop", vec![vec![]]),
            (On::Event, "drop", vec![vec![Argument::Other], vec![Argument::Other, Argument::Options(again)]]),
            (On::Event, "seen", vec![vec![Argument::Other, Argument::Time]]),
            (
                On::Nothing,
                "mute",
                vec![vec![Argument::Matcher, Argument::Lasts, Argument::Other, Argument::Other]],
            ),
            (On::Nothing, "rule", vec![vec![Argument::Other, Argument::Matcher, Argument::Other]]),
            (On::Nothing, "glob", vec![vec![Argument::Other]]),
            (On::Command, "reply", vec![vec![Argument::Other]]),
            (On::Command, "notify", vec![]),
        ] {
            let found: Vec<_> = forms(on, name).iter().map(|form| form.arguments.clone()).collect();
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn every_verb_of_the_reference_has_a_form_that_can_be_read() {
        for on in [On::Event, On::Command, On::Nothing] {
            for name in names(on) {
                assert!(!forms(on, name).is_empty(), "{name} cannot be checked");
            }
        }
    }

    #[test]
    fn commas_in_brackets_and_texts_part_nothing() {
        assert_eq!(
            parts(r#"A, #{ b: [1, 2], c }, "d,e", |f| ..."#),
            ["A", "#{ b: [1, 2], c }", r#""d,e""#, "|f| ..."]
        );
        assert!(parts("").is_empty());
    }
}
