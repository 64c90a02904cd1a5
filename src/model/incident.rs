//! Incidents: the life of one problem, with a short number.

use super::time::later;
use super::{ObjectKey, State, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The number of an incident, written `#42`. Counts up, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IncidentId(pub u64);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// The life of one problem: from the first hard problem state of an object to
/// its recovery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its number.
    pub id: IncidentId,
    /// What is broken.
    pub object: ObjectKey,
    /// When it began.
    pub opened: Timestamp,
    /// When it ended; `None` while it lasts.
    pub closed: Option<Timestamp>,
    /// The state each target was last told, by the target's name.
    pub told: BTreeMap<String, State>,
    /// Rules that hold it back until it has lasted for a while, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub holds: BTreeMap<String, Hold>,
    /// How people are reminded of it, if a rule wants that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminding: Option<Reminding>,
}

impl Incident {
    /// An incident that begins now; nobody was told of it yet.
    pub fn new(id: IncidentId, object: ObjectKey, opened: Timestamp) -> Incident {
        Incident {
            id,
            object,
            opened,
            closed: None,
            told: BTreeMap::new(),
            holds: BTreeMap::new(),
            reminding: None,
        }
    }
}

/// A rule holds a problem back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Until when.
    pub until: Timestamp,
    /// How often it was prolonged because the host may be going down.
    pub prolonged: u8,
}

/// People are reminded of a problem for as long as it lasts, at growing intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reminding {
    /// The rule that wants it.
    pub rule: String,
    /// How many reminders there were.
    pub number: u64,
    /// When the next one is due.
    pub next: Timestamp,
    /// How long it is from the one before to the next.
    pub interval: Duration,
    /// By how much an interval is longer than the one before; 1 or more.
    pub factor: f64,
    /// How long an interval gets at most.
    pub longest: Duration,
}

impl Reminding {
    /// The state after a reminder that was due now.
    pub fn after_one(&self, now: Timestamp) -> Reminding {
        let longer = Duration::try_from_secs_f64(self.interval.as_secs_f64() * self.factor);
        let interval = longer.unwrap_or(self.longest).min(self.longest);
        Reminding { number: self.number + 1, next: later(now, interval), interval, ..self.clone() }
    }
}
