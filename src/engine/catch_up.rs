//! Catching up: what Icinga says now, compared with what was known, as events.
//!
//! Owns: which differences make up an event. Promises: an object whose levels are
//! as known yields nothing; the very first look at an Icinga yields nothing but
//! the [`Gap`] that says so; where another master was read all the time there is no gap, and
//! what is newer than this one's word stands; else an Icinga that was started since is
//! believed, even if it forgot something. Never: guesses what happened and ended
//! inside a gap.

mod view;

use super::observe::is_stale;
use super::world::World;
use crate::model::event::{
    Acknowledgement, AcknowledgementEnd, Comment, Downtime, Flapping, Gap, ObjectChange,
};
use crate::model::state::is_cut_off;
use crate::model::{
    Broken, Detail, Event, ObjectKey, Snapshot, SnapshotObject, State, StateReport, Status, Timestamp,
};
use std::collections::HashSet;
use std::sync::Arc;
use view::View;

/// Why a problem is kept from people that was acknowledged, in downtime or flapping
/// when its Icinga was first read.
pub(super) const FIRST_LOOK: &str = "there at the first look";

/// Takes a snapshot in: configuration at once, state as events in the order to be
/// judged, a [`Gap`] first.
pub(super) fn catch_up(world: &mut World, snapshot: &Snapshot, now: Timestamp) -> Vec<Event> {
    let source = world.source(&snapshot.source);
    let mut view = View::of(snapshot);
    let standing = leave_out_standing(world, &mut view, now);
    for found in &view.objects {
        world.put_object(found.object.clone());
    }
    let events = if source.known { differences(world, &view, &standing) } else { adopt(world, &view) };
    world.change_source(&snapshot.source, |source| {
        source.known = true;
        source.read_at = Some(now);
        source.away = None;
    });
    if source.known && snapshot.beside.is_some() && snapshot.broken.is_none() {
        return events;
    }
    let problems =
        view.objects.iter().filter(|found| hard_state(found).is_some_and(State::is_problem)).count();
    let broken = snapshot.broken.as_ref();
    let since = if source.known { broken.map(|broken| broken.at).or(source.last_event) } else { None };
    let gap = Gap {
        since,
        until: now,
        open: false,
        made_up: events.len() as u64,
        problems: problems as u64,
        reason: broken.map_or(String::new(), |broken| broken.reason.clone()),
    };
    let gap = Event {
        source: snapshot.source.clone(),
        timestamp: now,
        object: None,
        missed: true,
        withheld: None,
        detail: Detail::Gap(gap),
    };
    std::iter::once(gap).chain(events).collect()
}

/// Takes out, and gives back, the objects of which this reading says nothing: another master
/// told of them while this one was read, or their check ended later than the one that is read;
/// and those that are missing for the first time, as in the middle of a reload.
fn leave_out_standing(world: &World, view: &mut View, now: Timestamp) -> HashSet<ObjectKey> {
    let mut standing = HashSet::new();
    if !view.snapshot.settled {
        standing.extend(missing(world, view.snapshot));
    }
    let Some(moved) = &view.snapshot.beside else { return standing };
    standing.extend(moved.iter().cloned());
    let is_older = |found: &&&SnapshotObject| match (found.execution_end, world.record(&found.object.key)) {
        (end, Some(record)) => is_stale(record.status.execution_end, end, now),
        (_, None) => false,
    };
    standing.extend(view.objects.iter().filter(is_older).map(|found| found.object.key.clone()));
    view.without(&standing);
    standing
}

/// An acknowledgement ends with the problem, even where the answer was made in between.
fn is_acknowledged(found: &SnapshotObject) -> bool {
    found.acknowledged && found.state.is_some_and(State::is_problem)
}

fn hard_state(found: &SnapshotObject) -> Option<State> {
    if is_cut_off(found.exit_status, &found.output) {
        return None;
    }
    // For what is in its first soft state ever, Icinga names a last hard state that
    // never was: it has no time.
    if found.hard { found.state } else { found.last_hard_state.filter(|_| found.since.is_some()) }
}

/// Notes that an Icinga cannot be read, as a gap that is still open.
pub(super) fn out_of_reach(world: &mut World, source: &Arc<str>, broken: Broken, now: Timestamp) -> Event {
    world.change_source(source, |record| record.away = Some((broken.at, broken.reason.clone())));
    let is_problem = |status: &Status| status.hard_state.is_some_and(State::is_problem);
    let problems =
        world.records().filter(|(key, record)| key.source() == source && is_problem(&record.status)).count();
    let gap = Gap {
        since: Some(broken.at),
        until: now,
        open: true,
        made_up: 0,
        problems: problems as u64,
        reason: broken.reason,
    };
    Event {
        source: source.clone(),
        timestamp: now,
        object: None,
        missed: true,
        withheld: None,
        detail: Detail::Gap(gap),
    }
}

/// The very first look: what is, is known from now on, and nobody is told.
fn adopt(world: &mut World, view: &View) -> Vec<Event> {
    for found in &view.objects {
        adopt_object(world, found, view.snapshot.at);
    }
    for (key, downtime) in view.downtimes.iter().flatten() {
        world.put_downtime(key, downtime);
        if downtime.trigger_time.is_some() {
            world.change_record(key, |record| {
                record.marks_mut().downtimes.insert(downtime.name.clone());
            });
        }
    }
    for (key, comment) in view.comments.iter().flatten() {
        world.put_comment(key, comment);
    }
    Vec::new()
}

/// Whether something hides a problem that will one day be gone.
fn is_covered(found: &SnapshotObject) -> bool {
    let is_problem = hard_state(found).is_some_and(State::is_problem);
    is_problem && (is_acknowledged(found) || found.downtime_depth > 0 || found.flapping)
}

fn adopt_object(world: &mut World, found: &SnapshotObject, at: Timestamp) {
    let key = &found.object.key;
    world.change_status(key, |status| {
        *status = Status {
            state: found.state,
            hard: found.hard,
            hard_state: hard_state(found),
            since: found.since,
            attempt: found.attempt,
            output: if found.output.is_empty() { Arc::default() } else { Arc::from(found.output.as_str()) },
            execution_end: found.execution_end,
            reachable: found.reachable,
            acknowledged: is_acknowledged(found),
            downtime_depth: found.downtime_depth,
            flapping: found.flapping,
            withheld: is_covered(found).then(|| FIRST_LOOK.to_owned()),
            told: None,
        };
    });
    if hard_state(found).is_some_and(State::is_problem) {
        world.open_incident(key, found.since.unwrap_or(at));
    }
}

fn differences(world: &mut World, view: &View, standing: &HashSet<ObjectKey>) -> Vec<Event> {
    // First, so that nothing is made up about what is gone.
    let deleted = gone_objects(world, view, standing);
    let mut events = Vec::new();
    downtime_differences(world, view, standing, &mut events);
    let (ended, begun): (Vec<Event>, Vec<Event>) =
        events.drain(..).partition(|event| matches!(event.detail, Detail::DowntimeRemoved(_)));
    events.extend(begun);
    for found in &view.objects {
        object_differences(world, view, found, &mut events);
        let depth = found.downtime_depth + ends_in_effect(world, &found.object.key, &ended);
        if world.status(&found.object.key).downtime_depth != depth {
            world.change_status(&found.object.key, |status| status.downtime_depth = depth);
        }
    }
    events.extend(ended);
    comment_differences(world, view, standing, &mut events);
    events.extend(deleted);
    events
}

/// How many of the ends that are about to be judged will count the object's downtimes
/// down; what Icinga says now is without them.
fn ends_in_effect(world: &World, key: &ObjectKey, ended: &[Event]) -> u32 {
    let of_object = ended.iter().filter(|event| event.object.as_ref() == Some(key));
    let in_effect = of_object.filter_map(Event::downtime).filter(|downtime| {
        let seen = world.record(key).is_some_and(|record| record.marks().downtimes.contains(&downtime.name));
        seen || downtime.trigger_time.is_some()
    });
    in_effect.count() as u32
}

fn missed(snapshot: &Snapshot, key: &ObjectKey, timestamp: Timestamp, detail: Detail) -> Event {
    Event {
        source: snapshot.source.clone(),
        timestamp,
        object: Some(key.clone()),
        missed: true,
        withheld: None,
        detail,
    }
}

fn object_differences(world: &mut World, view: &View, found: &SnapshotObject, events: &mut Vec<Event>) {
    let snapshot = view.snapshot;
    let key = &found.object.key;
    let known = world.status(key);
    // What a check says that Icinga ended is no state: the one that is known stands, and beside it
    // the other levels are compared.
    let cut_off = is_cut_off(found.exit_status, &found.output);
    let Some(state) = hard_state(found).or(known.hard_state.filter(|_| cut_off)) else { return };
    if known.state.is_none() && !state.is_problem() {
        adopt_object(world, found, snapshot.at);
        return;
    }
    if found.flapping && !known.flapping {
        events.push(missed(snapshot, key, snapshot.at, flapping(found, state)));
    }
    if known.hard_state != Some(state) {
        let report = StateReport {
            restated: restated(snapshot, found, &known),
            ..report(found, state, known.hard_state)
        };
        let since = found.since.unwrap_or(snapshot.at);
        events.push(missed(snapshot, key, since, Detail::StateChange(report)));
    }
    // A recovery ends the acknowledgement without an event of its own.
    let recovered = known.hard_state != Some(state) && !state.is_problem();
    let acknowledged = known.acknowledged && !recovered;
    let is_acknowledged = is_acknowledged(found) && (state.is_problem() || !cut_off);
    if is_acknowledged && !acknowledged {
        events.push(missed(snapshot, key, snapshot.at, acknowledgement(view, found, state)));
    }
    if !is_acknowledged && acknowledged {
        let end = AcknowledgementEnd { state, hard: true };
        events.push(missed(snapshot, key, snapshot.at, Detail::AcknowledgementCleared(end)));
    }
    if !found.flapping && known.flapping {
        events.push(missed(snapshot, key, snapshot.at, flapping(found, state)));
    }
}

/// When Icinga was started, if that was after the result that is known, and what it has now is
/// older: one that was killed comes back with what it kept last, which may be five minutes old.
/// That is true then, and no event will tell of it again.
fn restated(snapshot: &Snapshot, found: &SnapshotObject, known: &Status) -> Option<Timestamp> {
    let started = snapshot.started.unwrap_or(snapshot.at);
    let is_older = found.execution_end < known.execution_end;
    (is_older && known.execution_end < Some(started)).then_some(started)
}

fn report(found: &SnapshotObject, state: State, before: Option<State>) -> StateReport {
    StateReport {
        state,
        hard: true,
        attempt: found.attempt,
        previous: before.map(|before| (before, true)),
        reachable: found.reachable,
        output: found.output.clone(),
        performance_data: Vec::new(),
        exit_status: found.exit_status,
        check_source: String::new(),
        execution_end: found.execution_end,
        downtime_depth: None,
        acknowledgement: None,
        restated: None,
    }
}

fn flapping(found: &SnapshotObject, state: State) -> Detail {
    Detail::Flapping(Flapping {
        is_flapping: found.flapping,
        state,
        hard: true,
        current: 0.0,
        threshold_low: 0.0,
        threshold_high: 0.0,
    })
}

/// Author and text of a standing acknowledgement are only in its comment, which
/// may be gone.
fn acknowledgement(view: &View, found: &SnapshotObject, state: State) -> Detail {
    let comment = view
        .comments
        .iter()
        .flatten()
        .filter(|(key, comment)| *key == found.object.key && comment.is_of_acknowledgement())
        .map(|(_, comment)| comment)
        .max_by_key(|comment| comment.entry_time);
    Detail::AcknowledgementSet(Acknowledgement {
        author: comment.map_or(String::new(), |comment| comment.author.clone()),
        comment: comment.map_or(String::new(), |comment| comment.text.clone()),
        state,
        hard: true,
        sticky: found.sticky,
        notify: false,
        persistent: false,
        expiry: found.acknowledgement_expiry,
    })
}

/// Made-up events for downtimes.
fn downtime_differences(world: &World, view: &View, standing: &HashSet<ObjectKey>, events: &mut Vec<Event>) {
    let snapshot = view.snapshot;
    let Some(downtimes) = &view.downtimes else { return };
    let now: HashSet<&str> = downtimes.iter().map(|(_, downtime)| downtime.name.as_str()).collect();
    for (key, downtime) in downtimes {
        let added = !world.downtimes().contains_key(&downtime.name);
        let in_effect = downtime.trigger_time.is_some();
        let seen = world.record(key).is_some_and(|record| record.marks().downtimes.contains(&downtime.name));
        if added {
            let at = downtime.entry_time.unwrap_or(snapshot.at);
            events.push(missed(snapshot, key, at, Detail::DowntimeAdded(downtime.clone())));
        }
        if in_effect && !seen {
            let at = downtime.trigger_time.unwrap_or(snapshot.at);
            events.push(missed(snapshot, key, at, Detail::DowntimeTriggered(downtime.clone())));
        }
    }
    let mut gone: Vec<&(ObjectKey, Downtime)> = world
        .downtimes()
        .values()
        .filter(|(key, downtime)| *key.source() == snapshot.source && !now.contains(downtime.name.as_str()))
        .filter(|(key, _)| !standing.contains(key))
        .collect();
    gone.sort_by(|a, b| a.1.name.cmp(&b.1.name));
    for (key, downtime) in gone {
        let mut downtime = downtime.clone();
        let cancelled = downtime.end_time > snapshot.at;
        downtime.remove_time = cancelled.then_some(snapshot.at);
        events.push(missed(snapshot, key, snapshot.at, Detail::DowntimeRemoved(downtime)));
    }
}

fn comment_differences(
    world: &mut World,
    view: &View,
    standing: &HashSet<ObjectKey>,
    events: &mut Vec<Event>,
) {
    let snapshot = view.snapshot;
    let Some(comments) = &view.comments else { return };
    let now: HashSet<&str> = comments.iter().map(|(_, comment)| comment.name.as_str()).collect();
    for (key, comment) in comments {
        if world.comments().contains_key(&comment.name) {
            continue;
        }
        if comment.is_of_user() {
            let at = comment.entry_time.unwrap_or(snapshot.at);
            events.push(missed(snapshot, key, at, Detail::CommentAdded(comment.clone())));
        } else {
            world.put_comment(key, comment);
        }
    }
    let mut gone: Vec<(ObjectKey, Comment)> = world
        .comments()
        .values()
        .filter(|(key, comment)| *key.source() == snapshot.source && !now.contains(comment.name.as_str()))
        .filter(|(key, _)| !standing.contains(key))
        .cloned()
        .collect();
    gone.sort_by(|a, b| a.1.name.cmp(&b.1.name));
    for (key, comment) in gone {
        events.push(missed(snapshot, &key, snapshot.at, Detail::CommentRemoved(comment)));
    }
}

/// Objects that Icinga no longer has are deleted, never "recovered".
fn gone_objects(world: &mut World, view: &View, standing: &HashSet<ObjectKey>) -> Vec<Event> {
    let snapshot = view.snapshot;
    let mut gone = missing(world, snapshot);
    gone.retain(|key| !standing.contains(key));
    gone.sort();
    gone.iter().for_each(|key| world.remove_object(key));
    gone.iter().map(|key| deleted(snapshot, key)).collect()
}

/// What is known and not in the snapshot, in no order.
fn missing(world: &World, snapshot: &Snapshot) -> Vec<ObjectKey> {
    let now: HashSet<&ObjectKey> = snapshot.objects.iter().map(|found| &found.object.key).collect();
    let known = world.object_keys().filter(|key| *key.source() == snapshot.source);
    known.filter(|key| !now.contains(key)).cloned().collect()
}

fn deleted(snapshot: &Snapshot, key: &ObjectKey) -> Event {
    let object_type = if key.is_host() { "Host" } else { "Service" };
    let change = ObjectChange { object_type: object_type.to_owned(), object_name: key.name().to_owned() };
    Event {
        source: snapshot.source.clone(),
        timestamp: snapshot.at,
        object: None,
        missed: true,
        withheld: None,
        detail: Detail::ObjectDeleted(change),
    }
}
