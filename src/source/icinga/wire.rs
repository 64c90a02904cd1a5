//! The wire's shapes: Icinga's JSON as it is written, before it means anything.
//!
//! Owns: the names of Icinga's fields (`/v1/events` and `/v1/objects`), once.
//! Promises: unknown fields are ignored, missing and null ones are `None`, whole
//! numbers may be written `1` or `1.0`, and truth may be written `true` or `1`.
//! Never: judges whether a field may be missing; `decode` and `objects` do.

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A text that is copied only where it holds escapes.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// Yes or no, written as a boolean or as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Flag, D::Error> {
        deserializer.deserialize_any(FlagVisitor)
    }
}

struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = Flag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean, 0 or 1")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Flag, E> {
        Ok(Flag(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Flag, E> {
        Ok(Flag(value != 0))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Flag, E> {
        Ok(Flag(value != 0))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Flag, E> {
        Ok(Flag(value != 0.0))
    }
}

/// One line of `/v1/events`: the fields of all types side by side, because
/// `type` is the last key of a line and one reading must do.
#[derive(Debug, Deserialize)]
pub(super) struct Line<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) event_type: Option<Text<'a>>,
    pub(super) timestamp: Option<f64>,
    #[serde(borrow)]
    pub(super) host: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) service: Option<Text<'a>>,
    pub(super) state: Option<f64>,
    pub(super) state_type: Option<f64>,
    #[serde(borrow)]
    pub(super) check_result: Option<CheckResult<'a>>,
    pub(super) downtime_depth: Option<f64>,
    pub(super) acknowledgement: Option<Flag>,
    pub(super) command: Option<String>,
    pub(super) users: Option<Vec<String>>,
    pub(super) notification_type: Option<String>,
    pub(super) author: Option<String>,
    pub(super) text: Option<String>,
    pub(super) is_flapping: Option<Flag>,
    pub(super) flapping_current: Option<f64>,
    /// The documentation's name of `flapping_current`.
    pub(super) current_flapping: Option<f64>,
    pub(super) threshold_low: Option<f64>,
    pub(super) threshold_high: Option<f64>,
    /// A text in `AcknowledgementSet`, a whole [`Comment`] in comment events.
    #[serde(borrow)]
    pub(super) comment: Option<&'a RawValue>,
    /// A whole [`Downtime`].
    #[serde(borrow)]
    pub(super) downtime: Option<&'a RawValue>,
    pub(super) acknowledgement_type: Option<f64>,
    pub(super) notify: Option<Flag>,
    pub(super) persistent: Option<Flag>,
    pub(super) expiry: Option<f64>,
    pub(super) object_type: Option<String>,
    pub(super) object_name: Option<String>,
}

/// `check_result`, and `last_check_result` of an object.
#[derive(Debug, Deserialize)]
pub(super) struct CheckResult<'a> {
    pub(super) state: Option<f64>,
    pub(super) exit_status: Option<f64>,
    pub(super) output: Option<String>,
    /// Texts, or objects of [`Metric`]'s shape.
    #[serde(borrow)]
    pub(super) performance_data: Option<Vec<&'a RawValue>>,
    pub(super) check_source: Option<String>,
    pub(super) execution_end: Option<f64>,
    pub(super) vars_before: Option<Vars>,
    pub(super) vars_after: Option<Vars>,
}

/// `vars_before` and `vars_after`; `state` is on the service scale, hosts too.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Vars {
    pub(super) state: Option<f64>,
    pub(super) state_type: Option<f64>,
    pub(super) attempt: Option<f64>,
    pub(super) reachable: Option<Flag>,
}

/// One piece of performance data where a check wrote it as an object.
#[derive(Debug, Deserialize)]
pub(super) struct Metric {
    pub(super) label: String,
    pub(super) value: f64,
    pub(super) unit: Option<String>,
    pub(super) warn: Option<f64>,
    pub(super) crit: Option<f64>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
}

/// A `Comment` object, in events and in `/v1/objects/comments`.
#[derive(Debug, Deserialize)]
pub(super) struct Comment {
    pub(super) __name: Option<String>,
    pub(super) host_name: Option<String>,
    pub(super) service_name: Option<String>,
    pub(super) author: Option<String>,
    pub(super) text: Option<String>,
    pub(super) entry_time: Option<f64>,
    pub(super) entry_type: Option<f64>,
    pub(super) expire_time: Option<f64>,
}

/// A `Downtime` object, in events and in `/v1/objects/downtimes`.
#[derive(Debug, Deserialize)]
pub(super) struct Downtime {
    pub(super) __name: Option<String>,
    pub(super) host_name: Option<String>,
    pub(super) service_name: Option<String>,
    pub(super) author: Option<String>,
    pub(super) comment: Option<String>,
    pub(super) entry_time: Option<f64>,
    pub(super) start_time: Option<f64>,
    pub(super) end_time: Option<f64>,
    pub(super) fixed: Option<Flag>,
    pub(super) duration: Option<f64>,
    pub(super) trigger_time: Option<f64>,
    pub(super) remove_time: Option<f64>,
    pub(super) parent: Option<String>,
    pub(super) triggered_by: Option<String>,
    pub(super) config_owner: Option<String>,
}

/// A `Dependency` object.
#[derive(Debug, Deserialize)]
pub(super) struct Dependency {
    pub(super) child_host_name: Option<String>,
    pub(super) child_service_name: Option<String>,
    pub(super) parent_host_name: Option<String>,
    pub(super) parent_service_name: Option<String>,
}

/// A `Host` or `Service` object, as far as Watchbell asks for it.
#[derive(Debug, Deserialize)]
pub(super) struct Checkable<'a> {
    pub(super) display_name: Option<String>,
    pub(super) address: Option<String>,
    pub(super) groups: Option<Vec<String>>,
    pub(super) vars: Option<serde_json::Map<String, serde_json::Value>>,
    pub(super) notes: Option<String>,
    pub(super) notes_url: Option<String>,
    pub(super) action_url: Option<String>,
    pub(super) state: Option<f64>,
    pub(super) state_type: Option<f64>,
    pub(super) last_hard_state: Option<f64>,
    pub(super) check_attempt: Option<f64>,
    pub(super) last_hard_state_change: Option<f64>,
    pub(super) last_check: Option<f64>,
    /// Of services: `execution_end` of the last result that was OK; 0 before there was one.
    pub(super) last_state_ok: Option<f64>,
    /// The same of hosts, and UP.
    pub(super) last_state_up: Option<f64>,
    #[serde(borrow)]
    pub(super) last_check_result: Option<CheckResult<'a>>,
    pub(super) last_reachable: Option<Flag>,
    pub(super) acknowledgement: Option<f64>,
    pub(super) acknowledgement_expiry: Option<f64>,
    pub(super) flapping: Option<Flag>,
    pub(super) enable_flapping: Option<Flag>,
    pub(super) downtime_depth: Option<f64>,
}

/// An answer of the API: what it found or did, one by one.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) results: Vec<&'a RawValue>,
}

/// One result of `/v1/objects`; `name` is the full name.
#[derive(Debug, Deserialize)]
pub(super) struct Row<A> {
    pub(super) name: String,
    pub(super) attrs: A,
}

/// One result of `/v1/actions`.
#[derive(Debug, Deserialize)]
pub(super) struct ActionAnswer {
    pub(super) code: f64,
    pub(super) status: Option<String>,
}

/// What Icinga says where it refuses a whole request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    pub(super) status: String,
    /// Given with `verbose`; says which permission is missing.
    pub(super) diagnostic_information: String,
}

/// `/v1/status/IcingaApplication`, one result.
#[derive(Debug, Deserialize)]
pub(super) struct StatusRow {
    pub(super) status: ApplicationStatus,
}

/// See [`StatusRow`].
#[derive(Debug, Deserialize)]
pub(super) struct ApplicationStatus {
    pub(super) icingaapplication: Applications,
}

/// See [`StatusRow`].
#[derive(Debug, Deserialize)]
pub(super) struct Applications {
    pub(super) app: Application,
}

/// The running Icinga and its global switches.
#[derive(Debug, Deserialize)]
pub(super) struct Application {
    pub(super) version: Option<String>,
    pub(super) program_start: Option<f64>,
    pub(super) node_name: Option<String>,
    pub(super) enable_flapping: Option<Flag>,
}

/// The body of a subscription.
#[derive(Debug, Serialize)]
pub(super) struct Subscription<'a> {
    pub(super) types: Vec<&'static str>,
    /// Required up to Icinga 2.15 and without effect since 2.11.
    pub(super) queue: &'a str,
}
