//! Tests that stand in rule files: collected as rules are, and run in a trial.
//!
//! Owns: what a test is, and its limits. Promises: a test ends, whatever it says.
//! Never: judges; its trial does, on the road it was given.

use super::collector::{self, Collector};
use super::script::{Limits, Script};
use super::{RuleFault, Ruleset, deadline, sandbox};
use crate::engine::script::TestHandle;
use crate::engine::script::reference::{EVENT_VERBS, ScriptVerb, TEST_VERBS};
use crate::model::RuleRef;
use rhai::{Engine, FnPtr, Position};
use std::sync::{Arc, Mutex};

/// How a file ends that holds only tests. It is read after all others.
const TEST_FILE: &str = ".test.rhai";

/// Whether a file holds only tests, by its name.
pub(super) fn holds_only_tests(file: &str) -> bool {
    file.ends_with(TEST_FILE)
}

/// One compiled test.
pub struct RuleTest {
    /// Where it stands and what it is called.
    pub at: RuleRef,
    /// The text of its file, to show the place of a failure.
    pub text: Arc<str>,
    action: Script,
}

impl Ruleset {
    /// All tests, in the order of their files.
    pub fn tests(&self) -> &[RuleTest] {
        &self.tests
    }

    /// Runs a test in its trial. The error says which expectation was not met, and where.
    pub fn run_test(&self, test: &RuleTest, handle: TestHandle) -> Result<(), RuleFault> {
        let engine = self.tester.get_or_init(tester);
        let limits = Limits { engine, time: deadline::OF_A_TEST };
        let (done, _) = test.action.run(limits, &test.at, (handle,));
        done.map(|_| ())
    }
}

/// The engine of tests: what is declared inside of one is refused.
fn tester() -> Engine {
    let mut engine = sandbox::for_tests();
    collector::register(&mut engine, &Arc::new(Mutex::new(Collector::closed())));
    engine
}

impl Collector {
    pub(super) fn test(&mut self, position: Position, name: &str, function: FnPtr) {
        if name.trim().is_empty() {
            let help = "say in its name what holds, such as \"a gold database pages the DBA\"";
            return self.fault(position, "a test has no name".to_owned(), help);
        }
        if let Some(other) = self.tests.iter().find(|test| &*test.at.name == name) {
            let message = format!("the test `{name}` stands already in {}:{}", other.at.file, other.at.line);
            return self.fault(position, message, "give each test a name of its own");
        }
        let action = Script { function, ast: self.ast.clone(), imports: self.imports.clone() };
        self.tests.push(RuleTest { at: self.at(position, name), text: self.text.clone(), action });
    }

    /// Whether rules and commands may stand in the file that is read; a fault if not.
    pub(super) fn takes(&mut self, position: Position, what: &str, name: &str) -> bool {
        if holds_only_tests(&self.file) {
            let message = format!("the {what} `{name}` stands in a file that holds only tests");
            self.fault(position, message, "move it to a file that does not end in .test.rhai");
            return false;
        }
        true
    }
}

/// What to say of a call that nothing takes: a verb of tests in a rule, or the other way
/// round, is likely to be meant for elsewhere.
pub(super) fn not_found(signature: &str) -> String {
    let (verb, arguments) = signature.split_once(" (").unwrap_or((signature, ""));
    let called_on = arguments.split([',', ')']).next().unwrap_or("").trim();
    let is_one_of = |verbs: &[ScriptVerb]| verbs.iter().any(|known| known.name == verb);
    match called_on {
        "Event" | "Command" if is_one_of(TEST_VERBS) && !is_one_of(EVENT_VERBS) => {
            format!("`{verb}` is a verb of tests; it can only be called inside a test")
        }
        "Test" if is_one_of(EVENT_VERBS) && !is_one_of(TEST_VERBS) => {
            format!("`{verb}` is a verb of rules; it can only be called inside a rule")
        }
        _ => format!("Function not found: {signature}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_at_the_wrong_place_is_told_where_it_belongs() {
        for (signature, words) in [
            ("wait (Event, &str | ImmutableString | String)", "a verb of tests"),
            ("notify (Test, &str | ImmutableString | String)", "a verb of rules"),
            ("wait (Test, i64)", "Function not found: wait (Test, i64)"),
            ("nonsense ()", "Function not found: nonsense ()"),
            ("nonsense", "Function not found: nonsense"),
        ] {
            assert!(not_found(signature).contains(words), "{signature}: {}", not_found(signature));
        }
    }
}
