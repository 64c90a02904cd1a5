//! Events that a rule asked for beforehand: a time that it set has come.

use crate::model::Timestamp;
use serde::{Deserialize, Serialize};

/// A timer of a rule is due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timer {
    /// What the rule called it.
    pub name: String,
    /// What the rule gave it to carry; null if nothing.
    pub data: serde_json::Value,
    /// The name of the rule that set it.
    pub rule: String,
    /// When it was set.
    pub set_at: Timestamp,
}

/// A problem still lasts, and a rule wanted people to be reminded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reminder {
    /// Which one of this incident, from 1.
    pub number: u64,
    /// The name of the rule that wanted it.
    pub rule: String,
    /// Whether no host in front of the object is down, as far as is known.
    pub reachable: bool,
}
