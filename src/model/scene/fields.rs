//! The one table of fields: name, what it says, and how it is read. The reference
//! of rules (`docs/rules.md`) is checked against it.

use super::{Field, ObjectField, Scene, Value};
use crate::model::event::{Called, Digest, Escalation, ObjectChange, Page, SinkOutage};
use crate::model::{Detail, State};
use std::borrow::Cow;

macro_rules! fields {
    ($($name:literal $doc:literal $get:expr;)*) => {
        &[$(Field { name: $name, doc: $doc, get: $get },)*]
    };
}

/// Every field of an event. A field an event has not is missing, never an error.
pub static FIELDS: &[Field] = fields! {
    "type" "the event's type, such as `StateChange`" |s| Value::text(s.event.event_type().name());
    "source" "the Icinga it came from, as the configuration calls it" |s| Value::text(&s.event.source);
    "timestamp" "when Icinga sent it" |s| Value::Time(s.event.timestamp);
    "now" "when it was judged" |s| Value::Time(s.now);
    "missed" "whether it was made up after a gap, or its check had ended long before" |s| Value::Bool(s.event.missed);
    "withheld" "why the problem was kept from people until now; missing if it was not" |s| match &s.event.withheld {
        Some(reason) => Value::text(reason),
        None => Value::Missing,
    };
    "object" "full name: `host` or `host!service`" |s| match &s.event.object {
        Some(key) => Value::text(key.name()),
        None => Value::Missing,
    };
    "is_host" "whether it is about a host" |s| match &s.event.object {
        Some(key) => Value::Bool(key.is_host()),
        None => Value::Missing,
    };
    "state" "`OK`, `WARNING`, `CRITICAL`, `UNKNOWN`, `UP` or `DOWN`; the last one known where the event has none" |s| Value::state(s.state());
    "hard" "whether the state is confirmed by enough attempts" |s| Value::Bool(match &s.event.detail {
        Detail::CheckResult(report) | Detail::StateChange(report) => report.hard,
        Detail::Flapping(flapping) => flapping.hard,
        Detail::AcknowledgementSet(set) => set.hard,
        Detail::AcknowledgementCleared(end) => end.hard,
        _ => s.status.hard,
    });
    "hard_state" "the last hard state" |s| Value::state(s.status.hard_state);
    "previous" "the state before this check" |s| Value::state(s.event.report().and_then(|report| report.previous).map(|(state, _)| state));
    "told_state" "the hard state that was told last and kept from nobody, while that problem lasts" |s| Value::state(s.status.told);
    "told" "whether people were already told just this state of this problem; all of them, if it is judged again" |s| Value::Bool(s.is_told());
    "is_problem" "whether the state is neither `OK` nor `UP`" |s| Value::Bool(s.state().is_some_and(State::is_problem));
    "is_recovery" "whether a hard problem ends with this event" |s| Value::Bool(s.is_recovery());
    "attempt" "which check attempt, from 1" |s| match s.event.report() {
        Some(report) => Value::Int(report.attempt.into()),
        None => Value::Missing,
    };
    "since" "since when the hard state has been what it is" |s| Value::time(s.status.since);
    "reachable" "whether no parent is down" |s| Value::Bool(match &s.event.detail {
        Detail::CheckResult(report) | Detail::StateChange(report) => report.reachable,
        Detail::Reminder(reminder) => reminder.reachable,
        _ => s.status.reachable,
    });
    "acknowledged" "whether somebody acknowledged the problem" |s| Value::Bool(s.status.acknowledged);
    "in_downtime" "whether a downtime is in effect" |s| Value::Bool(s.status.downtime_depth > 0);
    "downtime_depth" "how many downtimes are in effect" |s| Value::Int(s.status.downtime_depth.into());
    "flapping" "whether Icinga calls it flapping" |s| Value::Bool(s.status.flapping);
    "output" "what the check wrote, all lines; hostile text is data" |s| output(s);
    "check_result.output" "the same as `output`" |s| output(s);
    "check_result.exit_status" "exit status of the check" |s| match s.event.report() {
        Some(report) => Value::Int(report.exit_status),
        None => Value::Missing,
    };
    "check_result.check_source" "the node that ran the check" |s| match s.event.report() {
        Some(report) => Value::text(&report.check_source),
        None => Value::Missing,
    };
    "check_result.performance_data" "performance data, one text an item" |s| match s.event.report() {
        Some(report) => Value::texts(&report.performance_data),
        None => Value::Missing,
    };
    "check_result.execution_end" "when the check ended" |s| Value::time(s.event.report().and_then(|report| report.execution_end));
    "incident" "number of the incident" |s| match &s.incident {
        Some(incident) => Value::Int(incident.id.0 as i64),
        None => Value::Missing,
    };
    "incident_opened" "when the incident began" |s| Value::time(s.incident.as_ref().map(|incident| incident.opened));
    "author" "who did it: of an acknowledgement, comment, downtime or notification" |s| match &s.event.detail {
        Detail::AcknowledgementSet(set) => Value::text(&set.author),
        Detail::Notification(notification) => Value::text(&notification.author),
        Detail::MuteEnding(mute) => Value::text(&mute.owner),
        _ => match (s.event.comment(), s.event.downtime()) {
            (Some(comment), _) => Value::text(&comment.author),
            (_, Some(downtime)) => Value::text(&downtime.author),
            _ => Value::Missing,
        },
    };
    "comment" "what they wrote with it" |s| match &s.event.detail {
        Detail::AcknowledgementSet(set) => Value::text(&set.comment),
        Detail::Notification(notification) => Value::text(&notification.text),
        Detail::MuteEnding(mute) => Value::text(&mute.reason),
        _ => match (s.event.comment(), s.event.downtime()) {
            (Some(comment), _) => Value::text(&comment.text),
            (_, Some(downtime)) => Value::text(&downtime.comment),
            _ => Value::Missing,
        },
    };
    "expiry" "when an acknowledgement or comment ends by itself" |s| match &s.event.detail {
        Detail::AcknowledgementSet(set) => Value::time(set.expiry),
        _ => Value::time(s.event.comment().and_then(|comment| comment.expire_time)),
    };
    "sticky" "whether an acknowledgement stays until the object is well" |s| match &s.event.detail {
        Detail::AcknowledgementSet(set) => Value::Bool(set.sticky),
        _ => Value::Missing,
    };
    "entry_type" "1 by a user, 4 with an acknowledgement" |s| match s.event.comment() {
        Some(comment) => Value::Int(comment.entry_type),
        None => Value::Missing,
    };
    "comment_name" "full name of the comment" |s| match s.event.comment() {
        Some(comment) => Value::text(&comment.name),
        None => Value::Missing,
    };
    "downtime.name" "full name of the downtime" |s| match s.event.downtime() {
        Some(downtime) => Value::text(&downtime.name),
        None => Value::Missing,
    };
    "downtime.fixed" "whether it runs from start to end, whatever happens" |s| match s.event.downtime() {
        Some(downtime) => Value::Bool(downtime.fixed),
        None => Value::Missing,
    };
    "downtime.start_time" "when it starts" |s| Value::time(s.event.downtime().map(|downtime| downtime.start_time));
    "downtime.end_time" "when it ends" |s| Value::time(s.event.downtime().map(|downtime| downtime.end_time));
    "downtime.entry_time" "when it was scheduled" |s| Value::time(s.event.downtime().and_then(|downtime| downtime.entry_time));
    "downtime.trigger_time" "when it took effect; missing until then" |s| Value::time(s.event.downtime().and_then(|downtime| downtime.trigger_time));
    "downtime.length" "how long it lasts, in seconds" |s| match s.event.downtime() {
        Some(downtime) => Value::Float(downtime.length_seconds()),
        None => Value::Missing,
    };
    "downtime.parent" "the downtime it was made for; empty for one of its own" |s| match s.event.downtime() {
        Some(downtime) => Value::text(&downtime.parent),
        None => Value::Missing,
    };
    "downtime.cancelled" "whether it was removed before its time" |s| match s.event.downtime() {
        Some(downtime) => Value::Bool(downtime.remove_time.is_some()),
        None => Value::Missing,
    };
    "downtime.config_owner" "the `ScheduledDowntime` that made it; empty for a person's" |s| match s.event.downtime() {
        Some(downtime) => Value::text(&downtime.config_owner),
        None => Value::Missing,
    };
    "notification_type" "Icinga's kind of notification: `PROBLEM`, `RECOVERY`, `CUSTOM`, ..." |s| match &s.event.detail {
        Detail::Notification(notification) => Value::text(&notification.notification_type),
        _ => Value::Missing,
    };
    "users" "Icinga users that a notification went to" |s| match &s.event.detail {
        Detail::Notification(notification) => Value::texts(&notification.users),
        _ => Value::Missing,
    };
    "is_flapping" "whether flapping began (true) or ended (false)" |s| match &s.event.detail {
        Detail::Flapping(flapping) => Value::Bool(flapping.is_flapping),
        _ => Value::Missing,
    };
    "flapping_current" "share of changes among the last results, in per cent" |s| match &s.event.detail {
        Detail::Flapping(flapping) => Value::Float(flapping.current),
        _ => Value::Missing,
    };
    "object_type" "type of a created, modified or deleted object" |s| match object_change(s) {
        Some(change) => Value::text(&change.object_type),
        None => Value::Missing,
    };
    "object_name" "full name of a created, modified or deleted object" |s| match object_change(s) {
        Some(change) => Value::text(&change.object_name),
        None => Value::Missing,
    };
    "gap.since" "where what we know ends; missing at the very first look" |s| match &s.event.detail {
        Detail::Gap(gap) => Value::time(gap.since),
        _ => Value::Missing,
    };
    "gap.open" "whether it still lasts, so that nothing is heard of this Icinga" |s| match &s.event.detail {
        Detail::Gap(gap) => Value::Bool(gap.open),
        _ => Value::Missing,
    };
    "gap.length" "how long the gap was, in seconds; missing at the very first look" |s| match &s.event.detail {
        Detail::Gap(gap) => gap.since.map_or(Value::Missing, |since| Value::Float(gap.until.duration_since(since).as_secs_f64())),
        _ => Value::Missing,
    };
    "gap.made_up" "how many events were made up for it" |s| match &s.event.detail {
        Detail::Gap(gap) => Value::Int(gap.made_up as i64),
        _ => Value::Missing,
    };
    "gap.problems" "how many objects are in a hard problem now" |s| match &s.event.detail {
        Detail::Gap(gap) => Value::Int(gap.problems as i64),
        _ => Value::Missing,
    };
    "gap.reason" "why the stream ended, as far as is known" |s| match &s.event.detail {
        Detail::Gap(gap) => Value::text(&gap.reason),
        _ => Value::Missing,
    };
    "mute.what" "what was muted" |s| match &s.event.detail {
        Detail::MuteEnding(mute) => Value::text(&mute.what),
        _ => Value::Missing,
    };
    "mute.events" "how many events a mute kept quiet" |s| match &s.event.detail {
        Detail::MuteEnding(mute) => Value::Int(mute.muted_events as i64),
        _ => Value::Missing,
    };
    "mute.how" "why it ended: ended, removed, recovered, unused, or withdrawn in Icinga" |s| match &s.event.detail {
        Detail::MuteEnding(mute) => Value::text(&mute.how),
        _ => Value::Missing,
    };
    "mute.removed_by" "who removed the mute; empty at its time" |s| match &s.event.detail {
        Detail::MuteEnding(mute) => Value::text(&mute.removed_by),
        _ => Value::Missing,
    };
    "failed.target" "the target a delivery was for" |s| match &s.event.detail {
        Detail::DeliveryFailed(failed) => Value::text(&failed.target),
        _ => Value::Missing,
    };
    "failed.sink" "the sink that refused it" |s| match &s.event.detail {
        Detail::DeliveryFailed(failed) => Value::text(&failed.sink),
        _ => Value::Missing,
    };
    "failed.recipient" "the address it was for" |s| match &s.event.detail {
        Detail::DeliveryFailed(failed) => Value::text(&failed.recipient),
        _ => Value::Missing,
    };
    "failed.reason" "why, in the sink's words" |s| match &s.event.detail {
        Detail::DeliveryFailed(failed) => Value::text(&failed.reason),
        _ => Value::Missing,
    };
    "failed.text" "the text nobody got" |s| match &s.event.detail {
        Detail::DeliveryFailed(failed) => Value::text(&failed.text),
        _ => Value::Missing,
    };
    "outage.sink" "the sink that is down, or was" |s| outage(s, |outage| Value::text(&outage.sink));
    "outage.open" "whether it still is, so that its messages wait" |s| outage(s, |outage| Value::Bool(outage.open));
    "outage.since" "when its first message failed" |s| outage(s, |outage| Value::Time(outage.since));
    "outage.length" "how long it has been down, in seconds" |s| outage(s, |outage| Value::Float(s.event.timestamp.duration_since(outage.since).as_secs_f64()));
    "outage.waiting" "how many messages wait for it" |s| outage(s, |outage| Value::Int(outage.waiting as i64));
    "outage.reason" "why, in the sink's words" |s| outage(s, |outage| Value::text(&outage.reason));
    "ruleset.accepted" "whether the new rules are in force" |s| match &s.event.detail {
        Detail::RulesetChanged(changed) => Value::Bool(changed.accepted),
        _ => Value::Missing,
    };
    "ruleset.hash" "short hash of the rules in force" |s| match &s.event.detail {
        Detail::RulesetChanged(changed) => Value::text(&changed.hash),
        _ => Value::Missing,
    };
    "ruleset.rules" "how many rules are in force" |s| match &s.event.detail {
        Detail::RulesetChanged(changed) => Value::Int(changed.rules as i64),
        _ => Value::Missing,
    };
    "ruleset.error" "what is wrong with refused rules, or which tests of those in force fail" |s| match &s.event.detail {
        Detail::RulesetChanged(changed) => Value::text(&changed.error),
        _ => Value::Missing,
    };
    "ruleset.warnings" "how many warnings the new rules have; the log and `watchbell check` show them" |s| match &s.event.detail {
        Detail::RulesetChanged(changed) => Value::Int(changed.warnings as i64),
        _ => Value::Missing,
    };
    "trouble.what" "what of Watchbell itself has a trouble, such as `the task sink libera`" |s| match &s.event.detail {
        Detail::Trouble(trouble) => Value::text(&trouble.what),
        _ => Value::Missing,
    };
    "trouble.text" "what is wrong and how to mend it, or how it ended" |s| match &s.event.detail {
        Detail::Trouble(trouble) => Value::text(&trouble.text),
        _ => Value::Missing,
    };
    "trouble.over" "whether the trouble is over" |s| match &s.event.detail {
        Detail::Trouble(trouble) => Value::Bool(trouble.over),
        _ => Value::Missing,
    };
    "schedule.name" "the schedule by which nobody is on call" |s| match &s.event.detail {
        Detail::ScheduleGap(gap) => Value::text(&gap.schedule),
        _ => Value::Missing,
    };
    "schedule.from" "when that begins" |s| match &s.event.detail {
        Detail::ScheduleGap(gap) => Value::Time(gap.from),
        _ => Value::Missing,
    };
    "schedule.until" "when somebody is on call again; missing where that is not within a month" |s| match &s.event.detail {
        Detail::ScheduleGap(gap) => Value::time(gap.until),
        _ => Value::Missing,
    };
    "webhook.name" "who sent it, as the configuration calls them" |s| match &s.event.detail {
        Detail::Webhook(webhook) => Value::text(&webhook.name),
        _ => Value::Missing,
    };
    "webhook.body" "the JSON that was sent; `webhook.body.a.b` reaches into it" |s| match &s.event.detail {
        Detail::Webhook(webhook) => Value::Json(&webhook.body),
        _ => Value::Missing,
    };
    "timer.name" "what the rule that set it calls the timer" |s| match &s.event.detail {
        Detail::Timer(timer) => Value::text(&timer.name),
        _ => Value::Missing,
    };
    "timer.data" "what the timer carries; its parts are fields, too: `timer.data.team`" |s| match &s.event.detail {
        Detail::Timer(timer) if !timer.data.is_null() => Value::Json(&timer.data),
        _ => Value::Missing,
    };
    "timer.rule" "name of the rule that set the timer" |s| match &s.event.detail {
        Detail::Timer(timer) => Value::text(&timer.rule),
        _ => Value::Missing,
    };
    "timer.set_at" "when the timer was set" |s| match &s.event.detail {
        Detail::Timer(timer) => Value::Time(timer.set_at),
        _ => Value::Missing,
    };
    "reminder.number" "which reminder of this incident, from 1" |s| match &s.event.detail {
        Detail::Reminder(reminder) => Value::Int(reminder.number as i64),
        _ => Value::Missing,
    };
    "reminder.rule" "name of the rule that wanted to remind" |s| match &s.event.detail {
        Detail::Reminder(reminder) => Value::text(&reminder.rule),
        _ => Value::Missing,
    };
    "escalation.policy" "the escalation, as watchbell.toml calls it" |s| escalation(s, |call| Value::text(&call.policy));
    "escalation.step" "which of its steps, from 1" |s| escalation(s, |call| Value::Int(call.step.into()));
    "escalation.steps" "how many steps it has" |s| escalation(s, |call| Value::Int(call.steps.into()));
    "escalation.round" "which time all steps are gone through, from 1" |s| escalation(s, |call| Value::Int(call.round.into()));
    "escalation.called" "the targets that are called now" |s| escalation(s, |call| called(&call.called));
    "escalation.why" "why they are called now; empty at the beginning" |s| escalation(s, |call| Value::text(&call.why));
    "escalation.nobody" "whom the step means and does not reach, such as `nobody is on call in dba`; empty where it reaches all" |s| escalation(s, |call| Value::text(&call.nobody));
    "escalation.reminder" "which reminder of an acknowledgement it is, from 1; 0 for a call" |s| escalation(s, |call| Value::Int(call.reminder.into()));
    "page.by" "who calls people" |s| page(s, |page| Value::text(&page.by));
    "page.text" "what they say" |s| page(s, |page| Value::text(&page.text));
    "page.called" "the targets that are called" |s| page(s, |page| called(&page.called));
    "page.after" "the target that could not be told, so that another way is tried; empty at first" |s| page(s, |page| Value::text(&page.after));
    "digest.key" "what a digest was gathered under" |s| digest(s, |digest| Value::text(&digest.key));
    "digest.count" "how many objects and other things are in it: its lines, and what is beyond them" |s| digest(s, |digest| Value::Int(digest.count() as i64));
    "digest.problems" "how many of them ended in a problem" |s| digest(s, |digest| Value::Int(digest.problems as i64));
    "digest.recoveries" "how many of them ended well" |s| digest(s, |digest| Value::Int(digest.recoveries as i64));
    "digest.lines" "a short text for each, the worst first, then by time" |s| digest(s, |digest| Value::texts(&digest.lines));
    "digest.more" "how many there are beyond the lines" |s| digest(s, |digest| Value::Int(digest.more as i64));
    "digest.since" "when the first of it was gathered" |s| digest(s, |digest| Value::Time(digest.since));
    "digest.states" "of a storm: how many told each state, such as `640 CRITICAL, 172 OK`; its lines are groups" |s| digest(s, |digest| if digest.states.is_empty() { Value::Missing } else { Value::text(&digest.states) });
    "digest.more_groups" "of a storm: how many groups there are beyond the lines" |s| digest(s, |digest| if digest.states.is_empty() { Value::Missing } else { Value::Int(digest.more_groups as i64) });
    "digest.rule" "the rule that gathered it" |s| digest(s, |digest| Value::text(&digest.rule));
};

fn output(scene: &Scene) -> Value<'_> {
    match &scene.event.detail {
        Detail::CheckResult(report) | Detail::StateChange(report) => Value::text(&report.output),
        Detail::Notification(notification) if notification.state.is_some() => {
            Value::text(&notification.output)
        }
        _ if scene.status.state.is_some() => Value::text(&scene.status.output),
        _ => Value::Missing,
    }
}

fn escalation<'a>(scene: &'a Scene, get: impl FnOnce(&'a Escalation) -> Value<'a>) -> Value<'a> {
    match &scene.event.detail {
        Detail::Escalation(escalation) => get(escalation),
        _ => Value::Missing,
    }
}

fn page<'a>(scene: &'a Scene, get: impl FnOnce(&'a Page) -> Value<'a>) -> Value<'a> {
    match &scene.event.detail {
        Detail::Page(page) => get(page),
        _ => Value::Missing,
    }
}

fn called(called: &[Called]) -> Value<'_> {
    Value::List(called.iter().map(|called| Cow::Borrowed(&*called.target)).collect())
}

fn digest<'a>(scene: &'a Scene, get: impl FnOnce(&'a Digest) -> Value<'a>) -> Value<'a> {
    match &scene.event.detail {
        Detail::Digest(digest) => get(digest),
        _ => Value::Missing,
    }
}

fn outage<'a>(scene: &'a Scene, get: impl FnOnce(&'a SinkOutage) -> Value<'a>) -> Value<'a> {
    match &scene.event.detail {
        Detail::SinkOutage(outage) => get(outage),
        _ => Value::Missing,
    }
}

fn object_change(scene: &Scene) -> Option<&ObjectChange> {
    match &scene.event.detail {
        Detail::ObjectCreated(change) | Detail::ObjectModified(change) | Detail::ObjectDeleted(change) => {
            Some(change)
        }
        _ => None,
    }
}

macro_rules! object_fields {
    ($($name:literal $doc:literal $get:expr;)*) => {
        &[$(ObjectField { name: $name, doc: $doc, get: $get },)*]
    };
}

/// Every field of a host or service; `vars` besides takes any path below it.
pub static OBJECT_FIELDS: &[ObjectField] = object_fields! {
    "name" "its short name" |object, _| Value::text(object.key.service().unwrap_or(object.key.host()));
    "display_name" "its display name" |object, _| Value::text(&object.display_name);
    "address" "address of a host" |object, _| Value::text(&object.address);
    "groups" "names of its groups" |object, _| Value::texts(&object.groups);
    "notes" "notes" |object, _| Value::text(&object.notes);
    "notes_url" "notes URL" |object, _| Value::text(&object.notes_url);
    "action_url" "action URL" |object, _| Value::text(&object.action_url);
    "parents" "names of the hosts it depends on" |object, _| Value::List(object.parents.iter().map(|key| Cow::Borrowed(key.name())).collect());
    "state" "its last known state" |_, status| Value::state(status.state);
    "hard_state" "its last hard state" |_, status| Value::state(status.hard_state);
    "is_problem" "whether its last hard state is a problem" |_, status| Value::Bool(status.hard_state.is_some_and(State::is_problem));
    "acknowledged" "whether somebody acknowledged its problem" |_, status| Value::Bool(status.acknowledged);
    "in_downtime" "whether a downtime is in effect" |_, status| Value::Bool(status.downtime_depth > 0);
    "flapping" "whether Icinga calls it flapping" |_, status| Value::Bool(status.flapping);
    "reachable" "whether no parent of it is down" |_, status| Value::Bool(status.reachable);
};
