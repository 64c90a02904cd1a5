//! What is attached to hosts and services: comments and downtimes, as events and
//! `/v1/objects` write them alike.
//!
//! Owns: which of their fields are indispensable. Promises: names the field that is
//! missing. Never: reads JSON itself.

use super::wire;
use crate::model::event::{Comment, Downtime};
use crate::model::time::{from_optional_unix_seconds, from_unix_seconds};
use crate::model::{ObjectKey, Timestamp};
use std::sync::Arc;

/// A comment and what it is on; else the name of the field that is missing.
pub(super) fn comment(source: &Arc<str>, wire: wire::Comment) -> Result<(ObjectKey, Comment), &'static str> {
    let host = wire.host_name.filter(|host| !host.is_empty()).ok_or("comment.host_name")?;
    let comment = Comment {
        name: wire.__name.ok_or("comment.__name")?,
        author: wire.author.unwrap_or_default(),
        text: wire.text.unwrap_or_default(),
        entry_time: optional_moment(wire.entry_time),
        entry_type: wire.entry_type.map_or(1, |entry_type| entry_type as i64),
        expire_time: optional_moment(wire.expire_time),
    };
    Ok((ObjectKey::new(source, &host, wire.service_name.as_deref()), comment))
}

/// A downtime and what it is for; else the name of the field that is missing.
pub(super) fn downtime(
    source: &Arc<str>,
    wire: wire::Downtime,
) -> Result<(ObjectKey, Downtime), &'static str> {
    let host = wire.host_name.filter(|host| !host.is_empty()).ok_or("downtime.host_name")?;
    let parent = wire.parent.filter(|parent| !parent.is_empty());
    let downtime = Downtime {
        name: wire.__name.ok_or("downtime.__name")?,
        author: wire.author.unwrap_or_default(),
        comment: wire.comment.unwrap_or_default(),
        entry_time: optional_moment(wire.entry_time),
        start_time: wire.start_time.and_then(from_unix_seconds).ok_or("downtime.start_time")?,
        end_time: wire.end_time.and_then(from_unix_seconds).ok_or("downtime.end_time")?,
        fixed: wire.fixed.is_none_or(|fixed| fixed.0),
        duration_seconds: wire.duration.unwrap_or(0.0),
        trigger_time: optional_moment(wire.trigger_time),
        remove_time: optional_moment(wire.remove_time),
        parent: parent.or(wire.triggered_by).unwrap_or_default(),
        config_owner: wire.config_owner.unwrap_or_default(),
    };
    Ok((ObjectKey::new(source, &host, wire.service_name.as_deref()), downtime))
}

/// Icinga's seconds, where 0, null and what is no moment mean "none".
pub(super) fn optional_moment(seconds: Option<f64>) -> Option<Timestamp> {
    seconds.and_then(from_optional_unix_seconds)
}
