//! Commands that ask something of Icinga, and how that went.
//!
//! Never: calls Icinga; it adds actions to the outcome, and the answer comes with Icinga's.

use super::asked::{Answered, Asked};
use super::calls::acknowledge_too;
use super::each::{Plan, each, plan};
use super::posted;
use super::select::can_mean;
use crate::command::request::Acknowledging;
use crate::command::{Request, verbs};
use crate::engine::outcome::Outcome;
use crate::engine::world::World;
use crate::model::time::{in_full, short_length};
use crate::model::{
    API, Action, ActionKind, ActionResult, ObjectKey, PostedAnswer, PostedEnd, Reply, State, Timestamp,
};
use jiff::tz::TimeZone;

/// Asks Icinga what a command wants of it; `None` if it wants something else.
pub(super) fn answer(asked: &mut Asked<'_>, request: &Request) -> Option<Answered> {
    let acknowledged = |world: &World, key: &ObjectKey| world.status(key).acknowledged;
    Some(match request {
        Request::Acknowledge(wanted) => acknowledge(asked, wanted),
        Request::RemoveAcknowledgement(objects) => {
            let kind = |world: &World, key: &ObjectKey| match acknowledged(world, key) {
                true => Ok(ActionKind::RemoveAcknowledgement),
                false => Err(format!("{key} is not acknowledged")),
            };
            each(asked, objects, &plan("unacknowledge", &acknowledged, &kind))
        }
        Request::Comment { object, text } => {
            let all = |_: &World, key: &ObjectKey| can_mean(object, key);
            let kind = |_: &World, _: &ObjectKey| Ok(ActionKind::AddComment { comment: text.clone() });
            each(asked, object, &plan("comment on", &all, &kind))
        }
        Request::Notify { objects, text } => {
            let all = |_: &World, key: &ObjectKey| can_mean(objects, key);
            let kind = |_: &World, _: &ObjectKey| {
                Ok(ActionKind::SendCustomNotification { comment: text.clone(), force: false })
            };
            each(asked, objects, &plan("notify of", &all, &kind))
        }
        Request::Recheck(objects) => {
            let all = |_: &World, key: &ObjectKey| can_mean(objects, key);
            let kind = |_: &World, _: &ObjectKey| Ok(ActionKind::RescheduleCheck);
            each(asked, objects, &plan("check", &all, &kind))
        }
        _ => return None,
    })
}

fn acknowledge(asked: &mut Asked<'_>, wanted: &Acknowledging) -> Answered {
    if wanted.expiry.is_none()
        && let Some(answered) = acknowledge_too(asked, &wanted.objects)
    {
        return answered;
    }
    let zone = asked.settings().zone.clone();
    let kind = |world: &World, key: &ObjectKey| acknowledgement(world, key, wanted);
    let fits = |world: &World, key: &ObjectKey| {
        let status = world.status(key);
        status.state.is_some_and(State::is_problem) && (!status.acknowledged || wanted.expiry.is_some())
    };
    let how = wanted.expiry.map_or(String::new(), |expiry| format!(" until {}", in_full(expiry, &zone)));
    each(asked, &wanted.objects, &Plan { how, ..plan("acknowledge", &fits, &kind) })
}

/// What is asked for one problem: an acknowledgement, or one more time for the one it has.
fn acknowledgement(world: &World, key: &ObjectKey, wanted: &Acknowledging) -> Result<ActionKind, String> {
    let status = world.status(key);
    if !status.state.is_some_and(State::is_problem) {
        let state = status.state.map_or("not checked yet", State::name);
        return Err(format!("{key} is {state}: there is nothing to acknowledge"));
    }
    let Acknowledging { comment, expiry, sticky, notify, .. } = wanted.clone();
    if !status.acknowledged {
        if comment.is_empty() {
            let usage = verbs::find("ack").map_or(String::new(), verbs::Verb::usage);
            return Err(format!("say in a few words what you do about it. {usage}"));
        }
        return Ok(ActionKind::Acknowledge { comment, expiry, sticky, notify });
    }
    let before = world.acknowledged_by(key);
    if expiry.is_none() {
        let by = before.map_or(String::new(), |by| format!(" by {}: {}", by.author, by.text));
        return Err(format!(
            "{key} is acknowledged already{by}; `ack {key} for 2h` extends it, `unack {key}` removes it"
        ));
    }
    let comment = match before {
        Some(before) if comment.is_empty() => before.text.clone(),
        None if comment.is_empty() => "extended".to_owned(),
        _ => comment,
    };
    Ok(ActionKind::ExtendAcknowledgement { comment, expiry, sticky, notify })
}

/// Tells who asked how an action went. Where a rule asked, the log hears what was not
/// done.
pub(in crate::engine) fn action_result(
    result: ActionResult,
    zone: &TimeZone,
    now: Timestamp,
    outcome: &mut Outcome,
) {
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
        // That it was asked for several was said.
        Ok(_) if result.action.is_one_of_many => String::new(),
        Ok(_) => done(&result.action.kind, object, zone),
        Err(reason) if result.action.is_one_of_many => format!("not done for {object}: {reason}"),
        Err(reason) => format!("not done: {reason}"),
    };
    let Action { asked_by, thread, .. } = result.action;
    if sink == API {
        let end = if result.outcome.is_ok() { PostedEnd::Done } else { PostedEnd::NotDone };
        let answer = posted::later(&thread, text);
        outcome.answers.extend(answer.map(|answer| PostedAnswer { end, ..answer }));
    } else if !text.is_empty() {
        outcome.replies.push(Reply { sink, room, text: format!("{asked_by}: {text}"), at: now, thread });
    }
}

fn done(kind: &ActionKind, object: &ObjectKey, zone: &TimeZone) -> String {
    let until = |expiry: &Option<Timestamp>| {
        expiry.map_or(String::new(), |expiry| format!(" until {}", in_full(expiry, zone)))
    };
    match kind {
        ActionKind::Acknowledge { expiry, .. } => format!("{object} is acknowledged{}", until(expiry)),
        ActionKind::ExtendAcknowledgement { expiry, .. } => {
            format!("the acknowledgement of {object} is extended{}", until(expiry))
        }
        ActionKind::RemoveAcknowledgement => format!("the acknowledgement of {object} is removed"),
        ActionKind::AddComment { .. } => format!("the comment stands on {object}"),
        ActionKind::ScheduleDowntime { start, end, flexible_seconds, all_services, .. } => {
            let services = if *all_services { " and its services are" } else { " is" };
            let length = flexible_seconds.map_or(String::new(), |seconds| {
                format!(", for {} from the first problem on", short_length(seconds as f64))
            });
            let (start, end) = (in_full(*start, zone), in_full(*end, zone));
            format!("{object}{services} in downtime from {start} until {end}{length}")
        }
        ActionKind::RemoveDowntime { downtime } => format!("the downtime {downtime} is removed"),
        ActionKind::RescheduleCheck => format!("{object} is checked now"),
        ActionKind::SendCustomNotification { .. } => format!("Icinga tells its users of {object}"),
    }
}
