//! Commands that ask something of Icinga, and how that went.
//!
//! Never: calls Icinga; it adds an action to the outcome, and the answer comes with Icinga's.

use super::asked::{Answer, Answered, Asked};
use super::find::{Kind, find};
use crate::command::Request;
use crate::engine::outcome::Outcome;
use crate::engine::world::World;
use crate::model::{ActionKind, ActionResult, ObjectKey, Reply, State, Timestamp};

/// Asks Icinga what a command wants of it; `None` if it wants something else.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    let wanted = match request {
        Request::Acknowledge { object, comment, expiry, sticky } => {
            let (comment, expiry, sticky) = (comment.clone(), *expiry, *sticky);
            may_acknowledge(asked.world(), object)
                .map(|key| (key, ActionKind::Acknowledge { comment, expiry, sticky, notify: true }))
        }
        Request::RemoveAcknowledgement(object) => {
            acknowledged(asked.world(), object).map(|key| (key, ActionKind::RemoveAcknowledgement))
        }
        Request::Comment { object, text } => find(asked.world(), object, Kind::Any)
            .map(|key| (key, ActionKind::AddComment { comment: text.clone() })),
        Request::Recheck(object) => {
            find(asked.world(), object, Kind::Any).map(|key| (key, ActionKind::RescheduleCheck))
        }
        _ => return None,
    };
    Some(wanted.and_then(|(key, kind)| {
        asked.ask_icinga(key, kind)?;
        Ok(Answer::Later)
    }))
}

fn acknowledged(world: &World, object: &str) -> Result<ObjectKey, String> {
    let key = find(world, object, Kind::Any)?;
    if world.status(&key).acknowledged { Ok(key) } else { Err(format!("{key} is not acknowledged")) }
}

fn may_acknowledge(world: &World, object: &str) -> Result<ObjectKey, String> {
    let key = find(world, object, Kind::Any)?;
    let status = world.status(&key);
    if !status.state.is_some_and(State::is_problem) {
        let state = status.state.map_or("not checked yet", State::name);
        return Err(format!("{key} is {state}: there is nothing to acknowledge"));
    }
    if status.acknowledged {
        return Err(format!("{key} is acknowledged already; `unack {key}` first to change it"));
    }
    Ok(key)
}

/// Tells who asked how an action went. Where a rule asked, the log hears what was not
/// done.
pub(in crate::engine) fn action_result(result: ActionResult, now: Timestamp, outcome: &mut Outcome) {
    let object = &result.action.object;
    let Some((sink, room)) = result.action.reply_to.clone() else {
        let not_done = |reason| {
            let action = result.action.kind.name();
            format!("a rule asked Icinga for {action} of {object}: not done: {reason}")
        };
        outcome.log.extend(result.outcome.err().map(not_done));
        return;
    };
    let text = match &result.outcome {
        Ok(_) => format!("{}: {}", result.action.asked_by, done(&result.action.kind, object)),
        Err(reason) => format!("{}: not done: {reason}", result.action.asked_by),
    };
    let thread = result.action.thread.clone();
    outcome.replies.push(Reply { sink, room, text, at: now, thread });
}

fn done(kind: &ActionKind, object: &ObjectKey) -> String {
    match kind {
        ActionKind::Acknowledge { .. } => format!("{object} is acknowledged"),
        ActionKind::RemoveAcknowledgement => format!("the acknowledgement of {object} is removed"),
        ActionKind::AddComment { .. } => format!("the comment stands on {object}"),
        ActionKind::ScheduleDowntime { .. } => format!("the downtime of {object} is scheduled"),
        ActionKind::RemoveDowntime { downtime } => format!("the downtime {downtime} is removed"),
        ActionKind::RescheduleCheck => format!("{object} is checked now"),
        ActionKind::SendCustomNotification { .. } => format!("Icinga tells its users of {object}"),
    }
}
