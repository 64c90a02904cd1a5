//! One line of Icinga's event stream to an [`Event`].
//!
//! Owns: what each field of Icinga's fifteen event types means. Promises: a line
//! is read in one pass; bad UTF-8 and lone surrogates become U+FFFD; what Icinga
//! may leave out has a default; all else is a [`DecodeError`]. Never: panics,
//! whatever the bytes are; reads a clock; compares with what was before.

use super::attached::{self, optional_moment};
use super::fault::{self, DecodeError};
use super::wire;
use crate::model::event::{
    Acknowledgement, AcknowledgementEnd, Comment, Detail, Downtime, Event, Flapping, IcingaNotification,
    ObjectChange, StateReport,
};
use crate::model::time::from_unix_seconds;
use crate::model::{EventType, ObjectKey, State, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

/// Decodes one line of `/v1/events`, without its end. `source` is our name of the
/// Icinga it came from. A byte order mark before it is passed over.
pub fn decode(source: &Arc<str>, line: &[u8]) -> Result<Event, DecodeError> {
    // Nearly every line is good UTF-8, and to see that is several times faster than to mend.
    let text = std::str::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed);
    let text = text.trim_start_matches('\u{feff}');
    decode_text(source, text).or_else(|error| match fault::repair_surrogates(text) {
        Some(repaired) => decode_text(source, &repaired),
        None => Err(error),
    })
}

fn decode_text(source: &Arc<str>, text: &str) -> Result<Event, DecodeError> {
    let line: wire::Line = read(text, text)?;
    let name = line.event_type.as_ref().map_or("", |name| &*name.0);
    if name.is_empty() {
        return Err(DecodeError::Missing { event_type: "?", field: "type" });
    }
    let event_type = EventType::from_name(name)
        .filter(|event_type| event_type.is_icinga())
        .ok_or_else(|| DecodeError::UnknownType(fault::words(name)))?;
    Decoder { source, text, event_type }.event(line)
}

/// Reads `part` of `line`.
fn read<'a, T: Deserialize<'a>>(line: &str, part: &'a str) -> Result<T, DecodeError> {
    serde_json::from_str(part).map_err(|error| fault::explain(line, part, &error))
}

/// What is the same for all fields of one line.
struct Decoder<'a> {
    source: &'a Arc<str>,
    text: &'a str,
    event_type: EventType,
}

impl Decoder<'_> {
    fn event(&self, line: wire::Line) -> Result<Event, DecodeError> {
        let timestamp = self.moment(line.timestamp, "timestamp")?;
        let (object, detail) = match self.event_type {
            EventType::CommentAdded | EventType::CommentRemoved => {
                let (object, comment) = self.comment(line.comment)?;
                (Some(object), self.of_comment(comment))
            }
            EventType::DowntimeAdded
            | EventType::DowntimeRemoved
            | EventType::DowntimeStarted
            | EventType::DowntimeTriggered => {
                let (object, downtime) = self.downtime(line.downtime)?;
                (Some(object), self.of_downtime(downtime))
            }
            EventType::ObjectCreated | EventType::ObjectModified | EventType::ObjectDeleted => {
                let change = self.object_change(line)?;
                (changed_checkable(self.source, &change), self.of_change(change))
            }
            _ => {
                let object = self.checkable(&line)?;
                let detail = self.of_checkable(&object, line)?;
                (Some(object), detail)
            }
        };
        Ok(Event { source: self.source.clone(), timestamp, object, missed: false, withheld: None, detail })
    }

    fn of_comment(&self, comment: Comment) -> Detail {
        match self.event_type {
            EventType::CommentAdded => Detail::CommentAdded(comment),
            _ => Detail::CommentRemoved(comment),
        }
    }

    fn of_downtime(&self, downtime: Downtime) -> Detail {
        match self.event_type {
            EventType::DowntimeAdded => Detail::DowntimeAdded(downtime),
            EventType::DowntimeRemoved => Detail::DowntimeRemoved(downtime),
            EventType::DowntimeStarted => Detail::DowntimeStarted(downtime),
            _ => Detail::DowntimeTriggered(downtime),
        }
    }

    fn of_change(&self, change: ObjectChange) -> Detail {
        match self.event_type {
            EventType::ObjectCreated => Detail::ObjectCreated(change),
            EventType::ObjectModified => Detail::ObjectModified(change),
            _ => Detail::ObjectDeleted(change),
        }
    }

    fn of_checkable(&self, object: &ObjectKey, line: wire::Line) -> Result<Detail, DecodeError> {
        Ok(match self.event_type {
            EventType::CheckResult => Detail::CheckResult(self.report(object, line)?),
            EventType::StateChange => Detail::StateChange(self.report(object, line)?),
            EventType::Notification => Detail::Notification(self.notification(object, line)?),
            EventType::Flapping => Detail::Flapping(self.flapping(object, &line)?),
            EventType::AcknowledgementSet => Detail::AcknowledgementSet(self.acknowledgement(object, line)?),
            _ => Detail::AcknowledgementCleared(AcknowledgementEnd {
                state: self.state(object, &line)?,
                hard: is_hard(line.state_type),
            }),
        })
    }

    fn report(&self, object: &ObjectKey, line: wire::Line) -> Result<StateReport, DecodeError> {
        let is_state_change = self.event_type == EventType::StateChange;
        let after = line.check_result.as_ref().and_then(|result| result.vars_after);
        let (state, hard) = if is_state_change {
            let state_type = line.state_type.or(after.and_then(|after| after.state_type));
            (self.state(object, &line)?, self.number(state_type, "state_type")?)
        } else {
            let result = self.required(line.check_result.as_ref(), "check_result")?;
            let state = self.number(result.state, "check_result.state")?;
            let after = self.required(after, "check_result.vars_after")?;
            let state_type = self.number(after.state_type, "check_result.vars_after.state_type")?;
            (result_state(object, state), state_type)
        };
        let mut report = StateReport {
            state,
            hard: hard == 1,
            attempt: after.and_then(|after| after.attempt).map_or(1, |attempt| attempt as u32),
            previous: None,
            reachable: after.and_then(|after| after.reachable).is_none_or(|reachable| reachable.0),
            output: String::new(),
            performance_data: Vec::new(),
            exit_status: 0,
            check_source: String::new(),
            execution_end: None,
            downtime_depth: line.downtime_depth.map(|depth| depth as u32),
            acknowledgement: line.acknowledgement.map(|acknowledged| acknowledged.0),
            restated: None,
        };
        if let Some(result) = line.check_result {
            report.previous = result.vars_before.and_then(|before| {
                Some((result_state(object, before.state? as i64), is_hard(before.state_type)))
            });
            report.performance_data = performance_data(&result);
            report.exit_status = result.exit_status.map_or(0, |status| status as i64);
            report.execution_end = optional_moment(result.execution_end);
            report.output = result.output.unwrap_or_default();
            report.check_source = result.check_source.unwrap_or_default();
        }
        Ok(report)
    }

    fn notification(&self, object: &ObjectKey, line: wire::Line) -> Result<IcingaNotification, DecodeError> {
        let state = line.check_result.as_ref().and_then(|result| result.state);
        Ok(IcingaNotification {
            notification_type: self.required(line.notification_type, "notification_type")?,
            users: line.users.unwrap_or_default(),
            author: line.author.unwrap_or_default(),
            text: line.text.unwrap_or_default(),
            command: line.command.unwrap_or_default(),
            state: state.map(|state| result_state(object, state as i64)),
            output: line.check_result.and_then(|result| result.output).unwrap_or_default(),
        })
    }

    fn flapping(&self, object: &ObjectKey, line: &wire::Line) -> Result<Flapping, DecodeError> {
        Ok(Flapping {
            is_flapping: self.required(line.is_flapping, "is_flapping")?.0,
            state: self.state(object, line)?,
            hard: is_hard(line.state_type),
            current: line.flapping_current.or(line.current_flapping).unwrap_or(0.0),
            threshold_low: line.threshold_low.unwrap_or(0.0),
            threshold_high: line.threshold_high.unwrap_or(0.0),
        })
    }

    fn acknowledgement(&self, object: &ObjectKey, line: wire::Line) -> Result<Acknowledgement, DecodeError> {
        let comment: Option<String> = line.comment.map(|raw| read(self.text, raw.get())).transpose()?;
        Ok(Acknowledgement {
            state: self.state(object, &line)?,
            hard: is_hard(line.state_type),
            author: line.author.unwrap_or_default(),
            comment: comment.unwrap_or_default(),
            sticky: line.acknowledgement_type == Some(2.0),
            notify: line.notify.is_some_and(|notify| notify.0),
            persistent: line.persistent.is_some_and(|persistent| persistent.0),
            expiry: optional_moment(line.expiry),
        })
    }

    fn object_change(&self, line: wire::Line) -> Result<ObjectChange, DecodeError> {
        Ok(ObjectChange {
            object_type: self.required(line.object_type, "object_type")?,
            object_name: self.required(line.object_name, "object_name")?,
        })
    }

    fn comment(&self, raw: Option<&RawValue>) -> Result<(ObjectKey, Comment), DecodeError> {
        let wire: wire::Comment = read(self.text, self.required(raw, "comment")?.get())?;
        attached::comment(self.source, wire).map_err(|field| self.missing(field))
    }

    fn downtime(&self, raw: Option<&RawValue>) -> Result<(ObjectKey, Downtime), DecodeError> {
        let wire: wire::Downtime = read(self.text, self.required(raw, "downtime")?.get())?;
        attached::downtime(self.source, wire).map_err(|field| self.missing(field))
    }

    /// The host or service that `host` and `service` name.
    fn checkable(&self, line: &wire::Line) -> Result<ObjectKey, DecodeError> {
        let host = line.host.as_ref().map_or("", |host| &*host.0);
        if host.is_empty() {
            return Err(self.missing("host"));
        }
        Ok(ObjectKey::new(self.source, host, line.service.as_ref().map(|service| &*service.0)))
    }

    /// `state` beside `host`: on the scale of the object's kind.
    fn state(&self, object: &ObjectKey, line: &wire::Line) -> Result<State, DecodeError> {
        Ok(own_state(object, self.number(line.state, "state")?))
    }

    fn number(&self, number: Option<f64>, field: &'static str) -> Result<i64, DecodeError> {
        Ok(self.required(number, field)? as i64)
    }

    fn moment(&self, seconds: Option<f64>, field: &'static str) -> Result<Timestamp, DecodeError> {
        let event_type = self.event_type.name();
        from_unix_seconds(self.required(seconds, field)?).ok_or(DecodeError::NoMoment { event_type, field })
    }

    fn required<T>(&self, value: Option<T>, field: &'static str) -> Result<T, DecodeError> {
        value.ok_or_else(|| self.missing(field))
    }

    fn missing(&self, field: &'static str) -> DecodeError {
        DecodeError::Missing { event_type: self.event_type.name(), field }
    }
}

/// Reads a `state` on the scale of the object's kind: hosts 0 and 1.
pub(super) fn own_state(object: &ObjectKey, number: i64) -> State {
    if object.is_host() { State::of_host(number) } else { State::of_service(number) }
}

/// Reads a `state` of a check result: the service scale, for hosts too.
fn result_state(object: &ObjectKey, number: i64) -> State {
    if object.is_host() { State::of_host_result(number) } else { State::of_service(number) }
}

fn is_hard(state_type: Option<f64>) -> bool {
    state_type == Some(1.0)
}

/// The host or service that a change is about.
fn changed_checkable(source: &Arc<str>, change: &ObjectChange) -> Option<ObjectKey> {
    matches!(&*change.object_type, "Host" | "Service")
        .then(|| ObjectKey::from_name(source, &change.object_name))
}

fn performance_data(result: &wire::CheckResult) -> Vec<String> {
    result.performance_data.iter().flatten().map(|raw| metric(raw.get())).collect()
}

/// One metric as plugins write it: `label=value;warn;crit;min;max`.
fn metric(json: &str) -> String {
    if let Ok(text) = serde_json::from_str::<String>(json) {
        return text;
    }
    let Ok(metric) = serde_json::from_str::<wire::Metric>(json) else {
        return json.to_owned();
    };
    let mut text = format!("{}={}{}", metric.label, metric.value, metric.unit.unwrap_or_default());
    for bound in [metric.warn, metric.crit, metric.min, metric.max] {
        text.push(';');
        text.extend(bound.map(|bound| bound.to_string()));
    }
    text.truncate(text.trim_end_matches(';').len());
    text
}
