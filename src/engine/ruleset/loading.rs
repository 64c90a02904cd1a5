//! From the text of a rule file to what it declares.
//!
//! Promises: one fault hides no other, as far as that can be. Never: reads a file.

use super::collector::Collector;
use super::fault::Finding;
use super::modules::Modules;
use super::names::Names;
use super::{RuleFile, actions, calls, suspicions, syntax, top_level};
use rhai::{AST, Engine, Position};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What it takes to load a file.
#[derive(Clone, Copy)]
pub(super) struct Loader<'a> {
    pub(super) engine: &'a Engine,
    /// All that can be called at all.
    pub(super) verbs: &'a BTreeSet<String>,
    /// The targets and templates there are.
    pub(super) names: &'a Names,
    /// Where declarations and faults go.
    pub(super) collector: &'a Mutex<Collector>,
}

impl Loader<'_> {
    pub(super) fn lock(&self) -> MutexGuard<'_, Collector> {
        self.collector.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fault(&self, position: Position, message: String, help: &str) {
        self.lock().fault(position, message, help);
    }

    /// What is wrong in a script, as far as it is written out.
    pub(super) fn written_faults(&self, ast: &AST) -> Vec<Finding> {
        let mut findings = calls::unknown_calls(ast, self.verbs);
        findings.extend(actions::faults(ast, self.verbs, self.names));
        findings
    }

    /// Loads a file of rules or tests, and the modules it imports.
    pub(super) fn load(self, file: &RuleFile, modules: &mut Modules<'_>) {
        self.lock().file = Arc::from(file.name.as_str());
        self.lock().text = Arc::from(file.text.as_str());
        let (parsed, mut findings) = top_level::parse(self.engine, &file.text);
        if let Some(parsed) = parsed {
            let ast = &parsed.0;
            let imports = modules.import(self, ast);
            let imported = imports.is_some();
            findings.extend(self.written_faults(ast));
            self.lock().check_literals(ast);
            self.lock().ast = Arc::new(ast.clone());
            self.lock().imports = Arc::new(imports.unwrap_or_default());
            self.lock().functions = syntax::functions(ast);
            self.lock().keys = top_level::keys(ast);
            self.lock().endings = suspicions::endings(ast);
            // A file with such faults runs all the same: its matchers may have faults, too.
            // What fails then for want of a module is likely to follow from that.
            let failed = top_level::run(self.engine, &parsed, &findings);
            findings.extend(failed.into_iter().filter(|_| imported));
        }
        findings.into_iter().for_each(|finding| self.lock().add(finding));
    }
}
