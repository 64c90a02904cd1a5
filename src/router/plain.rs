//! What is said of an event without any template.
//!
//! Owns: the line that is sent when a template fails. Promises: never empty, one
//! line, and harmless whatever the event holds.

use super::escape;
use crate::model::identity::digest;
use crate::model::{Detail, Event, Scene, State};
use std::borrow::Cow;

/// Longest text taken from an event, in characters.
const MAX_WORDS: usize = 400;

/// One line about any event: `#12 db1!load: StateChange CRITICAL: load 17.3`.
pub fn plain_line(scene: &Scene) -> String {
    let event = &scene.event;
    let mut line = String::new();
    if let Some(incident) = &scene.incident {
        line += &format!("{} ", incident.id);
    }
    line += &brief(event.object.as_ref().map_or(&*event.source, |object| object.name()));
    line += &format!(": {}", event.event_type());
    if let Some(state) = scene.state() {
        line += &format!(" {state}");
    }
    if event.missed {
        line += " (missed while disconnected)";
    }
    let words = brief(&words(event));
    if !words.is_empty() {
        line += &format!(": {words}");
    }
    line
}

/// One line about an event of which nothing else is known.
pub fn plain_event(event: &Event) -> String {
    let about = event.object.as_ref().map_or(&*event.source, |object| object.name());
    let state = event.report().map_or_else(String::new, |report| format!(" {}", report.state));
    format!("{}: {}{state}: {}", brief(about), event.event_type(), brief(&words(event)))
}

/// A foreign text on one line and at a bearable length. It is cut before it is
/// cleaned, so that a huge one costs no more than others.
fn brief(text: &str) -> String {
    let line = escape::one_line(escape::cut(text, 16 * MAX_WORDS));
    escape::short(&line, MAX_WORDS).into_owned()
}

fn words(event: &Event) -> Cow<'_, str> {
    let said = |who: &str, what: &str| Cow::Owned(format!("{who}: {what}"));
    match &event.detail {
        Detail::CheckResult(report) | Detail::StateChange(report) => Cow::Borrowed(&report.output),
        Detail::Notification(notification) => {
            said(&notification.notification_type, &format!("{} {}", notification.output, notification.text))
        }
        Detail::Flapping(flapping) if flapping.is_flapping => Cow::Borrowed("began"),
        Detail::Flapping(_) => Cow::Borrowed("ended"),
        Detail::AcknowledgementSet(set) => said(&set.author, &set.comment),
        Detail::AcknowledgementCleared(_) => Cow::Borrowed(""),
        Detail::CommentAdded(comment) | Detail::CommentRemoved(comment) => {
            said(&comment.author, &comment.text)
        }
        Detail::DowntimeAdded(downtime)
        | Detail::DowntimeRemoved(downtime)
        | Detail::DowntimeStarted(downtime)
        | Detail::DowntimeTriggered(downtime) => said(&downtime.author, &downtime.comment),
        Detail::ObjectCreated(change) | Detail::ObjectModified(change) | Detail::ObjectDeleted(change) => {
            said(&change.object_type, &change.object_name)
        }
        Detail::Gap(gap) => {
            Cow::Owned(format!("{} events made up, {} problems now", gap.made_up, gap.problems))
        }
        Detail::MuteEnding(mute) => said(&mute.owner, &mute.what),
        Detail::DeliveryFailed(failed) => Cow::Owned(format!(
            "{} by {} to {}: {}",
            failed.target, failed.sink, failed.recipient, failed.reason
        )),
        Detail::SinkOutage(outage) if outage.open => said(&outage.sink, &outage.reason),
        Detail::SinkOutage(outage) => said(&outage.sink, "works again"),
        Detail::RulesetChanged(changed) if changed.accepted => {
            Cow::Owned(format!("{} rules in force", changed.rules))
        }
        Detail::RulesetChanged(changed) => said("refused", &changed.error),
        Detail::Trouble(trouble) => said(&trouble.what, &trouble.text),
        Detail::ScheduleGap(gap) => said(&gap.schedule, "nobody is on call"),
        Detail::Webhook(webhook) => Cow::Owned(format!("{}: {}", webhook.name, webhook.body)),
        Detail::Timer(timer) => said(&timer.rule, &timer.name),
        Detail::Reminder(reminder) => Cow::Owned(format!("reminder {}", reminder.number)),
        Detail::Page(page) => said(&page.by, &page.text),
        Detail::Escalation(escalation) => said(&escalation.policy, &escalation.why),
        Detail::Digest(digest) => {
            let first = digest.lines.first().map_or("", String::as_str);
            said(&format!("{}, {} in all", digest.key, digest.count()), first)
        }
    }
}

/// The JSON document sent when a webhook's template fails; `failures` is the note
/// of that.
pub(super) fn plain_json(scene: &Scene, failures: &str) -> String {
    serde_json::json!({
        "type": scene.event.event_type().name(),
        "source": &*scene.event.source,
        "object": scene.event.object.as_ref().map(|object| brief(object.name())),
        "state": scene.state().map(State::name),
        "incident": scene.incident.as_ref().map(|incident| incident.id.0),
        "text": plain_line(scene) + failures,
    })
    .to_string()
}

/// What a message belongs to, in letters, digits and hyphens. Names from Icinga
/// may hold anything, so they are hashed.
pub(super) fn thread(scene: &Scene) -> String {
    let hashed = |kind: &str, parts: &[&str]| format!("{kind}-{}", &digest(parts)[..16]);
    if let Some(incident) = &scene.incident {
        return format!("incident-{}", incident.id.0);
    }
    let event = &scene.event;
    if let Some(downtime) = event.downtime() {
        let name = if downtime.parent.is_empty() { &downtime.name } else { &downtime.parent };
        return hashed("downtime", &[&event.source, name]);
    }
    match (&event.detail, &event.object) {
        (Detail::MuteEnding(mute), _) => hashed("mute", &[&mute.what]),
        (Detail::DeliveryFailed(failed), _) => hashed("failed", &[&failed.target, &failed.recipient]),
        (Detail::SinkOutage(outage), _) => hashed("sink", &[&outage.sink]),
        (Detail::RulesetChanged(_), _) => "ruleset".to_owned(),
        (Detail::Trouble(trouble), _) => hashed("trouble", &[&trouble.what]),
        (Detail::ScheduleGap(gap), _) => hashed("schedule", &[&gap.schedule]),
        (Detail::Webhook(webhook), _) => hashed("webhook", &[&webhook.name]),
        (Detail::Digest(digest), _) => hashed("digest", &[&digest.key]),
        (_, Some(object)) => hashed("object", &[&event.source, object.name()]),
        (_, None) => hashed("icinga", &[&event.source]),
    }
}

/// The severity of the state where the event reports a problem; 0 for what ends
/// one or only informs. Of ours, a lost delivery and a trouble of its own count as
/// critical, and refused rules as a warning.
pub(super) fn severity(scene: &Scene) -> u8 {
    match &scene.event.detail {
        Detail::CheckResult(report) | Detail::StateChange(report) => report.state.severity(),
        Detail::Notification(told) if told.notification_type == "PROBLEM" => {
            scene.state().map_or(0, State::severity)
        }
        Detail::Flapping(flapping) if flapping.is_flapping => flapping.state.severity(),
        Detail::Timer(_) | Detail::Reminder(_) | Detail::Escalation(_) => {
            scene.state().map_or(0, State::severity)
        }
        Detail::DeliveryFailed(_) => State::Critical.severity(),
        Detail::SinkOutage(outage) if outage.open => State::Critical.severity(),
        Detail::RulesetChanged(changed) if !changed.accepted => State::Warning.severity(),
        Detail::Trouble(trouble) if !trouble.over => State::Critical.severity(),
        Detail::ScheduleGap(_) => State::Warning.severity(),
        Detail::Digest(digest) => digest.worst.map_or(0, State::severity),
        _ => 0,
    }
}
