//! What kind of value a field has, and which events have it: for telling which
//! conditions can never hold.
//!
//! Promises: says nothing of a field it does not know. A test compares it with the
//! fields of the samples.

use crate::model::{EventType, State};

/// What values a field can have, where it is not missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Yes or no.
    Truth,
    /// A number or a moment.
    Number,
    /// Any text, or a list of texts.
    Text,
    /// A state of a host or of a service.
    State,
    /// A state of a host.
    HostState,
    /// A state of a service.
    ServiceState,
    /// The name of an event type.
    EventType,
}

impl Kind {
    /// The texts that are the only values; `None` where it is none of these.
    pub fn texts(self) -> Option<Vec<&'static str>> {
        let states = |wanted: fn(&State) -> bool| {
            State::ALL.iter().filter(|state| wanted(state)).map(|state| state.name()).collect()
        };
        match self {
            Kind::Truth | Kind::Number | Kind::Text => None,
            Kind::State => Some(states(|_| true)),
            Kind::HostState => Some(states(|state| matches!(state, State::Up | State::Down))),
            Kind::ServiceState => Some(states(|state| !matches!(state, State::Up | State::Down))),
            Kind::EventType => Some(EventType::ALL.iter().map(|event_type| event_type.name()).collect()),
        }
    }
}

const TRUTHS: &[&str] = &[
    "missed",
    "is_host",
    "hard",
    "told",
    "is_problem",
    "is_recovery",
    "reachable",
    "acknowledged",
    "in_downtime",
    "flapping",
    "sticky",
    "downtime.fixed",
    "downtime.cancelled",
    "is_flapping",
    "gap.open",
    "outage.open",
    "ruleset.accepted",
    "trouble.over",
];
const NUMBERS: &[&str] = &[
    "timestamp",
    "now",
    "attempt",
    "since",
    "downtime_depth",
    "check_result.exit_status",
    "check_result.execution_end",
    "incident",
    "incident_opened",
    "expiry",
    "entry_type",
    "downtime.start_time",
    "downtime.end_time",
    "downtime.entry_time",
    "downtime.trigger_time",
    "downtime.length",
    "flapping_current",
    "gap.since",
    "gap.length",
    "gap.made_up",
    "gap.problems",
    "mute.events",
    "outage.since",
    "outage.length",
    "outage.waiting",
    "ruleset.rules",
    "ruleset.warnings",
    "schedule.from",
    "schedule.until",
];
const TEXTS: &[&str] = &[
    "source",
    "withheld",
    "object",
    "output",
    "check_result.output",
    "check_result.check_source",
    "check_result.performance_data",
    "author",
    "comment",
    "comment_name",
    "downtime.name",
    "downtime.parent",
    "downtime.config_owner",
    "notification_type",
    "users",
    "object_type",
    "object_name",
    "gap.reason",
    "mute.what",
    "mute.how",
    "mute.removed_by",
    "failed.target",
    "failed.sink",
    "failed.recipient",
    "failed.reason",
    "failed.text",
    "outage.sink",
    "outage.reason",
    "ruleset.hash",
    "ruleset.error",
    "trouble.what",
    "trouble.text",
    "schedule.name",
];
const STATES: &[&str] = &["state", "hard_state", "previous", "told_state"];
const TRUTHS_OF_OBJECTS: &[&str] = &["is_problem", "acknowledged", "in_downtime", "flapping", "reachable"];
const TEXTS_OF_OBJECTS: &[&str] =
    &["name", "display_name", "address", "groups", "notes", "notes_url", "action_url", "parents"];

/// The kind of the field with this dotted path; `None` where it may be anything.
pub fn kind(path: &str) -> Option<Kind> {
    match path.split_once('.') {
        Some((object @ ("host" | "service"), field)) => of_object(object, field),
        _ if path == "type" => Some(Kind::EventType),
        _ if STATES.contains(&path) => Some(Kind::State),
        _ if TRUTHS.contains(&path) => Some(Kind::Truth),
        _ if NUMBERS.contains(&path) => Some(Kind::Number),
        _ if TEXTS.contains(&path) => Some(Kind::Text),
        _ => None,
    }
}

fn of_object(object: &str, field: &str) -> Option<Kind> {
    match field {
        "state" | "hard_state" if object == "host" => Some(Kind::HostState),
        "state" | "hard_state" => Some(Kind::ServiceState),
        _ if TRUTHS_OF_OBJECTS.contains(&field) => Some(Kind::Truth),
        _ if TEXTS_OF_OBJECTS.contains(&field) => Some(Kind::Text),
        _ => None,
    }
}

/// The types of events that have a field now and then; `None`: any may.
pub fn types_with(path: &str) -> Option<&'static [EventType]> {
    use EventType as T;
    const REPORTS: &[EventType] = &[T::CheckResult, T::StateChange];
    const COMMENTS: &[EventType] = &[T::CommentAdded, T::CommentRemoved];
    const DOWNTIMES: &[EventType] =
        &[T::DowntimeAdded, T::DowntimeRemoved, T::DowntimeStarted, T::DowntimeTriggered];
    Some(match path {
        "attempt" | "previous" => REPORTS,
        "check_result.exit_status"
        | "check_result.check_source"
        | "check_result.performance_data"
        | "check_result.execution_end" => REPORTS,
        "entry_type" | "comment_name" => COMMENTS,
        "sticky" => &[T::AcknowledgementSet],
        "notification_type" | "users" => &[T::Notification],
        "is_flapping" | "flapping_current" => &[T::Flapping],
        "object_type" | "object_name" => &[T::ObjectCreated, T::ObjectModified, T::ObjectDeleted],
        _ => match path.split_once('.')?.0 {
            "downtime" => DOWNTIMES,
            "gap" => &[T::Gap],
            "mute" => &[T::MuteEnding],
            "failed" => &[T::DeliveryFailed],
            "outage" => &[T::SinkOutage],
            "ruleset" => &[T::RulesetChanged],
            "trouble" => &[T::Trouble],
            "schedule" => &[T::ScheduleGap],
            _ => return None,
        },
    })
}
