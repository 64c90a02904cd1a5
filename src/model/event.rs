//! Events: what came in, decoded.

mod comment;
mod escalation;
mod failures;
mod schedules;
mod sent;
mod waits;

pub use comment::Comment;
pub use escalation::{Called, Escalation, Page};
pub use failures::{DeliveryFailed, SinkOutage, Trouble};
pub use schedules::ScheduleGap;
pub use sent::{PostId, Webhook};
pub use waits::{Reminder, Timer};

use super::{EventType, ObjectKey, State, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One thing that happened, in Icinga or in Watchbell itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The Icinga it came from, as the configuration calls it; `watchbell` for ours.
    pub source: Arc<str>,
    /// Icinga's `timestamp`: when that node sent it, not when the check ran.
    pub timestamp: Timestamp,
    /// The host or service it is about; `None` where it is about neither.
    pub object: Option<ObjectKey>,
    /// Whether it was made up after a gap, from the difference between what was
    /// known before it and what Icinga says after it; or whether Icinga told it long after
    /// its check had ended, as a node does that was cut off.
    pub missed: bool,
    /// Whether it was made up because what hid a problem is gone, and why it was
    /// hidden (such as `in downtime`).
    pub withheld: Option<String>,
    /// What happened.
    pub detail: Detail,
}

/// What an event says besides where and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Detail {
    /// See [`EventType::CheckResult`].
    CheckResult(StateReport),
    /// See [`EventType::StateChange`].
    StateChange(StateReport),
    /// See [`EventType::Notification`].
    Notification(IcingaNotification),
    /// See [`EventType::Flapping`].
    Flapping(Flapping),
    /// See [`EventType::AcknowledgementSet`].
    AcknowledgementSet(Acknowledgement),
    /// See [`EventType::AcknowledgementCleared`].
    AcknowledgementCleared(AcknowledgementEnd),
    /// See [`EventType::CommentAdded`].
    CommentAdded(Comment),
    /// See [`EventType::CommentRemoved`].
    CommentRemoved(Comment),
    /// See [`EventType::DowntimeAdded`].
    DowntimeAdded(Downtime),
    /// See [`EventType::DowntimeRemoved`].
    DowntimeRemoved(Downtime),
    /// See [`EventType::DowntimeStarted`].
    DowntimeStarted(Downtime),
    /// See [`EventType::DowntimeTriggered`].
    DowntimeTriggered(Downtime),
    /// See [`EventType::ObjectCreated`].
    ObjectCreated(ObjectChange),
    /// See [`EventType::ObjectModified`].
    ObjectModified(ObjectChange),
    /// See [`EventType::ObjectDeleted`].
    ObjectDeleted(ObjectChange),
    /// See [`EventType::Gap`].
    Gap(Gap),
    /// See [`EventType::MuteEnding`].
    MuteEnding(MuteEnding),
    /// See [`EventType::DeliveryFailed`].
    DeliveryFailed(DeliveryFailed),
    /// See [`EventType::SinkOutage`].
    SinkOutage(SinkOutage),
    /// See [`EventType::RulesetChanged`].
    RulesetChanged(RulesetChanged),
    /// See [`EventType::Trouble`].
    Trouble(Trouble),
    /// See [`EventType::ScheduleGap`].
    ScheduleGap(ScheduleGap),
    /// See [`EventType::Webhook`].
    Webhook(Webhook),
    /// See [`EventType::Timer`].
    Timer(Timer),
    /// See [`EventType::Reminder`].
    Reminder(Reminder),
    /// See [`EventType::Escalation`].
    Escalation(Escalation),
    /// See [`EventType::Page`].
    Page(Page),
    /// See [`EventType::Digest`].
    Digest(Digest),
}

impl Event {
    /// Which type it is.
    pub fn event_type(&self) -> EventType {
        match &self.detail {
            Detail::CheckResult(_) => EventType::CheckResult,
            Detail::StateChange(_) => EventType::StateChange,
            Detail::Notification(_) => EventType::Notification,
            Detail::Flapping(_) => EventType::Flapping,
            Detail::AcknowledgementSet(_) => EventType::AcknowledgementSet,
            Detail::AcknowledgementCleared(_) => EventType::AcknowledgementCleared,
            Detail::CommentAdded(_) => EventType::CommentAdded,
            Detail::CommentRemoved(_) => EventType::CommentRemoved,
            Detail::DowntimeAdded(_) => EventType::DowntimeAdded,
            Detail::DowntimeRemoved(_) => EventType::DowntimeRemoved,
            Detail::DowntimeStarted(_) => EventType::DowntimeStarted,
            Detail::DowntimeTriggered(_) => EventType::DowntimeTriggered,
            Detail::ObjectCreated(_) => EventType::ObjectCreated,
            Detail::ObjectModified(_) => EventType::ObjectModified,
            Detail::ObjectDeleted(_) => EventType::ObjectDeleted,
            Detail::Gap(_) => EventType::Gap,
            Detail::MuteEnding(_) => EventType::MuteEnding,
            Detail::DeliveryFailed(_) => EventType::DeliveryFailed,
            Detail::SinkOutage(_) => EventType::SinkOutage,
            Detail::RulesetChanged(_) => EventType::RulesetChanged,
            Detail::Trouble(_) => EventType::Trouble,
            Detail::ScheduleGap(_) => EventType::ScheduleGap,
            Detail::Webhook(_) => EventType::Webhook,
            Detail::Timer(_) => EventType::Timer,
            Detail::Reminder(_) => EventType::Reminder,
            Detail::Escalation(_) => EventType::Escalation,
            Detail::Page(_) => EventType::Page,
            Detail::Digest(_) => EventType::Digest,
        }
    }

    /// An event of our own, about no object.
    pub fn ours(timestamp: Timestamp, detail: Detail) -> Event {
        Event {
            source: Arc::from("watchbell"),
            timestamp,
            object: None,
            missed: false,
            withheld: None,
            detail,
        }
    }

    /// The state report of a `CheckResult` or `StateChange`.
    pub fn report(&self) -> Option<&StateReport> {
        match &self.detail {
            Detail::CheckResult(report) | Detail::StateChange(report) => Some(report),
            _ => None,
        }
    }

    /// The sink that it tells a fault of: telling that through the same sink is no use.
    pub fn faulty_sink(&self) -> Option<&str> {
        match &self.detail {
            Detail::DeliveryFailed(failed) => Some(&failed.sink),
            Detail::SinkOutage(outage) => Some(&outage.sink),
            _ => None,
        }
    }

    /// The downtime a downtime event is about.
    pub fn downtime(&self) -> Option<&Downtime> {
        match &self.detail {
            Detail::DowntimeAdded(downtime)
            | Detail::DowntimeRemoved(downtime)
            | Detail::DowntimeStarted(downtime)
            | Detail::DowntimeTriggered(downtime) => Some(downtime),
            _ => None,
        }
    }

    /// The comment a comment event is about.
    pub fn comment(&self) -> Option<&Comment> {
        match &self.detail {
            Detail::CommentAdded(comment) | Detail::CommentRemoved(comment) => Some(comment),
            _ => None,
        }
    }
}

/// What a check found: the fields of `CheckResult` and `StateChange`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateReport {
    /// The state now.
    pub state: State,
    /// `state_type` 1: confirmed by enough attempts.
    pub hard: bool,
    /// `vars_after.attempt`; Icinga counts from 1, and a hard state is back at 1.
    pub attempt: u32,
    /// `vars_before`: state and whether it was hard; `None` where Icinga says null.
    pub previous: Option<(State, bool)>,
    /// `vars_after.reachable`: whether no parent is down.
    pub reachable: bool,
    /// `check_result.output`, whole; may hold any character.
    pub output: String,
    /// `check_result.performance_data`, as Icinga wrote it; empty where null.
    pub performance_data: Vec<String>,
    /// `check_result.exit_status`; 128 and more with "Terminated by signal" in
    /// the output mean a check that Icinga itself ended.
    pub exit_status: i64,
    /// `check_result.check_source`: the node that ran the check.
    pub check_source: String,
    /// `check_result.execution_end`: when the check ended. The same on both
    /// masters of a zone, unlike `timestamp`.
    pub execution_end: Option<Timestamp>,
    /// `downtime_depth`: how many downtimes are in effect; since Icinga 2.13.
    pub downtime_depth: Option<u32>,
    /// `acknowledgement`: whether acknowledged; since Icinga 2.13.
    pub acknowledgement: Option<bool>,
    /// Made up after a gap: when Icinga was started that says this, though what is known may be
    /// newer. It was killed and forgot that, so what was true before is so again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restated: Option<Timestamp>,
}

/// A notification that Icinga sent itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IcingaNotification {
    /// `notification_type`, in upper case: `PROBLEM`, `RECOVERY`, `CUSTOM`, ...
    pub notification_type: String,
    /// `users` told, in Icinga's order.
    pub users: Vec<String>,
    /// `author`; empty for what no person caused.
    pub author: String,
    /// `text` of the author.
    pub text: String,
    /// `command` used; empty before Icinga 2.11.
    pub command: String,
    /// The state it tells, from `check_result`; `None` where that is null.
    pub state: Option<State>,
    /// `check_result.output`; empty where null.
    pub output: String,
}

/// Icinga's own flap detection changed its mind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flapping {
    /// `is_flapping`.
    pub is_flapping: bool,
    /// `state` at that moment.
    pub state: State,
    /// `state_type` 1.
    pub hard: bool,
    /// `flapping_current`: share of changes among the last results, in per cent.
    pub current: f64,
    /// `threshold_low`, in per cent.
    pub threshold_low: f64,
    /// `threshold_high`, in per cent.
    pub threshold_high: f64,
}

/// A problem was acknowledged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// `author`; may be empty after a gap, when the comment is gone.
    pub author: String,
    /// `comment`.
    pub comment: String,
    /// `state` at that moment.
    pub state: State,
    /// `state_type` 1.
    pub hard: bool,
    /// `acknowledgement_type` 2: stays until the object is well.
    pub sticky: bool,
    /// `notify`: whether Icinga told its users.
    pub notify: bool,
    /// `persistent`: whether the comment outlives the acknowledgement.
    pub persistent: bool,
    /// `expiry`; `None` where Icinga says 0.
    pub expiry: Option<Timestamp>,
}

/// An acknowledgement is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AcknowledgementEnd {
    /// `state` at that moment: the new one, when a state change ended it.
    pub state: State,
    /// `state_type` 1.
    pub hard: bool,
}

/// A downtime of a host or service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Downtime {
    /// `__name`: `host[!service]!id`.
    pub name: String,
    /// `author`.
    pub author: String,
    /// `comment`: the reason given.
    pub comment: String,
    /// `entry_time`: when it was scheduled.
    pub entry_time: Option<Timestamp>,
    /// `start_time`.
    pub start_time: Timestamp,
    /// `end_time`.
    pub end_time: Timestamp,
    /// `fixed`: from start to end, whatever happens. Else flexible: it begins
    /// with the first problem in that time and lasts `duration`.
    pub fixed: bool,
    /// `duration` of a flexible downtime, in seconds.
    pub duration_seconds: f64,
    /// `trigger_time`: when it took effect; `None` where Icinga says 0.
    pub trigger_time: Option<Timestamp>,
    /// `remove_time`: when it was cancelled; `None` (Icinga's 0) when it expired.
    pub remove_time: Option<Timestamp>,
    /// `parent`: name of the downtime this one was made for (`all_services`,
    /// children), or of the one that triggers it; empty for one of its own.
    pub parent: String,
    /// `config_owner`: the `ScheduledDowntime` that made it; empty for a person's.
    pub config_owner: String,
}

impl Downtime {
    /// How long it lasts, in seconds: `duration` if flexible, else end minus start.
    pub fn length_seconds(&self) -> f64 {
        if self.fixed {
            self.end_time.duration_since(self.start_time).as_secs_f64()
        } else {
            self.duration_seconds
        }
    }
}

/// A configuration object was created, modified or deleted at run time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectChange {
    /// `object_type`: `Host`, `Service`, `Comment`, `Downtime`, ...
    pub object_type: String,
    /// `object_name`: the full name.
    pub object_name: String,
}

/// The stream of an Icinga was away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// Where what we know ends; `None` at the very first look.
    pub since: Option<Timestamp>,
    /// When it was back; now, while it is open.
    pub until: Timestamp,
    /// Whether it still lasts: nothing is heard of this Icinga.
    pub open: bool,
    /// How many events were made up for it.
    pub made_up: u64,
    /// How many objects are in a hard problem now.
    pub problems: u64,
    /// Why the stream ended, as far as is known; may be empty.
    pub reason: String,
}

/// A mute came to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MuteEnding {
    /// What was muted, as its owner wrote it.
    pub what: String,
    /// Who muted it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// How many events it kept quiet.
    pub muted_events: u64,
    /// `ended` at its time, `removed` by hand, `recovered` when all was well, or `unused`.
    pub how: String,
    /// Who removed it; empty at its time.
    pub removed_by: String,
}

/// The rules and templates changed, or a change was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RulesetChanged {
    /// Whether the new set is in force.
    pub accepted: bool,
    /// Short hash of the set in force now.
    pub hash: String,
    /// How many rules are in force.
    pub rules: usize,
    /// What is wrong with a refused set, or which tests fail of one that was taken all
    /// the same: file, line, caret. Empty otherwise.
    pub error: String,
    /// How many warnings a set has that was taken; 0 for one that was refused.
    #[serde(default)]
    pub warnings: usize,
}

/// What was gathered for a target, told as one message. Its `timestamp` is when it was
/// due, so that telling it again after a crash is the same thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// Under which key it was gathered.
    pub key: String,
    /// The rule that gathered it, as `file:line name`.
    pub rule: String,
    /// When its first event was gathered.
    pub since: Timestamp,
    /// How many objects ended in a problem.
    pub problems: u64,
    /// How many objects ended well.
    pub recoveries: u64,
    /// The worst state among the problems.
    pub worst: Option<State>,
    /// One short text for each of its members, the worst first, then by time.
    pub lines: Vec<String>,
    /// How many members there are beyond the lines.
    pub more: u64,
    /// Of a storm: how many messages were folded. Its lines are groups. 0 for what rules
    /// gathered.
    #[serde(default)]
    pub changes: u64,
    /// Of a storm: how many told each state, such as `640 CRITICAL, 172 OK`.
    #[serde(default)]
    pub states: String,
    /// Of a storm: how many groups there are beyond the lines.
    #[serde(default)]
    pub more_groups: u64,
}

impl Digest {
    /// How many members it has: objects, and what is told of them besides their state; of
    /// a storm the messages that were folded.
    pub fn count(&self) -> u64 {
        if self.changes > 0 { self.changes } else { self.lines.len() as u64 + self.more }
    }
}
