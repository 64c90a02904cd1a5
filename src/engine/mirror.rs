//! Mutes that stand in Icinga as downtimes, too.
//!
//! Owns: what is asked of Icinga for them, and how such a downtime is known again: its comment
//! begins with the number of the mute. Never: touches a downtime that somebody else made.

use super::mute::Mute;
use super::world::World;
use crate::model::event::Downtime;
use crate::model::{Action, ActionKind, ActionResult, ObjectKey};

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

/// What removes the downtimes that stand for a mute, as far as they are known.
pub(super) fn removals(world: &World, mute: &Mute) -> Vec<Action> {
    let Some(object) = &mute.mirror else { return Vec::new() };
    let downtimes = world.downtimes().values();
    let made =
        downtimes.filter(|(key, downtime)| key == object && downtime.comment.starts_with(&mute.mark()));
    let removal = |(key, downtime): &(ObjectKey, Downtime)| {
        action(key.clone(), &mute.owner, ActionKind::RemoveDowntime { downtime: downtime.name.clone() })
    };
    made.map(removal).collect()
}

/// What removes a downtime that Icinga has just made, where its mute ended meanwhile: Icinga's
/// answer says its name before any event does.
pub(super) fn late_removal(world: &World, result: &ActionResult) -> Option<Action> {
    let ActionKind::ScheduleDowntime { comment, end, .. } = &result.action.kind else { return None };
    let (number, _) =
        comment.strip_prefix("Watchbell m").filter(|_| result.action.reply_to.is_none())?.split_once(": ")?;
    let number: u64 = number.parse().ok()?;
    let stands = |mute: &Mute| mute.id == number && mute.until == Some(*end);
    if world.mutes().any(|active| stands(&active.mute)) {
        return None;
    }
    let name = result.outcome.as_ref().ok()?.split('\'').nth(1)?;
    let kind = ActionKind::RemoveDowntime { downtime: name.to_owned() };
    Some(action(result.action.object.clone(), &result.action.author, kind))
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
