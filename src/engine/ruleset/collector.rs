//! What rule files declare, gathered while their top level runs.
//!
//! Owns: rules, commands, tests, calendars, and all that is wrong with them. Promises:
//! every fault of a declaration stands where it is written. Never: parses, runs an action.

use super::calendars::Calendars;
use super::fault::{Finding, RuleFault, sorted};
use super::mentions::Mentions;
use super::modules::Imports;
use super::names::Names;
use super::rule_tests::{RuleTest, holds_only_tests};
use super::script::Script;
use super::suspicions::{self, Conditions, Passed};
use super::syntax::Function;
use super::{CustomCommand, Rule, literals};
use crate::engine::holidays::Calendar;
use crate::engine::matcher::{Matcher, Pattern};
use crate::engine::script::pattern;
use crate::model::RuleRef;
use rhai::{AST, Array, Engine, EvalAltResult, FnPtr, Map, NativeCallContext, Position};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// What the top level of the rule files has called.
#[derive(Default)]
pub(super) struct Collector {
    /// The file that is read.
    pub(super) file: Arc<str>,
    /// Its text.
    pub(super) text: Arc<str>,
    /// Its script.
    pub(super) ast: Arc<AST>,
    /// Its functions and closures, by name.
    pub(super) functions: BTreeMap<String, Function>,
    /// The modules it imports.
    pub(super) imports: Arc<Imports>,
    /// Where the keys of the matchers stand that are written out, by the place of
    /// their `rule`.
    pub(super) keys: BTreeMap<Position, BTreeMap<String, Position>>,
    /// The functions of the file that end the judging whatever the event is.
    pub(super) endings: BTreeSet<String>,
    /// What exists outside of the rule files.
    known: Names,
    pub(super) rules: Vec<Rule>,
    /// Where the rule of each name stands among the rules.
    names: HashMap<Arc<str>, usize>,
    /// The same rules, as far as warnings ask for them.
    passed: Vec<Passed>,
    pub(super) commands: BTreeMap<String, CustomCommand>,
    calendars: Calendars,
    pub(super) tests: Vec<RuleTest>,
    pub(super) faults: Vec<RuleFault>,
    /// Conditions that can never hold.
    suspicions: Vec<RuleFault>,
    /// Whether all files are read: what is declared now, inside of a script, is too late.
    closed: bool,
}

impl Collector {
    /// One for files that may name only what there is.
    pub(super) fn knowing(names: &Names) -> Collector {
        Collector { known: names.clone(), ..Collector::default() }
    }

    /// One that takes nothing more.
    pub(super) fn closed() -> Collector {
        Collector { closed: true, ..Collector::default() }
    }

    pub(super) fn fault(&mut self, position: Position, message: String, help: &str) {
        let finding = Finding { position, message, help: help.to_owned() };
        self.faults.push(finding.in_file(&self.file));
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.fault(finding.position, finding.message, &finding.help);
    }

    /// A function of the file that is read.
    pub(super) fn script(&self, function: FnPtr) -> Script {
        Script { function, ast: self.ast.clone(), imports: self.imports.clone() }
    }

    pub(super) fn at(&self, position: Position, name: &str) -> RuleRef {
        RuleRef { file: self.file.clone(), line: position.line().unwrap_or(0), name: Arc::from(name) }
    }

    fn rule(&mut self, position: Position, name: &str, matcher: Map, function: FnPtr) {
        if !self.takes(position, "rule", name) {
            return;
        }
        if let Some(other) = self.names.get(name).map(|place| &self.rules[*place]) {
            let message = format!("the rule `{name}` stands already in {}:{}", other.at.file, other.at.line);
            self.fault(
                position,
                message,
                "give each rule a name of its own: what a rule remembers belongs to its name",
            );
            return;
        }
        let Some(conditions) = self.conditions(position, name, matcher) else { return };
        // Each condition has been tried on its own.
        if let Ok(matcher) = Matcher::compile(&conditions) {
            let at = self.at(position, name);
            let ends = self.endings.contains(function.fn_name());
            let mentions = Mentions::of(&self.functions, function.fn_name());
            let action = self.script(function);
            self.suspect(position, &conditions, &matcher);
            self.passed.push(Passed {
                at: at.clone(),
                position,
                types: matcher.types().cloned(),
                conditions,
                ends,
            });
            self.names.insert(at.name.clone(), self.rules.len());
            self.rules.push(Rule { at, matcher, mentions, action });
        }
    }

    fn suspect(&mut self, position: Position, conditions: &Conditions, matcher: &Matcher) {
        for (key, message) in suspicions::of_conditions(conditions, matcher.types()) {
            let place = self.key(position, &key);
            self.suspicions.push(Finding::new(place, message).in_file(&self.file));
        }
    }

    /// Where a key of a declaration stands; the declaration itself where its map is not
    /// written out.
    fn key(&self, position: Position, key: &str) -> Position {
        self.keys.get(&position).and_then(|keys| keys.get(key)).copied().unwrap_or(position)
    }

    pub(super) fn warnings(&self) -> Vec<RuleFault> {
        let unreachable = suspicions::unreachable(&self.passed).into_iter();
        let unreachable = unreachable.map(|(at, finding)| finding.in_file(&at.file));
        sorted(self.suspicions.iter().cloned().chain(unreachable).collect())
    }

    /// The conditions of a matcher, or all its faults, each at its key.
    fn conditions(&mut self, position: Position, name: &str, matcher: Map) -> Option<Conditions> {
        let before = self.faults.len();
        let mut conditions = BTreeMap::new();
        for (key, value) in matcher {
            let place = self.key(position, &key);
            match pattern(value) {
                Ok(pattern) => {
                    for wrong in condition_faults(&key, &pattern) {
                        self.fault(place, format!("rule `{name}`: {wrong}"), "");
                    }
                    conditions.insert(key.to_string(), pattern);
                }
                Err(wrong) => self.fault(place, format!("rule `{name}`: {wrong}"), ""),
            }
        }
        (self.faults.len() == before).then_some(conditions)
    }

    fn command(&mut self, position: Position, name: &str, mut options: Map, function: FnPtr) {
        if !self.takes(position, "command", name) {
            return;
        }
        let role = options.remove("role").map(|role| role.to_string());
        let help = options.remove("help").map(|help| help.to_string()).unwrap_or_default();
        if !options.is_empty() {
            // Options that are written out have been checked where they stand.
            let written = self.keys.get(&position).cloned().unwrap_or_default();
            for unknown in options.keys().filter(|key| !written.contains_key(key.as_str())) {
                let message = format!("command `{name}` knows no option `{unknown}`");
                self.fault(position, message, "it knows: role, help");
            }
            return;
        }
        if crate::command::verbs::find(name).is_some() {
            self.fault(position, format!("the command `{name}` is built in"), "choose another name");
            return;
        }
        if let Some(other) = self.commands.get(name) {
            let message =
                format!("the command `{name}` stands already in {}:{}", other.at.file, other.at.line);
            self.fault(position, message, "give each command a name of its own");
            return;
        }
        if let Some((message, help)) = role.as_deref().and_then(|role| self.known.role_fault(role)) {
            self.fault(position, format!("command `{name}`: {message}"), &help);
            return;
        }
        let at = self.at(position, name);
        let action = self.script(function);
        self.commands.insert(name.to_owned(), CustomCommand { at, role, help, action });
    }

    fn test(&mut self, position: Position, name: &str, function: FnPtr) {
        if name.trim().is_empty() {
            let help = "say in its name what holds, such as \"a gold database pages the DBA\"";
            return self.fault(position, "a test has no name".to_owned(), help);
        }
        if let Some(other) = self.tests.iter().find(|test| &*test.at.name == name) {
            let message = format!("the test `{name}` stands already in {}:{}", other.at.file, other.at.line);
            return self.fault(position, message, "give each test a name of its own");
        }
        let action = self.script(function);
        self.tests.push(RuleTest { at: self.at(position, name), text: self.text.clone(), action });
    }

    /// Whether rules and commands may stand in the file that is read; a fault if not.
    fn takes(&mut self, position: Position, what: &str, name: &str) -> bool {
        if holds_only_tests(&self.file) {
            let message = format!("the {what} `{name}` stands in a file that holds only tests");
            self.fault(position, message, "move it to a file that does not end in .test.rhai");
            return false;
        }
        true
    }

    fn holidays(&mut self, position: Position, name: &str, days: Array) {
        let at = self.at(position, name);
        for (message, help) in self.calendars.declare(at, days) {
            self.fault(position, message, help);
        }
    }

    /// Checks the texts that a script of this file writes out.
    pub(super) fn check_literals(&mut self, ast: &AST) {
        let found = literals::find(ast);
        found.faults.into_iter().for_each(|fault| self.add(fault));
        self.calendars.note(&self.file, found.holidays);
    }

    /// All calendars, now that all files are known.
    pub(super) fn take_calendars(&mut self) -> BTreeMap<String, Calendar> {
        let (calendars, unknown) = std::mem::take(&mut self.calendars).complete();
        self.faults.extend(unknown);
        calendars
    }
}

/// All faults of one condition: a list of values may have several.
fn condition_faults(key: &str, pattern: &Pattern) -> Vec<String> {
    let one = |pattern: &Pattern| {
        let alone = BTreeMap::from([(key.to_owned(), pattern.clone())]);
        Matcher::compile(&alone).err().map(|error| error.to_string())
    };
    let mut faults: Vec<String> = match pattern {
        Pattern::Any(patterns) => patterns.iter().filter_map(one).collect(),
        pattern => one(pattern).into_iter().collect(),
    };
    faults.dedup();
    faults
}

/// Registers what stands at the top level of a file.
pub(super) fn register(engine: &mut Engine, collector: &Arc<Mutex<Collector>>) {
    let all = collector.clone();
    engine.register_fn("rule", move |context: NativeCallContext, name: &str, matcher: Map, action: FnPtr| {
        declare(&all, |all| {
            all.keeps_nothing(context.call_position(), &action);
            all.rule(context.call_position(), name, matcher, action);
        })
    });
    let all = collector.clone();
    engine.register_fn(
        "command",
        move |context: NativeCallContext, name: &str, options: Map, action: FnPtr| {
            declare(&all, |all| {
                all.keeps_nothing(context.call_position(), &action);
                all.command(context.call_position(), name, options, action);
            })
        },
    );
    let all = collector.clone();
    engine.register_fn("holidays", move |context: NativeCallContext, name: &str, days: Array| {
        declare(&all, |all| all.holidays(context.call_position(), name, days))
    });
    let all = collector.clone();
    engine.register_fn("test", move |context: NativeCallContext, name: &str, action: FnPtr| {
        declare(&all, |all| {
            all.keeps_nothing(context.call_position(), &action);
            all.test(context.call_position(), name, action);
        })
    });
}

/// Takes a declaration in, while the files are read.
fn declare(all: &Mutex<Collector>, declare: impl FnOnce(&mut Collector)) -> Result<(), Box<EvalAltResult>> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if all.closed {
        let message = "rules, commands and tests are declared at the top level of a file, not inside of one";
        return Err(EvalAltResult::ErrorRuntime(message.into(), Position::NONE).into());
    }
    declare(&mut all);
    Ok(())
}
