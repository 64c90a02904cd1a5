//! What actions say of the event and to it, checked before they run: fields, verbs,
//! and the names and lengths of time that are written out.
//!
//! Owns: the way from `rule(...)` to the variable that holds the event, through
//! closures and functions it is handed to. Promises: a fault is a fault: what is
//! computed, or may be another value, is left to the run. Never: runs a script.

use super::arguments;
use super::fault::{Finding, meant};
use super::forms::{self, On};
use super::names::Names;
use super::syntax::{Call, Function, Step, call_of, closure_of, each_call, functions, steps, variable_of};
use crate::engine::script::reference::COMMAND_FIELDS;
use crate::model::scene::Path;
use rhai::{AST, ASTNode, Expr, Stmt};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What every value can be asked.
const ANY_VALUE: [&str; 8] =
    ["to_string", "to_debug", "type_of", "is_shared", "tag", "set_tag", "print", "debug"];

/// All faults of the actions of a file. `verbs`: all that can be called at all.
pub(super) fn faults(ast: &AST, verbs: &BTreeSet<String>, names: &Names) -> Vec<Finding> {
    let functions = functions(ast).into_iter().map(|(name, function)| (name, Rc::new(function))).collect();
    let mut look = Look { functions, verbs, names, visited: BTreeSet::new(), found: Vec::new() };
    let mut actions = Vec::new();
    each_call(ast, &mut |call| {
        look.plain_call(&call);
        actions.extend(action(&call));
    });
    for (function, on) in actions {
        look.handed_on(&function, |parameters| parameters.last().map(|name| (name.clone(), on)));
    }
    look.found
}

/// The function that a declaration hands its event or command to.
fn action(call: &Call<'_>) -> Option<(String, On)> {
    let on = match call.name() {
        "rule" => On::Event,
        "command" => On::Command,
        "test" => On::Test,
        _ => return None,
    };
    Some((call.arguments().iter().find_map(closure_of)?, on))
}

struct Look<'a> {
    functions: BTreeMap<String, Rc<Function>>,
    verbs: &'a BTreeSet<String>,
    names: &'a Names,
    /// Functions looked into, with the variables that hold the event there.
    visited: BTreeSet<(String, Vec<String>)>,
    found: Vec<Finding>,
}

impl Look<'_> {
    /// A call on nothing, such as `mute(...)`.
    fn plain_call(&mut self, call: &Call<'_>) {
        if !call.is_method && !self.functions.contains_key(call.name()) {
            self.found.extend(arguments::faults(On::Nothing, call, self.names));
        }
    }

    /// Looks into a function, where some of its parameters hold the event.
    fn handed_on<Bound: IntoIterator<Item = (String, On)>>(
        &mut self,
        name: &str,
        bind: impl FnOnce(&[String]) -> Bound,
    ) {
        let Some(function) = self.functions.get(name).cloned() else { return };
        let given_away = reassigned(&function);
        let held: BTreeMap<String, On> =
            bind(&function.parameters).into_iter().filter(|(name, _)| !given_away.contains(name)).collect();
        let visit = (name.to_owned(), held.keys().cloned().collect());
        if held.is_empty() || !self.visited.insert(visit) {
            return;
        }
        function.each_node(&mut |node, _| self.node(node, &held));
    }

    fn node(&mut self, node: ASTNode<'_>, held: &BTreeMap<String, On>) {
        if let ASTNode::Expr(expression @ (Expr::Dot(binary, ..) | Expr::Index(binary, ..))) = node
            && let Some(on) = variable_of(&binary.lhs).and_then(|name| held.get(name))
        {
            self.reached(*on, &steps(expression));
        }
        let Some(call) = call_of(node) else { return };
        let kinds: Vec<Option<On>> = call
            .arguments()
            .iter()
            .map(|argument| variable_of(argument).and_then(|name| held.get(name).copied()))
            .collect();
        if call.name() == "curry" {
            // A closure in the function, with what it captures: its first parameters.
            let Some(closure) = call.arguments().first().and_then(closure_of) else { return };
            self.handed_on(&closure, |parameters| bound(parameters, &kinds[1..]));
        } else if !call.is_method {
            self.handed_on(call.name(), |parameters| bound(parameters, &kinds));
        }
    }

    /// What is reached from the event, from left to right.
    fn reached(&mut self, on: On, steps: &[Step<'_>]) {
        match steps.first() {
            Some(Step::Call(call)) => self.verb(on, call),
            Some(Step::Name("icinga", _)) if on == On::Event => {
                if let Some(Step::Call(call)) = steps.get(1) {
                    self.verb(On::Icinga, call);
                }
            }
            Some(Step::Name(..) | Step::Key(..)) if on == On::Command => self.command_field(&steps[0]),
            _ if on == On::Test => {}
            _ => self.found.extend(event_field_fault(steps)),
        }
    }

    fn verb(&mut self, on: On, call: &Call<'_>) {
        let name = call.name();
        if !forms::forms(on, name).is_empty() {
            self.found.extend(arguments::faults(on, call, self.names));
            return;
        }
        let is_of_all = ANY_VALUE.contains(&name) || self.functions.contains_key(name);
        // What exists nowhere is found with all other such calls.
        if self.verbs.contains(name) && !is_of_all {
            let whose = match on {
                On::Event => "an event",
                On::Icinga => "`e.icinga`",
                On::Test => "a test",
                On::Command | On::Nothing => "a command",
            };
            let meant = meant(name, forms::names(on));
            self.found.push(Finding::new(call.position, format!("{whose} has no verb `{name}`{meant}")));
        }
    }

    fn command_field(&mut self, step: &Step<'_>) {
        let (Step::Name(name, position) | Step::Key(name, position)) = step else { return };
        let known: Vec<&str> = COMMAND_FIELDS.iter().map(|field| field.name).collect();
        if !known.contains(name) {
            let meant = meant(name, known.iter().copied());
            let message = format!("a command has no field `{name}`{meant}");
            let help = format!("it has: {}", known.join(", "));
            self.found.push(Finding { help, ..Finding::new(*position, message) });
        }
    }
}

/// The parameters that get the event.
fn bound(parameters: &[String], kinds: &[Option<On>]) -> Vec<(String, On)> {
    parameters.iter().zip(kinds).filter_map(|(name, kind)| Some((name.clone(), (*kind)?))).collect()
}

fn event_field_fault(steps: &[Step<'_>]) -> Option<Finding> {
    let (path, position) = match steps {
        [Step::Key(path, position), ..] => ((*path).to_owned(), *position),
        [Step::Name(name, position), rest @ ..] => {
            let is_group = Path::names().any(|known| known.split('.').next() == Some(name));
            match rest {
                _ if !is_group || Path::parse(name).is_some() => ((*name).to_owned(), *position),
                [Step::Name("vars", _), ..] if ["host", "service"].contains(name) => return None,
                [Step::Name(inner, place) | Step::Key(inner, place), ..] => {
                    (format!("{name}.{inner}"), *place)
                }
                _ => return None,
            }
        }
        _ => return None,
    };
    if Path::parse(&path).is_some() {
        return None;
    }
    let names: Vec<String> = Path::names().collect();
    let meant = meant(&path, names.iter().map(String::as_str));
    Some(Finding::new(position, format!("there is no field `{path}`{meant}")))
}

/// Variables that a function gives a value of its own: they may hold anything.
fn reassigned(function: &Function) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    function.each_node(&mut |node, _| match node {
        ASTNode::Stmt(Stmt::Var(declared, ..)) => drop(names.insert(declared.0.name.to_string())),
        ASTNode::Stmt(Stmt::For(counted, ..)) => {
            names.insert(counted.0.name.to_string());
            names.extend(counted.1.iter().map(|index| index.name.to_string()));
        }
        ASTNode::Stmt(Stmt::TryCatch(caught, ..)) => {
            names.extend(variable_of(&caught.expr).map(str::to_owned))
        }
        ASTNode::Stmt(Stmt::Assignment(assigned)) => {
            names.extend(variable_of(&assigned.1.lhs).map(str::to_owned));
        }
        _ => {}
    });
    names
}
