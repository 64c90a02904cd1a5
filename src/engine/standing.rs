//! An object as it stands now, as if its state came anew: what matchers that people write are
//! asked about.
//!
//! Never: changes anything, decides.

use super::judge;
use super::world::World;
use crate::model::{Detail, Event, ObjectKey, Scene, State, StateReport, Timestamp};

/// The scene of an object's present state; well where nothing is known of it.
pub(super) fn scene(world: &World, key: &ObjectKey, now: Timestamp) -> Scene {
    let status = world.status(key);
    let well = if key.is_host() { State::Up } else { State::Ok };
    let report = StateReport {
        state: status.state.unwrap_or(well),
        hard: status.hard,
        attempt: status.attempt,
        previous: None,
        reachable: status.reachable,
        output: status.output.to_string(),
        performance_data: Vec::new(),
        exit_status: 0,
        check_source: String::new(),
        execution_end: status.execution_end,
        downtime_depth: Some(status.downtime_depth),
        acknowledgement: Some(status.acknowledged),
        restated: None,
    };
    let event = Event {
        source: key.source().clone(),
        timestamp: now,
        object: Some(key.clone()),
        missed: false,
        withheld: None,
        detail: Detail::StateChange(report),
    };
    judge::scene(world, event, now)
}
