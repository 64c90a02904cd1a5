//! Decisions: what was decided on one input, and why. The audit.

use super::{DeliveryId, Detail, Scene, State, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Where a rule stands and what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleRef {
    /// File name inside the rules folder.
    pub file: Arc<str>,
    /// Line of the `rule(...)` or `command(...)` call, from 1.
    pub line: usize,
    /// The rule's name.
    pub name: Arc<str>,
}

impl fmt::Display for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {}", self.file, self.line, self.name)
    }
}

/// What was decided on one input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// The name of the event's type, or `Command`.
    pub event: String,
    /// Icinga's full name of the object, empty if none.
    pub object: String,
    /// Number of the incident, if any.
    pub incident: Option<u64>,
    /// The event in a few words, such as `CRITICAL hard: load 17`.
    pub summary: String,
    /// How it ended.
    pub verdict: Verdict,
    /// What each rule that matched did, in order.
    pub steps: Vec<Step>,
    /// Short hash of the ruleset that decided.
    pub ruleset: String,
    /// What was known of the object at that moment.
    pub facts: Facts,
}

/// How the judging of one input ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Verdict {
    /// These targets were told, by name.
    Told(Vec<String>),
    /// Dropped, and why.
    Dropped(String),
    /// No rule said a word about it.
    Unmatched,
}

/// What a person wants to have explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// An object, by Icinga's full name.
    Object(String),
    /// An incident, by its number; written `#42`.
    Incident(u64),
    /// One delivery, by its number; written `d123`.
    Delivery(DeliveryId),
}

impl About {
    /// Reads what somebody wrote: a number of an incident or a delivery, or else the name
    /// of an object.
    pub fn parse(text: &str) -> About {
        let incident = text.strip_prefix('#').and_then(|number| number.parse().ok());
        let delivery = text.strip_prefix(['d', 'D']).and_then(|number| number.parse().ok());
        match (incident, delivery) {
            (Some(number), _) => About::Incident(number),
            (_, Some(id)) => About::Delivery(id),
            _ => About::Object(text.to_owned()),
        }
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            About::Object(name) => write!(f, "{name}"),
            About::Incident(number) => write!(f, "#{number}"),
            About::Delivery(id) => write!(f, "d{id}"),
        }
    }
}

/// What one rule did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The rule.
    pub rule: RuleRef,
    /// What it looked at and what it did, in order, such as `muted: no`, `notify ops`,
    /// `drop: told already`, `error: ...`.
    pub did: Vec<String>,
}

/// What was known of an object when an event of it was judged, the event included and
/// what came of it not: what is needed later to say why somebody heard nothing. Only
/// what is out of the ordinary is written, so that most take some 100 bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The Icinga it came from, as the configuration calls it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub source: Arc<str>,
    /// The state the event reports, or else the last one known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Whether that state was hard.
    #[serde(skip_serializing_if = "is_false")]
    pub hard: bool,
    /// The last hard state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hard_state: Option<State>,
    /// Which check attempt, from 1; 0 if unknown.
    #[serde(skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// Whether somebody had acknowledged the problem.
    #[serde(skip_serializing_if = "is_false")]
    pub acknowledged: bool,
    /// How many downtimes were in effect.
    #[serde(skip_serializing_if = "is_zero")]
    pub downtimes: u32,
    /// Whether Icinga called it flapping.
    #[serde(skip_serializing_if = "is_false")]
    pub flapping: bool,
    /// Whether a parent was down.
    #[serde(skip_serializing_if = "is_false")]
    pub unreachable: bool,
    /// The last hard state of a service's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_state: Option<State>,
    /// The state of this problem that people had been told before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_state: Option<State>,
    /// The targets that had been told of the incident before, and the state each heard.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub told: BTreeMap<String, State>,
    /// Whether the event was made up after a gap, or its check had ended long before.
    #[serde(skip_serializing_if = "is_false")]
    pub missed: bool,
    /// Why the problem had been kept from people until then; `None` if it had not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_false(truth: &bool) -> bool {
    !truth
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Facts {
    /// What a scene shows; nothing where it is about no object.
    pub fn of(scene: &Scene) -> Facts {
        let Some(object) = &scene.event.object else { return Facts::default() };
        let report = scene.event.report();
        let hard = match &scene.event.detail {
            Detail::Flapping(flapping) => flapping.hard,
            _ => report.map_or(scene.status.hard, |report| report.hard),
        };
        Facts {
            source: scene.event.source.clone(),
            state: scene.state(),
            hard,
            hard_state: scene.status.hard_state,
            attempt: report.map_or(0, |report| report.attempt),
            acknowledged: scene.status.acknowledged,
            downtimes: scene.status.downtime_depth,
            flapping: scene.status.flapping,
            unreachable: !report.map_or(scene.status.reachable, |report| report.reachable),
            host_state: scene.host_status.hard_state.filter(|_| !object.is_host()),
            told_state: scene.status.told,
            told: scene.incident.as_ref().map(|incident| incident.told.clone()).unwrap_or_default(),
            missed: scene.event.missed,
            withheld: scene.event.withheld.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_a_number_or_a_name() {
        for (text, about) in [
            ("#42", About::Incident(42)),
            ("d7", About::Delivery(7)),
            ("D7", About::Delivery(7)),
            ("#4x", About::Object("#4x".to_owned())),
            ("db1", About::Object("db1".to_owned())),
            ("d", About::Object("d".to_owned())),
        ] {
            assert_eq!(About::parse(text), about, "{text}");
        }
    }

    #[test]
    fn facts_take_little_room_and_come_back_whole() {
        let plain = Facts {
            source: "prod".into(),
            state: Some(State::Critical),
            hard: true,
            hard_state: Some(State::Critical),
            attempt: 3,
            ..Facts::default()
        };
        let json = serde_json::to_string(&plain).expect("plain data");
        assert_eq!(
            json,
            r#"{"source":"prod","state":"CRITICAL","hard":true,"hard_state":"CRITICAL","attempt":3}"#
        );
        let told = BTreeMap::from([("ops".to_owned(), State::Down)]);
        let full = Facts { told, downtimes: 2, withheld: Some("in downtime".to_owned()), ..plain };
        let json = serde_json::to_string(&full).expect("plain data");
        assert_eq!(serde_json::from_str::<Facts>(&json).expect("it is read"), full);
        assert_eq!(serde_json::from_str::<Facts>("{}").expect("older rows hold none"), Facts::default());
    }
}
