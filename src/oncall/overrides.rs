//! Overrides: who is on call instead of whoever has the turn, for a time.

use crate::model::Timestamp;
use serde::{Deserialize, Serialize};

/// Somebody is on call for a time, whatever the schedule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Its number; of two that hold at the same moment, the higher one counts.
    pub id: u64,
    /// The name of the schedule.
    pub schedule: String,
    /// Who is on call.
    pub person: String,
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
    /// Who made it.
    pub owner: String,
    /// Why; may be empty.
    pub reason: String,
}

impl Override {
    /// Whether it holds at a moment.
    pub fn covers(&self, at: Timestamp) -> bool {
        (self.from..self.until).contains(&at)
    }
}
