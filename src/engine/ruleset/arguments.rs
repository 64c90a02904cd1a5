//! What verbs are called with, as far as it is written out: how many arguments,
//! names of targets and templates, lengths of time, options, fields of matchers.
//!
//! Promises: what is computed is never a fault here. Never: knows a verb by name.

use super::fault::{Finding, meant};
use super::forms::{self, Argument, On};
use super::names::Names;
use super::syntax::{Call, entries, text_of};
use crate::engine::matcher::nearest;
use crate::engine::mute::Lasts;
use crate::model::scene::Path;
use crate::model::time::parse_duration;
use rhai::{Expr, Position};

/// What is wrong with the arguments of a verb; nothing for what is no verb.
pub(super) fn faults(on: On, call: &Call<'_>, names: &Names) -> Vec<Finding> {
    let all = forms::forms(on, call.name());
    let given = call.arguments();
    let fitting: Vec<_> = all.iter().filter(|form| form.arguments.len() == given.len()).collect();
    if all.is_empty() {
        return Vec::new();
    }
    if fitting.is_empty() {
        let count = crate::model::words::counted(given.len() as u64, "argument");
        let forms: Vec<&str> = all.iter().map(|form| form.written).collect();
        let message = format!("`{}` does not take {count}", call.name());
        return vec![Finding {
            help: format!("write {}", forms.join(" or ")),
            ..Finding::new(call.position, message)
        }];
    }
    let target = given.first().filter(|_| fitting[0].arguments[0] == Argument::Target);
    let check = Check { verb: call.name(), target: target.and_then(text_of).map(|(name, _)| name), names };
    let mut found = Vec::new();
    for (place, expression) in given.iter().enumerate() {
        match forms::options(&fitting, place) {
            Some(options) => check.value(&Argument::Options(options), expression, &mut found),
            None if fitting.iter().all(|form| form.arguments[place] == fitting[0].arguments[place]) => {
                check.value(&fitting[0].arguments[place], expression, &mut found);
            }
            None => {}
        }
    }
    found
}

struct Check<'a> {
    verb: &'a str,
    /// The target the verb is called with, where it is written out.
    target: Option<&'a str>,
    names: &'a Names,
}

impl Check<'_> {
    fn value(&self, argument: &Argument, expression: &Expr, found: &mut Vec<Finding>) {
        match argument {
            Argument::Options(options) => {
                for (key, position, value) in entries(expression).into_iter().flatten() {
                    match options.get(key) {
                        Some(kind) => self.value(kind, value, found),
                        None => found.push(self.no_option(key, position, options)),
                    }
                }
            }
            Argument::Matcher => found.extend(field_faults(self.verb, expression)),
            Argument::Target | Argument::Policy | Argument::Template | Argument::Time | Argument::Lasts => {
                self.text(argument, expression, found)
            }
            Argument::Other => {}
        }
    }

    /// A text, or each of a list of texts.
    fn text(&self, argument: &Argument, expression: &Expr, found: &mut Vec<Finding>) {
        if let Expr::Array(items, _) = expression {
            items.iter().for_each(|item| self.text(argument, item, found));
        }
        let Some((text, position)) = text_of(expression) else { return };
        let fault = match argument {
            Argument::Target => self.names.target_fault(text),
            Argument::Policy => self.names.policy_fault(text),
            Argument::Template => self.names.template_fault(text, self.target),
            Argument::Lasts => Lasts::read(text).err().map(|error| (error, String::new())),
            _ => parse_duration(text).err().map(|error| (error.to_string(), String::new())),
        };
        found.extend(fault.map(|(message, help)| Finding { help, ..Finding::new(position, message) }));
    }

    fn no_option(
        &self,
        key: &str,
        position: Position,
        options: &std::collections::BTreeMap<String, Argument>,
    ) -> Finding {
        let meant = meant(key, options.keys().map(String::as_str));
        let message = format!("`{}` knows no option `{key}`{meant}", self.verb);
        Finding { help: format!("it knows: {}", forms::listed(options)), ..Finding::new(position, message) }
    }
}

/// Fields that are none. Those of a `rule` are found with the rest of its matcher.
fn field_faults(verb: &str, expression: &Expr) -> Vec<Finding> {
    let fields = entries(expression).into_iter().flatten().filter(|(key, ..)| *key != "on" && verb != "rule");
    let unknown = fields.filter(|(key, ..)| Path::parse(key).is_none());
    let fault = |(key, position, _): (&str, Position, &Expr)| {
        let meant =
            nearest(key, Path::names()).map_or(String::new(), |name| format!("; did you mean `{name}`?"));
        Finding::new(position, format!("there is no field `{key}`{meant}"))
    };
    unknown.map(fault).collect()
}
