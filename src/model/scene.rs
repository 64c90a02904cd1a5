//! An event with everything known around it when it was judged, and the one
//! table of its fields. Rules, matchers and templates all read this table.

mod fields;
pub mod kinds;

pub use fields::{FIELDS, OBJECT_FIELDS};

use super::{Detail, Event, Incident, Object, State, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// An event and what was known when it was judged.
#[derive(Debug, Clone)]
pub struct Scene {
    /// What happened.
    pub event: Event,
    /// When it was judged.
    pub now: Timestamp,
    /// The host it is about, or whose service it is about.
    pub host: Option<Arc<Object>>,
    /// The service it is about.
    pub service: Option<Arc<Object>>,
    /// What is known of the object, the event included.
    pub status: Arc<Status>,
    /// What is known of the host, the event included.
    pub host_status: Arc<Status>,
    /// The incident the event belongs to: open, or closed by this very event.
    pub incident: Option<Arc<Incident>>,
}

/// What is known of one object's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The last state seen, hard or soft; `None` before the first.
    pub state: Option<State>,
    /// Whether that was a hard state.
    pub hard: bool,
    /// The last hard state; `None` before the first.
    pub hard_state: Option<State>,
    /// Since when the hard state has been what it is.
    pub since: Option<Timestamp>,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// What the check wrote.
    pub output: Arc<str>,
    /// When the check ended that all this is from. What is older is stale.
    pub execution_end: Option<Timestamp>,
    /// Whether no parent is down.
    pub reachable: bool,
    /// Whether a person has acknowledged the problem.
    pub acknowledged: bool,
    /// How many downtimes are in effect.
    pub downtime_depth: u32,
    /// Whether Icinga calls it flapping.
    pub flapping: bool,
    /// Why a hard problem was kept from people, while it was; such as `in downtime`.
    pub withheld: Option<String>,
    /// The hard state that was told last and kept from nobody; `None` if there is none.
    pub told: Option<State>,
}

impl Default for Status {
    /// What is known of an object that nothing was heard of.
    fn default() -> Status {
        Status {
            state: None,
            hard: false,
            hard_state: None,
            since: None,
            attempt: 0,
            output: Arc::from(""),
            execution_end: None,
            reachable: true,
            acknowledged: false,
            downtime_depth: 0,
            flapping: false,
            withheld: None,
            told: None,
        }
    }
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// The event has no such thing, such as `service.name` of a host's event.
    Missing,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A moment; rules and templates see Unix seconds.
    Time(Timestamp),
    /// Texts in order.
    List(Vec<Cow<'a, str>>),
    /// Any JSON, from `vars`.
    Json(&'a serde_json::Value),
}

impl<'a> Value<'a> {
    fn text(text: &'a str) -> Value<'a> {
        Value::Text(Cow::Borrowed(text))
    }

    fn time(time: Option<Timestamp>) -> Value<'a> {
        time.map_or(Value::Missing, Value::Time)
    }

    fn state(state: Option<State>) -> Value<'a> {
        state.map_or(Value::Missing, |state| Value::text(state.name()))
    }

    fn texts(texts: &'a [String]) -> Value<'a> {
        Value::List(texts.iter().map(|text| Cow::Borrowed(text.as_str())).collect())
    }
}

/// One field of an event.
pub struct Field {
    /// Its name in rules, matchers and templates.
    pub name: &'static str,
    /// What it says, for the reference.
    pub doc: &'static str,
    /// Reads it.
    pub get: for<'a> fn(&'a Scene) -> Value<'a>,
}

/// One field of a host or service, as in `host.address`.
pub struct ObjectField {
    /// Its name behind `host.` or `service.`.
    pub name: &'static str,
    /// What it says, for the reference.
    pub doc: &'static str,
    /// Reads it.
    pub get: for<'a> fn(&'a Object, &'a Status) -> Value<'a>,
}

impl Scene {
    /// The field with this dotted path, such as `state` or `host.vars.role`.
    /// `None` if there is no such field at all.
    pub fn field(&self, path: &str) -> Option<Value<'_>> {
        Some(Path::parse(path)?.get(self))
    }

    /// The object's hard problem ended with this event.
    pub fn is_recovery(&self) -> bool {
        matches!(&self.event.detail, Detail::StateChange(report) if !report.state.is_problem())
            && self.incident.as_ref().is_some_and(|incident| incident.closed.is_some())
    }

    /// Whether somebody was told just this state of this problem. Of what is judged again,
    /// because it was kept from somebody: whether all were.
    pub fn is_told(&self) -> bool {
        let Some(state) = self.state() else { return false };
        let heard = self.incident.iter().flat_map(|incident| incident.told.values());
        self.status.told == Some(state)
            || (self.event.withheld.is_none()
                && state.is_problem()
                && heard.into_iter().any(|told| *told == state))
    }

    /// The state the event reports, or else the last one known.
    pub fn state(&self) -> Option<State> {
        match &self.event.detail {
            Detail::CheckResult(report) | Detail::StateChange(report) => Some(report.state),
            Detail::Flapping(flapping) => Some(flapping.state),
            Detail::AcknowledgementSet(set) => Some(set.state),
            Detail::AcknowledgementCleared(end) => Some(end.state),
            Detail::Notification(notification) => notification.state.or(self.status.state),
            _ => self.status.state,
        }
    }
}

/// A parsed path to a field.
#[derive(Clone)]
pub enum Path {
    /// A field of the event.
    Event(&'static Field),
    /// A field of the host.
    Host(&'static ObjectField),
    /// A field of the service.
    Service(&'static ObjectField),
    /// A value inside a field of the event that holds JSON; the path inside it.
    Inside(&'static Field, Vec<String>),
    /// A custom variable of the host; the path inside `vars`.
    HostVar(Vec<String>),
    /// A custom variable of the service; the path inside `vars`.
    ServiceVar(Vec<String>),
}

/// The fields of an event that hold JSON which a path reaches into.
const JSON_FIELDS: &[&str] = &["webhook.body", "timer.data"];

impl Path {
    /// Finds the field with this dotted path. `None` if there is none; any path
    /// below `host.vars.`, `service.vars.` and a field that holds JSON is one.
    pub fn parse(path: &str) -> Option<Path> {
        let object_field = |name: &str| OBJECT_FIELDS.iter().find(|field| field.name == name);
        let inside = |rest: &str| rest.split('.').map(str::to_owned).collect();
        if let Some(rest) = path.strip_prefix("host.vars.") {
            Some(Path::HostVar(inside(rest)))
        } else if let Some(rest) = path.strip_prefix("service.vars.") {
            Some(Path::ServiceVar(inside(rest)))
        } else if let Some(rest) = path.strip_prefix("host.") {
            object_field(rest).map(Path::Host)
        } else if let Some(rest) = path.strip_prefix("service.") {
            object_field(rest).map(Path::Service)
        } else {
            let event_field = |name: &str| FIELDS.iter().find(|field| field.name == name);
            let json_field = |name: &&str| path.strip_prefix(*name).is_some_and(|rest| rest.starts_with('.'));
            match JSON_FIELDS.iter().find(|name| json_field(name)) {
                Some(name) => {
                    event_field(name).map(|field| Path::Inside(field, inside(&path[name.len() + 1..])))
                }
                None => event_field(path).map(Path::Event),
            }
        }
    }

    /// All names a path may have, for "did you mean".
    pub fn names() -> impl Iterator<Item = String> {
        let events = FIELDS.iter().map(|field| field.name.to_owned());
        let objects = OBJECT_FIELDS
            .iter()
            .flat_map(|field| [format!("host.{}", field.name), format!("service.{}", field.name)]);
        events.chain(objects)
    }

    /// Reads the field.
    pub fn get<'a>(&self, scene: &'a Scene) -> Value<'a> {
        match self {
            Path::Event(field) => (field.get)(scene),
            Path::Host(field) => match &scene.host {
                Some(host) => (field.get)(host, &scene.host_status),
                None => Value::Missing,
            },
            Path::Service(field) => match &scene.service {
                Some(service) => (field.get)(service, &scene.status),
                None => Value::Missing,
            },
            Path::Inside(field, path) => match (field.get)(scene) {
                Value::Json(json) => value_in(json, path),
                _ => Value::Missing,
            },
            Path::HostVar(path) => variable(scene.host.as_deref(), path),
            Path::ServiceVar(path) => variable(scene.service.as_deref(), path),
        }
    }
}

impl std::fmt::Display for Path {
    /// The path as it is written: `host.vars.role`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Path::Event(field) => f.write_str(field.name),
            Path::Host(field) => write!(f, "host.{}", field.name),
            Path::Service(field) => write!(f, "service.{}", field.name),
            Path::Inside(field, path) => write!(f, "{}.{}", field.name, path.join(".")),
            Path::HostVar(path) => write!(f, "host.vars.{}", path.join(".")),
            Path::ServiceVar(path) => write!(f, "service.vars.{}", path.join(".")),
        }
    }
}

fn variable<'a>(object: Option<&'a Object>, path: &[String]) -> Value<'a> {
    let Some((first, rest)) = path.split_first() else { return Value::Missing };
    match object.and_then(|object| object.vars.get(first)) {
        Some(value) => value_in(value, rest),
        None => Value::Missing,
    }
}

fn value_in<'a>(json: &'a serde_json::Value, path: &[String]) -> Value<'a> {
    let found = path.iter().try_fold(json, |value, key| value.get(key));
    found.map_or(Value::Missing, Value::Json)
}
