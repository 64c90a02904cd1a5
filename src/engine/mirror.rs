//! Mutes that stand in Icinga, too: as a downtime, or until all is well as acknowledgements.
//!
//! Owns: what is asked of Icinga for them, and how that is known again: its comment begins with
//! the number of the mute. Promises: who takes it away in Icinga ends the mute. Never: touches
//! what somebody else made.

use super::mute::{ActiveMute, Mute};
use super::world::World;
use crate::model::event::Downtime;
use crate::model::{Action, ActionKind, ActionResult, Detail, Event, ObjectKey, Timestamp};
use std::collections::BTreeSet;

/// What is asked of Icinga so that a mute stands there; nothing where that is not wanted.
pub(super) fn wanted(mute: &Mute) -> Vec<Action> {
    let comment = || {
        let reason = if mute.reason.is_empty() { "muted" } else { &mute.reason };
        format!("{}{reason}", mute.mark())
    };
    let Some((object, end)) = mute.mirror.clone().zip(mute.until) else {
        let kind =
            || ActionKind::Acknowledge { comment: comment(), expiry: None, sticky: true, notify: false };
        return mute.acknowledged.iter().map(|key| action(key.clone(), &mute.owner, kind())).collect();
    };
    let all_services = object.is_host();
    let kind = ActionKind::ScheduleDowntime {
        comment: comment(),
        start: mute.since,
        end,
        flexible_seconds: None,
        all_services,
        children: false,
    };
    vec![action(object, &mute.owner, kind)]
}

/// The mute that somebody ended in Icinga, as this event tells: they removed its downtime before
/// the time, or its acknowledgement before the problem was over.
pub(super) fn ended_in_icinga(world: &World, event: &Event) -> Option<Mute> {
    let is_of: &dyn Fn(&Mute) -> bool = match &event.detail {
        Detail::DowntimeRemoved(downtime) if downtime.remove_time.is_some() => {
            &|mute| is_downtime_of(mute, downtime)
        }
        Detail::AcknowledgementCleared(end) => {
            let object = event.object.as_ref()?;
            let stands = end.state.is_problem() && world.status(object).state == Some(end.state);
            &move |mute| stands && mute.acknowledged.contains(object)
        }
        _ => return None,
    };
    let mut mute = world.mutes().map(|active: &ActiveMute| &active.mute).find(|mute| is_of(mute))?.clone();
    if let Some(gone) = event.downtime() {
        mute.downtimes.retain(|name| *name != gone.name);
    }
    Some(mute)
}

/// Whether this downtime stands for a mute as it lasts now, and not for one that it replaced.
fn is_downtime_of(mute: &Mute, downtime: &Downtime) -> bool {
    // Icinga keeps times as floating point numbers.
    let ends_with_it =
        |until: Timestamp| until.duration_since(downtime.end_time).unsigned_abs().as_secs() == 0;
    let is_like_it = downtime.comment.starts_with(&mute.mark()) && mute.until.is_some_and(ends_with_it);
    // Its events may come before the answer that names it.
    mute.downtimes.contains(&downtime.name) || (mute.downtimes.is_empty() && is_like_it)
}

/// What removes what stands for a mute: its acknowledgements that are still there, the downtimes
/// that Icinga's answers named, and those that its events told of, which may come seconds later.
pub(super) fn removals(world: &World, mute: &Mute) -> Vec<Action> {
    let Some(object) = &mute.mirror else { return Vec::new() };
    // Its comment may not be known.
    let is_ours = |key: &ObjectKey| {
        world.acknowledged_by(key).is_none_or(|comment| comment.text.starts_with(&mute.mark()))
    };
    let stands = |key: &&ObjectKey| world.status(key).acknowledged && is_ours(key);
    let acknowledged = mute.acknowledged.iter().filter(stands);
    let unacknowledge = |key: &ObjectKey| action(key.clone(), &mute.owner, ActionKind::RemoveAcknowledgement);
    let told = world.downtimes().values().filter(|(key, _)| key == object).map(|(_, downtime)| downtime);
    let told = told.filter(|downtime| downtime.comment.starts_with(&mute.mark()));
    let mut names: BTreeSet<&String> = mute.downtimes.iter().collect();
    names.extend(told.map(|downtime| &downtime.name));
    let removal = |name: &String| {
        action(object.clone(), &mute.owner, ActionKind::RemoveDowntime { downtime: name.clone() })
    };
    acknowledged.map(unacknowledge).chain(names.into_iter().map(removal)).collect()
}

/// Icinga has made a downtime for a mute. The mute remembers it; what removes it, where the mute
/// ended meanwhile.
pub(super) fn made(world: &mut World, result: &ActionResult) -> Option<Action> {
    let ActionKind::ScheduleDowntime { comment, end, .. } = &result.action.kind else { return None };
    let (number, _) =
        comment.strip_prefix("Watchbell m").filter(|_| result.action.reply_to.is_none())?.split_once(": ")?;
    let number: u64 = number.parse().ok()?;
    let name = name_of_downtime(&result.action.object, result.outcome.as_ref().ok()?)?;
    if world.mutes().any(|active| active.mute.id == number && active.mute.until == Some(*end)) {
        world.note_downtime_of(number, &name);
        return None;
    }
    let kind = ActionKind::RemoveDowntime { downtime: name };
    Some(action(result.action.object.clone(), &result.action.author, kind))
}

/// The full name of a downtime that Icinga says it has made: the object's, and an id of its own
/// behind `!`. Its words may be escaped, so only the id is taken from them.
fn name_of_downtime(object: &ObjectKey, words: &str) -> Option<String> {
    let (made, _) = words.split_once(" for object")?;
    let (_, id) = made.trim_end_matches(['\'', '\\']).rsplit_once('!')?;
    Some(format!("{}!{id}", object.name()))
}

fn action(object: ObjectKey, author: &str, kind: ActionKind) -> Action {
    Action {
        id: 0,
        object,
        author: author.to_owned(),
        kind,
        reply_to: None,
        asked_by: String::new(),
        thread: Vec::new(),
        is_one_of_many: false,
    }
}
