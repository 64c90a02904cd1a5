//! What an event changes in what is known, before any rule sees it.
//!
//! Owns: levels (state, acknowledgement, downtime, flapping), incidents, and the
//! guard against what is stale or already known. Promises: the same for the
//! same events, whatever the rules say. Never: tells anybody.

use super::world::World;
use crate::model::event::{AcknowledgementEnd, Downtime, StateReport};
use crate::model::state::is_cut_off;
use crate::model::time::age;
use crate::model::{Detail, Event, ObjectKey, State, Status, Timestamp};
use std::sync::Arc;

/// What taking in an event has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Observed {
    /// Something new: judge it.
    New,
    /// Known already, such as from the other master.
    Known,
    /// From before what is known: the checks came out of order.
    Stale,
    /// What says nothing, and why: noted, and told to nobody.
    LeftOut(String),
}

/// A stored check end this far ahead of now is a mistake of somebody's clock and
/// does not make everything after it stale.
const FUTURE_SLACK: std::time::Duration = std::time::Duration::from_secs(60);

/// How much of a check's output is kept with the object, in characters. The event
/// itself has all of it.
const KEPT_OUTPUT: usize = 4096;

/// Takes an event in.
pub(super) fn observe(world: &mut World, event: &Event, now: Timestamp) -> Observed {
    if !event.missed && event.withheld.is_none() && event.event_type().is_icinga() {
        world.change_source(&event.source, |source| {
            source.last_event = source.last_event.max(Some(event.timestamp));
        });
    }
    if let Detail::Webhook(webhook) = &event.detail {
        let taken = world.take_post(webhook, event.timestamp);
        return taken.map_or_else(Observed::LeftOut, |()| Observed::New);
    }
    let Some(key) = &event.object else { return Observed::New };
    if event.withheld.is_some() {
        return Observed::New;
    }
    if event.report().is_some_and(|report| is_cut_off(report.exit_status, &report.output)) {
        // It did not come to its own end, which says nothing of the object.
        return Observed::LeftOut("the check was cut off: Icinga or its node was going down".to_owned());
    }
    match &event.detail {
        Detail::CheckResult(report) => check_result(world, key, report, now),
        Detail::StateChange(report) => state_change(world, key, report, event, now),
        Detail::AcknowledgementSet(_) => {
            let told = world.status(key).acknowledged
                && world.source(&event.source).read_at.is_some_and(|read| event.timestamp <= read);
            level(world, key, |status| &mut status.acknowledged, true);
            world.note_acknowledgement(key);
            if told { Observed::Known } else { Observed::New }
        }
        // The end of a problem ends its acknowledgement for good.
        Detail::AcknowledgementCleared(end) if end.state.is_problem() && world.hold_clearing(key, event) => {
            Observed::LeftOut("Icinga was asked for another end of the acknowledgement".to_owned())
        }
        Detail::AcknowledgementCleared(_) => level(world, key, |status| &mut status.acknowledged, false),
        Detail::Flapping(flapping) => level(world, key, |status| &mut status.flapping, flapping.is_flapping),
        Detail::CommentAdded(comment) => {
            let known = world.comments().contains_key(&comment.name);
            world.put_comment(key, comment);
            if known { Observed::Known } else { Observed::New }
        }
        Detail::CommentRemoved(comment) => {
            world.remove_comment(&comment.name);
            Observed::New
        }
        Detail::DowntimeAdded(downtime) => {
            let known = world.downtimes().contains_key(&downtime.name);
            world.put_downtime(key, downtime);
            if known { Observed::Known } else { Observed::New }
        }
        Detail::DowntimeStarted(downtime) | Detail::DowntimeTriggered(downtime) => {
            downtime_begins(world, key, downtime)
        }
        Detail::DowntimeRemoved(downtime) => downtime_ends(world, key, downtime),
        _ => Observed::New,
    }
}

fn level(world: &mut World, key: &ObjectKey, field: fn(&mut Status) -> &mut bool, value: bool) -> Observed {
    let mut before = value;
    world.change_status(key, |status| before = std::mem::replace(field(status), value));
    // Acknowledgements may be set anew by another person, and an end that is
    // known already tells nothing; only flapping and ends are compared.
    if before == value { Observed::Known } else { Observed::New }
}

/// Whether a check ended before the one that is known.
pub(super) fn is_stale(known: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> bool {
    match (known, end) {
        (Some(known), Some(end)) => end < known && age(now, known) <= FUTURE_SLACK,
        _ => false,
    }
}

/// A check result keeps output and levels fresh. States and incidents move with
/// state changes only, except at the first contact with a standing problem.
fn check_result(world: &mut World, key: &ObjectKey, report: &StateReport, now: Timestamp) -> Observed {
    let status = world.status(key);
    if is_stale(status.execution_end, report.execution_end, now) {
        return Observed::Stale;
    }
    let standing = report.hard && report.previous == Some((report.state, true));
    let first_contact = status.state.is_none() && standing;
    world.change_status(key, |status| {
        take_result(status, report);
        if first_contact {
            status.state = Some(report.state);
            status.hard = true;
            status.hard_state = Some(report.state);
            status.since = report.execution_end;
        }
    });
    if first_contact && report.state.is_problem() {
        world.open_incident(key, report.execution_end.unwrap_or(now));
    }
    Observed::New
}

fn take_result(status: &mut Status, report: &StateReport) {
    status.attempt = report.attempt;
    status.reachable = report.reachable;
    status.execution_end = report.execution_end.or(status.execution_end);
    let output = kept(&report.output);
    if *status.output != *output {
        status.output = Arc::from(output);
    }
    if let Some(acknowledged) = report.acknowledgement {
        status.acknowledged = acknowledged;
    }
    if let Some(depth) = report.downtime_depth {
        status.downtime_depth = depth;
    }
}

/// As much of a check's output as is worth keeping.
fn kept(output: &str) -> &str {
    output.char_indices().nth(KEPT_OUTPUT).map_or(output, |(end, _)| &output[..end])
}

fn state_change(
    world: &mut World,
    key: &ObjectKey,
    report: &StateReport,
    event: &Event,
    now: Timestamp,
) -> Observed {
    let status = world.status(key);
    if report.restated.is_none() && is_stale(status.execution_end, report.execution_end, now) {
        return Observed::Stale;
    }
    let changed_end = world.record(key).and_then(|record| record.marks().changed_end);
    let same_moment = report.execution_end.is_some() && changed_end == report.execution_end;
    if same_moment && status.state == Some(report.state) && status.hard == report.hard {
        return Observed::Known;
    }
    // What was made up after a gap carries the time Icinga gives for the change.
    let at = if event.missed { event.timestamp } else { report.execution_end.unwrap_or(event.timestamp) };
    world.change_record(key, |record| {
        let mut was_down = false;
        record.marks_mut().changed_end = report.execution_end;
        let status = Arc::make_mut(&mut record.status);
        take_result(status, report);
        status.state = Some(report.state);
        status.hard = report.hard;
        if report.hard && status.hard_state != Some(report.state) {
            was_down = status.hard_state == Some(State::Down);
            status.hard_state = Some(report.state);
            status.since = Some(at);
        }
        if !report.state.is_problem() {
            // Icinga ends acknowledgements with the problem; its event may be late.
            status.acknowledged = false;
        }
        if was_down {
            // A clock that is ahead would have it return in the future.
            record.marks_mut().returned = Some(at.min(now));
        }
    });
    match (report.hard, report.state.is_problem()) {
        (true, true) => world.open_incident(key, at),
        (true, false) => world.close_incident(key, at),
        (false, _) => {}
    }
    Observed::New
}

fn downtime_begins(world: &mut World, key: &ObjectKey, downtime: &Downtime) -> Observed {
    world.put_downtime(key, downtime);
    // Icinga reports a flexible downtime as triggered when it is merely scheduled
    // on an object never checked; only a trigger time means that it began.
    if !downtime.fixed && downtime.trigger_time.is_none() {
        return Observed::New;
    }
    let mut new = false;
    world.change_record(key, |record| {
        let seen = &mut record.marks_mut().downtimes;
        new = seen.insert(downtime.name.clone());
        let depth = seen.len() as u32;
        let status = Arc::make_mut(&mut record.status);
        status.downtime_depth = status.downtime_depth.max(depth);
    });
    if new { Observed::New } else { Observed::Known }
}

fn downtime_ends(world: &mut World, key: &ObjectKey, downtime: &Downtime) -> Observed {
    world.remove_downtime(&downtime.name);
    if world.record(key).is_none() {
        // Its object may be gone already, and shall not come back by this.
        return Observed::New;
    }
    world.change_record(key, |record| {
        let seen = &mut record.marks_mut().downtimes;
        let was_seen = seen.remove(&downtime.name);
        let left = seen.len() as u32;
        let status = Arc::make_mut(&mut record.status);
        let ends_effect = was_seen || downtime.trigger_time.is_some();
        let depth = if ends_effect { status.downtime_depth.saturating_sub(1) } else { status.downtime_depth };
        status.downtime_depth = depth.max(left);
    });
    Observed::New
}

/// A check that ended this long before Icinga told of it is no news: a node was cut off from the
/// others, and what it found comes now.
const LATE: std::time::Duration = std::time::Duration::from_secs(600);

/// Whether an event tells of a check that ended long ago. Both times are Icinga's.
pub(super) fn is_late(event: &Event) -> bool {
    let end = event.report().and_then(|report| report.execution_end);
    end.is_some_and(|end| age(end, event.timestamp) > LATE)
}

/// Whether an event may uncover a problem that was kept from people: something
/// that hid it is gone.
pub(super) fn uncovers(world: &World, event: &Event) -> bool {
    let Some(key) = &event.object else { return false };
    let status = world.status(key);
    if status.acknowledged || status.downtime_depth > 0 || status.flapping {
        return false;
    }
    match &event.detail {
        // When a new state ended the acknowledgement, its state change follows.
        Detail::AcknowledgementCleared(AcknowledgementEnd { state, .. }) => status.state == Some(*state),
        Detail::DowntimeRemoved(_) => true,
        Detail::Flapping(flapping) => !flapping.is_flapping,
        _ => false,
    }
}
