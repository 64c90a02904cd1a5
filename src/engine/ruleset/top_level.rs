//! The top level of a rule file: parsed, and run statement by statement so that one
//! fault does not hide those behind it.
//!
//! Never: runs an action.

use super::deadline;
use super::fault::Finding;
use super::sandbox::took_longer;
use super::syntax::{each_call, keys as keys_of};
use rhai::{AST, Dynamic, Engine, EvalAltResult, Module, ParseErrorType, Position, Scope, Stmt};
use std::collections::BTreeMap;

/// How many variables that do not exist are looked for in one file.
const MOST_UNDEFINED: usize = 50;

/// What a file says, and the variables that it asks for and that are not there.
pub(super) type Parsed = (AST, Scope<'static>);

/// Parses a file. `None` where that cannot be done; the findings say why.
pub(super) fn parse(engine: &Engine, text: &str) -> (Option<Parsed>, Vec<Finding>) {
    let mut scope = Scope::new();
    let mut findings = Vec::new();
    loop {
        let error = match engine.compile_with_scope(&scope, text) {
            Ok(ast) => return (Some((ast, scope)), findings),
            Err(error) => error,
        };
        let mut finding = Finding::new(error.position(), error.err_type().to_string());
        help_for(error.err_type(), &finding.message).clone_into(&mut finding.help);
        findings.push(finding);
        match error.err_type() {
            // As if it were there: what else is wrong shows then.
            ParseErrorType::VariableUndefined(name) if findings.len() < MOST_UNDEFINED => {
                scope.push_constant(name.clone(), ());
            }
            _ => return (None, findings),
        }
    }
}

/// What mostly helps where the script language does not understand a file; may be empty.
fn help_for(fault: &ParseErrorType, message: &str) -> &'static str {
    match fault {
        _ if message.contains("eval") => "a rule runs no text as code",
        ParseErrorType::PropertyExpected => {
            "a map is `#{ field: value, field: value }`; mostly its `}` is missing, here or in the line before"
        }
        ParseErrorType::MissingToken(..) => "mostly it is missing at the end of the line before",
        _ => "",
    }
}

/// Where the keys stand of each declaration's map, by the place of the declaration.
pub(super) fn keys(ast: &AST) -> BTreeMap<Position, BTreeMap<String, Position>> {
    let mut all = BTreeMap::new();
    each_call(ast, &mut |call| all.extend(keys_of(&call).map(|keys| (call.position, keys))));
    all
}

/// Runs all statements. What fails where a fault is `known` is likely to follow from it.
pub(super) fn run(engine: &Engine, (ast, scope): &Parsed, known: &[Finding]) -> Vec<Finding> {
    let statements = ast.statements();
    let statement_of =
        |position: Position| statements.iter().rposition(|statement| statement.position() <= position);
    let gives = |statement: &Stmt| matches!(statement, Stmt::Var(..) | Stmt::Import(..));
    let builds_up = statements.iter().any(gives);
    let mut found = Vec::new();
    let mut from = 0;
    while from < statements.len() {
        let rest = AST::new(statements[from..].iter().cloned(), ast.shared_lib().clone());
        let mut scope = scope.clone();
        let run = || engine.eval_ast_with_scope::<Dynamic>(&mut scope, &rest);
        let (Err(error), _) = deadline::within(deadline::OF_A_FILE, run) else { break };
        let is_stopped = matches!(*error, EvalAltResult::ErrorTerminated(..));
        let finding = failure(*error);
        let failed = statement_of(finding.position).filter(|failed| *failed >= from);
        if failed.is_none() || !known.iter().any(|fault| statement_of(fault.position) == failed) {
            found.push(finding);
        }
        match failed {
            // What stands behind may ask for a variable or a module that is not there.
            Some(failed) if !builds_up && !is_stopped => from = failed + 1,
            _ => break,
        }
    }
    found
}

/// Runs a module's top level.
pub(super) fn module(engine: &Engine, ast: &AST) -> Result<Module, Finding> {
    let run = || Module::eval_ast_as_new(Scope::new(), ast, engine);
    deadline::within(deadline::OF_A_FILE, run).0.map_err(|error| failure(*error))
}

fn failure(mut error: EvalAltResult) -> Finding {
    let position = error.take_position();
    let message = match error {
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        EvalAltResult::ErrorTerminated(..) => took_longer(deadline::OF_A_FILE),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            format!("no such call: {signature}; write rule(name, #{{...}}, |e| ...)")
        }
        other => other.to_string(),
    };
    Finding::new(position, message)
}
