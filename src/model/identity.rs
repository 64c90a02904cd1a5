//! What makes two reports of one thing the same thing.
//!
//! Both masters of a zone report everything, each with its own `timestamp`, some
//! milliseconds apart. An identity is built from what they agree on.
//!
//! Promises: equal for both reports of one thing, and stable over restarts.
//! Never: depends on `timestamp` where the content alone names the thing.

use super::event::{Acknowledgement, Downtime, IcingaNotification, StateReport};
use super::{Detail, Event, State, Timestamp};
use sha2::{Digest, Sha256};

/// SHA-256 of the parts in their order, as 64 lower-case hex digits. Each part
/// counts with its length, so no text can pose as two.
pub fn digest<T: AsRef<str>>(parts: &[T]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        let part = part.as_ref().as_bytes();
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Event {
    /// Which thing this is, as 64 hex digits: the same for both masters' reports
    /// of one thing, and for what a reader makes up after a gap (`missed`).
    ///
    /// A check result is named by when the check ended, a comment or downtime by
    /// its name. What has no name of its own is named by its content and the
    /// minute of its `timestamp`: the same acknowledgement next week is another
    /// one. Two reports on both sides of a full minute then count twice, which is
    /// the lesser harm: nothing is lost.
    pub fn identity(&self) -> String {
        let object = self.object.as_ref().map_or("", |key| key.name());
        let mut parts = vec![self.source.to_string(), object.to_owned(), self.event_type().name().to_owned()];
        parts.push(self.withheld.clone().unwrap_or_default());
        parts.extend(self.content());
        digest(&parts)
    }

    fn content(&self) -> Vec<String> {
        match &self.detail {
            Detail::CheckResult(report) | Detail::StateChange(report) => self.of_report(report),
            Detail::Notification(notification) => self.of_notification(notification),
            Detail::Flapping(flapping) => {
                vec![self.minute(), flapping.is_flapping.to_string(), flapping.state.to_string()]
            }
            Detail::AcknowledgementSet(set) => self.of_acknowledgement(set),
            Detail::AcknowledgementCleared(end) => vec![self.minute(), end.state.to_string()],
            Detail::CommentAdded(comment) | Detail::CommentRemoved(comment) => vec![comment.name.clone()],
            Detail::DowntimeAdded(downtime)
            | Detail::DowntimeRemoved(downtime)
            | Detail::DowntimeStarted(downtime)
            | Detail::DowntimeTriggered(downtime) => of_downtime(downtime),
            Detail::ObjectCreated(change)
            | Detail::ObjectModified(change)
            | Detail::ObjectDeleted(change) => {
                vec![self.minute(), change.object_type.clone(), change.object_name.clone()]
            }
            Detail::Gap(gap) => vec![moment(gap.since), gap.until.to_string()],
            Detail::MuteEnding(mute) => {
                vec![self.timestamp.to_string(), mute.what.clone(), mute.owner.clone()]
            }
            Detail::DeliveryFailed(failed) => vec![
                self.timestamp.to_string(),
                failed.target.clone(),
                failed.sink.clone(),
                failed.recipient.clone(),
                failed.text.clone(),
            ],
            Detail::SinkOutage(outage) => {
                vec![outage.since.to_string(), outage.sink.clone(), outage.open.to_string()]
            }
            Detail::RulesetChanged(changed) => {
                vec![self.timestamp.to_string(), changed.hash.clone(), changed.accepted.to_string()]
            }
            Detail::Trouble(trouble) => {
                vec![self.timestamp.to_string(), trouble.what.clone(), trouble.over.to_string()]
            }
            Detail::ScheduleGap(gap) => vec![gap.schedule.clone(), gap.from.to_string()],
            Detail::Webhook(webhook) => {
                vec![self.timestamp.to_string(), webhook.name.clone(), webhook.body.to_string()]
            }
            Detail::Reminder(reminder) => vec![self.timestamp.to_string(), reminder.number.to_string()],
            Detail::Escalation(escalation) => {
                let called = escalation.called.iter().map(|called| called.target.clone());
                let place = [escalation.round, escalation.step, escalation.reminder];
                let mut parts = vec![escalation.policy.clone(), escalation.started.to_string()];
                parts.extend(place.map(|number| number.to_string()));
                parts.extend(called);
                parts
            }
            Detail::Page(page) => {
                vec![self.timestamp.to_string(), page.by.clone(), page.text.clone(), page.after.clone()]
            }
            Detail::Timer(timer) => vec![timer.set_at.to_string(), timer.rule.clone(), timer.name.clone()],
            Detail::Digest(digest) => {
                vec![self.timestamp.to_string(), digest.key.clone(), digest.since.to_string()]
            }
        }
    }

    fn of_report(&self, report: &StateReport) -> Vec<String> {
        let end = report.execution_end.unwrap_or(self.timestamp);
        let mut parts = vec![
            end.to_string(),
            report.state.to_string(),
            report.hard.to_string(),
            report.attempt.to_string(),
        ];
        // What was told before and is true again is told again.
        parts.extend(report.restated.map(|started| started.to_string()));
        parts
    }

    fn of_notification(&self, notification: &IcingaNotification) -> Vec<String> {
        vec![
            self.minute(),
            notification.notification_type.clone(),
            notification.users.join("\u{1f}"),
            notification.author.clone(),
            notification.text.clone(),
            notification.command.clone(),
            notification.state.map(State::name).unwrap_or_default().to_owned(),
            notification.output.clone(),
        ]
    }

    fn of_acknowledgement(&self, set: &Acknowledgement) -> Vec<String> {
        vec![
            self.minute(),
            set.author.clone(),
            set.comment.clone(),
            moment(set.expiry),
            set.state.to_string(),
        ]
    }

    fn minute(&self) -> String {
        self.timestamp.as_second().div_euclid(60).to_string()
    }
}

/// A flexible downtime on an object never checked is reported twice as
/// triggered, first without a time.
fn of_downtime(downtime: &Downtime) -> Vec<String> {
    vec![downtime.name.clone(), downtime.trigger_time.is_some().to_string()]
}

fn moment(time: Option<Timestamp>) -> String {
    time.map(|time| time.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectKey;
    use crate::model::event::{Comment, ObjectChange};
    use crate::model::time::from_unix_seconds;
    use std::sync::Arc;

    fn at(seconds: f64) -> Timestamp {
        from_unix_seconds(seconds).expect("a moment of our days")
    }

    fn event(timestamp: f64, detail: Detail) -> Event {
        let source = Arc::from("prod");
        Event {
            object: Some(ObjectKey::new(&source, "h1", Some("s"))),
            source,
            timestamp: at(timestamp),
            missed: false,
            withheld: None,
            detail,
        }
    }

    fn report(state: State, hard: bool, attempt: u32, end: f64) -> StateReport {
        StateReport {
            state,
            hard,
            attempt,
            previous: None,
            reachable: true,
            output: "x".to_owned(),
            performance_data: Vec::new(),
            exit_status: 2,
            check_source: "m1".to_owned(),
            execution_end: Some(at(end)),
            downtime_depth: None,
            acknowledgement: None,
            restated: None,
        }
    }

    fn acknowledgement() -> Detail {
        Detail::AcknowledgementSet(Acknowledgement {
            author: "a".to_owned(),
            comment: "c".to_owned(),
            state: State::Critical,
            hard: true,
            sticky: false,
            notify: false,
            persistent: false,
            expiry: None,
        })
    }

    fn comment() -> Comment {
        Comment {
            name: "h1!s!ffd4bb7c".to_owned(),
            author: "a".to_owned(),
            text: "c".to_owned(),
            entry_time: None,
            entry_type: 4,
            expire_time: None,
        }
    }

    fn downtime(trigger_time: Option<Timestamp>) -> Downtime {
        Downtime {
            name: "h3!724440e0".to_owned(),
            author: "dbadmin".to_owned(),
            comment: "x".to_owned(),
            entry_time: None,
            start_time: at(1795334643.0),
            end_time: at(1795334823.0),
            fixed: true,
            duration_seconds: 0.0,
            trigger_time,
            remove_time: None,
            parent: String::new(),
            config_owner: String::new(),
        }
    }

    fn notification() -> Detail {
        Detail::Notification(IcingaNotification {
            notification_type: "PROBLEM".to_owned(),
            users: vec!["oncall".to_owned()],
            author: String::new(),
            text: String::new(),
            command: "lab-notify".to_owned(),
            state: Some(State::Critical),
            output: "x".to_owned(),
        })
    }

    #[test]
    fn both_masters_reports_are_one_thing() {
        let result =
            |time| event(time, Detail::CheckResult(report(State::Critical, true, 1, 1795334646.340401)));
        let change =
            |time| event(time, Detail::StateChange(report(State::Critical, true, 1, 1795334646.340401)));
        let set = |time| event(time, acknowledgement());
        let added = |time| event(time, Detail::CommentAdded(comment()));
        let planned = |time| event(time, Detail::DowntimeAdded(downtime(None)));
        let told = |time| event(time, notification());
        // The timestamps are those of one recorded pair each.
        for (first, second) in [
            (result(1795334646.34044), result(1795334646.341552)),
            (change(1795334646.340769), change(1795334646.341742)),
            (set(1795334648.179684), set(1795334648.186664)),
            (added(1795334648.178206), added(1795334648.186031)),
            (planned(1795334648.230807), planned(1795334648.239981)),
            (told(1795334646.342432), told(1795334646.342036)),
        ] {
            assert_eq!(first.identity(), second.identity(), "{}", first.event_type());
        }
    }

    #[test]
    fn what_a_gap_made_up_is_what_the_stream_says_later() {
        let seen = event(1795334646.5, Detail::StateChange(report(State::Critical, true, 1, 1795334646.3)));
        let made_up = Event { missed: true, timestamp: at(1795334999.0), ..seen.clone() };
        assert_eq!(seen.identity(), made_up.identity());
    }

    #[test]
    fn different_things_differ() {
        let base = || report(State::Critical, true, 1, 1795334646.3);
        let change = |report| event(1795334646.5, Detail::StateChange(report));
        let change_object = |name: &str| {
            event(
                1795334646.5,
                Detail::ObjectCreated(ObjectChange {
                    object_type: "Host".to_owned(),
                    object_name: name.to_owned(),
                }),
            )
        };
        let all = [
            change(base()),
            event(1795334646.5, Detail::CheckResult(base())),
            change(report(State::Warning, true, 1, 1795334646.3)),
            change(report(State::Critical, false, 1, 1795334646.3)),
            change(report(State::Critical, true, 2, 1795334646.3)),
            change(report(State::Critical, true, 1, 1795334706.3)),
            Event { withheld: Some("in downtime".to_owned()), ..change(base()) },
            Event { source: Arc::from("test"), ..change(base()) },
            Event { object: None, ..change(base()) },
            event(1795334646.5, acknowledgement()),
            event(1795939446.5, acknowledgement()),
            event(1795334646.5, Detail::CommentAdded(comment())),
            event(1795334646.5, Detail::CommentRemoved(comment())),
            event(1795334646.5, Detail::DowntimeTriggered(downtime(None))),
            event(1795334646.5, Detail::DowntimeTriggered(downtime(Some(at(1795334646.0))))),
            change_object("h1"),
            change_object("h2"),
        ];
        let mut seen = std::collections::BTreeMap::new();
        for (index, event) in all.iter().enumerate() {
            if let Some(other) = seen.insert(event.identity(), index) {
                panic!("numbers {other} and {index} are different things with one identity");
            }
        }
    }

    #[test]
    fn what_a_killed_icinga_says_again_is_told_again_once_for_each_start() {
        let restated = |started: Option<f64>| {
            let report = StateReport { restated: started.map(at), ..report(State::Critical, true, 1, 100.0) };
            Event { missed: true, ..event(100.0, Detail::StateChange(report)) }.identity()
        };
        assert_ne!(restated(Some(200.0)), restated(None));
        assert_ne!(restated(Some(200.0)), restated(Some(300.0)));
        assert_eq!(restated(Some(200.0)), restated(Some(200.0)));
    }

    #[test]
    fn no_text_poses_as_two() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_eq!(digest(&["a"]).len(), 64);
    }
}
