//! What people are still owed: states that were kept from them, judged again when that which hid
//! them is gone.
//!
//! Never: decides whether they are told; that is the rules' matter.

use super::world::Record;
use super::{Engine, Next, catch_up, reach};
use crate::model::{Detail, Event, ObjectKey, StateReport, Timestamp};
use std::collections::BTreeSet;

impl Engine {
    /// All objects whose state people are still owed, by their names. What was there
    /// at the first look is owed only once that which covers it is gone.
    pub(super) fn all_owed(&self) -> impl Iterator<Item = Next> {
        let owed = self.world().records().filter(|(key, record)| {
            self.is_owed(key, record) && record.status.withheld.as_deref() != Some(catch_up::FIRST_LOOK)
        });
        let keys: BTreeSet<ObjectKey> = owed.map(|(key, _)| key.clone()).collect();
        keys.into_iter().map(Next::Owed)
    }

    /// The state change that people are still owed, if any.
    pub(super) fn owed(&self, key: &ObjectKey, now: Timestamp) -> Option<Event> {
        let status = &self.world().record(key).filter(|record| self.is_owed(key, record))?.status;
        let reason = status.withheld.clone()?;
        let state = status.hard_state?;
        let report = StateReport {
            state,
            hard: true,
            attempt: status.attempt,
            previous: status.told.map(|told| (told, true)),
            reachable: reach::is_reachable(self.world(), key),
            output: status.output.to_string(),
            performance_data: Vec::new(),
            exit_status: 0,
            check_source: String::new(),
            execution_end: status.execution_end,
            downtime_depth: None,
            acknowledgement: None,
            restated: None,
        };
        Some(Event {
            source: key.source().clone(),
            timestamp: now,
            object: Some(key.clone()),
            missed: false,
            withheld: Some(reason),
            detail: Detail::StateChange(report),
        })
    }

    /// Whether people are owed an object's state: a hard problem that was kept from them,
    /// or the end of one they heard of. Not while a rule has it wait.
    fn is_owed(&self, key: &ObjectKey, record: &Record) -> bool {
        let status = &record.status;
        let untold = status.hard_state.is_some_and(|state| self.world().is_untold(key, state));
        record.marks().again_at.is_none() && status.withheld.is_some() && untold
    }
}
