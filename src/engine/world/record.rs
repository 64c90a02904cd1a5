//! What is known of one object besides its configuration.
//!
//! Promises: of an object to which nothing has happened it is little more than its state, since
//! there may be half a million of them. As JSON it is one flat map.

use crate::model::{IncidentId, Status, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is known of one object besides its configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Flat", into = "Flat")]
pub struct Record {
    /// Its state, as scenes show it.
    pub status: Arc<Status>,
    marks: Option<Box<Marks>>,
}

/// What happened to an object leaves these behind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Marks {
    /// When the check ended whose state change was last taken in: the guard
    /// against the same change from a second master.
    pub changed_end: Option<Timestamp>,
    /// Names of the downtimes in effect, as far as their start was seen.
    pub downtimes: BTreeSet<String>,
    /// The incident that is open, or whose end is still owed to somebody.
    pub incident: Option<IncidentId>,
    /// When a withheld state is judged again without any event.
    pub again_at: Option<Timestamp>,
    /// When a host was last found up after it had been down.
    pub returned: Option<Timestamp>,
}

static NONE: Marks =
    Marks { changed_end: None, downtimes: BTreeSet::new(), incident: None, again_at: None, returned: None };

impl Record {
    /// What happened to it before.
    pub fn marks(&self) -> &Marks {
        self.marks.as_deref().unwrap_or(&NONE)
    }

    /// The same, to be changed.
    pub fn marks_mut(&mut self) -> &mut Marks {
        self.marks.get_or_insert_default()
    }
}

/// A record as it is kept.
#[derive(Serialize, Deserialize)]
struct Flat {
    status: Arc<Status>,
    changed_end: Option<Timestamp>,
    downtimes: BTreeSet<String>,
    incident: Option<IncidentId>,
    again_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    returned: Option<Timestamp>,
}

impl From<Flat> for Record {
    fn from(flat: Flat) -> Record {
        let Flat { status, changed_end, downtimes, incident, again_at, returned } = flat;
        let marks = Marks { changed_end, downtimes, incident, again_at, returned };
        Record { status, marks: (marks != NONE).then(|| Box::new(marks)) }
    }
}

impl From<Record> for Flat {
    fn from(record: Record) -> Flat {
        let Marks { changed_end, downtimes, incident, again_at, returned } = record.marks().clone();
        Flat { status: record.status, changed_end, downtimes, incident, again_at, returned }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_kept_as_one_flat_map() {
        let mut record = Record::default();
        let json = |record: &Record| serde_json::to_value(record).expect("plain data");
        let back =
            |record: &Record| serde_json::from_value::<Record>(json(record)).expect("it was written so");
        assert_eq!(json(&record)["downtimes"], serde_json::json!([]));
        assert_eq!(back(&record), record);
        record.marks_mut().incident = Some(IncidentId(7));
        assert_eq!(json(&record)["incident"], 7);
        assert_eq!(back(&record), record);
    }
}
