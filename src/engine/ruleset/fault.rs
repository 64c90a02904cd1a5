//! What is wrong in a rule file, or went wrong in a rule.
//!
//! Promises: a fault names the innermost place that is known.

use super::sandbox::{Limits, took_longer};
use super::{CLOSURE, RuleFile, rule_tests};
use crate::diagnostic::Diagnostic;
use crate::engine::matcher::nearest;
use crate::model::RuleRef;
use rhai::{AST, EvalAltResult, Position, ScriptFnMetadata};

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

/// What went wrong in a rule of this script, and where: in its file or in a module.
pub(super) fn runtime_fault(
    at: &RuleRef,
    ast: &AST,
    mut error: EvalAltResult,
    limits: Limits<'_>,
) -> RuleFault {
    let mut position = error.take_position();
    let mut file = at.file.to_string();
    let mut came_back = false;
    while let EvalAltResult::ErrorInFunctionCall(name, source, inner, _) = error {
        // The script language names the module that was called last, even where this one
        // has called back a closure of the rule.
        let is_ours = |function: &ScriptFnMetadata<'_>| {
            function.name == name && (came_back || name.starts_with(CLOSURE))
        };
        let in_rule = source.is_empty() || ast.iter_functions().any(|function| is_ours(&function));
        came_back = in_rule && !source.is_empty();
        let called_in = if in_rule { at.file.to_string() } else { source };
        error = *inner;
        let inner_position = error.take_position();
        if !inner_position.is_none() {
            position = inner_position;
            file = called_in;
        }
    }
    let help = match &error {
        EvalAltResult::ErrorTooManyOperations(_) => {
            format!("it may take {} steps; look for a loop without an end", limits.engine.max_operations())
        }
        EvalAltResult::ErrorDataRace(..) => {
            "a closure uses what stands before the dot of its own line; keep the part before the dot in a `let`".to_owned()
        }
        EvalAltResult::ErrorTerminated(..) => {
            "look for a loop without an end, or much work on long texts".to_owned()
        }
        _ => String::new(),
    };
    let message = match error {
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => rule_tests::not_found(&signature),
        EvalAltResult::ErrorTerminated(..) => took_longer(limits.time),
        other => other.to_string(),
    };
    let line = position.line().unwrap_or(at.line);
    RuleFault { file, line, column: position.position().unwrap_or(1), message, help }
}

/// By file and place, each fault once.
pub(super) fn sorted(mut faults: Vec<RuleFault>) -> Vec<RuleFault> {
    let place = |fault: &RuleFault| (fault.file.clone(), fault.line, fault.column);
    faults.sort_by_key(place);
    // A closure's body is reached twice: through the closure and as a function.
    faults.dedup();
    faults
}

/// Something a check found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) position: Position,
    pub(super) message: String,
    /// How to mend it; may be empty.
    pub(super) help: String,
}

impl Finding {
    pub(super) fn in_file(self, file: &str) -> RuleFault {
        RuleFault {
            file: file.to_owned(),
            line: self.position.line().unwrap_or(0),
            column: self.position.position().unwrap_or(0),
            message: self.message,
            help: self.help,
        }
    }

    pub(super) fn new(position: Position, message: String) -> Finding {
        Finding { position, message, help: String::new() }
    }
}

/// The name that was probably meant, as words behind a fault; empty if none is near.
pub(super) fn meant<'a>(written: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    nearest(written, candidates.map(str::to_owned))
        .map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}
