//! Mutes that stand in Icinga as downtimes, too.
//!
//! Owns: what is asked of Icinga for them, and how such a downtime is known again: its comment
//! begins with the number of the mute. Never: touches a downtime that somebody else made.

use super::mute::Mute;
use super::world::World;
use crate::model::{Action, ActionKind, ActionResult, ObjectKey};
use std::collections::BTreeSet;

/// What puts an object in downtime for as long as it is muted; `None` where none is wanted.
pub(super) fn downtime(mute: &Mute) -> Option<Action> {
    let (object, end) = (mute.mirror.clone()?, mute.until?);
    let reason = if mute.reason.is_empty() { "muted" } else { &mute.reason };
    let comment = format!("{}{reason}", mute.mark());
    let all_services = object.is_host();
    let kind = ActionKind::ScheduleDowntime {
        comment,
        start: mute.since,
        end,
        flexible_seconds: None,
        all_services,
        children: false,
    };
    Some(action(object, &mute.owner, kind))
}

/// What removes the downtimes that stand for a mute: those that Icinga's answers named, and those
/// that its events told of, which may come seconds later.
pub(super) fn removals(world: &World, mute: &Mute) -> Vec<Action> {
    let Some(object) = &mute.mirror else { return Vec::new() };
    let told = world.downtimes().values().filter(|(key, _)| key == object).map(|(_, downtime)| downtime);
    let told = told.filter(|downtime| downtime.comment.starts_with(&mute.mark()));
    let mut names: BTreeSet<&String> = mute.downtimes.iter().collect();
    names.extend(told.map(|downtime| &downtime.name));
    let removal = |name: &String| {
        action(object.clone(), &mute.owner, ActionKind::RemoveDowntime { downtime: name.clone() })
    };
    names.into_iter().map(removal).collect()
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
