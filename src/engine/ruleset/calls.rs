//! Calls that can never work, found before they are reached: the script language
//! itself notices them only when they run.

use super::fault::{Finding, meant};
use super::sandbox::FORBIDDEN;
use super::syntax::{Call, each_call};
use rhai::{AST, Engine};
use std::collections::BTreeSet;

/// The names of everything a script can call.
pub(super) fn verb_names(engine: &Engine) -> BTreeSet<String> {
    let signatures = engine.gen_fn_signatures(true);
    let registered = signatures.iter().filter_map(|signature| signature.split('(').next()).map(str::trim);
    let built_in =
        ["call", "curry", "type_of", "print", "debug", "is_shared", "is_def_fn", "is_def_var", "Fn"];
    registered.chain(built_in).map(str::to_owned).collect()
}

/// Calls of functions that exist nowhere, and of forbidden ones.
pub(super) fn unknown_calls(ast: &AST, verbs: &BTreeSet<String>) -> Vec<Finding> {
    let own: BTreeSet<String> = ast.iter_functions().map(|function| function.name.to_owned()).collect();
    let mut found = Vec::new();
    each_call(ast, &mut |call| {
        found.extend(call_fault(&call, &own, verbs).map(|message| Finding::new(call.position, message)));
    });
    found
}

fn call_fault(call: &Call<'_>, own: &BTreeSet<String>, verbs: &BTreeSet<String>) -> Option<String> {
    // What a module offers is known to `modules`.
    if !call.is_plain() {
        return None;
    }
    let name = call.name();
    if let Some((_, why)) = FORBIDDEN.iter().find(|(forbidden, _)| *forbidden == name) {
        return Some(format!("`{name}` cannot be called in a rule: {why}"));
    }
    if own.contains(name) || verbs.contains(name) {
        return None;
    }
    let candidates =
        verbs.iter().chain(own).filter(|known| known.chars().all(|c| c.is_alphanumeric() || c == '_'));
    Some(format!("there is no verb `{name}`{}", meant(name, candidates.map(String::as_str))))
}
