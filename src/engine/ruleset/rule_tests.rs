//! Tests that stand in rule files: collected as rules are, and run in a trial.
//!
//! Owns: what a test is, and its limits. Promises: a test ends, whatever it says.
//! Never: judges; its trial does, on the road it was given.

use super::script::Script;
use crate::engine::script::reference::{EVENT_VERBS, ScriptVerb, TEST_VERBS};
use crate::model::RuleRef;
use std::sync::Arc;

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
    pub(super) action: Script,
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
