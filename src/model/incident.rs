//! Incidents: the life of one problem, with a short number.

use super::{ObjectKey, State, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

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
}

impl Incident {
    /// An incident that begins now; nobody was told of it yet.
    pub fn new(id: IncidentId, object: ObjectKey, opened: Timestamp) -> Incident {
        Incident { id, object, opened, closed: None, told: BTreeMap::new(), holds: BTreeMap::new() }
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
