//! What a function takes along from the top of its file: constants, and nothing else.
//!
//! A variable there would be shared by all calls, by tests and what is in force alike,
//! and be gone with a restart; what rules remember is `e.set` and the like.
//!
//! Owns: nothing. Promises: no call leaves anything behind in the script itself. Never:
//! runs a function.

use super::Collector;
use rhai::{FnPtr, Position};

impl Collector {
    /// Refuses a function that uses a variable from outside of it.
    pub(super) fn keeps_nothing(&mut self, position: Position, function: &FnPtr) {
        let Some(place) = function.curry().iter().position(|value| !value.is_read_only()) else { return };
        let name = self
            .ast
            .iter_functions()
            .find(|candidate| candidate.name == function.fn_name())
            .and_then(|candidate| candidate.params.get(place).map(ToString::to_string));
        self.fault(
            position,
            format!("it uses the variable `{}` from outside of it", name.unwrap_or_default()),
            "write `const` instead of `let`; what a rule shall remember is kept with e.set",
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{RuleFile, Ruleset};

    fn fault(text: &str) -> Option<String> {
        let file = RuleFile { name: "10.rhai".to_owned(), text: text.to_owned() };
        Ruleset::compile(&[file]).err().map(|faults| faults[0].to_string())
    }

    #[test]
    fn a_variable_of_the_file_is_refused_in_rules_commands_and_tests() {
        for (text, place) in [
            ("let n = 0;\nrule(\"r\", #{}, |e| { n += 1; });", "10.rhai:2:1: "),
            ("let n = [1];\nrule(\"r\", #{}, |e| e.log(`${n}`));", "10.rhai:2:1: "),
            ("const C = 1; let n = 0;\ncommand(\"c\", #{}, |c| { C + n });", "10.rhai:2:1: "),
            ("let n = 0;\ntest(\"t\", |t| { n += 1; });", "10.rhai:2:1: "),
            ("let n = 0;\nfor i in 0..2 { rule(`r${i}`, #{}, |e| { e.log(`${n}`); }); }", "10.rhai:2:17: "),
        ] {
            let fault = fault(text).unwrap_or_else(|| panic!("{text}: is taken"));
            let expected = "it uses the variable `n` from outside of it (write `const` instead of `let`";
            assert!(fault.starts_with(&format!("{place}{expected}")), "{text}: {fault}");
        }
    }

    #[test]
    fn constants_and_the_variables_inside_of_an_action_are_taken() {
        for text in [
            "const N = [1, 2];\nrule(\"r\", #{ attempt: N }, |e| { for n in N { e.log(`${n}`); } });",
            "let n = 1;\nrule(\"r\", #{ attempt: n }, |e| e.stop());",
            "rule(\"r\", #{}, |e| { let n = 0; [1].for_each(|| n += this); e.log(`${n}`); });",
        ] {
            assert_eq!(fault(text), None, "{text}");
        }
    }
}
