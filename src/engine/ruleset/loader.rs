//! What it takes to load a file of the rules folder.

use super::collector::Collector;
use super::fault::Finding;
use super::names::Names;
use super::{actions, calls};
use rhai::{AST, Engine, Position};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

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
}
