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
    judge::scene(world, event(world, key, status.state.unwrap_or(well), now), now)
}

/// The event that this state of an object comes now, hard unless its present one is soft.
pub(super) fn event(world: &World, key: &ObjectKey, state: State, now: Timestamp) -> Event {
    let status = world.status(key);
    let is_new = status.state != Some(state);
    let report = StateReport {
        state,
        hard: status.hard || is_new,
        attempt: status.attempt.max(1),
        previous: status.state.map(|before| (before, status.hard)),
        reachable: status.reachable,
        output: if is_new { format!("{state} - what the check says") } else { status.output.to_string() },
        performance_data: Vec::new(),
        exit_status: 0,
        check_source: String::new(),
        execution_end: if is_new { Some(now) } else { status.execution_end },
        downtime_depth: Some(status.downtime_depth),
        acknowledgement: Some(status.acknowledged),
        restated: None,
    };
    Event {
        source: key.source().clone(),
        timestamp: now,
        object: Some(key.clone()),
        missed: false,
        withheld: None,
        detail: Detail::StateChange(report),
    }
}
