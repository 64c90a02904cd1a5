//! What is told of schedules.

use crate::model::Timestamp;
use serde::{Deserialize, Serialize};

/// Nobody is on call for a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduleGap {
    /// The name of the schedule.
    pub schedule: String,
    /// Its first moment, or when it was found.
    pub from: Timestamp,
    /// When somebody is on call again; `None` where that is not within a month.
    pub until: Option<Timestamp>,
}
