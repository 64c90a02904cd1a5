//! Somebody is called: because nobody has acknowledged a problem, or because a person asks for it.

use crate::model::Timestamp;
use serde::{Deserialize, Serialize};

/// Somebody is called, by a step of an escalation or because a person asked for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Escalation {
    /// The policy, as `watchbell.toml` calls it.
    pub policy: String,
    /// When the policy began for this incident.
    pub started: Timestamp,
    /// Which time all steps are gone through, from 1.
    pub round: u32,
    /// Which step, from 1.
    pub step: u32,
    /// How many steps the policy has.
    pub steps: u32,
    /// Who is called now; empty where a step reaches nobody, see `nobody`.
    pub called: Vec<Called>,
    /// Why now, in words, such as `nobody acknowledged for 15m`.
    pub why: String,
    /// What of the step reaches nobody, such as `nobody is on call in dba`; may be empty.
    pub nobody: String,
    /// Which reminder of an acknowledgement it is, from 1; 0 for a call.
    pub reminder: u32,
    /// Why a rule kept it from people until now; empty if none did.
    pub held: String,
}

/// One target that is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Called {
    /// Its name.
    pub target: String,
    /// The person that it reaches; `None` for a target of many.
    pub person: Option<String>,
    /// Which of the person's ways, from 0.
    pub way: usize,
}

/// A person calls people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Who calls, by the name Icinga knows.
    pub by: String,
    /// What they say.
    pub text: String,
    /// Who is called.
    pub called: Vec<Called>,
    /// The target that could not be told, where another way is tried in its stead; else empty.
    pub after: String,
}
