//! Scenes for trying templates: the samples, with foreign texts put into them.

use std::sync::Arc;
use watchbell::model::event::{Comment, Downtime};
use watchbell::model::{Detail, Incident, IncidentId, Object, ObjectKey, Scene, Status};

/// The same scene with this text wherever a stranger may write: in outputs, names,
/// comments, notes and addresses.
pub(crate) fn poisoned(scene: &Scene, text: &str) -> Arc<Scene> {
    let mut scene = scene.clone();
    poison_event(&mut scene.event.detail, text);
    scene.event.object = scene.event.object.map(|key| poison_key(&key, text));
    scene.event.withheld = scene.event.withheld.map(|_| text.to_owned());
    scene.host = scene.host.map(|host| Arc::new(poison_object(&host, text)));
    scene.service = scene.service.map(|service| Arc::new(poison_object(&service, text)));
    scene.status = Arc::new(Status { output: Arc::from(text), ..(*scene.status).clone() });
    Arc::new(scene)
}

/// The same scene with an incident of this number.
pub(crate) fn numbered(scene: &Scene, number: u64) -> Arc<Scene> {
    let incident = scene.incident.as_ref().expect("a sample with an incident");
    let incident = Incident { id: IncidentId(number), ..(**incident).clone() };
    Arc::new(Scene { incident: Some(Arc::new(incident)), ..scene.clone() })
}

fn poison_key(key: &ObjectKey, text: &str) -> ObjectKey {
    ObjectKey::new(key.source(), &text.replace('!', ""), key.service().map(|_| text))
}

fn poison_object(object: &Object, text: &str) -> Object {
    let text = || text.to_owned();
    Object {
        key: poison_key(&object.key, &text()),
        display_name: format!("{} shown", text()),
        address: text(),
        groups: Arc::new(vec![text(), text()]),
        vars: Arc::new([(text(), serde_json::Value::String(text()))].into_iter().collect()),
        notes: text(),
        notes_url: format!("javascript:{}", text()),
        action_url: format!("https://example.org/{}", text()),
        parents: vec![poison_key(&object.key, &text())],
    }
}

fn poison_comment(comment: &mut Comment, text: &str) {
    for field in [&mut comment.name, &mut comment.author, &mut comment.text] {
        text.clone_into(field);
    }
}

fn poison_downtime(downtime: &mut Downtime, text: &str) {
    let fields = [
        &mut downtime.name,
        &mut downtime.author,
        &mut downtime.comment,
        &mut downtime.parent,
        &mut downtime.config_owner,
    ];
    for field in fields {
        text.clone_into(field);
    }
}

fn poison_event(detail: &mut Detail, text: &str) {
    let text = || text.to_owned();
    match detail {
        Detail::CheckResult(report) | Detail::StateChange(report) => {
            report.output = text();
            report.performance_data = vec![text()];
            report.check_source = text();
        }
        Detail::Notification(told) => {
            for field in [
                &mut told.notification_type,
                &mut told.author,
                &mut told.text,
                &mut told.command,
                &mut told.output,
            ] {
                *field = text();
            }
            told.users = vec![text(), text()];
        }
        Detail::Flapping(_) | Detail::AcknowledgementCleared(_) => {}
        Detail::AcknowledgementSet(set) => {
            set.author = text();
            set.comment = text();
        }
        Detail::CommentAdded(comment) | Detail::CommentRemoved(comment) => poison_comment(comment, &text()),
        Detail::DowntimeAdded(downtime)
        | Detail::DowntimeRemoved(downtime)
        | Detail::DowntimeStarted(downtime)
        | Detail::DowntimeTriggered(downtime) => poison_downtime(downtime, &text()),
        Detail::ObjectCreated(change) | Detail::ObjectModified(change) | Detail::ObjectDeleted(change) => {
            change.object_type = text();
            change.object_name = text();
        }
        Detail::Gap(gap) => gap.reason = text(),
        Detail::Page(page) => {
            for field in [&mut page.by, &mut page.text, &mut page.after] {
                *field = text();
            }
        }
        Detail::Escalation(call) => {
            for field in [&mut call.policy, &mut call.why, &mut call.nobody, &mut call.held] {
                *field = text();
            }
            call.called.iter_mut().for_each(|called| called.target = text());
        }
        Detail::MuteEnding(mute) => {
            for field in [&mut mute.what, &mut mute.owner, &mut mute.reason, &mut mute.removed_by] {
                *field = text();
            }
        }
        Detail::DeliveryFailed(failed) => {
            for field in [
                &mut failed.target,
                &mut failed.sink,
                &mut failed.recipient,
                &mut failed.reason,
                &mut failed.text,
            ] {
                *field = text();
            }
        }
        Detail::SinkOutage(outage) => {
            outage.sink = text();
            outage.reason = text();
        }
        Detail::RulesetChanged(changed) => {
            changed.error = text();
            changed.hash = text();
        }
        Detail::Trouble(trouble) => {
            trouble.what = text();
            trouble.text = text();
        }
        Detail::ScheduleGap(gap) => gap.schedule = text(),
        Detail::Webhook(webhook) => {
            webhook.name = text();
            webhook.body = serde_json::json!({ "text": text() });
        }
        Detail::Reminder(reminder) => reminder.rule = text(),
        Detail::Timer(timer) => {
            timer.name = text();
            timer.rule = text();
            timer.data = serde_json::json!({ "part": text() });
        }
        Detail::Digest(digest) => {
            digest.key = text();
            digest.rule = text();
            digest.lines.fill(text());
        }
    }
}
