//! What is wrong in a rule file, or went wrong in a rule.
//!
//! Promises: a fault names the innermost place that is known.

use super::{RuleFile, sandbox};
use crate::diagnostic::Diagnostic;
use crate::model::RuleRef;
use rhai::EvalAltResult;

/// What is wrong in a rule file, or went wrong in a rule, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFault {
    /// Name of the file.
    pub file: String,
    /// Line, from 1; 0 where it is unknown.
    pub line: usize,
    /// Column in characters, from 1; 0 where it is unknown.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// How to mend it; may be empty.
    pub help: String,
}

impl std::fmt::Display for RuleFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, " ({})", self.help) }
    }
}

impl RuleFault {
    /// The fault with the line it speaks of. `files` hold that line; the file is called
    /// as inside its folder.
    pub fn drawn(&self, files: &[RuleFile]) -> Diagnostic {
        let text = files.iter().find(|file| file.name == self.file).map_or("", |file| &file.text);
        let diagnostic = match self.line {
            0 => Diagnostic::of_file(&self.file, &self.message),
            line => Diagnostic::at_line_column(&self.file, text, line, self.column.max(1), &self.message),
        };
        if self.help.is_empty() { diagnostic } else { diagnostic.help(&self.help) }
    }
}

/// What went wrong in a rule that ran.
pub(super) fn runtime_fault(at: &RuleRef, mut error: EvalAltResult) -> RuleFault {
    let mut position = error.take_position();
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) | EvalAltResult::ErrorInModule(_, inner, _) =
        error
    {
        error = *inner;
        let inner_position = error.take_position();
        if !inner_position.is_none() {
            position = inner_position;
        }
    }
    let help = match &error {
        EvalAltResult::ErrorTooManyOperations(_) => {
            format!("a rule may take {} steps; look for a loop without an end", sandbox::MAX_OPERATIONS)
        }
        _ => String::new(),
    };
    let message = match error {
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        other => other.to_string(),
    };
    let line = position.line().unwrap_or(at.line);
    RuleFault { file: at.file.to_string(), line, column: position.position().unwrap_or(1), message, help }
}

/// By file and place, each fault once.
pub(super) fn sorted(mut faults: Vec<RuleFault>) -> Vec<RuleFault> {
    let place = |fault: &RuleFault| (fault.file.clone(), fault.line, fault.column);
    faults.sort_by_key(place);
    // A closure's body is reached twice: through the closure and as a function.
    faults.dedup();
    faults
}
