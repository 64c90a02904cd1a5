//! Overrides: who is on call instead of whoever has the turn, for a time.

use super::Turn;
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

/// What trades two turns of one person each, without numbers: whoever has the one gets the
/// other. `None` where a turn is nobody's or several persons'. `reason`: why, from when the other
/// turn begins.
pub fn trade(
    schedule: &str,
    turns: [&Turn; 2],
    owner: &str,
    reason: impl Fn(Timestamp) -> String,
) -> Option<[Override; 2]> {
    let [[one], [other]] = turns.map(|turn| turn.persons.as_slice()) else { return None };
    let over = |turn: &Turn, person: &str, back: &Turn| Override {
        id: 0,
        schedule: schedule.to_owned(),
        person: person.to_owned(),
        from: turn.from,
        until: turn.to,
        owner: owner.to_owned(),
        reason: reason(back.from),
    };
    let [first, second] = turns;
    Some([over(first, other, second), over(second, one, first)])
}
