//! Decisions: what was decided on one input, and why. The audit.

use super::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Where a rule stands and what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleRef {
    /// File name inside the rules folder.
    pub file: Arc<str>,
    /// Line of the `rule(...)` or `command(...)` call, from 1.
    pub line: usize,
    /// The rule's name.
    pub name: Arc<str>,
}

impl fmt::Display for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {}", self.file, self.line, self.name)
    }
}

/// What was decided on one input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// The name of the event's type, or `Command`.
    pub event: String,
    /// Icinga's full name of the object, empty if none.
    pub object: String,
    /// Number of the incident, if any.
    pub incident: Option<u64>,
    /// The event in a few words, such as `CRITICAL hard: load 17`.
    pub summary: String,
    /// How it ended.
    pub verdict: Verdict,
    /// What each rule that matched did, in order.
    pub steps: Vec<Step>,
    /// Short hash of the ruleset that decided.
    pub ruleset: String,
}

/// How the judging of one input ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Verdict {
    /// These targets were told, by name.
    Told(Vec<String>),
    /// Dropped, and why.
    Dropped(String),
    /// No rule said a word about it.
    Unmatched,
}

/// What one rule did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The rule.
    pub rule: RuleRef,
    /// What it did, such as `notify ops`, `drop: told already`, `error: ...`.
    pub did: Vec<String>,
}
